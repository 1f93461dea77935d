//! `MIN` and `MAX` over rows that are never taken back: the best value so far is all there is to keep.

use std::any::Any;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::DataType;

use crate::aggregate::cells::{Cell, Cells};
use crate::aggregate::native::Native;
use crate::aggregate::{Accumulator, Rows, same};
use crate::error::{EngineError, Result};

/// `MIN` or `MAX` of an argument type.
pub fn extreme(argument: &DataType, largest: bool) -> Result<Box<dyn Accumulator>> {
    fn cells<N: Native>(argument: &DataType, largest: bool) -> Box<dyn Accumulator> {
        if largest {
            Box::new(Cells::<Best<N, true>>::new(argument.clone(), 0))
        } else {
            Box::new(Cells::<Best<N, false>>::new(argument.clone(), 0))
        }
    }
    Ok(match argument {
        DataType::Utf8 => Box::new(BestText { cells: Vec::new(), largest }),
        DataType::Decimal128(_, _) => cells::<i128>(argument, largest),
        DataType::Float32 | DataType::Float64 => cells::<f64>(argument, largest),
        other if ordered_as_integer(other) => cells::<i64>(argument, largest),
        other => return Err(EngineError::Compute(format!("MIN and MAX have no order for {other}"))),
    })
}

/// Whether values of this type are ordered as their integers are.
pub fn ordered_as_integer(data_type: &DataType) -> bool {
    use DataType::{Boolean, Date32, Time32, Time64, Timestamp};
    data_type.is_signed_integer() || matches!(data_type, Boolean | Date32 | Time32(_) | Time64(_) | Timestamp(_, _))
}

/// The best value so far.
#[derive(Clone, Copy, Debug, Default)]
struct Best<N: Native, const LARGEST: bool>(Option<N>);

impl<N: Native, const LARGEST: bool> Cell for Best<N, LARGEST> {
    type Argument = N;
    type Result = N;

    fn add(&mut self, value: N) {
        let better = |best: N| if LARGEST { best.below(value) } else { value.below(best) };
        if self.0.is_none_or(better) {
            self.0 = Some(value);
        }
    }

    fn retract(&mut self, _: N) {
        debug_assert!(false, "an input that retracts gets a multiset");
    }

    fn merge(&mut self, other: &Self) {
        if let Some(value) = other.0 {
            self.add(value);
        }
    }

    fn value(&self, _: u32) -> Result<Option<N>> {
        Ok(self.0)
    }

    fn pack(&self) -> (i128, i64) {
        (self.0.unwrap_or_default().pack(), i64::from(self.0.is_some()))
    }

    fn unpack(value: i128, count: i64) -> Self {
        Best((count > 0).then(|| N::unpack(value)))
    }
}

/// The same for text, by code points.
struct BestText {
    cells: Vec<Option<Box<str>>>,
    largest: bool,
}

impl BestText {
    fn add(&mut self, group: u32, value: &str) {
        let cell = &mut self.cells[group as usize];
        let better = |best: &str| if self.largest { best < value } else { value < best };
        if cell.as_deref().is_none_or(better) {
            *cell = Some(value.into());
        }
    }
}

impl Accumulator for BestText {
    fn resize(&mut self, groups: usize) {
        self.cells.resize(groups.max(self.cells.len()), None);
    }

    fn update(&mut self, rows: &Rows, groups: &[u32]) -> Result<()> {
        let values = rows.args[0].as_string::<i32>();
        for (row, &group) in groups.iter().enumerate() {
            if rows.counts(row) {
                self.add(group, values.value(row));
            }
        }
        Ok(())
    }

    fn merge(&mut self, other: &mut dyn Accumulator, map: &[u32]) -> Result<()> {
        for (cell, &group) in same::<Self>(other).cells.iter().zip(map) {
            if let Some(value) = cell {
                self.add(group, value);
            }
        }
        Ok(())
    }

    fn absorb(&mut self, from: u32, to: u32) -> Result<()> {
        if let Some(value) = self.cells[from as usize].clone() {
            self.add(to, &value);
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
        let values = table.column(0).as_string::<i32>();
        self.cells = values.iter().map(|value| value.map(Into::into)).collect();
        Ok(())
    }

    fn size(&self) -> usize {
        self.cells.iter().flatten().map(|text| text.len()).sum::<usize>() + self.cells.capacity() * 16
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}
