//! What to make for each column: the `fields.*` options, checked against the columns' types.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::str::FromStr;

use arrow::datatypes::{DataType, Field as ArrowField};
use millstream_record::{Column, Error, Options, Result, parse_duration};

/// The length of a text, and of an array or map, if nothing else is said; as in Flink.
const TEXT_LENGTH: usize = 100;
const LIST_LENGTH: usize = 3;
/// The longest text or array: a typing error should not fill the memory.
const LONGEST: usize = 1 << 20;

/// How the values of one column (or of a part of a nested one) are made.
#[derive(Clone, Debug)]
pub(super) struct Field {
    /// Sets its chance apart from that of other fields.
    pub stream: u64,
    /// The share of nulls, 0 to 1.
    pub null_rate: f64,
    /// What is made.
    pub make: Make,
    /// The type of the values.
    pub data_type: DataType,
}

/// What is made. Bounds are inclusive.
#[derive(Clone, Debug)]
pub(super) enum Make {
    /// `start`, `start + 1`, … `end`.
    Sequence { start: i64, end: i64 },
    /// Whole numbers.
    Integer { min: i64, max: i64 },
    /// Numbers with a fraction.
    Float { min: f64, max: f64 },
    /// Decimals, in units of their last digit.
    Decimal { min: i128, max: i128 },
    /// True or false.
    Boolean,
    /// Hexadecimal digits, or the bytes of them.
    Text { length: Length },
    /// Times at most so many milliseconds before the clock's.
    Past { max_past_ms: u64 },
    /// The clock's day or time of day.
    Now,
    /// Arrays.
    List { element: Box<Field>, length: Length },
    /// Maps.
    Map { key: Box<Field>, value: Box<Field>, length: Length },
    /// Nested rows.
    Row(Vec<Field>),
}

/// How long a value is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Length {
    /// So long, or at most so long.
    pub length: usize,
    /// Whether shorter ones occur (down to 1).
    pub varies: bool,
}

/// The fields of a table, by column.
#[derive(Clone, Debug)]
pub(super) struct Fields(Vec<Field>);

impl Fields {
    /// Reads the options of all columns; an option that speaks of no column is an error.
    pub fn new(columns: &[Column], options: &Options) -> Result<Fields> {
        let typed = Typed { left: RefCell::new(options.under("fields.").collect()), streams: RefCell::new(0) };
        let fields = columns.iter().map(|column| typed.field(&column.name, &column.data_type));
        let fields = fields.collect::<Result<Vec<_>>>()?;
        let mut both = columns.iter().zip(&fields);
        if let Some((column, _)) = both.find(|(column, field)| !column.nullable && field.null_rate > 0.0) {
            return Err(Error::Invalid(format!(
                "column '{0}' is NOT NULL, so 'fields.{0}.null-rate' must be 0",
                column.name
            )));
        }
        match typed.left.into_inner().keys().next() {
            None => Ok(Fields(fields)),
            Some(name) => Err(Error::Invalid(format!(
                "option 'fields.{name}' fits no column: it must be fields.<column>. and one of kind, min, max, \
                 max-past, length, var-len, start, end, null-rate, and fit the column's type and kind"
            ))),
        }
    }

    /// The field of a column.
    pub fn get(&self, column: usize) -> &Field {
        &self.0[column]
    }

    /// How many rows the shortest sequence has, if there is a sequence.
    pub fn shortest_sequence(&self) -> Option<u64> {
        self.0.iter().filter_map(Field::sequence_length).min()
    }
}

impl Field {
    fn sequence_length(&self) -> Option<u64> {
        match &self.make {
            Make::Sequence { start, end } => {
                Some((i128::from(*end) - i128::from(*start) + 1).try_into().unwrap_or(u64::MAX))
            }
            Make::Row(fields) => fields.iter().filter_map(Field::sequence_length).min(),
            _ => None,
        }
    }
}

/// The options that have not been asked for yet.
struct Typed<'a> {
    left: RefCell<BTreeMap<&'a str, &'a str>>,
    streams: RefCell<u64>,
}

impl Typed<'_> {
    fn text(&self, field: &str, what: &str) -> Option<&str> {
        self.left.borrow_mut().remove(format!("{field}.{what}").as_str())
    }

    fn value<T: FromStr>(&self, field: &str, what: &str, wanted: &str) -> Result<Option<T>> {
        let Some(text) = self.text(field, what) else { return Ok(None) };
        text.trim().parse().map(Some).map_err(|_| wrong(field, what, text, wanted))
    }

    fn field(&self, name: &str, data_type: &DataType) -> Result<Field> {
        let stream = *self.streams.borrow();
        *self.streams.borrow_mut() += 1;
        let null_rate = self.value(name, "null-rate", "a number from 0 to 1")?.unwrap_or(0.0);
        if !(0.0..=1.0).contains(&null_rate) {
            return Err(wrong(name, "null-rate", &null_rate.to_string(), "a number from 0 to 1"));
        }
        let make = match self.text(name, "kind") {
            None | Some("random") => self.random(name, data_type)?,
            Some("sequence") => self.sequence(name, data_type)?,
            Some(kind) => return Err(wrong(name, "kind", kind, "'random' or 'sequence'")),
        };
        Ok(Field { stream, null_rate, make, data_type: data_type.clone() })
    }

    fn sequence(&self, name: &str, data_type: &DataType) -> Result<Make> {
        use DataType::{Decimal128, Float32, Float64, Int8, Int16, Int32, Int64, Utf8};
        if !matches!(data_type, Int8 | Int16 | Int32 | Int64 | Float32 | Float64 | Decimal128(..) | Utf8) {
            return Err(Error::Invalid(format!("column '{name}' of type {data_type} cannot be a sequence")));
        }
        let bound = |what| -> Result<i64> {
            let missing = || {
                Error::Invalid(format!("option 'fields.{name}.{what}' is missing: a sequence needs its start and end"))
            };
            self.value(name, what, "a whole number")?.ok_or_else(missing)
        };
        let (start, end) = (bound("start")?, bound("end")?);
        let (least, most) = integers(data_type).unwrap_or((i64::MIN, i64::MAX));
        if start > end || start < least || end > most {
            let wanted = format!("the end of a sequence from {start} of type {data_type}");
            return Err(wrong(name, "end", &end.to_string(), &wanted));
        }
        Ok(Make::Sequence { start, end })
    }

    fn random(&self, name: &str, data_type: &DataType) -> Result<Make> {
        if let Some((least, most)) = integers(data_type) {
            let min = self.value(name, "min", "a whole number")?.unwrap_or(least);
            let max = self.value(name, "max", "a whole number")?.unwrap_or(most);
            return ordered(name, min, max, least, most).map(|()| Make::Integer { min, max });
        }
        Ok(match data_type {
            DataType::Boolean => Make::Boolean,
            DataType::Float32 => self.float(name, f64::from(f32::MIN), f64::from(f32::MAX))?,
            DataType::Float64 => self.float(name, f64::MIN, f64::MAX)?,
            DataType::Decimal128(precision, scale) => self.decimal(name, *precision, *scale)?,
            DataType::Utf8 | DataType::Binary => Make::Text { length: self.length(name, TEXT_LENGTH)? },
            DataType::Timestamp(..) => {
                let text = self.text(name, "max-past").unwrap_or("0 ms");
                let past = parse_duration(text).ok_or_else(|| wrong(name, "max-past", text, "a stretch of time"))?;
                Make::Past { max_past_ms: past.as_millis() as u64 }
            }
            DataType::Date32 | DataType::Time32(_) | DataType::Time64(_) => Make::Now,
            DataType::List(element) => {
                let element = Box::new(self.part(name, "element", element)?);
                Make::List { element, length: self.length(name, LIST_LENGTH)? }
            }
            DataType::Map(entry, _) => {
                let DataType::Struct(parts) = entry.data_type() else { return Err(unknown(name, data_type)) };
                let key = Box::new(self.part(name, "map.key", &parts[0])?);
                let value = Box::new(self.part(name, "map.value", &parts[1])?);
                Make::Map { key, value, length: self.length(name, LIST_LENGTH)? }
            }
            DataType::Struct(parts) => {
                Make::Row(parts.iter().map(|part| self.part(name, part.name(), part)).collect::<Result<_>>()?)
            }
            _ => return Err(unknown(name, data_type)),
        })
    }

    fn part(&self, name: &str, part: &str, field: &ArrowField) -> Result<Field> {
        self.field(&format!("{name}.{part}"), field.data_type())
    }

    fn float(&self, name: &str, least: f64, most: f64) -> Result<Make> {
        let min = self.value(name, "min", "a number")?.unwrap_or(least);
        let max = self.value(name, "max", "a number")?.unwrap_or(most);
        ordered(name, min, max, least, most).map(|()| Make::Float { min, max })
    }

    fn decimal(&self, name: &str, precision: u8, scale: i8) -> Result<Make> {
        let most = 10i128.pow(u32::from(precision.min(38))) - 1;
        let unit = 10f64.powi(i32::from(scale));
        let scaled = |what, otherwise| -> Result<i128> {
            let number: Option<f64> = self.value(name, what, "a number")?;
            Ok(number.map_or(otherwise, |number| (number * unit).round() as i128))
        };
        let (min, max) = (scaled("min", -most)?, scaled("max", most)?);
        ordered(name, min, max, -most, most).map(|()| Make::Decimal { min, max })
    }

    fn length(&self, name: &str, otherwise: usize) -> Result<Length> {
        let length = self.value(name, "length", "a whole number")?.unwrap_or(otherwise);
        if length > LONGEST {
            return Err(wrong(name, "length", &length.to_string(), &format!("at most {LONGEST}")));
        }
        let varies = self.value(name, "var-len", "true or false")?.unwrap_or(false);
        Ok(Length { length, varies })
    }
}

/// The least and the greatest number of an integer type.
fn integers(data_type: &DataType) -> Option<(i64, i64)> {
    Some(match data_type {
        DataType::Int8 => (i64::from(i8::MIN), i64::from(i8::MAX)),
        DataType::Int16 => (i64::from(i16::MIN), i64::from(i16::MAX)),
        DataType::Int32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
        DataType::Int64 => (i64::MIN, i64::MAX),
        _ => return None,
    })
}

fn ordered<T: PartialOrd + std::fmt::Display>(name: &str, min: T, max: T, least: T, most: T) -> Result<()> {
    if min >= least && min <= max && max <= most {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "options 'fields.{name}.min' and 'fields.{name}.max' do not fit: {min} to {max} is no range of the column's \
         type, which goes from {least} to {most}"
    )))
}

fn wrong(field: &str, what: &str, text: &str, wanted: &str) -> Error {
    Error::Invalid(format!("option 'fields.{field}.{what}' = '{text}' is not {wanted}"))
}

fn unknown(name: &str, data_type: &DataType) -> Error {
    Error::Invalid(format!("datagen cannot make values of type {data_type} for column '{name}'"))
}
