//! One cell of a column as a plain value: every format asks for this, and none of them looks into Arrow
//! by itself.

use arrow::array::cast::AsArray;
use arrow::array::types::*;
use arrow::array::{Array, ArrayRef, StructArray};
use arrow::datatypes::{DataType, IntervalUnit, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// A value without its column.
pub enum Value<'a> {
    /// `NULL`.
    Null,
    /// `BOOLEAN`.
    Bool(bool),
    /// Every whole number.
    Int(i128),
    /// `FLOAT`, which has fewer digits than the `f64` that holds it.
    Float(f32),
    /// `DOUBLE`.
    Double(f64),
    /// `DECIMAL`: unscaled value and scale.
    Decimal(i128, i8),
    /// Text.
    Text(&'a str),
    /// `BYTES`.
    Bytes(&'a [u8]),
    /// Days since 1970-01-01.
    Date(i64),
    /// Time of day, in units of `TimeUnit`.
    Time(i64, TimeUnit),
    /// `TIMESTAMP`: the digits of a wall clock as if they were UTC.
    Timestamp(i64, TimeUnit),
    /// `TIMESTAMP_LTZ`: an instant.
    Instant(i64, TimeUnit),
    /// `ARRAY`.
    List(ArrayRef),
    /// `MAP`: keys and values.
    Map(ArrayRef, ArrayRef),
    /// `ROW`: a struct and the row in it.
    Row(&'a StructArray, usize),
    /// What has no place above (intervals, very wide decimals), as text.
    Other(String),
}

/// The value of one row of a column.
pub fn value(array: &dyn Array, row: usize) -> Value<'_> {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Float32 => Value::Float(array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => Value::Double(array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, scale) => Value::Decimal(array.as_primitive::<Decimal128Type>().value(row), *scale),
        DataType::Utf8 => Value::Text(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => Value::Text(array.as_string::<i64>().value(row)),
        DataType::Utf8View => Value::Text(array.as_string_view().value(row)),
        DataType::Binary => Value::Bytes(array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => Value::Bytes(array.as_binary::<i64>().value(row)),
        DataType::BinaryView => Value::Bytes(array.as_binary_view().value(row)),
        DataType::FixedSizeBinary(_) => Value::Bytes(array.as_fixed_size_binary().value(row)),
        DataType::List(_) => Value::List(array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => Value::List(array.as_list::<i64>().value(row)),
        DataType::FixedSizeList(..) => Value::List(array.as_fixed_size_list().value(row)),
        DataType::Struct(_) => Value::Row(array.as_struct(), row),
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            Value::Map(entries.column(0).clone(), entries.column(1).clone())
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let keys = dictionary.normalized_keys();
            value(dictionary.values().as_ref(), keys[row])
        }
        _ => integer(array, row).or_else(|| time(array, row)).unwrap_or_else(|| other(array, row)),
    }
}

fn integer(array: &dyn Array, row: usize) -> Option<Value<'_>> {
    let number = match array.data_type() {
        DataType::Int8 => i128::from(array.as_primitive::<Int8Type>().value(row)),
        DataType::Int16 => i128::from(array.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => i128::from(array.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => i128::from(array.as_primitive::<Int64Type>().value(row)),
        DataType::UInt8 => i128::from(array.as_primitive::<UInt8Type>().value(row)),
        DataType::UInt16 => i128::from(array.as_primitive::<UInt16Type>().value(row)),
        DataType::UInt32 => i128::from(array.as_primitive::<UInt32Type>().value(row)),
        DataType::UInt64 => i128::from(array.as_primitive::<UInt64Type>().value(row)),
        _ => return None,
    };
    Some(Value::Int(number))
}

fn time(array: &dyn Array, row: usize) -> Option<Value<'_>> {
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    Some(match array.data_type() {
        DataType::Date32 => Value::Date(i64::from(array.as_primitive::<Date32Type>().value(row))),
        DataType::Date64 => Value::Date(array.as_primitive::<Date64Type>().value(row).div_euclid(86_400_000)),
        DataType::Time32(Second) => Value::Time(array.as_primitive::<Time32SecondType>().value(row).into(), Second),
        DataType::Time32(_) => {
            Value::Time(array.as_primitive::<Time32MillisecondType>().value(row).into(), Millisecond)
        }
        DataType::Time64(Nanosecond) => {
            Value::Time(array.as_primitive::<Time64NanosecondType>().value(row), Nanosecond)
        }
        DataType::Time64(_) => Value::Time(array.as_primitive::<Time64MicrosecondType>().value(row), Microsecond),
        DataType::Timestamp(unit, zone) => {
            let ticks = match unit {
                Second => array.as_primitive::<TimestampSecondType>().value(row),
                Millisecond => array.as_primitive::<TimestampMillisecondType>().value(row),
                Microsecond => array.as_primitive::<TimestampMicrosecondType>().value(row),
                Nanosecond => array.as_primitive::<TimestampNanosecondType>().value(row),
            };
            if zone.is_some() { Value::Instant(ticks, *unit) } else { Value::Timestamp(ticks, *unit) }
        }
        _ => return None,
    })
}

fn other(array: &dyn Array, row: usize) -> Value<'_> {
    match array.data_type() {
        DataType::Interval(IntervalUnit::YearMonth) => {
            let months = array.as_primitive::<IntervalYearMonthType>().value(row);
            Value::Other(format!("{}{}-{:02}", sign(months < 0), (months / 12).abs(), (months % 12).abs()))
        }
        _ => {
            let options = FormatOptions::default().with_display_error(true);
            let text = ArrayFormatter::try_new(array, &options).map(|formatter| formatter.value(row).to_string());
            Value::Other(text.unwrap_or_else(|error| error.to_string()))
        }
    }
}

fn sign(negative: bool) -> &'static str {
    if negative { "-" } else { "" }
}
