//! What a running job tells of itself: kept up to date by the job, read by whoever asks: Prometheus
//! (`metrics`), and the page in a browser, which reads it as JSON.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use millstream_engine::Progress;
use millstream_plan::Graph;
use millstream_record::Millis;
use serde_json::{Value, json};

/// The newest that is known of a job. Reading never waits for the job.
#[derive(Debug, Default)]
pub struct Status(Mutex<Snapshot>);

/// How many finished checkpoints are told.
const HISTORY: usize = 20;

/// A checkpoint that is finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Its epoch.
    pub epoch: u64,
    /// When it was decided, in milliseconds since 1970.
    pub at: i64,
    /// From the barrier to the end of the commit, in milliseconds.
    pub took: u64,
    /// Its bytes.
    pub bytes: u64,
}

/// An operator, as it is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its uid.
    pub uid: String,
    /// Its parameters in a line.
    pub text: String,
    /// The numbers of the operators whose rows it reads.
    pub inputs: Vec<usize>,
}

impl Node {
    /// All operators of a graph; inputs come before those who read them.
    pub fn all(graph: &Graph) -> Vec<Node> {
        let node = |node: &millstream_plan::Node| Node {
            uid: node.uid.clone(),
            text: graph.describe(node),
            inputs: node.inputs.iter().map(|input| input.0).collect(),
        };
        graph.nodes.iter().map(node).collect()
    }
}

/// How a job stands.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The job's name.
    pub name: String,
    /// Whether its graph runs.
    pub ready: bool,
    /// The newest decided epoch.
    pub epoch: u64,
    /// When it was decided, in milliseconds since 1970; 0 for never in this process.
    pub decided_ms: i64,
    /// How long the last checkpoint took, from the barrier to the end of the commit, in milliseconds.
    pub took_ms: u64,
    /// Bytes of the last checkpoint.
    pub bytes: u64,
    /// How many checkpoints this process has finished.
    pub checkpoints: u64,
    /// The newest of them, newest first.
    pub history: VecDeque<Checkpoint>,
    /// The graph, as EXPLAIN tells it.
    pub graph: Vec<Node>,
    /// How often the graph was built anew in this process.
    pub restarts: u64,
    /// What sources and operators have done.
    pub progress: Option<Progress>,
    /// The name for which a savepoint is asked.
    pub savepoint: Option<String>,
    /// The last savepoint that was made.
    pub saved: Option<String>,
}

impl Status {
    /// The snapshot, to be read or changed.
    pub fn lock(&self) -> MutexGuard<'_, Snapshot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Snapshot {
    /// A checkpoint is finished.
    pub fn finished(&mut self, checkpoint: Checkpoint) {
        (self.epoch, self.decided_ms, self.took_ms) = (checkpoint.epoch, checkpoint.at, checkpoint.took);
        self.checkpoints += 1;
        self.history.truncate(HISTORY - 1);
        self.history.push_front(checkpoint);
    }

    /// What the page shows, at this time of the clock. Names are as they are: whoever shows them escapes them.
    pub fn json(&self, now: Millis) -> Value {
        let checkpoint = |c: &Checkpoint| json!({ "epoch": c.epoch, "at": c.at, "took": c.took, "bytes": c.bytes });
        let node = |node: &Node| json!({ "uid": node.uid, "text": node.text, "inputs": node.inputs });
        json!({
            "name": self.name,
            "ready": self.ready,
            "now": now.0,
            "epoch": self.epoch,
            "restarts": self.restarts,
            "checkpoints": self.history.iter().map(checkpoint).collect::<Vec<_>>(),
            "graph": self.graph.iter().map(node).collect::<Vec<_>>(),
            "sources": self.progress.iter().flat_map(sources).collect::<Vec<_>>(),
            "operators": self.progress.iter().flat_map(operators).collect::<Vec<_>>(),
            "outputs": self.progress.iter().flat_map(outputs).collect::<Vec<_>>(),
        })
    }
}

fn sources(progress: &Progress) -> impl Iterator<Item = Value> {
    progress.sources.iter().map(|source| {
        json!({
            "uid": source.uid, "table": source.tap, "records": source.records, "bytes": source.bytes, "bad": source.bad,
            "lag": source.lag, "watermark": source.watermark.and_then(told), "stalled": source.stalled,
            "idle": source.idle.len(), "held": source.held_ms,
        })
    })
}

fn operators(progress: &Progress) -> impl Iterator<Item = Value> {
    progress.operators.iter().map(|operator| {
        json!({
            "uid": operator.uid, "in": operator.rows_in, "out": operator.rows_out, "late": operator.late,
            "bad": operator.bad,
            "state": operator.state, "spilled": operator.spilled.bytes, "watermark": told(operator.watermark),
        })
    })
}

fn outputs(progress: &Progress) -> impl Iterator<Item = Value> {
    progress.outputs.iter().map(|output| {
        json!({ "uid": output.uid, "table": output.tap, "rows": output.rows, "blocked": output.blocked.map(|at| at.0) })
    })
}

/// A watermark that says something: neither the beginning nor the end of time.
pub fn told(watermark: Millis) -> Option<i64> {
    Some(watermark.0).filter(|_| watermark > Millis::MIN && watermark < Millis::MAX)
}
