//! Raw records in, a declaration out: the format, the columns, the column that tells the time, and the
//! watermark, each with the evidence for it. Nothing here asks anybody anything: a sample that was drawn is
//! all there is, and what was inferred is tried on it with the decoder that the table will use.

mod csv;
mod ddl;
mod format;
mod json;
mod number;
mod rows;
mod text;
mod time;
mod tree;
mod types;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use millstream_connect::format::{FORMAT_OPTIONS, csv_fields};
use millstream_connect::sample::SampleSource;
use millstream_record::{
    Column, Options, Origin, PartitionId, Poll, RawRecords, Rejected, Result, Sample, Scan, Source, Stop,
};
use millstream_sql::types::{SqlType, TypeKind, quoted};

pub use ddl::create_table;
pub use format::{Format, guess};
use number::Epoch;
pub use rows::{columns_of, infer_rows, physical};
use time::{Candidate, Part, Told};
pub use time::{Disorder, ROUND, duration};
use tree::Node;
use types::Types;

/// What was found out about a topic.
#[derive(Debug)]
pub struct Inference {
    /// How its records are written.
    pub format: Format,
    /// The same as options of the table.
    pub options: Vec<(String, String)>,
    /// Its columns: name and type.
    pub columns: Vec<(String, SqlType)>,
    /// The column that tells the time; `None` if there is none and the log knows no times either.
    pub time: Option<EventTime>,
    /// How many records were looked at.
    pub records: usize,
    /// How many of them these columns cannot read, and the first of those.
    pub unreadable: (u64, Vec<Rejected>),
    /// Contradictions, a sentence each.
    pub conflicts: Vec<String>,
    /// What else there is to tell, a sentence each.
    pub notes: Vec<String>,
}

/// The event time of a table.
#[derive(Debug)]
pub struct EventTime {
    /// The column with the watermark.
    pub column: String,
    /// Its declaration, if it is not one of the record's own.
    pub declared: Option<String>,
    /// The column, and the fields that lead to the place in it; empty if the log's own time is taken.
    path: Vec<String>,
    /// How that place tells the time.
    told: Told,
    /// The place in the record, as a user would say it, and how it tells the time.
    pub shown: String,
    /// On what evidence.
    pub why: String,
    /// How far rows are out of order.
    pub disorder: Disorder,
    /// The bound of the watermark: milliseconds.
    pub bound: i64,
}

/// At most so many unreadable records are kept for the report.
const SHOWN_BAD: usize = 3;

/// Infers columns and event time of a sample that is written in `format`; `names` are those of the columns
/// of a CSV file with header. An error says that the decoder of the format refuses the columns.
pub fn infer(sample: &Arc<Sample>, format: Format, names: Option<Vec<String>>) -> Result<Inference> {
    let mut types = Types::default();
    let (columns, mut options) = columns(sample, &format, names, &mut types);
    if let Some(name) = format.option() {
        options.insert(0, ("format".into(), name.into()));
    }
    let decoded = Decoded::new(sample, &columns, &options)?;
    let time = event_time(sample, &columns, &decoded);
    Ok(Inference {
        conflicts: types.conflicts.iter().map(|conflict| told(conflict, sample)).collect(),
        notes: types.notes,
        records: sample.len(),
        unreadable: (decoded.bad, decoded.rejected),
        time,
        format,
        options,
        columns,
    })
}

/// Columns with their types, and the options of the format besides its name.
type Shape = (Vec<(String, SqlType)>, Vec<(String, String)>);

fn columns(sample: &Sample, format: &Format, names: Option<Vec<String>>, types: &mut Types) -> Shape {
    let nullable = |kind| SqlType::nullable(kind);
    match format {
        Format::Json | Format::Debezium { .. } => json_columns(sample, format, types),
        Format::Csv(dialect) => csv_columns(sample, *dialect, names, types),
        Format::Text => (vec![("line".into(), types::string())], Vec::new()),
        Format::Parquet | Format::Bytes | Format::Nothing | Format::Later(_) | Format::Packed(_) => {
            (vec![("bytes".into(), nullable(TypeKind::VarBinary(millstream_sql::types::MAX_LENGTH)))], Vec::new())
        }
    }
}

/// The values of all records with their numbers.
fn values(sample: &Sample) -> impl Iterator<Item = (u32, &[u8])> {
    let all = sample.parts().iter().flat_map(|part| part.values.iter());
    all.enumerate().filter_map(|(number, value)| Some((number as u32, value?)))
}

fn json_columns(sample: &Sample, format: &Format, types: &mut Types) -> Shape {
    let mut root = Node::default();
    for (number, value) in values(sample) {
        json::observe(value, number, &mut root);
    }
    let root = match format {
        Format::Debezium { envelope } => rows_of_changes(&root, *envelope),
        _ => root,
    };
    let (iso, sql) = types::spellings(&root);
    types.iso = iso > 0 && iso >= sql;
    let fields = root.object.as_ref().map(|object| types.fields("", object)).unwrap_or_default();
    let name = format.option().unwrap_or("json");
    let mut options = Vec::new();
    if types.iso {
        options.push((format!("{name}.timestamp-format.standard"), "ISO-8601".into()));
    }
    if *format == (Format::Debezium { envelope: true }) {
        options.push((format!("{name}.schema-include"), "true".into()));
    }
    if let Some((name, _)) = root.object.as_ref().and_then(|object| object.twice.as_ref()) {
        types.notes.push(format!("'{name}' stands twice in some records; the last one counts"));
    }
    (fields.into_iter().map(|field| (field.name, field.data_type)).collect(), options)
}

/// The rows in the messages of Debezium, before and after a change.
fn rows_of_changes(root: &Node, envelope: bool) -> Node {
    let field = |node: &Node, name: &str| {
        let object = node.object.as_ref()?;
        object.fields.iter().find(|(known, _)| known == name).map(|(_, node)| node.clone())
    };
    let message = if envelope { field(root, "payload").unwrap_or_default() } else { root.clone() };
    let mut rows = field(&message, "after").unwrap_or_default();
    rows.merge(&field(&message, "before").unwrap_or_default());
    rows
}

fn csv_columns(sample: &Sample, dialect: csv::Dialect, names: Option<Vec<String>>, types: &mut Types) -> Shape {
    let mut seen = csv::Columns::of_fields(dialect.fields);
    for (number, line) in values(sample).filter(|(_, line)| !line.is_empty()) {
        seen.observe(line, number, dialect);
    }
    let names = names.unwrap_or_else(|| (1..=dialect.fields).map(|number| format!("c{number}")).collect());
    let mut columns = Vec::with_capacity(names.len());
    for (column, name) in names.iter().enumerate().take(dialect.fields) {
        // A line may spell each of its timestamps in its own way.
        types.iso = seen.nodes[column].texts.iso > 0;
        columns.push((name.clone(), seen.of(column, name, types)));
    }
    let mut options = Vec::new();
    if dialect.header {
        options.push(("csv.header".into(), "true".into()));
    }
    if dialect.delimiter != b',' {
        let shown = if dialect.delimiter == b'\t' { "\\t".into() } else { char::from(dialect.delimiter).to_string() };
        options.push(("csv.field-delimiter".into(), shown));
    }
    if let Some(literal) = seen.null_literal() {
        options.push(("csv.null-literal".into(), literal.into()));
    }
    (columns, options)
}

/// The names in the first line of a CSV file; `None` if they cannot all be names of columns.
pub fn header_names(parts: &[RawRecords], delimiter: u8) -> Option<Vec<String>> {
    let first = parts.first()?.values.iter().flatten().next()?;
    let names: Vec<String> = csv_fields(first, delimiter)?.into_iter().map(|name| name.trim().to_string()).collect();
    let distinct = names.iter().enumerate().all(|(index, name)| !names[..index].contains(name));
    (distinct && names.iter().all(|name| !name.is_empty())).then_some(names)
}

/// A contradiction in a sentence, with an example of each kind.
fn told(conflict: &types::Conflict, sample: &Sample) -> String {
    let place = |record: u32| {
        let mut left = record as usize;
        for part in sample.parts() {
            if left < part.len() {
                return format!("offset {} of {}", part.offsets[left], part.partition);
            }
            left -= part.len();
        }
        String::new()
    };
    let kinds = conflict
        .kinds
        .iter()
        .map(|(kind, count, record, text)| format!("{} in {count} (first {text} at {})", kind.words(), place(*record)));
    format!("'{}' is {}", conflict.path, kinds.collect::<Vec<_>>().join(", "))
}

/// The sample through the decoder of the table.
#[derive(Default)]
struct Decoded {
    parts: Vec<Part>,
    /// What is known of the range of columns beyond the sample.
    ranges: BTreeMap<String, (i64, i64)>,
    bad: u64,
    rejected: Vec<Rejected>,
}

impl Decoded {
    fn new(sample: &Arc<Sample>, columns: &[(String, SqlType)], options: &[(String, String)]) -> Result<Decoded> {
        let mut columns: Vec<Column> = columns.iter().map(physical).collect();
        let payload = columns.len();
        columns.push(Column {
            name: "timestamp".into(),
            data_type: SqlType::nullable(TypeKind::TimestampLtz(3)).to_arrow(),
            nullable: true,
            origin: Origin::Metadata("timestamp".into()),
        });
        let from_files = sample.parts().iter().any(|part| part.file.is_some());
        let known = if from_files { payload } else { payload + 1 };
        let typed = options.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let options = Options::check(typed, &[FORMAT_OPTIONS])?;
        let source = SampleSource::new("", &columns[..known], &options, sample.clone())?;
        let scan = Scan { columns: (0..known).collect(), resume: None, batch_rows: usize::MAX, stop: Stop::default() };
        let mut reader = source.open(scan)?;
        let mut decoded = Decoded::default();
        loop {
            match reader.poll(Duration::ZERO)? {
                Poll::Rows(fetched) => {
                    decoded.bad += fetched.rejected.len() as u64;
                    let room = SHOWN_BAD.saturating_sub(decoded.rejected.len());
                    decoded.rejected.extend(fetched.rejected.into_iter().take(room));
                    let told = Told::Timestamp { zoned: true, precision: 3 };
                    let rows = fetched.rows.num_rows();
                    let written = match known > payload {
                        true => time::moments(fetched.rows.column(payload), &[], told),
                        false => vec![None; rows],
                    };
                    decoded.parts.push(Part { partition: fetched.partition, rows: fetched.rows, written });
                }
                Poll::End => return Ok(decoded),
                _ => {}
            }
        }
    }

    /// The least and the greatest number at a place.
    fn range(&self, path: &[String]) -> Option<(i64, i64)> {
        if let Some(range) = self.ranges.get(&path[0]).filter(|_| path.len() == 1) {
            return Some(*range);
        }
        let candidate = Candidate { path: path.to_vec(), told: Told::Epoch(Epoch::Millis) };
        let all = time::series(&candidate, &self.parts);
        let known = || all.iter().flat_map(|series| series.moments.iter().flatten().copied());
        Some((known().min()?, known().max()?))
    }
}

/// Every place that may tell a moment, nested ones included.
fn candidates(name: &[String], data_type: &SqlType, decoded: &Decoded, found: &mut Vec<Candidate>) {
    let path = name.to_vec();
    let told = match &data_type.kind {
        TypeKind::Timestamp(precision) => Some(Told::Timestamp { zoned: false, precision: *precision }),
        TypeKind::TimestampLtz(precision) => Some(Told::Timestamp { zoned: true, precision: *precision }),
        TypeKind::BigInt => {
            decoded.range(name).and_then(|(least, greatest)| Epoch::of(least, greatest)).map(Told::Epoch)
        }
        // In seconds with a fraction; the range is told in milliseconds.
        TypeKind::Double => decoded
            .range(name)
            .and_then(|(least, greatest)| Epoch::of(least, greatest))
            .filter(|unit| *unit == Epoch::Millis)
            .map(|_| Told::Fraction),
        TypeKind::Row(fields) if name.len() < 4 => {
            for field in fields {
                candidates(&[name, std::slice::from_ref(&field.name)].concat(), &field.data_type, decoded, found);
            }
            None
        }
        _ => None,
    };
    found.extend(told.map(|told| Candidate { path, told }));
}

/// The name of a column as one types it: in back-quotes where it holds more than letters, digits and underscores.
pub fn typed(name: &str) -> String {
    let word = name.chars().all(|c| c.is_alphanumeric() || c == '_') && !name.starts_with(char::is_numeric);
    if word && !name.is_empty() { name.to_string() } else { quoted(name) }
}

/// So many points make a column the event time.
const ENOUGH: i64 = 20;

fn event_time(sample: &Sample, columns: &[(String, SqlType)], decoded: &Decoded) -> Option<EventTime> {
    let mut found = Vec::new();
    for (name, data_type) in columns {
        candidates(std::slice::from_ref(name), data_type, decoded, &mut found);
    }
    let judged = found.into_iter().filter_map(|candidate| {
        let series = time::series(&candidate, &decoded.parts);
        Some((time::judge(&candidate, &series)?, candidate, series))
    });
    // The first of equals: fields stand in an order that means something.
    let best = judged
        .filter(|(score, ..)| score.points >= ENOUGH)
        .reduce(|best, other| if other.0.points > best.0.points { other } else { best });
    let taken: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
    let Some((score, candidate, series)) = best else { return log_time(sample, &taken, decoded) };
    let disorder = Disorder::of(&series, sample);
    let (column, declared) = EventTime::name(&candidate.path, candidate.told, &taken);
    let how = match candidate.told {
        Told::Timestamp { zoned: true, .. } => "timestamps with zone",
        Told::Timestamp { zoned: false, .. } => "timestamps without zone",
        Told::Epoch(unit) => unit.word(),
        Told::Fraction => "epoch seconds with a fraction",
    };
    let place: Vec<String> = candidate.path.iter().map(|name| typed(name)).collect();
    let shown = format!("{} ({how}, detected)", place.join("."));
    let Candidate { path, told } = candidate;
    Some(EventTime { column, declared, path, told, shown, why: score.why, bound: disorder.bound(), disorder })
}

/// When the log got a record is the event time where the record itself does not say.
fn log_time(sample: &Sample, taken: &[String], decoded: &Decoded) -> Option<EventTime> {
    let of = |part: &Part| time::Series {
        partition: part.partition.clone(),
        moments: part.written.clone(),
        written: vec![None; part.written.len()],
    };
    let series: Vec<time::Series> = decoded.parts.iter().map(of).collect();
    if !series.iter().any(|series| series.moments.iter().any(Option::is_some)) {
        return None;
    }
    let column = ddl::free("record_time", taken);
    let quoted = quoted(&column);
    let disorder = Disorder::of(&series, sample);
    Some(EventTime {
        declared: Some(format!("{quoted} TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL")),
        path: Vec::new(),
        told: Told::Timestamp { zoned: true, precision: 3 },
        shown: format!("{column} (the log's own time: no column of the record tells one)"),
        why: String::new(),
        bound: disorder.bound(),
        column,
        disorder,
    })
}

/// How far the rows of an existing table are out of order, from decoded rows of each partition and the
/// column that tells their time. Rows that are no records have a sample without any.
pub fn disorder(sample: &Sample, rows: &[(PartitionId, arrow::array::ArrayRef)]) -> Disorder {
    let of = |(partition, column): &(PartitionId, arrow::array::ArrayRef)| {
        let moments = time::moments(column, &[], Told::Timestamp { zoned: true, precision: 3 });
        time::Series { partition: partition.clone(), written: vec![None; moments.len()], moments }
    };
    Disorder::of(&rows.iter().map(of).collect::<Vec<_>>(), sample)
}
