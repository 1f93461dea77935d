//! `FIRST_VALUE` and `LAST_VALUE` in order of arrival; nulls are left out. A value keeps the number of its
//! arrival, because sessions that meet may have begun in another order than their times say.

use std::any::Any;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, RecordBatch, UInt64Array};
use arrow::datatypes::{DataType, UInt64Type};
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
    cells: Vec<Option<Held>>,
    data_type: DataType,
    which: Which,
    /// The number of the next row.
    next: u64,
}

/// A value and the number of its arrival.
#[derive(Clone, Debug)]
struct Held {
    arrived: u64,
    value: ScalarValue,
}

impl Arrival {
    /// No group yet; values of this type.
    pub fn new(data_type: DataType, which: Which) -> Self {
        Arrival { cells: Vec::new(), data_type, which, next: 0 }
    }

    fn column(&self, groups: impl Iterator<Item = usize>) -> Result<ArrayRef> {
        let null = ScalarValue::try_from(&self.data_type)?;
        let value = |group: usize| self.cells[group].as_ref().map_or_else(|| null.clone(), |held| held.value.clone());
        let values: Vec<_> = groups.map(value).collect();
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
            let value = ScalarValue::try_from_array(&rows.args[0], row)?;
            self.cells[group as usize] = Some(Held { arrived: self.next + row as u64, value });
        }
        self.next += rows.len as u64;
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
        let Some(theirs) = self.cells[from as usize].clone() else { return Ok(()) };
        let ours = &mut self.cells[to as usize];
        let wins = ours.as_ref().is_none_or(|ours| match self.which {
            Which::First => theirs.arrived < ours.arrived,
            Which::Last => theirs.arrived > ours.arrived,
        });
        if wins {
            *ours = Some(theirs);
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
        let arrived = self.cells.iter().map(|cell| cell.as_ref().map(|held| held.arrived));
        let arrived: ArrayRef = Arc::new(UInt64Array::from_iter(arrived));
        let values = self.column(0..self.cells.len())?;
        Ok(RecordBatch::try_from_iter_with_nullable([("value", values, true), ("arrived", arrived, true)])?)
    }

    fn load(&mut self, table: &RecordBatch) -> Result<()> {
        let arrived = table.column(1).as_primitive::<UInt64Type>();
        let held = |row| -> Result<Option<Held>> {
            let value = ScalarValue::try_from_array(table.column(0), row)?;
            Ok((!value.is_null()).then(|| Held { arrived: arrived.value(row), value }))
        };
        self.cells = (0..table.num_rows()).map(held).collect::<Result<_>>()?;
        self.next = arrived.iter().flatten().max().map_or(0, |last| last + 1);
        Ok(())
    }

    fn size(&self) -> usize {
        self.cells.iter().flatten().map(|held| held.value.size()).sum()
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringArray};
    use arrow::datatypes::Int64Type;

    use super::*;

    /// Two rows come into group 1, then one into group 0, and the groups meet in `to`.
    fn met(which: Which, to: u32, saved: bool) -> i64 {
        let mut arrival = Arrival::new(DataType::Int64, which);
        arrival.resize(2);
        for (value, group) in [(10, 1), (11, 1), (12, 0)] {
            let args: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(vec![value]))];
            arrival.update(&Rows { args, keep: None, kinds: None, len: 1 }, &[group]).expect("takes rows");
        }
        if saved {
            let table = arrival.save().expect("saves");
            arrival = Arrival::new(DataType::Int64, which);
            arrival.load(&table).expect("loads");
        }
        arrival.absorb(1 - to, to).expect("meet");
        arrival.evaluate(&[to]).expect("a value").as_primitive::<Int64Type>().value(0)
    }

    #[test]
    fn values_keep_their_order_of_arrival_when_sessions_meet() {
        for (to, saved) in [(0, false), (1, false), (0, true), (1, true)] {
            assert_eq!(met(Which::First, to, saved), 10);
            assert_eq!(met(Which::Last, to, saved), 12);
        }
    }

    #[test]
    fn nulls_are_left_out() {
        let mut arrival = Arrival::new(DataType::Utf8, Which::First);
        arrival.resize(1);
        let args: Vec<ArrayRef> = vec![Arc::new(StringArray::from(vec![None, Some("a"), Some("b")]))];
        arrival.update(&Rows { args, keep: None, kinds: None, len: 3 }, &[0, 0, 0]).expect("takes rows");
        assert_eq!(arrival.evaluate(&[0]).expect("a value").as_string::<i32>().value(0), "a");
    }
}
