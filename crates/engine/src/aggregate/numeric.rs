//! `SUM` and `AVG`. Whole numbers are summed in 128 bits, so that only a result that does not fit its type
//! is an error, never a passing state; an average of whole numbers is cut toward zero, as in Flink.

use arrow::datatypes::DataType;

use crate::aggregate::Accumulator;
use crate::aggregate::cells::{Cell, Cells};
use crate::aggregate::native::Native;
use crate::error::{EngineError, Result};

/// `SUM` of an argument type.
pub fn sum(argument: &DataType, result: &DataType) -> Result<Box<dyn Accumulator>> {
    Ok(match argument {
        DataType::Decimal128(_, scale) => Box::new(Cells::<Sum<i128>>::new(result.clone(), rescale(*scale, result))),
        DataType::Float32 | DataType::Float64 => Box::new(Cells::<Sum<f64>>::new(result.clone(), 0)),
        whole if whole.is_integer() => Box::new(Cells::<Sum<i64>>::new(result.clone(), 0)),
        other => return Err(EngineError::Compute(format!("SUM needs a number, not {other}"))),
    })
}

/// `AVG` of an argument type.
pub fn average(argument: &DataType, result: &DataType) -> Result<Box<dyn Accumulator>> {
    Ok(match argument {
        DataType::Decimal128(_, scale) => {
            Box::new(Cells::<Average<i128>>::new(result.clone(), rescale(*scale, result)))
        }
        DataType::Float32 | DataType::Float64 => Box::new(Cells::<Average<f64>>::new(result.clone(), 0)),
        whole if whole.is_integer() => Box::new(Cells::<Average<i64>>::new(result.clone(), 0)),
        other => return Err(EngineError::Compute(format!("AVG needs a number, not {other}"))),
    })
}

/// By how many digits the result's scale exceeds the argument's.
fn rescale(argument: i8, result: &DataType) -> u32 {
    match result {
        DataType::Decimal128(_, scale) => u32::try_from(scale - argument).unwrap_or(0),
        _ => 0,
    }
}

/// A number that can be summed up in a wider one.
pub trait Summand: Native {
    /// Wide enough for any number of summands.
    type Total: Copy + Default + std::fmt::Debug + Send + 'static;

    /// `total + value`, or `total - value`.
    fn accumulate(total: Self::Total, value: Self, back: bool) -> Self::Total;

    /// The sum of two totals.
    fn join(left: Self::Total, right: Self::Total) -> Self::Total;

    /// The total as a result.
    fn total(total: Self::Total, scale: u32) -> Result<Self>;

    /// The total divided by a count.
    fn mean(total: Self::Total, count: i64, scale: u32) -> Result<Self>;

    /// All bits of a total.
    fn pack_total(total: Self::Total) -> i128;

    /// From saved bits.
    fn unpack_total(bits: i128) -> Self::Total;
}

fn overflow(what: &str) -> EngineError {
    EngineError::Compute(format!("{what} does not fit its type; cast the argument to a wider one"))
}

/// Shifts by decimal digits.
fn shift(value: i128, digits: u32) -> Result<i128> {
    10i128.checked_pow(digits).and_then(|factor| value.checked_mul(factor)).ok_or_else(|| overflow("a decimal result"))
}

macro_rules! whole_summand {
    ($native:ty) => {
        impl Summand for $native {
            type Total = i128;

            fn accumulate(total: i128, value: Self, back: bool) -> i128 {
                if back { total.wrapping_sub(i128::from(value)) } else { total.wrapping_add(i128::from(value)) }
            }

            fn join(left: i128, right: i128) -> i128 {
                left.wrapping_add(right)
            }

            fn total(total: i128, scale: u32) -> Result<Self> {
                Self::try_from(shift(total, scale)?).map_err(|_| overflow("a SUM"))
            }

            fn mean(total: i128, count: i64, scale: u32) -> Result<Self> {
                Self::try_from(shift(total, scale)? / i128::from(count)).map_err(|_| overflow("an AVG"))
            }

            fn pack_total(total: i128) -> i128 {
                total
            }

            fn unpack_total(bits: i128) -> i128 {
                bits
            }
        }
    };
}

whole_summand!(i64);
whole_summand!(i128);

impl Summand for f64 {
    type Total = f64;

    fn accumulate(total: f64, value: f64, back: bool) -> f64 {
        if back { total - value } else { total + value }
    }

    fn join(left: f64, right: f64) -> f64 {
        left + right
    }

    fn total(total: f64, _: u32) -> Result<f64> {
        Ok(total)
    }

    fn mean(total: f64, count: i64, _: u32) -> Result<f64> {
        Ok(total / count as f64)
    }

    fn pack_total(total: f64) -> i128 {
        Native::pack(total)
    }

    fn unpack_total(bits: i128) -> f64 {
        Native::unpack(bits)
    }
}

/// A total and how many values are in it.
#[derive(Clone, Copy, Debug, Default)]
struct Tally<N: Summand> {
    total: N::Total,
    count: i64,
}

impl<N: Summand> Tally<N> {
    fn change(&mut self, value: N, back: bool) {
        self.total = N::accumulate(self.total, value, back);
        self.count += if back { -1 } else { 1 };
    }

    fn join(&mut self, other: &Self) {
        self.total = N::join(self.total, other.total);
        self.count += other.count;
    }
}

macro_rules! tally_cell {
    ($(#[$doc:meta])* $name:ident, |$tally:ident, $scale:ident| $value:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default)]
        struct $name<N: Summand>(Tally<N>);

        impl<N: Summand> Cell for $name<N> {
            type Argument = N;
            type Result = N;

            fn add(&mut self, value: N) {
                self.0.change(value, false);
            }

            fn retract(&mut self, value: N) {
                self.0.change(value, true);
            }

            fn merge(&mut self, other: &Self) {
                self.0.join(&other.0);
            }

            fn value(&self, $scale: u32) -> Result<Option<N>> {
                let $tally = &self.0;
                if $tally.count == 0 { Ok(None) } else { $value.map(Some) }
            }

            fn pack(&self) -> (i128, i64) {
                (N::pack_total(self.0.total), self.0.count)
            }

            fn unpack(value: i128, count: i64) -> Self {
                $name(Tally { total: N::unpack_total(value), count })
            }
        }
    };
}

tally_cell!(
    /// NULL as long as there is no value.
    Sum, |tally, scale| N::total(tally.total, scale)
);

tally_cell!(
    /// NULL as long as there is no value.
    Average, |tally, scale| N::mean(tally.total, tally.count, scale)
);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch};
    use arrow::datatypes::DataType;
    use millstream_plan::{AggregateCall, AggregateKind};

    use crate::aggregate::AggregateSet;

    fn summed(values: Vec<i64>) -> Result<Vec<ArrayRef>, String> {
        let groups = vec![0; values.len()];
        let column: ArrayRef = Arc::new(Int64Array::from(values));
        let rows = RecordBatch::try_from_iter([("v", column)]).expect("one column");
        let call = AggregateCall {
            kind: AggregateKind::Sum,
            args: vec![0],
            distinct: false,
            filter: None,
            name: "sum".into(),
            data_type: DataType::Int64,
            nullable: true,
        };
        let mut set = AggregateSet::new(&[call], &rows.schema(), false).expect("a sum");
        set.resize(1);
        set.update(&rows, None, &groups).expect("adds");
        set.evaluate(&[0]).map_err(|error| error.to_string())
    }

    #[test]
    fn a_sum_that_does_not_fit_is_an_error() {
        let error = summed(vec![i64::MAX, 1]).expect_err("too large");
        assert!(error.contains("a SUM does not fit its type; cast the argument to a wider one"), "{error}");
        let back: ArrayRef = Arc::new(Int64Array::from(vec![i64::MAX]));
        assert_eq!(summed(vec![i64::MAX, 1, -1]), Ok(vec![back]), "what lies between does not count");
    }
}
