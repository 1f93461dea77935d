//! A value as text for people, and as text for machines that read CSV.

use std::fmt::Write;

use arrow::array::{Array, StructArray};

use super::base64::base64;
use super::clock_text::{self, Zone};
use super::gate;
use super::value::{Value, value};

/// A cell for people, on one line, harmless: it has been through the gate.
pub fn for_people(out: &mut String, cell: &Value<'_>, zone: Zone) {
    match cell {
        Value::Null => out.push_str("NULL"),
        Value::Text(text) => out.push_str(&gate::shown(text)),
        Value::Bytes(bytes) => out.push_str(&gate::shown_bytes(bytes)),
        Value::Instant(ticks, unit) => clock_text::instant(out, *ticks, *unit, zone),
        Value::Other(text) => out.push_str(&gate::shown(text)),
        Value::List(items) => list(out, items.as_ref(), zone),
        Value::Map(keys, values) => map(out, keys.as_ref(), values.as_ref(), zone),
        Value::Row(row, index) => record(out, row, *index, zone),
        plain => scalar(out, plain),
    }
}

fn list(out: &mut String, items: &dyn Array, zone: Zone) {
    out.push('[');
    for index in 0..items.len() {
        out.push_str(if index > 0 { ", " } else { "" });
        for_people(out, &value(items, index), zone);
    }
    out.push(']');
}

fn map(out: &mut String, keys: &dyn Array, values: &dyn Array, zone: Zone) {
    out.push('{');
    for index in 0..keys.len() {
        out.push_str(if index > 0 { ", " } else { "" });
        for_people(out, &value(keys, index), zone);
        out.push('=');
        for_people(out, &value(values, index), zone);
    }
    out.push('}');
}

fn record(out: &mut String, row: &StructArray, index: usize, zone: Zone) {
    out.push('(');
    for (number, (column, field)) in row.columns().iter().zip(row.fields()).enumerate() {
        out.push_str(if number > 0 { ", " } else { "" });
        write!(out, "{}: ", gate::shown(field.name())).expect("a string takes everything");
        for_people(out, &value(column.as_ref(), index), zone);
    }
    out.push(')');
}

/// Values that read the same everywhere: numbers, days, times. Instants are in UTC with a `Z`, so that the
/// text is exact without knowing a zone.
pub fn scalar(out: &mut String, cell: &Value<'_>) {
    let done = match cell {
        Value::Bool(true) => write!(out, "TRUE"),
        Value::Bool(false) => write!(out, "FALSE"),
        Value::Int(number) => write!(out, "{number}"),
        Value::Float(number) => write!(out, "{}", Real(f64::from(*number), format!("{number:?}"))),
        Value::Double(number) => write!(out, "{}", Real(*number, format!("{number:?}"))),
        Value::Decimal(unscaled, scale) => {
            decimal(out, *unscaled, *scale);
            Ok(())
        }
        Value::Bytes(bytes) => {
            base64(out, bytes);
            Ok(())
        }
        Value::Date(days) => {
            clock_text::date(out, *days);
            Ok(())
        }
        Value::Time(ticks, unit) => {
            clock_text::time_of_day(out, *ticks, *unit);
            Ok(())
        }
        Value::Timestamp(ticks, unit) => {
            clock_text::timestamp(out, *ticks, *unit);
            Ok(())
        }
        Value::Instant(ticks, unit) => {
            clock_text::timestamp(out, *ticks, *unit);
            write!(out, "Z")
        }
        Value::Text(text) => write!(out, "{text}"),
        Value::Other(text) => write!(out, "{text}"),
        Value::Null | Value::List(_) | Value::Map(..) | Value::Row(..) => Ok(()),
    };
    done.expect("a string takes everything");
}

/// A floating-point number with its shortest exact digits.
struct Real(f64, String);

impl std::fmt::Display for Real {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            number if number.is_nan() => f.write_str("NaN"),
            f64::INFINITY => f.write_str("Infinity"),
            f64::NEG_INFINITY => f.write_str("-Infinity"),
            _ => f.write_str(&self.1),
        }
    }
}

/// All digits of a decimal: `-12.50`.
pub fn decimal(out: &mut String, unscaled: i128, scale: i8) {
    let digits = unscaled.unsigned_abs().to_string();
    out.push_str(if unscaled < 0 { "-" } else { "" });
    match usize::try_from(scale) {
        Ok(0) => out.push_str(&digits),
        Ok(scale) => {
            let padded = format!("{digits:0>width$}", width = scale + 1);
            let (whole, fraction) = padded.split_at(padded.len() - scale);
            write!(out, "{whole}.{fraction}").expect("a string takes everything");
        }
        Err(_) => {
            out.push_str(&digits);
            let zeros = if unscaled == 0 { 0 } else { usize::from(scale.unsigned_abs()) };
            out.extend(std::iter::repeat_n('0', zeros));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(cell: Value<'_>) -> String {
        let mut out = String::new();
        scalar(&mut out, &cell);
        out
    }

    #[test]
    fn decimals_keep_every_digit() {
        assert_eq!(plain(Value::Decimal(-1250, 2)), "-12.50");
        assert_eq!(plain(Value::Decimal(5, 3)), "0.005");
        assert_eq!(plain(Value::Decimal(7, 0)), "7");
        assert_eq!(plain(Value::Decimal(7, -2)), "700");
        assert_eq!(plain(Value::Decimal(i128::MIN, 38)), "-1.70141183460469231731687303715884105728");
    }

    #[test]
    fn reals_are_the_shortest_text_that_reads_back() {
        assert_eq!(plain(Value::Double(0.1 + 0.2)), "0.30000000000000004");
        assert_eq!(plain(Value::Float(0.1)), "0.1");
        assert_eq!(plain(Value::Double(-0.0)), "-0.0");
        assert_eq!(plain(Value::Double(1e300)), "1e300");
        assert_eq!(plain(Value::Double(f64::NAN)), "NaN");
        assert_eq!(plain(Value::Double(f64::NEG_INFINITY)), "-Infinity");
    }
}
