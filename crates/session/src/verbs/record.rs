//! `RECORD`: taps are read as raw records, without a consumer group, and kept on a tape; of those that give rows
//! and no records, each row is one.

use millstream_connect::tape::{Plan, Recorded, Recorder, Room, RowBrowse, Topic, Until};
use millstream_record::{Browse, Positions, RawStart};
use millstream_sql::show::create_table;
use millstream_sql::statement::{Name, Record, RecordFrom, RecordUntil};
use millstream_sql::{Relation, SqlError, View, reads};

use crate::aside::CONNECTOR;
use crate::fault::{Class, Fault};
use crate::reply::Reply;
use crate::session::Session;
use crate::tape::Taping;
use crate::verbs::peek;

/// `RECORD tap[, tap…] [FROM …] [FOR time | ROWS n] AS name`.
///
/// Without `FROM` a recording `FOR` a time begins now, since it is what arrives in that time that is wanted;
/// any other begins with the oldest record, and so do files, which have no now.
pub fn record(session: &Session, record: &Record) -> Result<Reply, Fault> {
    let (mut topics, mut files) = (Vec::<Topic>::new(), true);
    for name in &record.taps {
        if record.taps.iter().filter(|other| other.text == name.text).count() > 1 {
            return Err(SqlError::new("E0902", format!("'{}' is named twice", name.text)).at(name.span).into());
        }
        let topic = topic(session, name)?;
        files &= topic.0.connector == "filesystem";
        topics.push(topic);
    }
    let start = match &record.from {
        Some(RecordFrom::Earliest) => RawStart::Earliest,
        Some(RecordFrom::Latest) => RawStart::Latest,
        Some(RecordFrom::Timestamp(text, span)) => RawStart::Timestamp(peek::time(session, text, *span)?),
        None if matches!(record.until, RecordUntil::Time(_)) && !files => RawStart::Latest,
        None => RawStart::Earliest,
    };
    let until = match record.until {
        RecordUntil::Ended => Until::default(),
        RecordUntil::Records(most) => Until { records: Some(most), time: None },
        RecordUntil::Time(time) => {
            let time = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
            Until { records: None, time: Some(session.clock.now().plus(time)) }
        }
    };
    let set = session.settings.options();
    let room = Room {
        most_bytes: set.bytes("tape.max-bytes").unwrap_or(u64::MAX),
        spare_bytes: set.bytes("tape.spare-bytes").unwrap_or(0),
    };
    let plan = Plan { start, follow: !files, until, room, stop: session.stop.clone() };
    let recorder = Recorder::begin(&session.tapes, &record.name.text, topics, plan, session.clock.clone());
    let recorder = recorder.map_err(|error| Fault::from(error).or_at(Some(record.name.span)))?;
    Ok(Reply::Taping(Box::new(Taping::new(recorder, &record.name.text, until, session.clock.clone()))))
}

/// The way to the records of a tap.
fn topic(session: &Session, name: &Name) -> Result<Topic, Fault> {
    let table = match session.catalog.lookup(&name.text, name.span)? {
        Relation::Table(table) => table.clone(),
        Relation::View(view) => return Err(of_step(session, name, view)),
    };
    let tap = &table.tap;
    if tap.connector == CONNECTOR {
        let message = format!("'{}' is kept by the session; there is no topic to record", name.text);
        return Err(SqlError::new("E0902", message).at(name.span).into());
    }
    let (connector, options) = session.outside.opening(tap)?;
    let rows = !connector.has_records(&options);
    let browse: Box<dyn Browse> = if rows {
        let source = connector.source(&tap.name, &tap.physical(), &options)?;
        let browse = RowBrowse::new(&tap.name, source, &tap.physical());
        Box::new(browse.map_err(|error| Fault::from(error).or_at(Some(name.span)))?)
    } else {
        connector.browse(Some(&tap.name), &options)?
    };
    let recorded = Recorded {
        tap: tap.name.clone(),
        connector: tap.connector.clone(),
        declared: create_table(&table.draft),
        rows,
        next: Positions::new(),
    };
    Ok((recorded, browse))
}

/// A step has no records; the taps that it reads have.
fn of_step(session: &Session, name: &Name, view: &View) -> Fault {
    let (mut open, mut taps): (Vec<String>, Vec<String>) = (reads(&view.query).into_iter().collect(), Vec::new());
    while let Some(read) = open.pop() {
        match session.catalog.get(&read) {
            Some(Relation::View(view)) => open.extend(reads(&view.query)),
            Some(Relation::Table(_)) if !taps.contains(&read) => taps.push(read),
            _ => {}
        }
    }
    taps.sort();
    let message =
        format!("'{}' is a step; what is recorded are taps, and a replay runs the steps over them", name.text);
    let fault = Fault { span: Some(name.span), ..Fault::new(Class::Query, "E0902", message) };
    if taps.is_empty() { fault } else { fault.hint(format!("it reads {0}: RECORD {0} AS …", taps.join(", "))) }
}
