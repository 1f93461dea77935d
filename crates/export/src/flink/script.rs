//! The scripts of `flink/`: the same views and inserts, in one for Kafka, which runs for good, and in one for
//! files, which ends and whose answer can be compared.

use std::fmt::Write as _;

use millstream_plan::{Op, TapChanges, TapColumn};
use millstream_sql::catalog::Table;
use millstream_sql::show;
use millstream_sql::statement::{ColumnKind, TableDraft, TableOption};
use millstream_sql::types::{literal, quoted};

use super::{Input, JOB_FOLDER, settings, with};
use crate::native::{statement_set, view};
use crate::{Insert, Job, Setting};

/// Where the files of a test get their answer: `/SINK` follows.
const ANSWER: &str = "flink-answer";

/// The job on Kafka (and on files where the job itself reads or writes files).
pub fn for_kafka(job: &Job) -> String {
    let mut text = format!(
        "-- {}: exported by Millstream for Apache Flink 2.2 and 2.3.\n\
         -- Values of the environment are filled in by session-cluster.sh.\n",
        job.name
    );
    let mut set = |key: &str, value: &str| {
        let _ = writeln!(text, "SET {} = {};", literal(key), literal(value));
    };
    set("pipeline.name", &job.name);
    set("table.local-time-zone", &job.policies.zone);
    set("parallelism.default", &job.policies.parallelism.to_string());
    set("execution.checkpointing.interval", &job.policies.interval);
    set("execution.checkpointing.mode", "EXACTLY_ONCE");
    for Setting { key, value, .. } in job_wide(job) {
        set(&key, &value);
    }
    if written_once(job) {
        // Flink 2.3 does not know that a window gives each key once, refuses the sink for it, and would keep
        // all rows in state to be safe. Older ones ignore what they do not know.
        set("table.exec.sink.require-on-conflict", "false");
        set("table.exec.sink.upsert-materialize", "NONE");
    }
    let table = |table: &Table, read: bool| {
        let options = with::kafka_or_own(job, table, read).options;
        declared(TableDraft::clone(&table.draft), options)
    };
    let taps = job.taps.iter().map(|tap| table(tap, true));
    let sinks = job.sinks.iter().map(|sink| table(sink, false));
    body(&mut text, job, taps, sinks);
    text
}

/// The job over the files of a test: one lane, a watermark after every row, an end.
pub fn for_files(job: &Job, inputs: &[Input]) -> String {
    let mut text = format!(
        "-- {}: the same queries over the input in test/, with an answer in files that test.sh compares.\nRESET;\n",
        job.name
    );
    let mut set = |key: &str, value: &str| {
        let _ = writeln!(text, "SET {} = {};", literal(key), literal(value));
    };
    set("execution.target", "local");
    set("execution.runtime-mode", "streaming");
    set("table.dml-sync", "true");
    set("parallelism.default", "1");
    set("pipeline.auto-watermark-interval", "0 ms");
    set("table.local-time-zone", &job.policies.zone);
    if job.taps.iter().any(|tap| tap.tap.changes == TapChanges::Upsert) {
        set("table.exec.source.cdc-events-duplicate", "true");
    }
    let versions = job.graph.nodes.iter().any(|node| matches!(node.op, Op::TemporalJoin(_)));
    let taps = job.taps.iter().filter_map(|tap| {
        let input = inputs.iter().find(|input| input.table == tap.tap.name)?;
        let path = format!("file://${{env:{JOB_FOLDER}}}/test/flink/{}.jsonl", input.table);
        let options = [("connector".to_string(), "filesystem".to_string()), ("path".into(), path)];
        let mut draft = plain(&tap.draft, input.decoded.is_some());
        // Versions of a table are found by its key.
        if tap.tap.changes != TapChanges::Upsert && !versions {
            draft.primary_key.clear();
        }
        Some(declared(draft, options.into_iter().chain(input.format.iter().cloned()).collect()))
    });
    let sinks = job.sinks.iter().map(|sink| {
        let name = &sink.tap.name;
        let format = if job.changes(name) { "debezium-json" } else { "json" };
        let path = format!("file://${{env:{JOB_FOLDER}}}/{ANSWER}/{name}");
        let options = [("connector", "filesystem"), ("path", &path), ("format", format)];
        let mut draft = plain(&sink.draft, true);
        draft.primary_key.clear();
        declared(draft, options.map(|(key, value)| (key.to_string(), value.to_string())).to_vec())
    });
    body(&mut text, job, taps, sinks);
    text
}

/// What is set for the whole job, beside what the policies say.
fn job_wide(job: &Job) -> Vec<Setting> {
    let said = ["table.local-time-zone"];
    settings(&job.graph)
        .into_iter()
        .filter(|setting| setting.table.is_none() && !said.contains(&setting.key.as_str()))
        .collect()
}

/// Whether every sink with a primary key gets final rows only.
fn written_once(job: &Job) -> bool {
    let keyed: Vec<&Table> = job.sinks.iter().filter(|sink| !sink.tap.primary_key.is_empty()).collect();
    !keyed.is_empty() && keyed.iter().all(|sink| !job.changes(&sink.tap.name))
}

fn body(text: &mut String, job: &Job, taps: impl Iterator<Item = String>, sinks: impl Iterator<Item = String>) {
    let steps = job.steps.iter().map(|step| view(step, "CREATE TEMPORARY VIEW"));
    for statement in taps.chain(steps).chain(sinks) {
        let _ = write!(text, "\n{statement};\n");
    }
    let inserts: Vec<Insert> =
        job.inserts.iter().enumerate().map(|(number, insert)| timed(job, number, insert)).collect();
    let _ = write!(text, "\n{}", statement_set(&inserts));
}

/// An insert with one event time at most: Flink does not choose which of several is that of the record, and wants
/// the others cast.
fn timed(job: &Job, number: usize, insert: &Insert) -> Insert {
    let row = job.graph.outputs.get(number).map(|output| &job.graph.node(output.node).row);
    let sink = job.sinks.iter().chain(&job.taps).find(|table| table.tap.name == insert.table);
    let (Some(row), Some(sink)) = (row.filter(|row| row.times.len() > 1), sink) else { return insert.clone() };
    let all: Vec<&str> = match insert.columns.is_empty() {
        true => sink.tap.columns.iter().map(TapColumn::name).collect(),
        false => insert.columns.iter().map(String::as_str).collect(),
    };
    let column = |(place, name): (usize, &&str)| {
        let name = quoted(name);
        let zone = if row.is_local(place) { "TIMESTAMP_LTZ(3)" } else { "TIMESTAMP(3)" };
        match row.times.iter().skip(1).any(|time| *time == place) {
            true => format!("CAST({name} AS {zone}) AS {name}"),
            false => name,
        }
    };
    let columns: Vec<String> = all.iter().enumerate().map(column).collect();
    let names: Vec<String> = all.iter().map(|name| quoted(name)).collect();
    let query = format!(
        "SELECT {} FROM (\n{}\n) AS {} ({})",
        columns.join(", "),
        insert.query,
        quoted("rows"),
        names.join(", ")
    );
    Insert { query, ..insert.clone() }
}

/// The declaration with these options.
fn declared(mut draft: TableDraft, options: Vec<(String, String)>) -> String {
    let span = draft.name.span;
    draft.temporary = true;
    draft.options = options.into_iter().map(|(key, value)| TableOption { key, value, span }).collect();
    show::create_table_as_given(&draft)
}

/// A declaration over a file: what the connector knew of a record stands in the record, if it was decoded.
fn plain(draft: &TableDraft, decoded: bool) -> TableDraft {
    let mut draft = draft.clone();
    draft.partitioned_by.clear();
    for column in draft.columns.iter_mut().filter(|_| decoded) {
        if let ColumnKind::Metadata { data_type, .. } = &column.kind {
            column.kind = ColumnKind::Physical(data_type.clone());
        }
    }
    draft
}
