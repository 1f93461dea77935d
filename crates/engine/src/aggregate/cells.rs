//! Accumulators whose cell is a few numbers: one loop for all of them, without a branch per row where
//! nothing is filtered, null or taken back.

use std::any::Any;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, Decimal128Array, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Decimal128Type, Int64Type};

use crate::aggregate::native::Native;
use crate::aggregate::{Accumulator, Rows, same};
use crate::error::Result;

/// The state of one group, and how a value changes it.
pub trait Cell: Copy + Default + Send + 'static {
    /// The family of the argument.
    type Argument: Native;
    /// The family of the result.
    type Result: Native;

    /// Adds a value.
    fn add(&mut self, value: Self::Argument);

    /// Takes a value back.
    fn retract(&mut self, value: Self::Argument);

    /// Adds another cell.
    fn merge(&mut self, other: &Self);

    /// The result, `None` for NULL. `scale`: by which power of ten the result's scale exceeds the argument's.
    fn value(&self, scale: u32) -> Result<Option<Self::Result>>;

    /// The cell as two numbers.
    fn pack(&self) -> (i128, i64);

    /// From two numbers.
    fn unpack(value: i128, count: i64) -> Self;
}

/// One cell per group.
pub struct Cells<C: Cell> {
    cells: Vec<C>,
    result: DataType,
    scale: u32,
}

impl<C: Cell> Cells<C> {
    /// No group yet; results of this type.
    pub fn new(result: DataType, scale: u32) -> Self {
        Cells { cells: Vec::new(), result, scale }
    }
}

impl<C: Cell> Accumulator for Cells<C> {
    fn resize(&mut self, groups: usize) {
        self.cells.resize(groups.max(self.cells.len()), C::default());
    }

    fn update(&mut self, rows: &Rows, groups: &[u32]) -> Result<()> {
        let column = C::Argument::widen(&rows.args[0])?;
        let values = C::Argument::values(&column);
        if rows.plain() {
            for (&group, &value) in groups.iter().zip(values) {
                self.cells[group as usize].add(value);
            }
            return Ok(());
        }
        for (row, (&group, &value)) in groups.iter().zip(values).enumerate() {
            if rows.counts(row) {
                let cell = &mut self.cells[group as usize];
                if rows.retracts(row) { cell.retract(value) } else { cell.add(value) }
            }
        }
        Ok(())
    }

    fn scan(&mut self, rows: &Rows, groups: &[u32]) -> Result<(ArrayRef, ArrayRef)> {
        let column = C::Argument::widen(&rows.args[0])?;
        let values = C::Argument::values(&column);
        let (mut before, mut after) = (Vec::with_capacity(rows.len), Vec::with_capacity(rows.len));
        for (row, (&group, &value)) in groups.iter().zip(values).enumerate() {
            let cell = &mut self.cells[group as usize];
            before.push(cell.value(self.scale)?);
            if rows.counts(row) {
                if rows.retracts(row) { cell.retract(value) } else { cell.add(value) }
            }
            after.push(cell.value(self.scale)?);
        }
        Ok((C::Result::column(before, &self.result)?, C::Result::column(after, &self.result)?))
    }

    fn merge(&mut self, other: &mut dyn Accumulator, map: &[u32]) -> Result<()> {
        for (cell, &group) in same::<Self>(other).cells.iter().zip(map) {
            self.cells[group as usize].merge(cell);
        }
        Ok(())
    }

    fn absorb(&mut self, from: u32, to: u32) -> Result<()> {
        let cell = self.cells[from as usize];
        self.cells[to as usize].merge(&cell);
        Ok(())
    }

    fn evaluate(&mut self, groups: &[u32]) -> Result<ArrayRef> {
        let values = groups.iter().map(|&group| self.cells[group as usize].value(self.scale)).collect::<Result<_>>()?;
        C::Result::column(values, &self.result)
    }

    fn reset(&mut self, group: u32) {
        self.cells[group as usize] = C::default();
    }

    fn save(&mut self) -> Result<RecordBatch> {
        let (values, counts): (Vec<_>, Vec<_>) = self.cells.iter().map(Cell::pack).unzip();
        Ok(RecordBatch::try_from_iter([
            ("value", Arc::new(Decimal128Array::from(values).with_precision_and_scale(38, 0)?) as Arc<dyn Array>),
            ("count", Arc::new(Int64Array::from(counts))),
        ])?)
    }

    fn load(&mut self, table: &RecordBatch) -> Result<()> {
        let values = table.column(0).as_primitive::<Decimal128Type>().values();
        let counts = table.column(1).as_primitive::<Int64Type>().values();
        self.cells = values.iter().zip(counts).map(|(&value, &count)| C::unpack(value, count)).collect();
        Ok(())
    }

    fn size(&self) -> usize {
        self.cells.capacity() * size_of::<C>()
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}
