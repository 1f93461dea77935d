//! `TRACE`: the records of the tape that made rows of a step, and what became of a record.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, Int64Array, StringArray, TimestampMillisecondArray};
use millstream_connect::tape::Tape;
use millstream_record::Batch;
use millstream_sql::SqlError;
use millstream_sql::statement::{Condition as Typed, Name};
use millstream_sql::types::{INSTANT_ZONE, quoted};

use crate::fault::Fault;
use crate::render::{Columns, Format, Look, gate, to_text};
use crate::reply::Reply;
use crate::session::Session;
use crate::status::count;
use crate::strings::table;
use crate::tape::player::nothing_replayed;
use crate::tape::{Condition, Fate, Replaying, Traced, reach, stretch_of};
use crate::verbs::query;

/// So many result rows are traced, and so many of another kind listed, if nobody says how many.
const ROWS: usize = 10;
/// So many records of them are listed.
const RECORDS: usize = 1000;
/// So much of a value is shown.
const EXCERPT: usize = 80;

/// `TRACE step [WHERE condition] [LIMIT n]`. Without a condition the newest row is traced.
pub fn rows(session: &mut Session, step: &Name, when: Option<&Typed>, most: Option<u64>) -> Result<Reply, Fault> {
    let replaying = session.replaying.clone().ok_or_else(nothing_replayed)?;
    let graph = query::all_of(session, step)?;
    let row = graph.node(graph.outputs[0].node).row.clone();
    let mut condition = Condition::new(session, &row, when)?;
    let newest = when.is_none();
    let none = || Ok(Reply::Text(format!("{} gave no such row on the tape", step.text)));
    let Some(stretch) = stretch_of(session, &graph, &replaying, &mut condition, newest)? else { return none() };
    let traced = Traced::of(session, graph, &replaying, stretch)?;
    let result = traced.result();
    let fits = condition.fits(&Batch::insert(result.rows().clone()))?;
    let mut found: Vec<usize> =
        (0..result.len()).filter(|&row| fits[row] && !result.kind(row).is_retraction()).collect();
    if found.is_empty() {
        return none();
    }
    let (all, columns) = (found.len(), row.schema);
    let most = most.map_or(if newest { 1 } else { ROWS }, |most| usize::try_from(most).unwrap_or(usize::MAX)).max(1);
    if newest {
        found.drain(..all.saturating_sub(most));
    }
    found.truncate(most);
    let mut listed: Vec<(String, String, u64)> = Vec::new();
    for &row in &found {
        let text = row_text(session, traced.result().rows(), row);
        let records = traced.records_of(row)?;
        listed.extend(records.into_iter().map(|(tap, record)| (text.clone(), tap, record)));
    }
    if all > found.len() {
        let which = if newest { "newest" } else { "first" };
        let (all, shown) = (count(all as u64), found.len());
        let shown = if shown == 1 { format!("the {which} is") } else { format!("the {which} {shown} are") };
        let column = columns.fields().first().map_or("…".into(), |field| quoted(field.name()));
        session.notes.push(format!(
            "{all} rows fit, {shown} traced: TRACE {} WHERE {column} = … says which, LIMIT n how many",
            step.text
        ));
    }
    session.notes.extend(partly(&replaying, &traced));
    if listed.len() > RECORDS {
        session.notes.push(format!("{} records; the first {RECORDS} are listed", count(listed.len() as u64)));
        listed.truncate(RECORDS);
    }
    Ok(list(&replaying.tape, &listed))
}

/// That not all of the tape was watched closely, if so.
fn partly(replaying: &Replaying, traced: &Traced) -> Option<String> {
    let Range { start, end } = traced.stretch;
    let whole = (start, end) == (replaying.from, replaying.to);
    (!whole).then(|| {
        format!(
            "records {} to {} of {} were looked at: what lies outside may have had a part, too",
            count(start),
            count(end.saturating_sub(1)),
            count(replaying.tape.meta().records)
        )
    })
}

/// A row of the result on one line.
fn row_text(session: &Session, rows: &arrow::array::RecordBatch, row: usize) -> String {
    let look = Look { zone: session.settings.zone(), ..Look::plain() };
    let text = to_text(Format::Csv, Columns::of(rows.schema()), &[Batch::insert(rows.slice(row, 1))], &look);
    text.lines().nth(1).unwrap_or_default().to_string()
}

/// The records as a table, each with the row that it helped to make.
fn list(tape: &Tape, listed: &[(String, String, u64)]) -> Reply {
    let places = Places::of(tape, listed.iter().map(|(.., record)| *record));
    let found: Vec<Option<&Place>> = listed.iter().map(|(.., record)| places.0.get(record)).collect();
    let text = |all: Vec<Option<String>>| Arc::new(StringArray::from(all)) as ArrayRef;
    let at = |place: &Option<&Place>| place.map(|place| place.at);
    table([
        ("result", text(listed.iter().map(|(row, ..)| Some(row.clone())).collect())),
        ("tap", text(listed.iter().map(|(_, tap, _)| Some(tap.clone())).collect())),
        ("record", Arc::new(Int64Array::from_iter_values(listed.iter().map(|(.., record)| *record as i64)))),
        ("partition", Arc::new(Int32Array::from_iter(found.iter().map(|place| place.map(|place| place.partition))))),
        ("offset", Arc::new(Int64Array::from_iter(found.iter().map(|place| place.map(|place| place.offset))))),
        ("arrived", Arc::new(TimestampMillisecondArray::from_iter(found.iter().map(at)).with_timezone(INSTANT_ZONE))),
        ("value", text(found.iter().map(|place| place.map(|place| place.value.clone())).collect())),
    ])
}

struct Place {
    partition: i32,
    offset: i64,
    at: i64,
    value: String,
}

/// Where records stand outside, by their numbers.
struct Places(BTreeMap<u64, Place>);

impl Places {
    fn of(tape: &Tape, records: impl Iterator<Item = u64>) -> Places {
        let mut by_chunk: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
        records.for_each(|record| by_chunk.entry(tape.chunk_of(record)).or_default().push(record));
        let mut places = BTreeMap::new();
        for (index, records) in by_chunk {
            if index >= tape.outlines().len() {
                continue;
            }
            let Ok(chunk) = tape.chunk(index) else { continue };
            for record in records {
                let Some((part, at)) = chunk.find(record) else { continue };
                let (part, raw) = (&chunk.parts[part], chunk.record(part, at));
                let value = raw.value.map(gate::shown_bytes).unwrap_or_else(|| "NULL".into());
                let value = value.chars().take(EXCERPT).collect();
                let (partition, offset) = (raw.partition.number, raw.offset.0);
                places.insert(record, Place { partition, offset, at: part.times[at].0, value });
            }
        }
        Places(places)
    }
}

/// Records in an order, a line each; of very many, the first.
pub fn places(tape: &Tape, records: &[u64]) -> String {
    let shown = &records[..records.len().min(ROWS)];
    let places = Places::of(tape, shown.iter().copied());
    let line = |record: &u64| match places.0.get(record) {
        Some(place) => format!("  partition {} offset {}: {}", place.partition, place.offset, place.value),
        None => format!("  record {record}"),
    };
    let mut lines: Vec<String> = shown.iter().map(line).collect();
    if records.len() > ROWS {
        lines.push(format!("  … and {} more", count((records.len() - ROWS) as u64)));
    }
    lines.join("\n")
}

/// `TRACE RECORD tap PARTITION p OFFSET o`.
pub fn record(session: &mut Session, tap: &Name, partition: i32, offset: i64) -> Result<Reply, Fault> {
    let replaying = session.replaying.clone().ok_or_else(nothing_replayed)?;
    let tape = &replaying.tape;
    let number = find(tape, &tap.text, partition, offset).ok_or_else(|| {
        let message = format!("there is no record of {} partition {partition} offset {offset} on the tape", tap.text);
        SqlError::new("E0917", message).at(tap.span)
    })?;
    if !(replaying.from..replaying.to).contains(&number) {
        let message = format!("record {} is not on the stretch that is replayed", count(number));
        return Err(SqlError::new("E0917", message).at(tap.span).hint("REPLAY name; replays all of it").into());
    }
    let mut text =
        format!("record {} of {}: {} partition {partition} offset {offset}", count(number), tape.name(), tap.text);
    let steps: Vec<String> = session.workbook.steps().map(|(name, _)| name.to_string()).collect();
    let mut read = false;
    for step in steps {
        let name = Name { text: step.clone(), span: tap.span };
        let Ok(graph) = query::all_of(session, &name) else { continue };
        if !graph.scans().any(|(_, scanned, _)| scanned.name == tap.text) {
            continue;
        }
        let stretch = match reach(session, &graph, &replaying) {
            reach if replaying.to - replaying.from <= reach => replaying.from..replaying.to,
            reach => number..replaying.to.min(number.saturating_add(reach)),
        };
        let Ok(traced) = Traced::of(session, graph, &replaying, stretch) else { continue };
        read = true;
        let (fates, rows) = traced.fate_of(&tap.text, number)?;
        let _ = write!(text, "\n{}: {}", gate::shown(&step), ending(&fates, rows.len()));
        for &row in rows.iter().take(ROWS) {
            let kind = traced.result().kind(row).mark();
            let _ = write!(text, "\n  {kind} {}", row_text(session, traced.result().rows(), row));
        }
        if rows.len() > ROWS {
            let _ = write!(text, "\n  … and {} more", count((rows.len() - ROWS) as u64));
        }
        if traced.stretch.end < replaying.to {
            let _ = write!(text, "\n  followed as far as record {}", count(traced.stretch.end - 1));
        }
    }
    if !read {
        let _ = write!(text, "\nno step of the workbook reads {}", tap.text);
    }
    Ok(Reply::Plan(text))
}

/// What became of a record, in words.
fn ending(fates: &[Fate], rows: usize) -> String {
    if rows > 0 {
        return format!("it had a part in {} of the changes", count(rows as u64));
    }
    let stopped = fates.iter().rev().find(|fate| fate.taken > 0 && fate.given == 0);
    match stopped {
        Some(fate) if fate.late => format!("it came too late for {}", fate.operator),
        Some(fate) if fate.operator.contains("/filter/") => format!("{} left it out", fate.operator),
        Some(fate) if fate.operator.contains("/scan/") => "it could not be read, or has no event time".into(),
        Some(fate) => format!("nothing came of it behind {}", fate.operator),
        None => "nothing came of it".into(),
    }
}

/// The number of a record on the tape.
fn find(tape: &Tape, tap: &str, partition: i32, offset: i64) -> Option<u64> {
    let recorded = tape.meta().recorded.iter().position(|recorded| recorded.tap == tap)?;
    for index in 0..tape.outlines().len() {
        let Ok(chunk) = tape.chunk(index) else { continue };
        for part in chunk.parts.iter().filter(|part| part.about.recorded == recorded) {
            if part.about.partition.number == partition
                && let Some(at) = part.offsets.iter().position(|&known| known == offset)
            {
                return Some(chunk.first + part.places[at]);
            }
        }
    }
    None
}
