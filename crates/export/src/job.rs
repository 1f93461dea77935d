//! What is exported, as a value: declarations and queries in Flink's words under the names that they have in
//! the job, and the policies by which it runs. Nothing in it is secret.

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_plan::{Changes, Graph, Target};
use millstream_sql::catalog::Table;

use crate::Secret;

/// A job, before it is written.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its name: small letters, digits and hyphens, as Kubernetes wants it.
    pub name: String,
    /// The functions that it calls and their user has brought.
    pub functions: Vec<Function>,
    /// The tables that it reads, each before whatever reads it.
    pub taps: Vec<Table>,
    /// The views between, each before whatever reads it.
    pub steps: Vec<Step>,
    /// The tables that it writes.
    pub sinks: Vec<Table>,
    /// What it writes into them; all of it is one graph.
    pub inserts: Vec<Insert>,
    /// How it runs.
    pub policies: Policies,
    /// Values that stand in the environment.
    pub secrets: Vec<Secret>,
    /// What was planned, under the names of the job.
    pub graph: Graph,
    /// Names of the session and what they became.
    pub names: BTreeMap<String, String>,
}

/// A function that a user has brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name in SQL.
    pub name: String,
    /// The file of its text, below the folder of the job; functions of one text share it.
    pub file: String,
    /// The text, whole.
    pub text: Arc<str>,
}

/// A view of the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// Names of its columns; empty if the query's own stand.
    pub columns: Vec<String>,
    /// The query.
    pub query: String,
}

/// An `INSERT INTO` of the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Insert {
    /// Where to.
    pub table: String,
    /// The columns that are filled; empty for all in order.
    pub columns: Vec<String>,
    /// The query.
    pub query: String,
}

/// Everything that somebody has to decide before a job runs by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policies {
    /// Worker lanes.
    pub parallelism: usize,
    /// `table.local-time-zone`.
    pub zone: String,
    /// The time between two checkpoints.
    pub interval: String,
    /// How many checkpoints are kept.
    pub keep: usize,
    /// `fail`, `keep` or `skip`: records that cannot be read.
    pub bad_records: String,
    /// `fail`, `earliest` or `latest`: records of a topic that are gone before they were read.
    pub lost_data: String,
    /// Where embedded topics are, seen from the job's folder; `None` if it uses none.
    pub topics: Option<String>,
}

impl Default for Policies {
    fn default() -> Self {
        Policies {
            parallelism: 2,
            zone: "UTC".into(),
            interval: "10 s".into(),
            keep: 3,
            bad_records: "fail".into(),
            lost_data: "fail".into(),
            topics: None,
        }
    }
}

impl Job {
    /// The files of its functions, each once, by path.
    pub fn function_files(&self) -> BTreeMap<&str, &str> {
        self.functions.iter().map(|function| (function.file.as_str(), &*function.text)).collect()
    }

    /// Whether rows are taken back on their way into this sink.
    pub fn changes(&self, sink: &str) -> bool {
        self.graph.outputs.iter().any(|output| {
            matches!(&output.target, Target::Sink(tap) if tap.name == sink)
                && self.graph.node(output.node).row.changes == Changes::Retract
        })
    }

    /// All tables, what is read first.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.taps.iter().chain(&self.sinks)
    }
}
