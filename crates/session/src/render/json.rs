//! Rows as JSON, exact: whole numbers and decimals keep all digits, instants are UTC with a `Z`, bytes are
//! Base64, what JSON has no number for (`NaN`) is a string. Controls and characters without shape are
//! escaped, so the same bytes are safe on a terminal and lossless in a pipe.

use std::fmt::Write;

use arrow::array::{Array, StructArray};

use super::base64::base64;
use super::gate;
use super::text::{decimal, scalar};
use super::value::{Value, value};

/// One value.
pub fn json(out: &mut String, cell: &Value<'_>) {
    match cell {
        Value::Null => out.push_str("null"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Int(_) => scalar(out, cell),
        Value::Float(number) if number.is_finite() => scalar(out, cell),
        Value::Double(number) if number.is_finite() => scalar(out, cell),
        Value::Decimal(unscaled, scale) => decimal(out, *unscaled, *scale),
        Value::Text(text) => string(out, text),
        Value::Other(text) => string(out, text),
        Value::Bytes(bytes) => {
            out.push('"');
            base64(out, bytes);
            out.push('"');
        }
        Value::List(items) => list(out, items.as_ref()),
        Value::Map(keys, values) => map(out, keys.as_ref(), values.as_ref()),
        Value::Row(row, index) => record(out, row, *index),
        quoted => {
            out.push('"');
            scalar(out, quoted);
            out.push('"');
        }
    }
}

/// A string with its quotes.
pub fn string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if gate::is_hostile(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}").expect("a string takes everything");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn list(out: &mut String, items: &dyn Array) {
    out.push('[');
    for index in 0..items.len() {
        out.push_str(if index > 0 { "," } else { "" });
        json(out, &value(items, index));
    }
    out.push(']');
}

/// Keys of an object are strings: other keys are written as their text.
fn map(out: &mut String, keys: &dyn Array, values: &dyn Array) {
    out.push('{');
    for index in 0..keys.len() {
        out.push_str(if index > 0 { "," } else { "" });
        let mut key = String::new();
        match value(keys, index) {
            nested @ (Value::List(_) | Value::Map(..) | Value::Row(..)) => json(&mut key, &nested),
            plain => scalar(&mut key, &plain),
        }
        string(out, &key);
        out.push(':');
        json(out, &value(values, index));
    }
    out.push('}');
}

fn record(out: &mut String, row: &StructArray, index: usize) {
    out.push('{');
    for (number, (column, field)) in row.columns().iter().zip(row.fields()).enumerate() {
        out.push_str(if number > 0 { "," } else { "" });
        string(out, field.name());
        out.push(':');
        json(out, &value(column.as_ref(), index));
    }
    out.push('}');
}
