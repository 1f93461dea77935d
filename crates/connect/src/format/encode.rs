//! From rows to records: keys and values in the formats that the options name. Deletions become
//! tombstones where the sink upserts by key.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{FieldRef, TimestampMillisecondType};
use millstream_record::{Batch, Column, Error, Kind, Options, Origin, Result};

use super::csv::CsvWriter;
use super::debezium::DebeziumWriter;
use super::json::JsonWriter;
use super::raw::RawWriter;
use super::settings::{Parts, Settings};
use super::{Header, Segments, metadata};

/// Records to write, in row order.
#[derive(Debug, Default)]
pub struct Encoded {
    /// The key of each record; `None` where the sink has no key format.
    pub keys: Option<Segments>,
    /// The value of each record; a missing one is a tombstone.
    pub values: Segments,
    /// The timestamp of each record in milliseconds, if the table writes the metadata column `timestamp`; -1 for null.
    pub timestamps: Option<Vec<i64>>,
    /// The headers of each record, if the table writes the metadata column `headers`.
    pub headers: Option<Vec<Vec<Header>>>,
}

impl Encoded {
    /// How many records.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// Writes one part of a record in one format.
pub(crate) enum Writer {
    Json(JsonWriter),
    Csv(CsvWriter),
    Raw(RawWriter),
    Debezium(DebeziumWriter),
}

impl Writer {
    /// Appends row `row` of the part's columns; false if the value is missing (a null in `raw`).
    fn write(&self, columns: &[ArrayRef], row: usize, kind: Kind, out: &mut Vec<u8>) -> Result<bool> {
        match self {
            Writer::Json(json) => json.write(columns, row, out)?,
            Writer::Csv(csv) => csv.write(columns, row, out),
            Writer::Raw(_) if columns[0].is_null(row) => return Ok(false),
            Writer::Raw(raw) => raw.write(&columns[0], row, out),
            Writer::Debezium(debezium) => debezium.write(columns, row, kind, out)?,
        }
        Ok(true)
    }
}

/// A part of the records: which columns it holds and how it is written.
struct Part {
    columns: Vec<usize>,
    fields: Vec<FieldRef>,
    writer: Writer,
}

impl Part {
    fn new(columns: Vec<usize>, fields: &[FieldRef], settings: &Settings) -> Result<Part> {
        Ok(Part { columns, fields: fields.to_vec(), writer: settings.writer(fields)? })
    }

    /// The part's columns, as they are declared.
    fn select(&self, batch: &Batch) -> Result<Vec<ArrayRef>> {
        let column = |(index, field): (&usize, &FieldRef)| as_declared(batch.rows.column(*index), field);
        self.columns.iter().zip(&self.fields).map(column).collect()
    }
}

/// A column in the type that the table declares, which the query's may differ from. A value that does not
/// fit it is an error.
pub(crate) fn as_declared(column: &ArrayRef, field: &FieldRef) -> Result<ArrayRef> {
    if column.data_type() == field.data_type() {
        return Ok(column.clone());
    }
    let exactly = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(column, field.data_type(), &exactly).map_err(|error| {
        Error::Invalid(format!("the column '{}' cannot be written as declared: {error}", field.name()))
    })
}

/// What becomes of a row.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Written,
    Tombstone,
    LeftOut,
}

/// Encodes the rows of one sink.
pub struct Encode {
    value: Part,
    key: Option<Part>,
    upserts: bool,
    timestamp: Option<usize>,
    headers: Option<usize>,
}

impl Encode {
    /// An encoder for `columns`; `key` are the indices of the primary key. With a primary key the sink
    /// upserts: `-U` is left out and `-D` becomes a tombstone. Without one only insertions are taken,
    /// unless the format carries kinds (`debezium-json`).
    pub fn new(columns: &[Column], key: &[usize], options: &Options) -> Result<Encode> {
        let mut parts = Parts::new(columns, options)?;
        if parts.key.is_empty() {
            parts.key = key.to_vec();
        }
        let settings = Settings::of_value(options)?;
        let carries_kinds = settings.format == "debezium-json";
        let fields = parts.value_fields(columns);
        let value = Part::new(parts.value.clone(), &fields, &settings)?;
        let key_settings = match Settings::of_key(options)? {
            None if parts.key.is_empty() => None,
            None => Some(settings.for_key()),
            given => given,
        };
        let key_part = match key_settings {
            Some(_) if parts.key.is_empty() => {
                return Err(Error::Invalid(
                    "'key.format' is given, but neither 'key.fields' nor a primary key says what the key holds".into(),
                ));
            }
            Some(settings) => Some(Part::new(parts.key.clone(), &parts.key_fields(columns), &settings)?),
            None => None,
        };
        let (timestamp, headers) = (written(columns, "timestamp"), written(columns, "headers"));
        refuse_others(columns)?;
        Ok(Encode { value, key: key_part, upserts: !key.is_empty() && !carries_kinds, timestamp, headers })
    }

    /// Whether kinds other than `+I` can be written.
    pub fn takes_changes(&self) -> bool {
        self.upserts || matches!(self.value.writer, Writer::Debezium(_))
    }

    /// The first line of a file, if its columns are named there (`csv.header`).
    pub fn header(&self) -> Option<Vec<u8>> {
        match &self.value.writer {
            Writer::Csv(csv) => csv.header(),
            _ => None,
        }
    }

    fn fate(&self, kind: Kind) -> Result<Fate> {
        match kind {
            _ if matches!(self.value.writer, Writer::Debezium(_)) => Ok(Fate::Written),
            Kind::Insert => Ok(Fate::Written),
            Kind::UpdateAfter if self.upserts => Ok(Fate::Written),
            Kind::UpdateBefore if self.upserts => Ok(Fate::LeftOut),
            Kind::Delete if self.upserts => Ok(Fate::Tombstone),
            other => Err(Error::Invalid(format!(
                "this sink takes insertions only, but the query changes rows it gave before ({}); give the table a PRIMARY KEY or the format 'debezium-json'",
                other.mark()
            ))),
        }
    }

    /// The records for a batch; fewer than rows where a `-U` is left out.
    pub fn apply(&mut self, batch: &Batch) -> Result<Encoded> {
        let fates: Vec<Fate> = (0..batch.len()).map(|row| self.fate(batch.kind(row))).collect::<Result<_>>()?;
        let rows = || (0..batch.len()).filter(|&row| fates[row] != Fate::LeftOut);
        let columns = self.value.select(batch)?;
        let mut values = Segments::with_capacity(batch.len(), batch.len() * 64);
        for row in rows() {
            match fates[row] {
                Fate::Tombstone => values.push(None),
                _ => push(&mut values, &self.value.writer, &columns, row, batch.kind(row))?,
            }
        }
        let keys = match &self.key {
            None => None,
            Some(part) => {
                let (columns, mut keys) = (part.select(batch)?, Segments::with_capacity(batch.len(), batch.len() * 16));
                rows().try_for_each(|row| push(&mut keys, &part.writer, &columns, row, Kind::Insert))?;
                Some(keys)
            }
        };
        let timestamps = match self.timestamp {
            None => None,
            Some(index) => {
                let column = cast(batch.rows.column(index), &metadata::timestamp_type())?;
                let column = column.as_primitive::<TimestampMillisecondType>();
                Some(rows().map(|row| if column.is_null(row) { -1 } else { column.value(row) }).collect())
            }
        };
        let headers = self.headers.map(|index| rows().map(|row| headers_at(batch.rows.column(index), row)).collect());
        Ok(Encoded { keys, values, timestamps, headers })
    }
}

/// Adds what the writer makes of a row.
fn push(segments: &mut Segments, writer: &Writer, columns: &[ArrayRef], row: usize, kind: Kind) -> Result<()> {
    let mut outcome = Ok(true);
    segments.push_with(|out| outcome = writer.write(columns, row, kind, out));
    if !outcome? {
        segments.miss_last();
    }
    Ok(())
}

/// The column that is written as the metadata `key`.
fn written(columns: &[Column], key: &str) -> Option<usize> {
    columns.iter().position(|column| matches!(&column.origin, Origin::Metadata(name) if name == key))
}

fn refuse_others(columns: &[Column]) -> Result<()> {
    let read_only =
        |column: &&Column| matches!(&column.origin, Origin::Metadata(key) if key != "timestamp" && key != "headers");
    match columns.iter().find(read_only) {
        Some(column) => {
            Err(Error::Invalid(format!("the metadata column '{}' cannot be written; declare it VIRTUAL", column.name)))
        }
        None => Ok(()),
    }
}

/// The headers in a row of a MAP<STRING, BYTES>.
fn headers_at(column: &ArrayRef, row: usize) -> Vec<Header> {
    let Some(map) = column.as_map_opt().filter(|map| map.is_valid(row)) else { return Vec::new() };
    let entries = map.value(row);
    let (Some(names), Some(values)) =
        (entries.column(0).as_string_opt::<i32>(), entries.column(1).as_binary_opt::<i32>())
    else {
        return Vec::new();
    };
    let value = |index| values.is_valid(index).then(|| values.value(index).to_vec());
    (0..entries.len()).map(|index| (names.value(index).to_string(), value(index))).collect()
}
