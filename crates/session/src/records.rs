//! Records as a table: what `PEEK` and `topic consume` show. Bytes that are no text are written `\xNN`;
//! whatever else could harm a screen is made harmless where tables are drawn.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use millstream_record::{Header, RawRecord};
use millstream_sql::types::INSTANT_ZONE;

use crate::render::{batch_of, gate};
use crate::reply::Table;

/// A table of these records. The topic is told if there are several, headers if any record has one.
pub fn table<'a>(records: impl Iterator<Item = RawRecord<'a>>) -> Table {
    let records: Vec<RawRecord<'a>> = records.collect();
    let texts = |of: &dyn Fn(&RawRecord<'a>) -> Option<String>| -> ArrayRef {
        Arc::new(StringArray::from_iter(records.iter().map(of)))
    };
    let times = records.iter().map(|record| record.timestamp.map(|at| at.0));
    let partition = Int32Array::from_iter_values(records.iter().map(|record| record.partition.number));
    let offset = Int64Array::from_iter_values(records.iter().map(|record| record.offset.0));
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("partition", Arc::new(partition)),
        ("offset", Arc::new(offset)),
        ("timestamp", Arc::new(TimestampMillisecondArray::from_iter(times).with_timezone(INSTANT_ZONE))),
        ("key", texts(&|record| record.key.map(text))),
    ];
    if records.windows(2).any(|pair| pair[0].partition.topic != pair[1].partition.topic) {
        columns.insert(0, ("topic", texts(&|record| Some(record.partition.topic.to_string()))));
    }
    if records.iter().any(|record| !record.headers.is_empty()) {
        columns.push(("headers", texts(&|record| Some(headers(record.headers)))));
    }
    columns.push(("value", texts(&|record| record.value.map(text))));
    let nullable = columns.into_iter().map(|(name, column)| (name, column, true));
    let rows = RecordBatch::try_from_iter_with_nullable(nullable).expect("the columns have one length");
    let (columns, rows) = batch_of(rows);
    Table { columns, rows: vec![rows] }
}

fn headers(headers: &[Header]) -> String {
    let one = |(name, value): &Header| match value {
        Some(value) => format!("{name}={}", text(value)),
        None => name.clone(),
    };
    headers.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_string(),
        Err(_) => gate::shown_bytes(bytes),
    }
}
