//! Rows to JSON: one object a row, fields in the order of the columns. Timestamps are written as the
//! option `json.timestamp-format.standard` says; numbers that JSON does not have (NaN, infinity) become
//! text, which the decoder reads back.

use std::io::Write;

use arrow::array::{Array, ArrayRef, AsArray, MapArray};
use arrow::datatypes::*;
use millstream_record::{Error, Result};

use crate::format::scalar::{encode_base64, write_date, write_decimal, write_time, write_timestamp};

/// What to write for a null key of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NullKey {
    Fail,
    Drop,
    Literal(String),
}

/// What the options say about writing.
#[derive(Clone, Debug)]
pub(crate) struct Style {
    /// What stands between day and clock: `T` or a blank.
    pub(crate) separator: u8,
    pub(crate) null_key: NullKey,
    /// Decimals never have an exponent.
    pub(crate) plain_decimals: bool,
    /// Fields that are null are left out.
    pub(crate) omit_nulls: bool,
}

/// Writes rows as JSON objects.
pub(crate) struct JsonWriter {
    keys: Vec<Vec<u8>>,
    style: Style,
}

impl JsonWriter {
    /// A writer of columns of these fields.
    pub(crate) fn new(fields: &[FieldRef], style: Style) -> Result<JsonWriter> {
        for field in fields {
            check(field.data_type(), field.name())?;
        }
        Ok(JsonWriter { keys: fields.iter().map(|field| quoted(field.name())).collect(), style })
    }

    /// Appends row `row` of the columns, which have the writer's fields.
    pub(crate) fn write(&self, columns: &[ArrayRef], row: usize, out: &mut Vec<u8>) -> Result<()> {
        object(self.keys.iter().map(Vec::as_slice), columns, row, &self.style, out)
    }
}

/// Whether values of this type can be written.
fn check(data_type: &DataType, path: &str) -> Result<()> {
    use DataType::*;
    match data_type {
        Null | Boolean | Int8 | Int16 | Int32 | Int64 | UInt64 | Float32 | Float64 | Decimal128(..) | Utf8 | Binary
        | Date32 | Time32(_) | Time64(_) | Timestamp(..) => Ok(()),
        Struct(fields) => {
            fields.iter().try_for_each(|field| check(field.data_type(), &format!("{path}.{}", field.name())))
        }
        List(field) => check(field.data_type(), path),
        Map(field, _) => match field.data_type() {
            Struct(entry) if entry[0].data_type() == &Utf8 => check(entry[1].data_type(), path),
            _ => {
                Err(Error::Invalid(format!("the format json writes maps with keys of type STRING only; see '{path}'")))
            }
        },
        other => Err(Error::Invalid(format!("the format json cannot write the type {other} of '{path}'"))),
    }
}

/// A key with quotes and colon.
fn quoted(name: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(name.len() + 3);
    write_text(name.as_bytes(), &mut key);
    key.push(b':');
    key
}

fn object<'a>(
    keys: impl Iterator<Item = &'a [u8]>,
    columns: &[ArrayRef],
    row: usize,
    style: &Style,
    out: &mut Vec<u8>,
) -> Result<()> {
    out.push(b'{');
    let empty = out.len();
    for (key, column) in keys.zip(columns) {
        if style.omit_nulls && column.is_null(row) {
            continue;
        }
        if out.len() > empty {
            out.push(b',');
        }
        out.extend_from_slice(key);
        value(column, row, style, out)?;
    }
    out.push(b'}');
    Ok(())
}

/// Appends one value.
fn value(column: &ArrayRef, row: usize, style: &Style, out: &mut Vec<u8>) -> Result<()> {
    if column.is_null(row) {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    match column.data_type() {
        DataType::Boolean => out.extend_from_slice(if column.as_boolean().value(row) { b"true" } else { b"false" }),
        DataType::Int8 => number(column.as_primitive::<Int8Type>().value(row), out),
        DataType::Int16 => number(column.as_primitive::<Int16Type>().value(row), out),
        DataType::Int32 => number(column.as_primitive::<Int32Type>().value(row), out),
        DataType::Int64 => number(column.as_primitive::<Int64Type>().value(row), out),
        DataType::UInt64 => number(column.as_primitive::<UInt64Type>().value(row), out),
        DataType::Float32 => float(
            f64::from(column.as_primitive::<Float32Type>().value(row)),
            column.as_primitive::<Float32Type>().value(row),
            out,
        ),
        DataType::Float64 => {
            float(column.as_primitive::<Float64Type>().value(row), column.as_primitive::<Float64Type>().value(row), out)
        }
        DataType::Decimal128(_, scale) => {
            write_decimal(column.as_primitive::<Decimal128Type>().value(row), *scale, style.plain_decimals, out)
        }
        DataType::Utf8 => write_text(column.as_string::<i32>().value(row).as_bytes(), out),
        DataType::Binary => in_quotes(out, |out| encode_base64(column.as_binary::<i32>().value(row), out)),
        DataType::Date32 => {
            in_quotes(out, |out| write_date(i64::from(column.as_primitive::<Date32Type>().value(row)), out))
        }
        DataType::Time32(_) | DataType::Time64(_) => in_quotes(out, |out| write_time(column, row, out)),
        DataType::Timestamp(_, zone) => in_quotes(out, |out| {
            write_timestamp(column, row, style.separator, out);
            if zone.is_some() {
                out.push(b'Z');
            }
        }),
        DataType::Struct(fields) => {
            let keys: Vec<Vec<u8>> = fields.iter().map(|field| quoted(field.name())).collect();
            object(keys.iter().map(Vec::as_slice), column.as_struct().columns(), row, style, out)?;
        }
        DataType::List(_) => list(&column.as_list::<i32>().value(row), style, out)?,
        DataType::Map(..) => map(column.as_map(), row, style, out)?,
        _ => out.extend_from_slice(b"null"),
    }
    Ok(())
}

fn number(value: impl std::fmt::Display, out: &mut Vec<u8>) {
    write!(out, "{value}").expect("a vector takes all that is written");
}

/// A float as its shortest text that reads back as the same value, with a point as Java writes it.
fn float(value: f64, shortest: impl std::fmt::Debug, out: &mut Vec<u8>) {
    if value.is_finite() {
        write!(out, "{shortest:?}").expect("a vector takes all that is written");
    } else if value.is_nan() {
        out.extend_from_slice(b"\"NaN\"");
    } else {
        out.extend_from_slice(if value > 0.0 { b"\"Infinity\"" } else { b"\"-Infinity\"" });
    }
}

fn in_quotes(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

/// Text in quotes, with the escapes that JSON demands.
pub(crate) fn write_text(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut at = 0;
    while at < text.len() {
        let plain = super::simd::end_of_plain(text, at);
        out.extend_from_slice(&text[at..plain]);
        let Some(&special) = text.get(plain) else { break };
        match special {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => write!(out, "\\u{control:04x}").expect("a vector takes all that is written"),
        }
        at = plain + 1;
    }
    out.push(b'"');
}

fn list(values: &ArrayRef, style: &Style, out: &mut Vec<u8>) -> Result<()> {
    out.push(b'[');
    for index in 0..values.len() {
        if index > 0 {
            out.push(b',');
        }
        value(values, index, style, out)?;
    }
    out.push(b']');
    Ok(())
}

fn map(maps: &MapArray, row: usize, style: &Style, out: &mut Vec<u8>) -> Result<()> {
    let entries = maps.value(row);
    let keys = entries.column(0).as_string::<i32>();
    out.push(b'{');
    let empty = out.len();
    for index in 0..entries.len() {
        let key = match (keys.is_null(index), &style.null_key) {
            (false, _) => keys.value(index),
            (true, NullKey::Drop) => continue,
            (true, NullKey::Literal(literal)) => literal,
            (true, NullKey::Fail) => {
                return Err(Error::Invalid(
                    "a map has a null key, which JSON cannot hold; set 'json.map-null-key.mode' to DROP or LITERAL"
                        .into(),
                ));
            }
        };
        if out.len() > empty {
            out.push(b',');
        }
        write_text(key.as_bytes(), out);
        out.push(b':');
        value(entries.column(1), index, style, out)?;
    }
    out.push(b'}');
    Ok(())
}
