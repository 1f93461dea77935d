//! `START`, `STOP` and `SHOW RUNS`: queries that run while the prompt is free.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray, TimestampMillisecondArray};
use millstream_record::Millis;
use millstream_sql::SqlError;
use millstream_sql::statement::{Name, Start};
use millstream_sql::types::INSTANT_ZONE;

use crate::fault::Fault;
use crate::judge::warnings;
use crate::planning;
use crate::reply::Reply;
use crate::runs::{RunReport, RunState};
use crate::session::{Manner, Session};
use crate::status::{Status, count};
use crate::strings::table;
use crate::verbs::query;

/// `START …`. A run in the background ends with its session: in a script it would end before it has begun.
pub fn start(session: &mut Session, start: &Start) -> Result<Reply, Fault> {
    if session.manner == Manner::Script {
        let error = SqlError::new("E0607", "a script has no background: what START starts would end with the script");
        return Err(error.hint("write the query itself, or INSERT INTO a table").into());
    }
    let (graph, step, into) = match start {
        Start::Query(asked) => {
            let name = asked.step.as_ref().map(|name| name.text.clone());
            let graph = match name.as_ref().and_then(|name| Some((name, session.workbook.step(name)?))) {
                Some((name, step)) => planning::step(session, name, &step.current().view.query)?,
                None => planning::select(session, &asked.query)?,
            };
            (graph, name, None)
        }
        Start::Insert { step, insert } => {
            let graph = planning::inserts(session, std::slice::from_ref(insert))?;
            (graph, step.as_ref().map(|name| name.text.clone()), Some(insert.table.text.clone()))
        }
    };
    let name = step.or_else(|| into.clone()).unwrap_or_else(|| "query".into());
    session.notes.extend(warnings(&graph).into_iter().map(|warning| format!("warning: {warning}")));
    let live = query::start(session, graph)?;
    let ledgers = session.ledgers.clone();
    let run = session.runs.adopt(live, &name, into.clone(), &ledgers)?;
    let into = into.map(|table| format!(" into {table}")).unwrap_or_default();
    Ok(Reply::Text(format!("run {run} is started{into} · SHOW RUNS; · STOP {run};")))
}

/// `STOP run`, `STOP ALL`.
pub fn stop(session: &mut Session, name: Option<&Name>) -> Result<Reply, Fault> {
    let Some(name) = name else {
        let lines: Vec<String> =
            session.runs.running().iter().filter_map(|run| Some(line(&session.runs.stop(run)?))).collect();
        let none = "nothing runs in the background";
        return Ok(Reply::Text(if lines.is_empty() { none.into() } else { lines.join("\n") }));
    };
    match session.runs.stop(&name.text) {
        Some(report) => Ok(Reply::Text(line(&report))),
        None => {
            let error = SqlError::new("E0606", format!("there is no run '{}'", name.text)).at(name.span);
            let error = error.did_you_mean(&name.text, session.runs.names());
            Err(error.hint("SHOW RUNS; lists all runs").into())
        }
    }
}

fn line(report: &RunReport) -> String {
    let Status { records, rows, late, bad, .. } = report.status;
    let what = match &report.state {
        RunState::Failed(reason) => format!("failed: {reason}"),
        state => state.word().to_string(),
    };
    format!(
        "run {} {what}: {} in, {} out, {} late, {} bad",
        report.name,
        count(records),
        count(rows),
        count(late),
        count(bad)
    )
}

/// `SHOW RUNS`.
pub fn show(session: &Session) -> Reply {
    let all = session.runs.reports();
    let text =
        |of: fn(&RunReport) -> Option<&str>| -> ArrayRef { Arc::new(StringArray::from_iter(all.iter().map(of))) };
    let number = |of: fn(&RunReport) -> Option<u64>| -> ArrayRef {
        Arc::new(Int64Array::from_iter(all.iter().map(|report| of(report).map(|number| number as i64))))
    };
    let time = |of: fn(&RunReport) -> Option<i64>| -> ArrayRef {
        Arc::new(TimestampMillisecondArray::from_iter(all.iter().map(of)).with_timezone(INSTANT_ZONE))
    };
    let watermark = |report: &RunReport| match report.status.watermark {
        Some(Millis::MAX) | None => None,
        Some(Millis(at)) => Some(at),
    };
    let rates = all.iter().map(|report| (report.rate * 10.0).round() / 10.0);
    table([
        ("run", text(|report| Some(&report.name))),
        ("state", text(|report| Some(report.state.word()))),
        ("into", text(|report| report.into.as_deref())),
        ("started", time(|report| Some(report.started.0))),
        ("records", number(|report| Some(report.status.records))),
        ("per second", Arc::new(Float64Array::from_iter_values(rates))),
        ("lag", number(|report| report.status.lag)),
        ("watermark", time(watermark)),
        ("rows", number(|report| Some(report.status.rows))),
        ("late", number(|report| Some(report.status.late))),
        ("bad", number(|report| Some(report.status.bad))),
        ("waits for", text(|report| report.status.stalled.as_deref())),
    ])
}
