//! `FIRST_VALUE` and `LAST_VALUE` in order of arrival; nulls are left out.

use std::any::Any;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;

use crate::aggregate::{Accumulator, Rows, same};
use crate::error::Result;

/// Which value of a group is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one that came first.
    First,
    /// The one that came last.
    Last,
}

/// One value per group.
#[derive(Debug)]
pub struct Arrival {
    cells: Vec<Option<ScalarValue>>,
    data_type: DataType,
    which: Which,
}

impl Arrival {
    /// No group yet; values of this type.
    pub fn new(data_type: DataType, which: Which) -> Self {
        Arrival { cells: Vec::new(), data_type, which }
    }

    fn column(&self, groups: impl Iterator<Item = usize>) -> Result<ArrayRef> {
        let null = ScalarValue::try_from(&self.data_type)?;
        let values: Vec<_> = groups.map(|group| self.cells[group].clone().unwrap_or_else(|| null.clone())).collect();
        if values.is_empty() {
            return Ok(arrow::array::new_empty_array(&self.data_type));
        }
        Ok(ScalarValue::iter_to_array(values)?)
    }
}

impl Accumulator for Arrival {
    fn resize(&mut self, groups: usize) {
        self.cells.resize(groups.max(self.cells.len()), None);
    }

    fn update(&mut self, rows: &Rows, groups: &[u32]) -> Result<()> {
        // Only one row per group and batch is turned into a value: the rows are walked towards it.
        let mut chosen: Vec<(u32, usize)> = Vec::new();
        let mut seen = vec![false; self.cells.len()];
        let mut look = |row: usize| {
            let group = groups[row];
            let settled = self.which == Which::First && self.cells[group as usize].is_some();
            if rows.counts(row) && !settled && !std::mem::replace(&mut seen[group as usize], true) {
                chosen.push((group, row));
            }
        };
        match self.which {
            Which::First => (0..rows.len).for_each(&mut look),
            Which::Last => (0..rows.len).rev().for_each(&mut look),
        }
        for (group, row) in chosen {
            self.cells[group as usize] = Some(ScalarValue::try_from_array(&rows.args[0], row)?);
        }
        Ok(())
    }

    fn merge(&mut self, other: &mut dyn Accumulator, map: &[u32]) -> Result<()> {
        for (cell, &group) in same::<Self>(other).cells.iter().zip(map) {
            let ours = &mut self.cells[group as usize];
            if cell.is_some() && (ours.is_none() || self.which == Which::Last) {
                ours.clone_from(cell);
            }
        }
        Ok(())
    }

    fn absorb(&mut self, from: u32, to: u32) -> Result<()> {
        let theirs = self.cells[from as usize].clone();
        let ours = &mut self.cells[to as usize];
        if theirs.is_some() && (ours.is_none() || self.which == Which::Last) {
            *ours = theirs;
        }
        Ok(())
    }

    fn evaluate(&mut self, groups: &[u32]) -> Result<ArrayRef> {
        self.column(groups.iter().map(|&group| group as usize))
    }

    fn reset(&mut self, group: u32) {
        self.cells[group as usize] = None;
    }

    fn save(&mut self) -> Result<RecordBatch> {
        Ok(RecordBatch::try_from_iter_with_nullable([("value", self.column(0..self.cells.len())?, true)])?)
    }

    fn load(&mut self, table: &RecordBatch) -> Result<()> {
        let value = |row| Ok(Some(ScalarValue::try_from_array(table.column(0), row)?).filter(|value| !value.is_null()));
        self.cells = (0..table.num_rows()).map(value).collect::<Result<_>>()?;
        Ok(())
    }

    fn size(&self) -> usize {
        self.cells.iter().flatten().map(ScalarValue::size).sum()
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}
