//! `MIN` and `MAX` over rows that are never taken back: the best value so far is all there is to keep.

use arrow::datatypes::DataType;

use crate::aggregate::Accumulator;
use crate::aggregate::cells::{Cell, Cells};
use crate::aggregate::native::Native;
use crate::aggregate::texts::{AddText, Texts};
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
        DataType::Utf8 => Box::new(Texts::new(BestText { largest })),
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
    largest: bool,
}

impl AddText for BestText {
    fn add(&self, cell: &mut Option<String>, text: &str) {
        match cell {
            Some(best) if (if self.largest { best.as_str() < text } else { text < best.as_str() }) => {
                best.clear();
                best.push_str(text);
            }
            Some(_) => {}
            empty => *empty = Some(text.into()),
        }
    }
}
