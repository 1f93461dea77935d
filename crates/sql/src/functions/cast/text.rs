//! Values as Flink writes them: `TRUE`, `1.0E10`, `2021-03-28 02:30:00.000`.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::types::{Date32Type, Decimal128Type, Float32Type, Float64Type};
use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};
use chrono::{DateTime, Timelike};
use datafusion::common::Result;

use crate::functions::zone::Zone;

/// Each value as text; null stays null.
pub(super) fn written(array: &ArrayRef, zone: Zone) -> Result<ArrayRef> {
    let write = writer(array, zone)?;
    let mut out = StringBuilder::with_capacity(array.len(), array.len() * 16);
    let mut text = String::new();
    for row in 0..array.len() {
        if array.is_null(row) {
            out.append_null();
            continue;
        }
        text.clear();
        write(row, &mut text);
        out.append_value(&text);
    }
    Ok(Arc::new(out.finish()))
}

/// Appends the text of a row's value.
type Writer = Box<dyn Fn(usize, &mut String)>;

fn writer(array: &ArrayRef, zone: Zone) -> Result<Writer> {
    Ok(match array.data_type() {
        DataType::Boolean => {
            let values = array.as_boolean().clone();
            Box::new(move |row, text| text.push_str(if values.value(row) { "TRUE" } else { "FALSE" }))
        }
        DataType::Float32 => {
            let values = array.as_primitive::<Float32Type>().clone();
            Box::new(move |row, text| {
                let value = values.value(row);
                java(f64::from(value), &format!("{value:e}"), text);
            })
        }
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>().clone();
            Box::new(move |row, text| {
                let value = values.value(row);
                java(value, &format!("{value:e}"), text);
            })
        }
        DataType::Decimal128(_, _) => {
            let values = array.as_primitive::<Decimal128Type>().clone();
            Box::new(move |row, text| text.push_str(&values.value_as_string(row)))
        }
        DataType::Date32 => {
            let values = array.as_primitive::<Date32Type>().clone();
            Box::new(move |row, text| date(i64::from(values.value(row)) * 86_400, text))
        }
        DataType::Timestamp(unit, local) => moments(array, *unit, local.is_some().then_some(zone))?,
        DataType::Time32(_) | DataType::Time64(_) => times(array)?,
        DataType::Struct(_) => {
            let columns = array.as_struct().columns();
            let fields = columns.iter().map(|column| inner(column, zone)).collect::<Result<Vec<_>>>()?;
            Box::new(move |row, text| between('(', ')', fields.iter(), text, |field, text| field(row, text)))
        }
        DataType::List(_) => {
            let lists = array.as_list::<i32>().clone();
            let element = inner(lists.values(), zone)?;
            Box::new(move |row, text| {
                let offsets = lists.value_offsets();
                between('[', ']', offsets[row] as usize..offsets[row + 1] as usize, text, &*element);
            })
        }
        DataType::Map(_, _) => {
            let maps = array.as_map().clone();
            let (key, value) = (inner(maps.keys(), zone)?, inner(maps.values(), zone)?);
            Box::new(move |row, text| {
                let offsets = maps.value_offsets();
                between('{', '}', offsets[row] as usize..offsets[row + 1] as usize, text, |place, text| {
                    key(place, text);
                    text.push('=');
                    value(place, text);
                });
            })
        }
        _ => {
            let texts = cast(array, &DataType::Utf8)?.as_string::<i32>().clone();
            Box::new(move |row, text| text.push_str(texts.value(row)))
        }
    })
}

/// The text of a value inside another, where null is written out.
fn inner(array: &ArrayRef, zone: Zone) -> Result<Writer> {
    let (write, values) = (writer(array, zone)?, Arc::clone(array));
    Ok(Box::new(move |row, text| if values.is_null(row) { text.push_str("NULL") } else { write(row, text) }))
}

fn between<T>(
    open: char,
    close: char,
    parts: impl Iterator<Item = T>,
    text: &mut String,
    write: impl Fn(T, &mut String),
) {
    text.push(open);
    for (index, part) in parts.enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        write(part, text);
    }
    text.push(close);
}

/// `yyyy-MM-dd HH:mm:ss` with as many digits behind the second as the type has.
fn moments(array: &ArrayRef, unit: TimeUnit, zone: Option<Zone>) -> Result<Writer> {
    let digits = match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    };
    let per_second = 10i64.pow(digits);
    let raw = cast(array, &DataType::Int64)?.as_primitive::<arrow::datatypes::Int64Type>().clone();
    Ok(Box::new(move |row, text| {
        let value = raw.value(row);
        let (mut second, rest) = (value.div_euclid(per_second), value.rem_euclid(per_second));
        if let Some(zone) = zone {
            second = zone.to_wall(second.saturating_mul(1000)).div_euclid(1000);
        }
        moment(second, text);
        if digits > 0 {
            let _ = write!(text, ".{rest:0width$}", width = digits as usize);
        }
    }))
}

fn times(array: &ArrayRef) -> Result<Writer> {
    let millis = cast(array, &DataType::Time32(TimeUnit::Millisecond))?;
    let millis = millis.as_primitive::<arrow::array::types::Time32MillisecondType>().clone();
    Ok(Box::new(move |row, text| {
        let value = millis.value(row);
        let (second, rest) = (value / 1000, value % 1000);
        let _ = write!(text, "{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
        if rest > 0 {
            let _ = write!(text, ".{rest:03}");
        }
    }))
}

fn date(seconds: i64, text: &mut String) {
    if let Some(day) = DateTime::from_timestamp(seconds, 0) {
        let _ = write!(text, "{}", day.format("%Y-%m-%d"));
    }
}

fn moment(second: i64, text: &mut String) {
    match DateTime::from_timestamp(second, 0) {
        Some(moment) => {
            let (date, time) = (moment.date_naive(), moment.time());
            let _ = write!(text, "{date} {:02}:{:02}:{:02}", time.hour(), time.minute(), time.second());
        }
        None => {
            let _ = write!(text, "{second} s");
        }
    }
}

/// As Java's `Double.toString`: plain digits from 10^-3 up to 10^7, otherwise `d.dddE±n`. `scientific` is the
/// shortest text that reads back as the same number, as `d.ddde±n`.
fn java(value: f64, scientific: &str, text: &mut String) {
    if value.is_nan() {
        return text.push_str("NaN");
    }
    if value.is_infinite() {
        return text.push_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
    }
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, digits) = match mantissa.strip_prefix('-') {
        Some(digits) => ("-", digits.replace('.', "")),
        None => ("", mantissa.replace('.', "")),
    };
    text.push_str(sign);
    if value == 0.0 {
        return text.push_str("0.0");
    }
    match exponent {
        -3..=-1 => {
            text.push_str("0.");
            text.extend(std::iter::repeat_n('0', (-exponent - 1) as usize));
            text.push_str(&digits);
        }
        0..=6 => {
            let whole = exponent as usize + 1;
            let padded = format!("{digits:0<whole$}");
            text.push_str(&padded[..whole]);
            text.push('.');
            text.push_str(if padded.len() > whole { &padded[whole..] } else { "0" });
        }
        _ => {
            text.push_str(&digits[..1]);
            text.push('.');
            text.push_str(if digits.len() > 1 { &digits[1..] } else { "0" });
            let _ = write!(text, "E{exponent}");
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{BooleanArray, Float32Array, Float64Array, TimestampMillisecondArray};

    use super::*;

    fn texts(array: ArrayRef, zone: &str) -> Vec<Option<String>> {
        let array = written(&array, Zone::named(zone)).expect("has a text");
        array.as_string::<i32>().iter().map(|text| text.map(str::to_string)).collect()
    }

    #[test]
    fn numbers_are_written_as_java_writes_them() {
        let cases = [
            (1.0, "1.0"),
            (-0.5, "-0.5"),
            (100.0, "100.0"),
            (1234567.0, "1234567.0"),
            (12345678.0, "1.2345678E7"),
            (0.001, "0.001"),
            (0.0001, "1.0E-4"),
            (1e21, "1.0E21"),
            (0.0, "0.0"),
            (0.1 + 0.2, "0.30000000000000004"),
            (f64::INFINITY, "Infinity"),
        ];
        for (value, text) in cases {
            assert_eq!(texts(Arc::new(Float64Array::from(vec![value])), "UTC"), [Some(text.to_string())]);
        }
        assert_eq!(texts(Arc::new(Float32Array::from(vec![0.1])), "UTC"), [Some("0.1".to_string())]);
    }

    #[test]
    fn truths_and_times() {
        let truths = BooleanArray::from(vec![Some(true), None, Some(false)]);
        assert_eq!(texts(Arc::new(truths), "UTC"), [Some("TRUE".into()), None, Some("FALSE".into())]);
        let wall = TimestampMillisecondArray::from(vec![1_616_893_200_000, -1]);
        let expected = [Some("2021-03-28 01:00:00.000".into()), Some("1969-12-31 23:59:59.999".into())];
        assert_eq!(texts(Arc::new(wall.clone()), "Europe/Berlin"), expected);
        let instants = wall.with_timezone("UTC");
        assert_eq!(texts(Arc::new(instants), "Europe/Berlin")[0], Some("2021-03-28 03:00:00.000".into()));
    }
}
