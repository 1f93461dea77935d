//! `LISTAGG(text, separator)` in order of arrival; nulls are left out. It grows with the rows.

use std::any::Any;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, RecordBatch, StringArray};

use crate::aggregate::{Accumulator, Rows, same};
use crate::error::Result;

/// One text per group.
#[derive(Debug)]
pub struct ListAgg {
    cells: Vec<Option<String>>,
    separator: String,
}

impl ListAgg {
    /// No group yet.
    pub fn new(separator: String) -> Self {
        ListAgg { cells: Vec::new(), separator }
    }

    fn add(&mut self, group: u32, text: &str) {
        match &mut self.cells[group as usize] {
            Some(list) => {
                list.push_str(&self.separator);
                list.push_str(text);
            }
            empty => *empty = Some(text.into()),
        }
    }
}

impl Accumulator for ListAgg {
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
        self.cells.iter().flatten().map(String::len).sum()
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}
