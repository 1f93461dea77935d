//! Accumulators whose cell is one text: `MIN` and `MAX` of texts, `LISTAGG`. They differ only in how a text is
//! added to a cell.

use std::any::Any;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, RecordBatch, StringArray};

use crate::aggregate::{Accumulator, Rows, same};
use crate::error::Result;

/// How a text is added to the cell of its group, which is `None` before the first.
pub trait AddText: Send + 'static {
    /// Adds a text, or what another cell has.
    fn add(&self, cell: &mut Option<String>, text: &str);
}

/// One text per group.
pub struct Texts<A> {
    cells: Vec<Option<String>>,
    rule: A,
}

impl<A: AddText> Texts<A> {
    /// No group yet.
    pub fn new(rule: A) -> Self {
        Texts { cells: Vec::new(), rule }
    }

    fn add(&mut self, group: u32, text: &str) {
        self.rule.add(&mut self.cells[group as usize], text);
    }
}

impl<A: AddText> Accumulator for Texts<A> {
    fn resize(&mut self, groups: usize) {
        self.cells.resize(groups.max(self.cells.len()), None);
    }

    fn update(&mut self, rows: &Rows, groups: &[u32]) -> Result<()> {
        let texts = rows.args[0].as_string::<i32>();
        for (row, &group) in groups.iter().enumerate() {
            if rows.counts(row) {
                self.add(group, texts.value(row));
            }
        }
        Ok(())
    }

    fn merge(&mut self, other: &mut dyn Accumulator, map: &[u32]) -> Result<()> {
        for (cell, &group) in same::<Self>(other).cells.iter().zip(map) {
            if let Some(text) = cell {
                self.add(group, text);
            }
        }
        Ok(())
    }

    fn absorb(&mut self, from: u32, to: u32) -> Result<()> {
        if let Some(text) = self.cells[from as usize].clone() {
            self.add(to, &text);
        }
        Ok(())
    }

    fn evaluate(&mut self, groups: &[u32]) -> Result<ArrayRef> {
        Ok(Arc::new(groups.iter().map(|&group| self.cells[group as usize].as_deref()).collect::<StringArray>()))
    }

    fn reset(&mut self, group: u32) {
        self.cells[group as usize] = None;
    }

    fn save(&mut self) -> Result<RecordBatch> {
        let values: ArrayRef = Arc::new(self.cells.iter().map(Option::as_deref).collect::<StringArray>());
        Ok(RecordBatch::try_from_iter_with_nullable([("value", values, true)])?)
    }

    fn load(&mut self, table: &RecordBatch) -> Result<()> {
        self.cells = table.column(0).as_string::<i32>().iter().map(|text| text.map(Into::into)).collect();
        Ok(())
    }

    fn size(&self) -> usize {
        let texts: usize = self.cells.iter().flatten().map(String::capacity).sum();
        texts + self.cells.capacity() * size_of::<Option<String>>()
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}
