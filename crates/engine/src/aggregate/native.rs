//! The three families of numbers in which aggregates calculate: whole numbers (also times), floating
//! point, decimals. A column is brought into its family once per batch.

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, Decimal128Array, Float64Array, Int64Array};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};

use crate::error::Result;

/// A number of one family.
pub trait Native: Copy + PartialOrd + Default + Send + Sync + 'static {
    /// A column in the family's own Arrow type.
    fn widen(column: &ArrayRef) -> Result<ArrayRef>;

    /// The values of a widened column.
    fn values(column: &ArrayRef) -> &[Self];

    /// A column of results in the promised type; a value that does not fit is an error.
    fn column(values: Vec<Option<Self>>, promised: &DataType) -> Result<ArrayRef>;

    /// All bits, for saving.
    fn pack(self) -> i128;

    /// From saved bits.
    fn unpack(bits: i128) -> Self;

    /// A total order that agrees with SQL's: NaN is the largest number.
    fn below(self, other: Self) -> bool;
}

fn fit(column: &ArrayRef, promised: &DataType) -> Result<ArrayRef> {
    if column.data_type() == promised {
        return Ok(column.clone());
    }
    Ok(cast_with_options(column, promised, &CastOptions { safe: false, ..CastOptions::default() })?)
}

impl Native for i64 {
    fn widen(column: &ArrayRef) -> Result<ArrayRef> {
        Ok(match column.data_type() {
            DataType::Int64 => column.clone(),
            DataType::Date32 | DataType::Time32(_) => cast(&cast(column, &DataType::Int32)?, &DataType::Int64)?,
            _ => cast(column, &DataType::Int64)?,
        })
    }

    fn values(column: &ArrayRef) -> &[i64] {
        column.as_primitive::<Int64Type>().values()
    }

    fn column(values: Vec<Option<i64>>, promised: &DataType) -> Result<ArrayRef> {
        let whole: ArrayRef = Arc::new(Int64Array::from(values));
        match promised {
            DataType::Date32 | DataType::Time32(_) => fit(&fit(&whole, &DataType::Int32)?, promised),
            _ => fit(&whole, promised),
        }
    }

    fn pack(self) -> i128 {
        i128::from(self)
    }

    fn unpack(bits: i128) -> i64 {
        bits as i64
    }

    fn below(self, other: i64) -> bool {
        self < other
    }
}

impl Native for f64 {
    fn widen(column: &ArrayRef) -> Result<ArrayRef> {
        fit(column, &DataType::Float64)
    }

    fn values(column: &ArrayRef) -> &[f64] {
        column.as_primitive::<Float64Type>().values()
    }

    fn column(values: Vec<Option<f64>>, promised: &DataType) -> Result<ArrayRef> {
        fit(&(Arc::new(Float64Array::from(values)) as ArrayRef), promised)
    }

    fn pack(self) -> i128 {
        i128::from(self.to_bits())
    }

    fn unpack(bits: i128) -> f64 {
        f64::from_bits(bits as u64)
    }

    fn below(self, other: f64) -> bool {
        self < other || (other.is_nan() && !self.is_nan())
    }
}

impl Native for i128 {
    fn widen(column: &ArrayRef) -> Result<ArrayRef> {
        Ok(column.clone())
    }

    fn values(column: &ArrayRef) -> &[i128] {
        column.as_primitive::<Decimal128Type>().values()
    }

    /// The values are unscaled; `promised` gives the scale.
    fn column(values: Vec<Option<i128>>, promised: &DataType) -> Result<ArrayRef> {
        let DataType::Decimal128(precision, scale) = *promised else {
            return fit(
                &(Arc::new(Decimal128Array::from(values).with_precision_and_scale(38, 0)?) as ArrayRef),
                promised,
            );
        };
        let column = Decimal128Array::from(values).with_precision_and_scale(precision, scale)?;
        column.validate_decimal_precision(precision)?;
        Ok(Arc::new(column))
    }

    fn pack(self) -> i128 {
        self
    }

    fn unpack(bits: i128) -> i128 {
        bits
    }

    fn below(self, other: i128) -> bool {
        self < other
    }
}
