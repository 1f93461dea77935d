//! One column of scalars: walks the cells, parses each, and keeps nulls, defaults and refusals. The loop
//! is compiled once per type; the only thing decided per value is what kind of cell it is.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, BooleanArray, PrimitiveArray, StringArray};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::*;
use millstream_record::{Error, Result};

use super::decimal::Decimal;
use super::float::Float;
use super::integer::Integer;
use super::time::{Date, Separators, Time, Timestamp};
use super::{Parse, Refusal, base64, trim, type_name};
use crate::format::cells::{Absent, Cell, Cells, Piece, Verdict};

/// What a column asks of its values.
pub(crate) struct Rule {
    /// The column's name, with the path into it.
    pub(crate) name: String,
    /// The SQL name of its type.
    pub(crate) type_name: String,
    pub(crate) nullable: bool,
    /// A value that cannot be read becomes null where null may stand.
    pub(crate) null_on_error: bool,
    /// A record without the field is refused.
    pub(crate) missing_fails: bool,
}

impl Rule {
    pub(crate) fn new(name: impl Into<String>, data_type: &DataType, nullable: bool) -> Rule {
        let type_name = type_name(data_type);
        Rule { name: name.into(), type_name, nullable, null_on_error: false, missing_fails: false }
    }

    /// Decides on an absent value: it is null, or its row is refused.
    #[cold]
    pub(crate) fn absent(&self, absent: Absent, row: u32, verdict: &mut Verdict) {
        match absent {
            Absent::Missing if self.missing_fails || !self.nullable => {
                verdict.refuse(row, || format!("column '{}': the field is missing", self.name));
            }
            Absent::Null if !self.nullable => {
                verdict.refuse(row, || format!("column '{}': null stands in a column that is NOT NULL", self.name));
            }
            _ => {}
        }
    }

    /// Decides on a value that cannot be read: it is null, or its row is refused.
    #[cold]
    pub(crate) fn unreadable(&self, cells: &Cells<'_>, index: usize, refusal: Refusal, verdict: &mut Verdict) {
        if self.null_on_error && self.nullable {
            return;
        }
        let sentence = refusal.sentence(&self.type_name);
        let reason = || format!("column '{}': {} {sentence}", self.name, cells.shown(index));
        verdict.refuse(cells.owner(index), reason);
    }
}

/// A scalar type, with what its parser remembers.
pub(crate) enum Scalar {
    Boolean,
    Int8,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    Decimal(u8, i8),
    Text,
    Bytes,
    Date,
    TimeSecond,
    TimeMilli,
    TimeMicro,
    TimeNano,
    Stamp(TimeUnit, Option<Arc<str>>, Separators),
}

impl Scalar {
    /// The parser for an Arrow type.
    pub(crate) fn new(data_type: &DataType, separators: Separators) -> Result<Scalar> {
        Ok(match data_type {
            DataType::Boolean => Scalar::Boolean,
            DataType::Int8 => Scalar::Int8,
            DataType::Int16 => Scalar::Int16,
            DataType::Int32 => Scalar::Int32,
            DataType::Int64 => Scalar::Int64,
            DataType::Float32 => Scalar::Float32,
            DataType::Float64 => Scalar::Float64,
            DataType::Decimal128(precision, scale) => Scalar::Decimal(*precision, *scale),
            DataType::Utf8 => Scalar::Text,
            DataType::Binary => Scalar::Bytes,
            DataType::Date32 => Scalar::Date,
            DataType::Time32(TimeUnit::Second) => Scalar::TimeSecond,
            DataType::Time32(TimeUnit::Millisecond) => Scalar::TimeMilli,
            DataType::Time64(TimeUnit::Microsecond) => Scalar::TimeMicro,
            DataType::Time64(TimeUnit::Nanosecond) => Scalar::TimeNano,
            DataType::Timestamp(unit, zone) => Scalar::Stamp(*unit, zone.clone(), separators),
            other => {
                let name = type_name(other);
                return Err(Error::Invalid(format!("the formats json and csv cannot read the type {name}")));
            }
        })
    }

    /// The column of these cells. Refused rows hold a default value.
    pub(crate) fn build(&self, cells: &Cells<'_>, rule: &Rule, verdict: &mut Verdict) -> Result<ArrayRef> {
        Ok(match self {
            Scalar::Boolean => booleans(cells, rule, verdict),
            Scalar::Int8 => Arc::new(primitive(Integer::<Int8Type>::new(), cells, rule, verdict)),
            Scalar::Int16 => Arc::new(primitive(Integer::<Int16Type>::new(), cells, rule, verdict)),
            Scalar::Int32 => Arc::new(primitive(Integer::<Int32Type>::new(), cells, rule, verdict)),
            Scalar::Int64 => Arc::new(primitive(Integer::<Int64Type>::new(), cells, rule, verdict)),
            Scalar::Float32 => Arc::new(primitive(Float::<Float32Type>::new(), cells, rule, verdict)),
            Scalar::Float64 => Arc::new(primitive(Float::<Float64Type>::new(), cells, rule, verdict)),
            Scalar::Decimal(precision, scale) => {
                let (precision, scale) = (*precision, *scale);
                let array = primitive(Decimal { precision, scale }, cells, rule, verdict);
                Arc::new(array.with_precision_and_scale(precision, scale)?)
            }
            Scalar::Text => texts(cells, rule, verdict)?,
            Scalar::Bytes => bytes(cells, rule, verdict)?,
            Scalar::Date => Arc::new(primitive(Date, cells, rule, verdict)),
            Scalar::TimeSecond => times::<Time32SecondType>(TimeUnit::Second, cells, rule, verdict),
            Scalar::TimeMilli => times::<Time32MillisecondType>(TimeUnit::Millisecond, cells, rule, verdict),
            Scalar::TimeMicro => times::<Time64MicrosecondType>(TimeUnit::Microsecond, cells, rule, verdict),
            Scalar::TimeNano => times::<Time64NanosecondType>(TimeUnit::Nanosecond, cells, rule, verdict),
            Scalar::Stamp(unit, zone, separators) => match unit {
                TimeUnit::Second => stamps::<TimestampSecondType>(*unit, zone, *separators, cells, rule, verdict),
                TimeUnit::Millisecond => {
                    stamps::<TimestampMillisecondType>(*unit, zone, *separators, cells, rule, verdict)
                }
                TimeUnit::Microsecond => {
                    stamps::<TimestampMicrosecondType>(*unit, zone, *separators, cells, rule, verdict)
                }
                TimeUnit::Nanosecond => {
                    stamps::<TimestampNanosecondType>(*unit, zone, *separators, cells, rule, verdict)
                }
            },
        })
    }
}

/// Which values are there; nothing is allocated until the first null.
pub(crate) struct Validity {
    bits: Option<arrow::array::BooleanBufferBuilder>,
    length: usize,
}

impl Validity {
    pub(crate) fn new(length: usize) -> Self {
        Validity { bits: None, length }
    }

    /// Marks value `index` as null.
    #[cold]
    pub(crate) fn set_null(&mut self, index: usize) {
        let bits = self.bits.get_or_insert_with(|| {
            let mut bits = arrow::array::BooleanBufferBuilder::new(self.length);
            bits.append_n(self.length, true);
            bits
        });
        bits.set_bit(index, false);
    }

    pub(crate) fn finish(self) -> Option<NullBuffer> {
        Some(NullBuffer::new(self.bits?.finish()))
    }
}

fn primitive<P: Parse>(mut parse: P, cells: &Cells<'_>, rule: &Rule, verdict: &mut Verdict) -> PrimitiveArray<P::Type> {
    let mut values = Vec::with_capacity(cells.len());
    let mut validity = Validity::new(cells.len());
    for index in 0..cells.len() {
        let parsed = match cells.get(index) {
            Cell::Number(number) => parse.number(number),
            Cell::Text(text) => parse.text(text),
            Cell::Bool(_) | Cell::Nested(_) => Err(Refusal::NotA),
            Cell::Absent(absent) => {
                rule.absent(absent, cells.owner(index), verdict);
                null_if(rule, index, &mut validity);
                values.push(Default::default());
                continue;
            }
        };
        values.push(parsed.unwrap_or_else(|refusal| {
            rule.unreadable(cells, index, refusal, verdict);
            null_if(rule, index, &mut validity);
            Default::default()
        }));
    }
    PrimitiveArray::new(ScalarBuffer::from(values), validity.finish())
}

/// A column that is NOT NULL never holds a null, not even in rows that are refused and dropped later.
pub(crate) fn null_if(rule: &Rule, index: usize, validity: &mut Validity) {
    if rule.nullable {
        validity.set_null(index);
    }
}

fn times<T: ArrowPrimitiveType>(unit: TimeUnit, cells: &Cells<'_>, rule: &Rule, verdict: &mut Verdict) -> ArrayRef
where
    T::Native: TryFrom<i64>,
{
    Arc::new(primitive(Time { unit, marker: PhantomData::<T> }, cells, rule, verdict))
}

fn stamps<T: ArrowTimestampType>(
    unit: TimeUnit,
    zone: &Option<Arc<str>>,
    separators: Separators,
    cells: &Cells<'_>,
    rule: &Rule,
    verdict: &mut Verdict,
) -> ArrayRef {
    let parse = Timestamp::<T>::new(unit, zone.is_some(), separators);
    Arc::new(primitive(parse, cells, rule, verdict).with_timezone_opt(zone.clone()))
}

fn booleans(cells: &Cells<'_>, rule: &Rule, verdict: &mut Verdict) -> ArrayRef {
    let mut validity = Validity::new(cells.len());
    let values = BooleanBuffer::collect_bool(cells.len(), |index| match cells.get(index) {
        Cell::Bool(value) => value,
        Cell::Text(text) if trim(text.bytes()).eq_ignore_ascii_case(b"true") => true,
        Cell::Text(text) if trim(text.bytes()).eq_ignore_ascii_case(b"false") => false,
        Cell::Absent(absent) => {
            rule.absent(absent, cells.owner(index), verdict);
            null_if(rule, index, &mut validity);
            false
        }
        Cell::Text(_) | Cell::Number(_) | Cell::Nested(_) => {
            rule.unreadable(cells, index, Refusal::NotA, verdict);
            null_if(rule, index, &mut validity);
            false
        }
    });
    Arc::new(BooleanArray::new(values, validity.finish()))
}

/// Appends each value by `append`, which says whether it could be read.
fn variable(
    cells: &Cells<'_>,
    rule: &Rule,
    verdict: &mut Verdict,
    append: impl Fn(Cell<'_>, &mut Vec<u8>) -> bool,
) -> (OffsetBuffer<i32>, Buffer, Option<NullBuffer>) {
    let total = cells.spans.iter().map(|span| span.length()).sum();
    let mut bytes = Vec::with_capacity(total);
    let mut offsets = Vec::with_capacity(cells.len() + 1);
    let mut validity = Validity::new(cells.len());
    offsets.push(0);
    for index in 0..cells.len() {
        match cells.get(index) {
            Cell::Absent(absent) => {
                rule.absent(absent, cells.owner(index), verdict);
                null_if(rule, index, &mut validity);
            }
            cell => {
                if !append(cell, &mut bytes) {
                    rule.unreadable(cells, index, Refusal::NotA, verdict);
                    null_if(rule, index, &mut validity);
                }
            }
        }
        // No value grows when it is decoded, and a chunk is far below 2 GiB.
        offsets.push(bytes.len() as i32);
    }
    (OffsetBuffer::new(ScalarBuffer::from(offsets)), Buffer::from_vec(bytes), validity.finish())
}

fn texts(cells: &Cells<'_>, rule: &Rule, verdict: &mut Verdict) -> Result<ArrayRef> {
    let (offsets, bytes, nulls) = variable(cells, rule, verdict, |cell, out| {
        match cell {
            Cell::Text(Piece { tail, length }) => out.extend_from_slice(&tail[..length]),
            Cell::Number(number) => out.extend_from_slice(number.bytes()),
            Cell::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
            Cell::Nested(json) => compact(json, out),
            Cell::Absent(_) => {}
        }
        true
    });
    Ok(Arc::new(StringArray::try_new(offsets, bytes, nulls)?) as ArrayRef)
}

fn bytes(cells: &Cells<'_>, rule: &Rule, verdict: &mut Verdict) -> Result<ArrayRef> {
    let (offsets, bytes, nulls) = variable(cells, rule, verdict, |cell, out| match cell {
        Cell::Text(text) => base64::decode(text.bytes(), out).is_some(),
        _ => false,
    });
    Ok(Arc::new(BinaryArray::try_new(offsets, bytes, nulls)?) as ArrayRef)
}

/// JSON text without the blanks between its tokens, as Flink writes a nested value into a STRING.
fn compact(json: &[u8], out: &mut Vec<u8>) {
    let (mut in_text, mut escaped) = (false, false);
    for &byte in json {
        if in_text {
            in_text = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if byte <= b' ' {
            continue;
        } else {
            in_text = byte == b'"';
        }
        out.push(byte);
    }
}
