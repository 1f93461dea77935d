//! Columns of at most eight bytes a value as plain 64-bit words, and back.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, Float32Array, Float64Array, Int64Array};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int64Type};

use crate::error::Result;

/// Whether a value of this type fits into 64 bits without losing anything.
pub fn is_wordlike(data_type: &DataType) -> bool {
    use DataType::{Boolean, Date32, Float32, Float64, Int8, Int16, Int32, Int64, Time32, Time64, Timestamp};
    matches!(
        data_type,
        Boolean | Int8 | Int16 | Int32 | Int64 | Float32 | Float64 | Date32 | Time32(_) | Time64(_) | Timestamp(_, _)
    )
}

/// The values of a column as words, with its nulls. Equal values are equal words: -0 is 0, and every NaN is
/// the same one.
pub fn to_bits(column: &ArrayRef) -> Result<(Vec<u64>, Option<NullBuffer>)> {
    let nulls = column.nulls().cloned();
    let words = match column.data_type() {
        DataType::Float64 => {
            column.as_primitive::<Float64Type>().values().iter().map(|value| float_bits(*value)).collect()
        }
        DataType::Float32 => {
            column.as_primitive::<Float32Type>().values().iter().map(|value| float_bits(f64::from(*value))).collect()
        }
        _ => {
            let whole = to_int64(column)?;
            whole.as_primitive::<Int64Type>().values().iter().map(|value| *value as u64).collect()
        }
    };
    Ok((words, nulls))
}

fn float_bits(value: f64) -> u64 {
    if value.is_nan() {
        f64::NAN.to_bits()
    } else if value == 0.0 {
        0
    } else {
        value.to_bits()
    }
}

fn to_int64(column: &ArrayRef) -> Result<Cow<'_, ArrayRef>> {
    Ok(match column.data_type() {
        DataType::Int64 => Cow::Borrowed(column),
        DataType::Date32 | DataType::Time32(_) => Cow::Owned(cast(&cast(column, &DataType::Int32)?, &DataType::Int64)?),
        _ => Cow::Owned(cast(column, &DataType::Int64)?),
    })
}

/// A column of this type from words; `None` is null.
pub fn from_bits(words: impl Iterator<Item = Option<u64>>, data_type: &DataType) -> Result<ArrayRef> {
    Ok(match data_type {
        DataType::Float64 => Arc::new(words.map(|word| word.map(f64::from_bits)).collect::<Float64Array>()),
        DataType::Float32 => {
            Arc::new(words.map(|word| word.map(|word| f64::from_bits(word) as f32)).collect::<Float32Array>())
        }
        other => {
            let whole: ArrayRef = Arc::new(words.map(|word| word.map(|word| word as i64)).collect::<Int64Array>());
            match other {
                DataType::Date32 | DataType::Time32(_) => cast(&cast(&whole, &DataType::Int32)?, other)?,
                _ => cast(&whole, other)?,
            }
        }
    })
}
