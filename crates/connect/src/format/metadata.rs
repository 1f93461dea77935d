//! Metadata columns: what is known of a record beside its bytes.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};

/// `MAP<STRING, BYTES>`, the type of the metadata column `headers`.
pub fn headers_type() -> DataType {
    let entry =
        Fields::from(vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Binary, true)]);
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entry), false)), false)
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
