//! The job, said to Apache Flink: the same declarations and queries with the options that Flink's connectors
//! know, once for Kafka and once for files, and what is needed to hand them over. What cannot be said is an
//! [`Obstacle`], known before anything is written.

mod cluster;
mod connectors;
mod kafka;
mod script;
mod with;

use std::collections::BTreeMap;

use millstream_plan::Graph;
use millstream_sql::functions::is_foreign;

use crate::badge::brought;
use crate::{Badge, Job, Obstacle, Setting, badge};

/// Input of a table for a test on Flink, as a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The table.
    pub table: String,
    /// The options of the format in which the file is written.
    pub format: Vec<(String, String)>,
    /// The file: a record a line.
    pub bytes: Vec<u8>,
    /// Why the records are not those of the topic, byte for byte; `None` if they are.
    pub decoded: Option<String>,
}

/// What a variable of the environment is called that holds the folder in which relative paths begin.
pub const DATA_FOLDER: &str = "DATA_FOLDER";
/// What a variable of the environment is called that holds the exported folder.
pub const JOB_FOLDER: &str = "JOB_FOLDER";
/// The servers of topics that exist in Millstream alone.
pub const KAFKA_SERVERS: &str = "KAFKA_SERVERS";

/// All that keeps a job from Flink; empty if nothing does.
pub fn obstacles(job: &Job) -> Vec<Obstacle> {
    let mut all = match badge(&job.graph, is_foreign) {
        Badge::NotToFlink(obstacles) => obstacles,
        Badge::Exact | Badge::With(_) => Vec::new(),
    };
    // One that the planner has left out still stands in the text.
    let planned = job.graph.user_functions();
    for function in job.functions.iter().filter(|function| planned.iter().all(|one| one.name != function.name)) {
        let (why, way_out) = brought(&function.name);
        all.push(Obstacle { uid: function.file.clone(), why, way_out });
    }
    let tables = job.taps.iter().map(|table| (table, true)).chain(job.sinks.iter().map(|table| (table, false)));
    all.extend(tables.flat_map(|(table, read)| with::obstacles(table, read)));
    all
}

/// Differences that a user has to know of, a sentence each.
pub fn notes(job: &Job) -> Vec<String> {
    let mut notes: Vec<String> = settings(&job.graph)
        .into_iter()
        .map(|Setting { key, value, table, why }| {
            let place = table.map_or(String::new(), |table| format!(" of {table}"));
            format!("'{key}' = '{value}'{place}: {why}")
        })
        .collect();
    for table in job.tables() {
        let read = job.taps.iter().any(|tap| tap.tap.name == table.tap.name);
        notes.extend(with::kafka_or_own(job, table, read).notes);
    }
    if job.taps.iter().any(|table| table.tap.watermark.is_some()) {
        notes.push("a record without event time ends the job on Flink; here it is set aside and counted".into());
        notes.push("watermarks begin at 1970 on Flink; here rows before 1970 can be late, too".into());
    }
    notes
}

/// What the badge wants to be set.
fn settings(graph: &Graph) -> Vec<Setting> {
    match badge(graph, is_foreign) {
        Badge::With(settings) => settings,
        Badge::Exact | Badge::NotToFlink(_) => Vec::new(),
    }
}

/// The files of `flink/` by name, those for a test over `inputs` among them.
pub fn files(job: &Job, inputs: &[Input]) -> BTreeMap<&'static str, String> {
    let mut files = BTreeMap::from([
        ("job.sql", script::for_kafka(job)),
        ("connectors.txt", connectors::list(job)),
        ("deployment.yaml", cluster::deployment(job)),
        ("fill.sh", cluster::FILL.to_string()),
        ("session-cluster.sh", cluster::session_cluster(job)),
    ]);
    if !inputs.is_empty() {
        files.insert("job-files.sql", script::for_files(job, inputs));
        files.insert("test.sh", cluster::TEST.to_string());
    }
    files
}
