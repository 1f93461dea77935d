//! In which format records are written, by their bytes. What will be read later only (Avro, Protobuf, a
//! schema registry) is recognised and named, so that it is never taken for something else.

use millstream_record::RawRecords;

use super::csv::{self, Dialect};
use super::json;

/// So many records are enough to tell.
const LOOKED_AT: usize = 500;

/// A format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// Objects of JSON.
    Json,
    /// Changes of a database, as Debezium writes them; with the schema in an envelope or without.
    Debezium {
        /// Whether the messages carry their schema.
        envelope: bool,
    },
    /// Lines of fields.
    Csv(Dialect),
    /// Files with columns of their own.
    Parquet,
    /// Text as it is.
    Text,
    /// Bytes as they are.
    Bytes,
    /// There is no record to look at.
    Nothing,
    /// It cannot be read yet: its name.
    Later(String),
    /// Packed with this tool, which nobody has undone.
    Packed(&'static str),
}

impl Format {
    /// What the topic looks like, in a word or two.
    pub fn words(&self) -> String {
        match self {
            Format::Json => "json".into(),
            Format::Debezium { .. } => "debezium-json".into(),
            Format::Csv(dialect) if dialect.header => "csv with header".into(),
            Format::Csv(_) => "csv".into(),
            Format::Parquet => "parquet".into(),
            Format::Text => "text".into(),
            Format::Bytes => "bytes".into(),
            Format::Nothing => "empty".into(),
            Format::Later(name) => name.clone(),
            Format::Packed(tool) => format!("packed with {tool}"),
        }
    }

    /// The name of the format in `WITH`.
    pub fn option(&self) -> Option<&'static str> {
        Some(match self {
            Format::Json => "json",
            Format::Debezium { .. } => "debezium-json",
            Format::Csv(_) => "csv",
            Format::Parquet => "parquet",
            Format::Text | Format::Bytes => "raw",
            Format::Nothing | Format::Later(_) | Format::Packed(_) => return None,
        })
    }
}

/// The format in which most of these records are written.
pub fn guess(parts: &[RawRecords]) -> Format {
    let from_files = parts.iter().any(|part| part.file.is_some());
    // Evenly over the parts: a topic may have changed in one of its partitions.
    let share = LOOKED_AT.div_ceil(parts.len().max(1));
    let values: Vec<&[u8]> = parts
        .iter()
        .flat_map(|part| part.values.iter().flatten().take(share))
        .filter(|value| !value.is_empty())
        .collect();
    if values.is_empty() {
        return Format::Nothing;
    }
    let most = |fits: &dyn Fn(&[u8]) -> bool| values.iter().filter(|value| fits(value)).count() * 2 > values.len();
    if values[0].starts_with(b"PAR1") {
        return Format::Parquet;
    }
    if let Some(tool) = packed(values[0]).filter(|_| from_files || most(&|value| packed(value).is_some())) {
        return Format::Packed(tool);
    }
    if let Some(later) = later(&values, &most) {
        return Format::Later(later);
    }
    if most(&|value| json::check(value) == Some(b'{')) {
        return debezium(&most).unwrap_or(Format::Json);
    }
    if !most(&|value| is_text(value)) {
        return Format::Bytes;
    }
    match csv::sniff(values.iter().copied(), from_files) {
        Some(dialect) => Format::Csv(dialect),
        None => Format::Text,
    }
}

/// With which tool these bytes are packed, by the mark at their beginning.
fn packed(bytes: &[u8]) -> Option<&'static str> {
    const MARKS: [(&[u8], &str); 6] = [
        (b"\x1f\x8b\x08", "gzip"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"\xfd7zXZ\x00", "xz"),
        (b"\x04\x22\x4d\x18", "lz4"),
        (b"PK\x03\x04", "zip"),
        (b"\xff\x06\x00\x00sNaPpY", "snappy"),
    ];
    let bzip2 = bytes.starts_with(b"BZh") && bytes.get(4..10) == Some(b"1AY&SY");
    let known = || MARKS.into_iter().find(|(mark, _)| bytes.starts_with(mark)).map(|(_, tool)| tool);
    if bzip2 { Some("bzip2") } else { known() }
}

fn is_text(value: &[u8]) -> bool {
    let control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{1b}');
    std::str::from_utf8(value).is_ok_and(|text| !text.contains(control))
}

/// Whether most values are such as a test says.
type Most<'a> = &'a dyn Fn(&dyn Fn(&[u8]) -> bool) -> bool;

/// Formats with a mark at their beginning: a registry's (a zero byte and the schema's number in four), an
/// Avro file's.
fn later(values: &[&[u8]], most: Most<'_>) -> Option<String> {
    if most(&|value| value.starts_with(b"Obj\x01")) {
        return Some("avro (whole files)".into());
    }
    let registry = |value: &[u8]| {
        value.len() > 5 && value[0] == 0 && u32::from_be_bytes([value[1], value[2], value[3], value[4]]) > 0
    };
    if !most(&registry) {
        return None;
    }
    let first = values.iter().find(|value| registry(value))?;
    let id = u32::from_be_bytes([first[1], first[2], first[3], first[4]]);
    let kind = if json::check(&first[5..]) == Some(b'{') { "json with schema" } else { "avro or protobuf" };
    Some(format!("{kind} (registry id {id})"))
}

fn debezium(most: Most<'_>) -> Option<Format> {
    fn is_change(value: &serde_json::Value) -> bool {
        let known = value.get("op").and_then(|op| op.as_str()).is_some_and(|op| matches!(op, "c" | "u" | "d" | "r"));
        known && (value.get("after").is_some() || value.get("before").is_some())
    }
    let read = |value: &[u8]| serde_json::from_slice::<serde_json::Value>(value).ok();
    if most(&|value| read(value).as_ref().is_some_and(is_change)) {
        return Some(Format::Debezium { envelope: false });
    }
    let enveloped = |value: &[u8]| read(value).as_ref().and_then(|value| value.get("payload")).is_some_and(is_change);
    most(&enveloped).then_some(Format::Debezium { envelope: true })
}
