//! `TAP`: samples a topic, infers its columns and event time, and declares the table that a user would have
//! had to write. What was found, and on what evidence, is said; the declaration is an ordinary one.

use std::sync::Arc;

use millstream_connect::file::Footer;
use millstream_record::{Column, Error, Limits, Millis, Sample};
use millstream_sql::statement::{Statement, Tap};
use millstream_sql::types::quoted;
use millstream_sql::{Relation, SqlError};

use crate::fault::Fault;
use crate::infer::{self, Format, Inference};
use crate::place::{self, Found};
use crate::reply::Reply;
use crate::sample::{self, TableSample};
use crate::session::Session;
use crate::status::count;
use crate::verbs::{create, stage};

/// `TAP place [AS name]`.
pub fn tap(session: &mut Session, tap: &Tap) -> Result<Reply, Fault> {
    let found = place::find(session, &tap.place)?;
    let name = name_of(session, tap, &found)?;
    if let Some(footer) = found.footer(&session.stop)? {
        return rows(session, &found, &name, &footer);
    }
    let first = draw(session, &found, &[])?;
    let format = infer::guess(first.parts());
    readable(&format, &found, &name)?;
    let (sample, names) = cut(session, &found, &format, first)?;
    let inference = infer::infer(&sample, format, names)?;
    declare(session, &found, &name, &inference, |drawn| TableSample::of(drawn, sample))
}

/// Files that know their own columns: those of the footer are declared, and some rows tell the event time.
fn rows(session: &mut Session, found: &Found, name: &str, footer: &Footer) -> Result<Reply, Fault> {
    let (columns, notes) = infer::columns_of(footer);
    if columns.is_empty() {
        let error = SqlError::new("E0713", format!("'{name}' has no column that SQL has a type for"));
        return Err(error.into());
    }
    let options = found.checked(&[("format".into(), "parquet".into())])?;
    let physical: Vec<Column> = columns.iter().map(infer::physical).collect();
    let source = found.connector.source(name, &physical, &options)?;
    let rows = sample::rows(source.as_ref(), Limits::default(), &session.stop)?;
    let inference = infer::infer_rows(footer, columns, notes, &rows);
    declare(session, found, name, &inference, |drawn| TableSample::of_rows(drawn, rows))
}

/// Declares what was found, and keeps the sample of it.
fn declare(
    session: &mut Session,
    found: &Found,
    name: &str,
    inference: &Inference,
    sample: impl FnOnce(Millis) -> TableSample,
) -> Result<Reply, Fault> {
    // To infer takes a moment; a user who has given up meanwhile wants no table.
    if session.stop.raised() {
        return Err(Error::Stopped.into());
    }
    let mut options = vec![("connector".to_string(), found.connector.name().to_string())];
    options.extend(found.options.iter().cloned());
    if found.connector.name() == "kafka" && !options.iter().any(|(key, _)| key == "scan.startup.mode") {
        options.push(("scan.startup.mode".into(), "earliest-offset".into()));
    }
    create(session, &infer::create_table(inference, name, &options, found.has_formats()))?;
    if let Some(Relation::Table(table)) = session.catalog.get(name) {
        session.samples.keep(&table.tap, sample(session.clock.now()));
    }
    Ok(Reply::Text(told(name, inference)))
}

/// The name of the table. A table over the same place is tapped anew (UNDO takes that back); another
/// is left alone.
fn name_of(session: &Session, tap: &Tap, found: &Found) -> Result<String, Fault> {
    let name = tap.name.as_ref().map(|name| name.text.clone()).or_else(|| found.name.clone());
    let name = name.ok_or_else(|| {
        let error = SqlError::new("E0301", "the place names no topic to tap").at(tap.place.span());
        error.hint("the form is 'kafka://host:port/topic'; SHOW TOPICS IN 'kafka://host:port'; lists them")
    })?;
    let Some(there) = session.catalog.get(&name) else { return Ok(name) };
    let same = matches!(there, Relation::Table(table) if table.tap.connector == found.connector.name()
        && found.options.iter().all(|(key, value)| table.tap.options.get(key) == Some(value)));
    if same {
        return Ok(name);
    }
    let span = tap.name.as_ref().map_or(tap.place.span(), |name| name.span);
    let error = SqlError::new("E0202", format!("a {} '{name}' exists already", there.kind())).at(span);
    Err(error
        .hint(format!("TAP … AS another_name; or first DROP {} {};", there.kind().to_uppercase(), quoted(&name)))
        .into())
}

fn draw(session: &Session, found: &Found, format: &[(String, String)]) -> Result<Arc<Sample>, Fault> {
    let options = found.checked(format)?;
    let drawn = session.draw(&found.connector, found.table.as_deref(), &options, Limits::default())?;
    Ok(drawn.records().expect("it was drawn from records").clone())
}

fn readable(format: &Format, found: &Found, name: &str) -> Result<(), Fault> {
    match format {
        Format::Nothing => {
            let error =
                SqlError::new("E0713", format!("'{name}' holds no record from which columns could be inferred"));
            Err(error.hint("TAP it again when there are some, or declare it: CREATE TABLE").into())
        }
        Format::Later(what) => {
            let error = SqlError::new("E0714", format!("'{name}' looks like {what}, which cannot be read yet"));
            Err(error.hint("PEEK shows its records as they are").into())
        }
        Format::Packed(tool) => {
            let error = SqlError::new("E0714", format!("'{name}' is packed with {tool}"));
            Err(error.hint(packed_hint(found, tool)).into())
        }
        _ if found.connector.has_records(&found.checked(&[])?) => Ok(()),
        _ => Err(SqlError::new("E0713", format!("'{name}' has rows only, and a declaration already")).into()),
    }
}

/// Files are unpacked by the ending of their name; records of topics are not.
fn packed_hint(found: &Found, tool: &str) -> String {
    match (found.connector.name(), tool) {
        ("filesystem", "gzip") => "name the file so: files that end in .gz are unpacked".into(),
        ("filesystem", "zstd") => "name the file so: files that end in .zst are unpacked".into(),
        ("filesystem", _) => "unpack it, or pack it with gzip (.gz) or zstd (.zst): those are read".into(),
        _ => "each record is packed by itself, and is not unpacked here; PEEK shows them as they are".into(),
    }
}

/// A sample and, of CSV files with header, the names in it.
type Cut = (Arc<Sample>, Option<Vec<String>>);

/// A file of CSV is cut into records by its own rules: quoted fields may hold line ends, and the first
/// line may be no record.
fn cut(session: &Session, found: &Found, format: &Format, first: Arc<Sample>) -> Result<Cut, Fault> {
    let Format::Csv(dialect) = format else { return Ok((first, None)) };
    if first.parts().iter().all(|part| part.file.is_none()) {
        return Ok((first, None));
    }
    let names = if dialect.header { infer::header_names(first.parts(), dialect.delimiter) } else { None };
    let delimiter =
        if dialect.delimiter == b'\t' { "\\t".to_string() } else { char::from(dialect.delimiter).to_string() };
    let mut options = vec![("format".to_string(), "csv".to_string()), ("csv.field-delimiter".to_string(), delimiter)];
    options.extend(dialect.header.then(|| ("csv.header".to_string(), "true".to_string())));
    Ok((draw(session, found, &options)?, names))
}

fn create(session: &mut Session, text: &str) -> Result<(), Fault> {
    for statement in millstream_sql::parse(text)? {
        if let Statement::CreateTable(mut draft) = statement.value {
            draft.or_replace = session.catalog.contains(&draft.name.text);
            create::table(session, *draft)?;
        }
    }
    Ok(())
}

fn told(name: &str, inference: &Inference) -> String {
    let Inference { columns, time, records, unreadable, conflicts, notes, format, .. } = inference;
    let noun = if columns.len() == 1 { "column" } else { "columns" };
    let mut lines = vec![format!("tapped {name} · {}, {} {noun}", format.words(), columns.len())];
    match time {
        Some(time) => {
            lines[0] += &format!(" · event time {}", time.shown);
            lines.extend((!time.why.is_empty()).then(|| format!("  {}", time.why)));
            lines.push(watermark(time, *records));
        }
        None => lines[0] += " · no event time: no column looks like one, and the log knows none",
    }
    lines.extend(conflicts.iter().map(|conflict| format!("  contradiction: {conflict}")));
    lines.extend(notes.iter().map(|note| format!("  {note}")));
    let bad = count(unreadable.0);
    lines.push(format!("{bad} records could not be read · definition: SHOW CREATE TABLE {};", stage::plain(name)));
    lines.extend(unreadable.1.iter().map(|bad| format!("  {} offset {}: {}", bad.partition, bad.offset.0, bad.reason)));
    lines.join("\n")
}

fn watermark(time: &infer::EventTime, records: usize) -> String {
    let infer::EventTime { column, bound, disorder, .. } = time;
    let sampled = format!("of {} sampled records", count(records as u64));
    let evidence = match (disorder.latest(), disorder.late(*bound)) {
        (None, _) => format!("{sampled} none came late"),
        (Some(latest), 0) => format!("{sampled} the latest came {} late", infer::duration(latest)),
        (Some(latest), late) => format!("{sampled} {} came later, up to {}", count(late), infer::duration(latest)),
    };
    let idle = match disorder.idle.as_slice() {
        [] => String::new(),
        [one] => format!("; partition {} is idle", one.number),
        many => format!("; {} of {} partitions are idle", many.len(), disorder.partitions),
    };
    let column = infer::typed(column);
    format!("watermark {column} - {}: {evidence}{idle}", infer::duration(*bound))
}
