//! Rows to CSV lines: quotes only where a field needs them, quotes inside doubled, null as the null
//! literal or nothing. Data is written as it is; a spreadsheet's formulas are the reader's affair.

use std::io::Write;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::*;
use millstream_record::{Error, Result};

use super::Dialect;
use crate::format::scalar::{encode_base64, write_date, write_decimal, write_time, write_timestamp};

const FITS: &str = "a vector takes all that is written";

/// Writes rows as lines of CSV.
pub(crate) struct CsvWriter {
    dialect: Dialect,
    header: Vec<String>,
}

impl CsvWriter {
    /// A writer of columns of these fields.
    pub(crate) fn new(fields: &[FieldRef], dialect: Dialect) -> Result<CsvWriter> {
        for field in fields {
            check(field.data_type(), field.name(), true)?;
        }
        Ok(CsvWriter { dialect, header: fields.iter().map(|field| field.name().clone()).collect() })
    }

    /// The line that names the columns, without its line end, if the dialect has one.
    pub(crate) fn header(&self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        for (index, name) in self.header.iter().enumerate() {
            self.begin_field(index, &mut line);
            self.text(name.as_bytes(), &mut line);
        }
        self.dialect.header.then_some(line)
    }

    /// Appends row `row` of the columns, without a line end.
    pub(crate) fn write(&self, columns: &[ArrayRef], row: usize, out: &mut Vec<u8>) {
        let mut text = Vec::new();
        for (index, column) in columns.iter().enumerate() {
            self.begin_field(index, out);
            if column.is_null(row) {
                out.extend_from_slice(self.dialect.null_literal.as_deref().unwrap_or_default());
                continue;
            }
            text.clear();
            self.value(column, row, &mut text);
            self.text(&text, out);
        }
    }

    fn begin_field(&self, index: usize, out: &mut Vec<u8>) {
        if index > 0 {
            out.push(self.dialect.delimiter);
        }
    }

    /// A field's text, in quotes if it could be taken for something else.
    fn text(&self, text: &[u8], out: &mut Vec<u8>) {
        let dialect = &self.dialect;
        let special = |byte: &u8| {
            [b'\n', b'\r', dialect.delimiter].contains(byte)
                || Some(*byte) == dialect.quote
                || Some(*byte) == dialect.escape
        };
        let mistakable = dialect.comments && text.starts_with(b"#") || dialect.null_literal.as_deref() == Some(text);
        let Some(quote) = dialect.quote.filter(|_| mistakable || text.iter().any(special)) else {
            for byte in text {
                out.extend(dialect.escape.filter(|_| special(byte)));
                out.push(*byte);
            }
            return;
        };
        out.push(quote);
        for &byte in text {
            if byte == quote {
                out.push(quote);
            } else if Some(byte) == dialect.escape {
                out.push(byte);
            }
            out.push(byte);
        }
        out.push(quote);
    }

    fn value(&self, column: &ArrayRef, row: usize, out: &mut Vec<u8>) {
        match column.data_type() {
            DataType::Boolean => write!(out, "{}", column.as_boolean().value(row)).expect(FITS),
            DataType::Int8 => write!(out, "{}", column.as_primitive::<Int8Type>().value(row)).expect(FITS),
            DataType::Int16 => write!(out, "{}", column.as_primitive::<Int16Type>().value(row)).expect(FITS),
            DataType::Int32 => write!(out, "{}", column.as_primitive::<Int32Type>().value(row)).expect(FITS),
            DataType::Int64 => write!(out, "{}", column.as_primitive::<Int64Type>().value(row)).expect(FITS),
            DataType::UInt64 => write!(out, "{}", column.as_primitive::<UInt64Type>().value(row)).expect(FITS),
            DataType::Float32 => write!(
                out,
                "{}",
                Java(
                    f64::from(column.as_primitive::<Float32Type>().value(row)),
                    column.as_primitive::<Float32Type>().value(row)
                )
            )
            .expect(FITS),
            DataType::Float64 => write!(
                out,
                "{}",
                Java(column.as_primitive::<Float64Type>().value(row), column.as_primitive::<Float64Type>().value(row))
            )
            .expect(FITS),
            DataType::Decimal128(_, scale) => {
                write_decimal(column.as_primitive::<Decimal128Type>().value(row), *scale, true, out)
            }
            DataType::Utf8 => out.extend_from_slice(column.as_string::<i32>().value(row).as_bytes()),
            DataType::Binary => encode_base64(column.as_binary::<i32>().value(row), out),
            DataType::Date32 => write_date(i64::from(column.as_primitive::<Date32Type>().value(row)), out),
            DataType::Time32(_) | DataType::Time64(_) => write_time(column, row, out),
            DataType::Timestamp(_, zone) => {
                write_timestamp(column, row, b' ', out);
                out.extend(zone.as_ref().map(|_| b'Z'));
            }
            DataType::List(_) => {
                let elements = column.as_list::<i32>().value(row);
                self.parts((0..elements.len()).map(|index| (&elements, index)), out);
            }
            DataType::Struct(_) => self.parts(column.as_struct().columns().iter().map(|part| (part, row)), out),
            _ => {}
        }
    }

    fn parts<'a>(&self, parts: impl Iterator<Item = (&'a ArrayRef, usize)>, out: &mut Vec<u8>) {
        for (index, (column, row)) in parts.enumerate() {
            if index > 0 {
                out.extend_from_slice(&self.dialect.array_delimiter);
            }
            if column.is_valid(row) {
                self.value(column, row, out);
            }
        }
    }
}

/// A float as Java writes it: its shortest text, and words for what is no number.
struct Java<T>(f64, T);

impl<T: std::fmt::Debug> std::fmt::Display for Java<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            value if value.is_nan() => f.write_str("NaN"),
            f64::INFINITY => f.write_str("Infinity"),
            f64::NEG_INFINITY => f.write_str("-Infinity"),
            _ => write!(f, "{:?}", self.1),
        }
    }
}

fn check(data_type: &DataType, name: &str, outermost: bool) -> Result<()> {
    use DataType::*;
    match data_type {
        Null | Boolean | Int8 | Int16 | Int32 | Int64 | UInt64 | Float32 | Float64 | Decimal128(..) | Utf8 | Binary
        | Date32 | Time32(_) | Time64(_) | Timestamp(..) => Ok(()),
        List(element) if outermost => check(element.data_type(), name, false),
        Struct(fields) if outermost => fields.iter().try_for_each(|field| check(field.data_type(), name, false)),
        other => Err(Error::Invalid(format!("the format csv cannot write the type {other} of '{name}'"))),
    }
}
