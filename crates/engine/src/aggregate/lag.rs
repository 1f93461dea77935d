//! `LAG(x, offset, default)`: the value so many rows before the last one taken in, nulls counted. Rows come
//! in the order of an `OVER`; nothing is taken back and nothing merged.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::datatypes::{DataType, UInt32Type};
use datafusion::scalar::ScalarValue;

use crate::aggregate::{Accumulator, Rows, same};
use crate::error::{EngineError, Result};

/// The last values of each group.
#[derive(Debug)]
pub struct Lag {
    cells: Vec<Cell>,
    offset: usize,
    data_type: DataType,
}

#[derive(Clone, Debug, Default)]
struct Cell {
    /// At most `offset + 1`, oldest first.
    values: VecDeque<ScalarValue>,
    /// What the last row gives where there is no row so far back.
    default: Option<ScalarValue>,
}

impl Lag {
    /// No group yet; values of this type.
    pub fn new(offset: usize, data_type: DataType) -> Self {
        Lag { cells: Vec::new(), offset, data_type }
    }

    fn value(&self, group: u32) -> Result<ScalarValue> {
        let cell = &self.cells[group as usize];
        let found = if cell.values.len() > self.offset { cell.values.front() } else { cell.default.as_ref() };
        Ok(found.cloned().map_or_else(|| ScalarValue::try_from(&self.data_type), Ok)?)
    }
}

impl Accumulator for Lag {
    fn resize(&mut self, groups: usize) {
        self.cells.resize(groups.max(self.cells.len()), Cell::default());
    }

    fn update(&mut self, rows: &Rows, groups: &[u32]) -> Result<()> {
        for (row, &group) in groups.iter().enumerate() {
            let cell = &mut self.cells[group as usize];
            if cell.values.len() > self.offset {
                cell.values.pop_front();
            }
            cell.values.push_back(ScalarValue::try_from_array(&rows.args[0], row)?);
            if let Some(default) = rows.args.get(1) {
                cell.default = Some(ScalarValue::try_from_array(default, row)?);
            }
        }
        Ok(())
    }

    fn merge(&mut self, other: &mut dyn Accumulator, map: &[u32]) -> Result<()> {
        for (cell, &group) in same::<Self>(other).cells.iter().zip(map) {
            self.cells[group as usize].clone_from(cell);
        }
        Ok(())
    }

    fn absorb(&mut self, _: u32, _: u32) -> Result<()> {
        Err(EngineError::Compute("LAG needs rows in order, so it cannot stand in a session".into()))
    }

    fn evaluate(&mut self, groups: &[u32]) -> Result<ArrayRef> {
        let values = groups.iter().map(|&group| self.value(group)).collect::<Result<Vec<_>>>()?;
        if values.is_empty() {
            return Ok(arrow::array::new_empty_array(&self.data_type));
        }
        Ok(ScalarValue::iter_to_array(values)?)
    }

    fn reset(&mut self, group: u32) {
        self.cells[group as usize] = Cell::default();
    }

    fn save(&mut self) -> Result<RecordBatch> {
        let null = ScalarValue::try_from(&self.data_type)?;
        let (mut groups, mut values) = (Vec::new(), Vec::new());
        for (group, cell) in self.cells.iter().enumerate() {
            // A group's rows, and its default behind them.
            let rows = cell.values.iter().chain(std::iter::once(cell.default.as_ref().unwrap_or(&null)));
            for value in rows.filter(|_| !cell.values.is_empty()) {
                groups.push(group as u32);
                values.push(value.clone());
            }
        }
        let values = match values.is_empty() {
            true => arrow::array::new_empty_array(&self.data_type),
            false => ScalarValue::iter_to_array(values)?,
        };
        let groups: ArrayRef = Arc::new(UInt32Array::from(groups));
        Ok(RecordBatch::try_from_iter_with_nullable([("group", groups, false), ("value", values, true)])?)
    }

    fn load(&mut self, table: &RecordBatch) -> Result<()> {
        for (row, &group) in table.column(0).as_primitive::<UInt32Type>().values().iter().enumerate() {
            self.resize(group as usize + 1);
            let value = ScalarValue::try_from_array(table.column(1), row)?;
            self.cells[group as usize].values.push_back(value);
        }
        for cell in &mut self.cells {
            cell.default = cell.values.pop_back();
        }
        Ok(())
    }

    fn size(&self) -> usize {
        self.cells.iter().flat_map(|cell| &cell.values).map(ScalarValue::size).sum()
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}
