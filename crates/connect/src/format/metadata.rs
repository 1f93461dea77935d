//! Metadata columns: what is known of a record beside its bytes. Each has a type of its own; a column
//! that is declared otherwise gets the value cast.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, Int32Array, Int64Array, MapBuilder, MapFieldNames, StringArray, StringBuilder,
    TimestampMillisecondArray, new_null_array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use millstream_record::{Error, Result};

use super::{FileOrigin, RawRecords};

/// `MAP<STRING, BYTES>`, the type of the metadata column `headers`.
pub fn headers_type() -> DataType {
    let entry = vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Binary, true)];
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(Fields::from(entry)), false)), false)
}

/// `TIMESTAMP_LTZ(3)`.
pub fn timestamp_type() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

/// The metadata keys of records in a log (Kafka, topic), with their types.
pub fn of_records() -> Vec<(&'static str, DataType)> {
    vec![
        ("topic", DataType::Utf8),
        ("partition", DataType::Int32),
        ("offset", DataType::Int64),
        ("timestamp", timestamp_type()),
        ("timestamp-type", DataType::Utf8),
        ("key", DataType::Binary),
        ("headers", headers_type()),
    ]
}

/// The metadata keys of records in files, with their types.
pub fn of_files() -> Vec<(&'static str, DataType)> {
    vec![
        ("file.path", DataType::Utf8),
        ("file.name", DataType::Utf8),
        ("file.size", DataType::Int64),
        ("file.modification-time", timestamp_type()),
        ("offset", DataType::Int64),
    ]
}

/// The key itself, if it is one.
pub(crate) fn known(key: &str, source_name: &str) -> Result<String> {
    let all = of_records().into_iter().chain(of_files());
    if all.into_iter().any(|(known, _)| known == key) {
        return Ok(key.into());
    }
    let mut names: Vec<&str> = of_records().iter().chain(&of_files()).map(|(name, _)| *name).collect();
    names.dedup();
    let names = names.join(", ");
    Err(Error::Invalid(format!("'{source_name}' has no metadata '{key}'; there are {names}")))
}

/// The metadata `key` of each record, as `data_type`.
pub(crate) fn column(key: &str, raw: &RawRecords, data_type: &DataType) -> Result<ArrayRef> {
    let records = raw.len();
    let text = |text: &str| Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, records))) as ArrayRef;
    let array: ArrayRef = match key {
        "topic" => text(&raw.partition.topic),
        "partition" => Arc::new(Int32Array::from_value(raw.partition.number, records)),
        "offset" => Arc::new(Int64Array::from(raw.offsets.clone())),
        "timestamp" => timestamps(raw),
        "timestamp-type" => text(raw.timestamp_type.word()),
        "key" => keys(raw),
        "headers" => headers(raw)?,
        of_file => file_column(of_file, raw.file.as_deref(), records),
    };
    if array.data_type() == data_type { Ok(array) } else { Ok(cast(&array, data_type)?) }
}

fn timestamps(raw: &RawRecords) -> ArrayRef {
    let Some(timestamps) = &raw.timestamps else { return new_null_array(&timestamp_type(), raw.len()) };
    let known = timestamps.iter().map(|&ms| (ms >= 0).then_some(ms));
    Arc::new(TimestampMillisecondArray::from_iter(known).with_timezone("UTC"))
}

fn keys(raw: &RawRecords) -> ArrayRef {
    let Some(keys) = &raw.keys else { return new_null_array(&DataType::Binary, raw.len()) };
    let mut column = BinaryBuilder::with_capacity(keys.len(), keys.bytes().len());
    keys.iter().for_each(|key| column.append_option(key));
    Arc::new(column.finish())
}

/// Headers as a map; names may stand more than once, as they do in Kafka.
fn headers(raw: &RawRecords) -> Result<ArrayRef> {
    let names = MapFieldNames { entry: "entries".into(), key: "key".into(), value: "value".into() };
    let mut column = MapBuilder::new(Some(names), StringBuilder::new(), BinaryBuilder::new());
    for record in 0..raw.len() {
        for (name, value) in raw.headers.iter().flat_map(|headers| &headers[record]) {
            column.keys().append_value(name);
            column.values().append_option(value.as_deref());
        }
        column.append(true)?;
    }
    Ok(Arc::new(column.finish()))
}

fn file_column(key: &str, file: Option<&FileOrigin>, records: usize) -> ArrayRef {
    let Some(file) = file else {
        let kind = of_files().into_iter().find(|(name, _)| *name == key).map_or(DataType::Utf8, |(_, kind)| kind);
        return new_null_array(&kind, records);
    };
    let text = |text: &str| Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, records))) as ArrayRef;
    match key {
        "file.path" => text(&file.path),
        "file.name" => text(&file.name),
        "file.size" => Arc::new(Int64Array::from_value(file.size, records)),
        _ => Arc::new(TimestampMillisecondArray::from_value(file.modified_ms, records).with_timezone("UTC")),
    }
}
