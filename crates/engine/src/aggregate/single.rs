//! The value of the only row there is: what a subquery becomes that stands for a value. A second row is an error, as
//! in Flink's `SINGLE_VALUE`; a row that is null is a row.

use std::any::Any;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, new_empty_array};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::scalar::ScalarValue;

use crate::aggregate::{Accumulator, Rows, same};
use crate::error::{EngineError, Result};

/// One value per group, and how many rows it had.
#[derive(Debug)]
pub struct Single {
    cells: Vec<Cell>,
    data_type: DataType,
}

/// The value of the last row that is there, and how many rows are.
#[derive(Clone, Debug, Default)]
struct Cell {
    rows: i64,
    value: Option<ScalarValue>,
}

impl Cell {
    fn add(&mut self, rows: i64, value: Option<ScalarValue>) -> Result<()> {
        self.rows += rows;
        match (self.rows, value) {
            (2.., _) => {
                let reason = "a subquery that stands for a value gave more than one row; aggregate it (MAX, MIN, …), or \
                              join with it";
                return Err(EngineError::Compute(reason.into()));
            }
            (1, Some(value)) => self.value = Some(value),
            (1, None) => {}
            _ => self.value = None,
        }
        Ok(())
    }
}

impl Single {
    /// No group yet; values of this type.
    pub fn new(data_type: DataType) -> Self {
        Single { cells: Vec::new(), data_type }
    }

    fn column(&self, cells: impl Iterator<Item = usize>) -> Result<ArrayRef> {
        let null = ScalarValue::try_from(&self.data_type)?;
        let values: Vec<_> = cells.map(|cell| self.cells[cell].value.clone().unwrap_or_else(|| null.clone())).collect();
        if values.is_empty() {
            return Ok(new_empty_array(&self.data_type));
        }
        Ok(ScalarValue::iter_to_array(values)?)
    }
}

impl Accumulator for Single {
    fn resize(&mut self, groups: usize) {
        self.cells.resize(groups.max(self.cells.len()), Cell::default());
    }

    fn update(&mut self, rows: &Rows, groups: &[u32]) -> Result<()> {
        let passes = |row: usize| {
            use arrow::array::Array;
            rows.keep.as_ref().is_none_or(|keep| keep.is_valid(row) && keep.value(row))
        };
        for (row, &group) in groups.iter().enumerate().filter(|(row, _)| passes(*row)) {
            let cell = &mut self.cells[group as usize];
            match rows.retracts(row) {
                true => cell.add(-1, None)?,
                false => cell.add(1, Some(ScalarValue::try_from_array(&rows.args[0], row)?))?,
            }
        }
        Ok(())
    }

    fn merge(&mut self, other: &mut dyn Accumulator, map: &[u32]) -> Result<()> {
        for (cell, &group) in same::<Self>(other).cells.iter().zip(map) {
            self.cells[group as usize].add(cell.rows, cell.value.clone())?;
        }
        Ok(())
    }

    fn absorb(&mut self, from: u32, to: u32) -> Result<()> {
        let Cell { rows, value } = self.cells[from as usize].clone();
        self.cells[to as usize].add(rows, value)
    }

    fn evaluate(&mut self, groups: &[u32]) -> Result<ArrayRef> {
        self.column(groups.iter().map(|&group| group as usize))
    }

    fn reset(&mut self, group: u32) {
        self.cells[group as usize] = Cell::default();
    }

    fn save(&mut self) -> Result<RecordBatch> {
        let rows: ArrayRef = Arc::new(Int64Array::from_iter_values(self.cells.iter().map(|cell| cell.rows)));
        let values = self.column(0..self.cells.len())?;
        Ok(RecordBatch::try_from_iter_with_nullable([("value", values, true), ("rows", rows, false)])?)
    }

    fn load(&mut self, table: &RecordBatch) -> Result<()> {
        let rows = table.column(1).as_primitive::<Int64Type>();
        let cell = |row| -> Result<Cell> {
            let value = ScalarValue::try_from_array(table.column(0), row)?;
            Ok(Cell { rows: rows.value(row), value: (!value.is_null()).then_some(value) })
        };
        self.cells = (0..table.num_rows()).map(cell).collect::<Result<_>>()?;
        Ok(())
    }

    fn size(&self) -> usize {
        self.cells.capacity() * size_of::<Cell>()
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use millstream_record::{Kind, Kinds};

    use super::*;

    fn rows(values: Vec<Option<i64>>, kinds: Vec<Kind>) -> Rows {
        let len = values.len();
        Rows { args: vec![Arc::new(Int64Array::from(values))], keep: None, kinds: Some(Kinds::new(kinds)), len }
    }

    fn value(single: &mut Single) -> Option<i64> {
        single.evaluate(&[0]).expect("a value").as_primitive::<Int64Type>().iter().next().flatten()
    }

    #[test]
    fn one_row_after_the_other_but_no_two_at_once() {
        let mut single = Single::new(DataType::Int64);
        single.resize(1);
        assert_eq!(value(&mut single), None);
        single.update(&rows(vec![Some(4)], vec![Kind::Insert]), &[0]).expect("one row");
        let update = rows(vec![Some(4), Some(5)], vec![Kind::UpdateBefore, Kind::UpdateAfter]);
        single.update(&update, &[0, 0]).expect("another one");
        let saved = single.save().expect("saves");
        let mut single = Single::new(DataType::Int64);
        single.load(&saved).expect("loads");
        assert_eq!(value(&mut single), Some(5));
        single.update(&rows(vec![Some(5), None], vec![Kind::Delete, Kind::Insert]), &[0, 0]).expect("a null");
        assert_eq!(value(&mut single), None);
        let error = single.update(&rows(vec![Some(1)], vec![Kind::Insert]), &[0]).expect_err("a null is a row");
        assert!(error.to_string().contains("more than one row"), "{error}");
    }
}
