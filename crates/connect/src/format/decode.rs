//! From raw records to the columns of a scan: picks the formats by the options, decodes only what the
//! scan reads, adds metadata columns and turns refusals into [`Rejected`].

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{Schema, SchemaRef};
use millstream_record::{Column, Error, Fetched, Kinds, Millis, Offset, Options, Rejected, Result, Scan};

use super::settings::{Parts, Settings, field_of};
use super::{RawRecords, Segments, metadata};

/// What a decoder made of records.
#[derive(Debug, Default)]
pub struct Decoded {
    /// The columns that the decoder was made for, in its order.
    pub columns: Vec<ArrayRef>,
    /// How many rows.
    pub rows: usize,
    /// The kind of each row; `None` when all are insertions.
    pub kinds: Option<Kinds>,
    /// The record from which each row came, never falling; `None` when row `i` is record `i`.
    pub origins: Option<Vec<u32>>,
    /// The records that were refused, rising, and why. No row comes from them.
    pub rejected: Vec<(u32, String)>,
}

/// Turns the bytes of records into columns. It keeps what it learns (the order of keys) between calls.
pub trait Decoder: Send {
    /// Decodes records in order. A bad record is no error: it is in [`Decoded::rejected`].
    fn decode(&mut self, records: &Segments) -> Result<Decoded>;

    /// How many wanted keys stood more than once in their object so far, where the format has keys. The
    /// last one counted.
    fn duplicate_keys(&self) -> u64 {
        0
    }
}

/// Where a column of the scan comes from.
enum Place {
    Value(usize),
    Key(usize),
    Metadata(String),
}

/// Decodes the records of one source for one scan. Each thread has its own.
pub struct Decode {
    source_name: String,
    value: Box<dyn Decoder>,
    key: Option<Box<dyn Decoder>>,
    places: Vec<Place>,
    schema: SchemaRef,
    /// How many duplicate keys have been told of.
    told_duplicates: u64,
}

impl Decode {
    /// A decoder of the scan's columns of the source `source_name`, in the formats that `options` name.
    pub fn new(source_name: &str, columns: &[Column], scan: &Scan, options: &Options) -> Result<Decode> {
        Decode::with_header(source_name, columns, scan, options, None)
    }

    /// The same, where a line in the file names the fields of the others (`csv.header`).
    pub fn with_header(
        source_name: &str,
        columns: &[Column],
        scan: &Scan,
        options: &Options,
        header: Option<&[String]>,
    ) -> Result<Decode> {
        let parts = Parts::new(columns, options)?;
        let (mut from_value, mut from_key) = (Vec::new(), Vec::new());
        let mut places = Vec::with_capacity(scan.columns.len());
        for &index in &scan.columns {
            places.push(match columns[index].origin.metadata() {
                Some(key) => Place::Metadata(metadata::known(key, source_name)?),
                None => match parts.value.iter().position(|&column| column == index) {
                    Some(field) => Place::Value(place_of(&mut from_value, field)),
                    None => {
                        let field = parts.key.iter().position(|&column| column == index);
                        let field = field.expect("a payload column is in the value unless the key takes it");
                        Place::Key(place_of(&mut from_key, field))
                    }
                },
            });
        }
        let value = Settings::of_value(options)?.decoder(&parts.value_fields(columns), &from_value, header)?;
        let key = match (from_key.is_empty(), Settings::of_key(options)?) {
            (true, _) => None,
            (false, Some(settings)) => Some(settings.decoder(&parts.key_fields(columns), &from_key, None)?),
            (false, None) => return Err(options.required("key.format").expect_err("it is not given").into()),
        };
        let fields = scan.columns.iter().map(|&index| field_of(&columns[index]));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Ok(Decode { source_name: source_name.into(), value, key, places, schema, told_duplicates: 0 })
    }

    /// Whether rows come with kinds of change, whatever the scan reads.
    pub fn has_kinds(options: &Options) -> bool {
        options.text("value.format").or(options.text("format")) == Some("debezium-json")
    }

    /// Whether the keys of records are needed.
    pub fn reads_keys(&self) -> bool {
        self.key.is_some() || self.reads_metadata("key")
    }

    /// Whether the headers of records are needed.
    pub fn reads_headers(&self) -> bool {
        self.reads_metadata("headers")
    }

    /// Whether the values of records are needed. They are, even if no column of theirs is read: whether a
    /// record is refused must not depend on the query.
    pub fn reads_values(&self) -> bool {
        true
    }

    /// How many wanted JSON keys stood more than once in their object so far; the last one counted.
    pub fn duplicate_keys(&self) -> u64 {
        self.value.duplicate_keys() + self.key.as_ref().map_or(0, |key| key.duplicate_keys())
    }

    /// Those since the last call.
    fn new_duplicates(&mut self) -> u64 {
        let all = self.duplicate_keys();
        all - std::mem::replace(&mut self.told_duplicates, all)
    }

    fn reads_metadata(&self, wanted: &str) -> bool {
        self.places.iter().any(|place| matches!(place, Place::Metadata(key) if key == wanted))
    }

    /// Decodes records; they must hold keys and headers if those are read. Tombstones give no row.
    pub fn apply(&mut self, raw: RawRecords) -> Result<Fetched> {
        let mut value = self.value.decode(&raw.values)?;
        let key = match &mut self.key {
            Some(decoder) => Some(KeyRows::decode(&mut **decoder, &raw, &self.source_name)?),
            None => None,
        };
        if let Some(key) = &key {
            key.refuse(&mut value)?;
        }
        let origins = value.origins.take().map(UInt32Array::from);
        let record_of = |array: ArrayRef| match &origins {
            Some(origins) => take(&array, origins, None),
            None => Ok(array),
        };
        let mut columns = Vec::with_capacity(self.places.len());
        for (place, field) in self.places.iter().zip(self.schema.fields()) {
            columns.push(match place {
                Place::Value(index) => value.columns[*index].clone(),
                Place::Key(index) => record_of(key.as_ref().expect("a key column has a key decoder").column(*index)?)?,
                Place::Metadata(name) => record_of(metadata::column(name, &raw, field.data_type())?)?,
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(value.rows));
        let rows = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?;
        let key_bytes = raw.keys.as_ref().map_or(0, |keys| keys.bytes().len());
        Ok(Fetched {
            rows,
            kinds: value.kinds,
            rejected: value
                .rejected
                .into_iter()
                .map(|(record, reason)| rejected(&raw, record as usize, reason))
                .collect(),
            records: raw.len() as u64,
            bytes: (raw.values.bytes().len() + key_bytes) as u64,
            duplicate_keys: self.new_duplicates(),
            partition: raw.partition,
        })
    }
}

/// The place of `field` in `list`, where it is added unless it stands there.
fn place_of(list: &mut Vec<usize>, field: usize) -> usize {
    list.iter().position(|&known| known == field).unwrap_or_else(|| {
        list.push(field);
        list.len() - 1
    })
}

fn rejected(raw: &RawRecords, record: usize, reason: String) -> Rejected {
    let bytes = raw.values.get(record).unwrap_or_default();
    let written = raw.timestamps.as_ref().map(|timestamps| timestamps[record]).filter(|&ms| ms >= 0);
    let rejected = Rejected::new(raw.partition.clone(), Offset(raw.offsets[record]), reason, bytes);
    Rejected { timestamp: written.map(Millis), ..rejected }
}

/// The decoded keys, found by record.
struct KeyRows {
    decoded: Decoded,
    /// Of each record, the row of its key; null where it has none.
    rows: UInt32Array,
}

impl KeyRows {
    fn decode(decoder: &mut dyn Decoder, raw: &RawRecords, source_name: &str) -> Result<KeyRows> {
        let keys = raw.keys.as_ref().ok_or_else(|| {
            Error::Invalid(format!("'{source_name}' reads columns of the key, but its records have no keys"))
        })?;
        let decoded = decoder.decode(keys)?;
        let rows = match &decoded.origins {
            None => (0..raw.len() as u32).map(Some).collect(),
            Some(origins) => {
                let mut rows = vec![None; raw.len()];
                for (row, &record) in origins.iter().enumerate() {
                    rows[record as usize] = Some(row as u32);
                }
                UInt32Array::from(rows)
            }
        };
        Ok(KeyRows { decoded, rows })
    }

    /// Column `index` of the keys, one value a record.
    fn column(&self, index: usize) -> Result<ArrayRef> {
        Ok(take(&self.decoded.columns[index], &self.rows, None)?)
    }

    /// Takes the rows out of `value` whose key was refused.
    fn refuse(&self, value: &mut Decoded) -> Result<()> {
        if self.decoded.rejected.is_empty() {
            return Ok(());
        }
        let refused = &self.decoded.rejected;
        let is_refused = |record: u32| refused.binary_search_by_key(&record, |(record, _)| *record).is_ok();
        let origins = value.origins.take().unwrap_or_else(|| (0..value.rows as u32).collect());
        let keep: Vec<u32> = (0..origins.len() as u32).filter(|&row| !is_refused(origins[row as usize])).collect();
        let kept = UInt32Array::from(keep);
        for column in &mut value.columns {
            *column = take(column, &kept, None)?;
        }
        if let Some(kinds) = &value.kinds {
            value.kinds = Some(Kinds::new(kept.values().iter().map(|&row| kinds.get(row as usize))));
        }
        value.origins = Some(kept.values().iter().map(|&row| origins[row as usize]).collect());
        value.rows = kept.len();
        value.rejected.retain(|(record, _)| !is_refused(*record));
        value.rejected.extend(refused.iter().map(|(record, reason)| (*record, format!("in the key: {reason}"))));
        value.rejected.sort_by_key(|(record, _)| *record);
        Ok(())
    }
}
