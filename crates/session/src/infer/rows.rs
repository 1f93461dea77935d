//! Files that say of themselves which columns they have. Only the event time is left to find out: from the names and
//! types of the columns, from some rows, and from the least and greatest values that the footers tell.

use arrow::array::RecordBatch;
use millstream_connect::file::Footer;
use millstream_record::{Column, Millis, Origin, PartitionId, Sample};
use millstream_sql::types::{SqlType, TypeKind};

use super::time::{Part, Told};
use super::{Decoded, EventTime, Format, Inference, event_time, number::Epoch};
use crate::render::{Zone, timestamp_text};

/// The columns that SQL has types for, and a sentence for each that it has none for.
pub fn columns_of(footer: &Footer) -> (Vec<(String, SqlType)>, Vec<String>) {
    let (mut columns, mut notes) = (Vec::new(), Vec::new());
    for field in &footer.columns {
        match SqlType::from_field(field) {
            Ok(data_type) => columns.push((field.name().clone(), data_type)),
            Err(error) => notes.push(format!("'{}' is left out: {error}", field.name())),
        }
    }
    (columns, notes)
}

/// The column as it is read.
pub fn physical((name, data_type): &(String, SqlType)) -> Column {
    Column {
        name: name.clone(),
        data_type: data_type.to_arrow(),
        nullable: data_type.nullable,
        origin: Origin::Payload,
    }
}

/// What there is to tell of files with these columns, of which some rows were read.
pub fn infer_rows(
    footer: &Footer,
    columns: Vec<(String, SqlType)>,
    mut notes: Vec<String>,
    rows: &[(PartitionId, RecordBatch)],
) -> Inference {
    let part = |(partition, rows): &(PartitionId, RecordBatch)| Part {
        partition: partition.clone(),
        written: vec![None; rows.num_rows()],
        rows: rows.clone(),
    };
    let parts = rows.iter().map(part).collect();
    let decoded = Decoded { parts, ranges: footer.ranges.clone(), ..Decoded::default() };
    let time = event_time(&Sample::default(), &columns, &decoded);
    if footer.read < footer.files {
        notes.push(format!("the footers of {} of {} files were read", footer.read, footer.files));
    }
    notes.extend(time.as_ref().and_then(|time| stretch(footer, &columns, time)));
    Inference {
        format: Format::Parquet,
        options: vec![("format".into(), "parquet".into())],
        records: rows.iter().map(|(_, rows)| rows.num_rows()).sum(),
        unreadable: (0, Vec::new()),
        conflicts: footer.conflicts.clone(),
        columns,
        time,
        notes,
    }
}

/// From when to when the rows reach, if the footers tell.
fn stretch(footer: &Footer, columns: &[(String, SqlType)], time: &EventTime) -> Option<String> {
    let [name] = time.path.as_slice() else { return None };
    let &(least, greatest) = footer.ranges.get(name)?;
    let (_, data_type) = columns.iter().find(|(known, _)| known == name)?;
    let millis = |value: i64| match (time.told, &data_type.kind) {
        (Told::Epoch(unit), _) => unit.millis(value),
        (_, TypeKind::Timestamp(precision) | TypeKind::TimestampLtz(precision)) => match precision {
            0..=3 => value,
            4..=6 => Epoch::Micros.millis(value),
            _ => Epoch::Nanos.millis(value),
        },
        _ => value,
    };
    let [from, to] = [least, greatest].map(|value| timestamp_text(Millis(millis(value)), Zone::UTC));
    let rows = crate::status::count(footer.rows);
    let files = if footer.read == 1 { "1 file".to_string() } else { format!("{} files", footer.read) };
    Some(format!("{name} goes from {from} to {to} in {rows} rows of {files}, as their footers say"))
}
