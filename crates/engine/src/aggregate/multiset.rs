//! `MIN` and `MAX` over rows that may be taken back: every value is kept with its count, in order, so that
//! the next best is known when the best one goes.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, UInt32Array};
use arrow::datatypes::{DataType, Int64Type, UInt32Type};
use arrow::row::{RowConverter, SortField};

use crate::aggregate::{Accumulator, Rows, same};
use crate::error::Result;

/// `MIN` or `MAX` of an argument type.
pub fn extreme(argument: &DataType, largest: bool) -> Result<Box<dyn Accumulator>> {
    let converter = RowConverter::new(vec![SortField::new(argument.clone())])?;
    Ok(Box::new(Multiset { cells: Vec::new(), argument: argument.clone(), converter, largest }))
}

/// Per group: how often each value is there, by Arrow's order-preserving encoding.
struct Multiset {
    cells: Vec<BTreeMap<Box<[u8]>, i64>>,
    argument: DataType,
    converter: RowConverter,
    largest: bool,
}

impl Multiset {
    fn change(&mut self, group: u32, value: &[u8], by: i64) {
        let cell = &mut self.cells[group as usize];
        let count = cell.entry(value.into()).or_insert(0);
        *count += by;
        if *count == 0 {
            cell.remove(value);
        }
    }
}

impl Accumulator for Multiset {
    fn resize(&mut self, groups: usize) {
        self.cells.resize(groups.max(self.cells.len()), BTreeMap::new());
    }

    fn update(&mut self, rows: &Rows, groups: &[u32]) -> Result<()> {
        let encoded = self.converter.convert_columns(&rows.args[..1])?;
        for (row, &group) in groups.iter().enumerate() {
            if rows.counts(row) {
                self.change(group, encoded.row(row).as_ref(), if rows.retracts(row) { -1 } else { 1 });
            }
        }
        Ok(())
    }

    fn merge(&mut self, other: &mut dyn Accumulator, map: &[u32]) -> Result<()> {
        for (cell, &group) in same::<Self>(other).cells.iter().zip(map) {
            cell.iter().for_each(|(value, &count)| self.change(group, value, count));
        }
        Ok(())
    }

    fn absorb(&mut self, from: u32, to: u32) -> Result<()> {
        let values = self.cells[from as usize].clone();
        values.iter().for_each(|(value, &count)| self.change(to, value, count));
        Ok(())
    }

    fn evaluate(&mut self, groups: &[u32]) -> Result<ArrayRef> {
        let null = self.converter.convert_columns(&[arrow::array::new_null_array(&self.argument, 1)])?;
        let parser = self.converter.parser();
        let best = |&group: &u32| {
            // A count below zero stands for a retraction that came before its row.
            let mut present =
                self.cells[group as usize].iter().filter(|&(_, &count)| count > 0).map(|(value, _)| value);
            let value = if self.largest { present.next_back() } else { present.next() };
            value.map_or_else(|| null.row(0), |value| parser.parse(value))
        };
        let mut columns = self.converter.convert_rows(groups.iter().map(best))?;
        Ok(columns.remove(0))
    }

    fn reset(&mut self, group: u32) {
        self.cells[group as usize].clear();
    }

    fn save(&mut self) -> Result<RecordBatch> {
        let entries: Vec<(u32, &[u8], i64)> = (0u32..)
            .zip(&self.cells)
            .flat_map(|(group, cell)| cell.iter().map(move |(value, &count)| (group, value.as_ref(), count)))
            .collect();
        Ok(RecordBatch::try_from_iter([
            ("group", Arc::new(UInt32Array::from_iter_values(entries.iter().map(|entry| entry.0))) as ArrayRef),
            ("value", Arc::new(entries.iter().map(|entry| Some(entry.1)).collect::<BinaryArray>())),
            ("count", Arc::new(Int64Array::from_iter_values(entries.iter().map(|entry| entry.2)))),
        ])?)
    }

    fn load(&mut self, table: &RecordBatch) -> Result<()> {
        let groups = table.column(0).as_primitive::<UInt32Type>();
        let (values, counts) = (table.column(1).as_binary::<i32>(), table.column(2).as_primitive::<Int64Type>());
        for row in 0..table.num_rows() {
            self.resize(groups.value(row) as usize + 1);
            self.change(groups.value(row), values.value(row), counts.value(row));
        }
        Ok(())
    }

    fn size(&self) -> usize {
        self.cells.iter().flat_map(BTreeMap::keys).map(|value| value.len() + 48).sum()
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}
