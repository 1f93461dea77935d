//! `COUNT(*)` and `COUNT(x)`.

use std::any::Any;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;

use crate::aggregate::{Accumulator, Rows, same};
use crate::error::Result;

/// How many rows count.
#[derive(Debug, Default)]
pub struct Count(Vec<i64>);

impl Count {
    /// The count of one group.
    pub fn get(&self, group: u32) -> i64 {
        self.0[group as usize]
    }

    fn step(rows: &Rows, row: usize) -> i64 {
        match (rows.counts(row), rows.retracts(row)) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => -1,
        }
    }
}

impl Accumulator for Count {
    fn resize(&mut self, groups: usize) {
        self.0.resize(groups.max(self.0.len()), 0);
    }

    fn update(&mut self, rows: &Rows, groups: &[u32]) -> Result<()> {
        if rows.plain() {
            groups.iter().for_each(|&group| self.0[group as usize] += 1);
        } else {
            groups.iter().enumerate().for_each(|(row, &group)| self.0[group as usize] += Self::step(rows, row));
        }
        Ok(())
    }

    fn scan(&mut self, rows: &Rows, groups: &[u32]) -> Result<(ArrayRef, ArrayRef)> {
        let (mut before, mut after) = (Vec::with_capacity(rows.len), Vec::with_capacity(rows.len));
        let plain = rows.plain();
        for (row, &group) in groups.iter().enumerate() {
            let count = &mut self.0[group as usize];
            before.push(*count);
            *count += if plain { 1 } else { Self::step(rows, row) };
            after.push(*count);
        }
        Ok((Arc::new(Int64Array::from(before)), Arc::new(Int64Array::from(after))))
    }

    fn merge(&mut self, other: &mut dyn Accumulator, map: &[u32]) -> Result<()> {
        for (count, &group) in same::<Self>(other).0.iter().zip(map) {
            self.0[group as usize] += count;
        }
        Ok(())
    }

    fn absorb(&mut self, from: u32, to: u32) -> Result<()> {
        self.0[to as usize] += self.0[from as usize];
        Ok(())
    }

    fn evaluate(&mut self, groups: &[u32]) -> Result<ArrayRef> {
        Ok(Arc::new(Int64Array::from_iter_values(groups.iter().map(|&group| self.get(group)))))
    }

    fn reset(&mut self, group: u32) {
        self.0[group as usize] = 0;
    }

    fn save(&mut self) -> Result<RecordBatch> {
        let counts: ArrayRef = Arc::new(Int64Array::from(self.0.clone()));
        Ok(RecordBatch::try_from_iter([("count", counts)])?)
    }

    fn load(&mut self, table: &RecordBatch) -> Result<()> {
        self.0 = table.column(0).as_primitive::<Int64Type>().values().to_vec();
        Ok(())
    }

    fn size(&self) -> usize {
        self.0.capacity() * 8
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}
