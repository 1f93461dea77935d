//! What a run tells of itself while it runs: counters that the lanes raise and anybody may read, and the
//! late rows that were kept. Reading never slows the run.

mod inside;
mod output;
mod source;

pub use output::OutputCounters;
pub(crate) use source::future;
pub use source::{SourceCounters, SourceProgress};

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;
use millstream_plan::{Graph, Node, NodeId, Output, Target};
use millstream_record::{Batch, Message, Millis};

use crate::doors::BadRecords;
use crate::inspect::Reports;
use crate::operator::Spilled;

/// The counters of all operators and sources of a run. Clones share them.
#[derive(Clone, Debug)]
pub struct Counters {
    nodes: Vec<NodeCounters>,
    sources: BTreeMap<NodeId, SourceCounters>,
    outputs: Vec<OutputCounters>,
    reports: Reports,
    started: Arc<AtomicI64>,
    row_errors: BadRecords,
}

/// The counters of one operator, over all its lanes.
#[derive(Clone, Debug)]
pub struct NodeCounters(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    uid: String,
    /// Per input.
    rows_in: Vec<AtomicU64>,
    rows_out: AtomicU64,
    /// Rows of which nothing came, because a condition or an empty list left them out.
    dropped: AtomicU64,
    late: AtomicU64,
    /// Rows for which a user's function failed, and what it said last.
    bad: AtomicU64,
    failure: Mutex<Option<String>>,
    state: AtomicU64,
    spilled: [AtomicU64; 3],
    watermark: AtomicI64,
    kept: Mutex<Kept>,
    limit: usize,
}

#[derive(Debug, Default)]
struct Kept {
    batches: VecDeque<RecordBatch>,
    rows: usize,
}

/// How far a run has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Per scan.
    pub sources: Vec<SourceProgress>,
    /// Per operator, in the order of the graph.
    pub operators: Vec<OperatorProgress>,
    /// Per output, in the order of the graph.
    pub outputs: Vec<OutputProgress>,
    /// How far the output has come.
    pub watermark: Millis,
}

/// What one output has given so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputProgress {
    /// The uid of the operator whose rows they are.
    pub uid: String,
    /// The tap that is written; empty for whoever asked.
    pub tap: String,
    /// Rows that were taken.
    pub rows: u64,
    /// Since when a row waits to be taken.
    pub blocked: Option<Millis>,
}

/// What one operator has done so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorProgress {
    /// The operator's uid.
    pub uid: String,
    /// Rows that it took.
    pub rows_in: u64,
    /// Rows that it gave.
    pub rows_out: u64,
    /// Rows of which nothing came, because a condition or an empty list left them out.
    pub dropped: u64,
    /// Rows that came after their time.
    pub late: u64,
    /// Rows for which a user's function failed.
    pub bad: u64,
    /// What it said last.
    pub failure: Option<String>,
    /// Bytes of state in memory, roughly, in all lanes.
    pub state: u64,
    /// State that was put away, in all lanes.
    pub spilled: Spilled,
    /// How far its output has come.
    pub watermark: Millis,
}

impl Counters {
    /// Counters for every node of a graph; each operator keeps at most `kept` late rows.
    pub fn new(graph: &Graph, kept: usize) -> Self {
        let counters = |node: &Node| NodeCounters::new(&node.uid, node.inputs.len(), kept);
        let sources = graph.scans().map(|(id, tap, _)| (id, SourceCounters::new(&tap.name, kept)));
        Counters {
            nodes: graph.nodes.iter().map(counters).collect(),
            sources: sources.collect(),
            outputs: graph.outputs.iter().map(|_| OutputCounters::default()).collect(),
            reports: Reports::default(),
            started: Arc::new(AtomicI64::new(Millis::MIN.0)),
            row_errors: BadRecords::Fail,
        }
    }

    /// What happens to rows for which a user's function fails.
    pub fn with_row_errors(self, row_errors: BadRecords) -> Self {
        Counters { row_errors, ..self }
    }

    /// Whether a row for which a user's function fails is left out and counted.
    pub(crate) fn spares(&self) -> bool {
        self.row_errors != BadRecords::Fail
    }

    /// The run starts at this time of its clock.
    pub fn start(&self, now: Millis) {
        self.started.store(now.0, Ordering::Relaxed);
    }

    /// The counters of one output.
    pub fn output(&self, number: usize) -> &OutputCounters {
        &self.outputs[number]
    }

    /// Where the lanes tell of their operators.
    pub(crate) fn reports(&self) -> &Reports {
        &self.reports
    }

    /// The counters of one node.
    pub fn node(&self, id: NodeId) -> NodeCounters {
        self.nodes[id.0].clone()
    }

    /// The counters of a scan's source.
    pub fn source(&self, scan: NodeId) -> SourceCounters {
        self.sources.get(&scan).expect("every scan has counters").clone()
    }

    /// What every operator has done so far, in the order of the graph.
    pub fn operators(&self) -> Vec<OperatorProgress> {
        self.nodes.iter().map(NodeCounters::progress).collect()
    }

    /// How far the run has come.
    pub fn progress(&self, graph: &Graph) -> Progress {
        let source = |(id, counters): (&NodeId, &SourceCounters)| SourceProgress {
            uid: graph.node(*id).uid.clone(),
            ..counters.progress()
        };
        let sources: Vec<_> = self.sources.iter().map(source).collect();
        let operators = self.operators();
        let watermark = graph.outputs.iter().map(|output| operators[output.node.0].watermark).min();
        let output = |(output, counters): (&Output, &OutputCounters)| OutputProgress {
            uid: graph.node(output.node).uid.clone(),
            tap: match &output.target {
                Target::Sink(tap) => tap.name.clone(),
                Target::Result => String::new(),
            },
            rows: counters.rows(),
            blocked: counters.blocked(),
        };
        let outputs = graph.outputs.iter().zip(&self.outputs).map(output).collect();
        Progress { watermark: watermark.unwrap_or(Millis::MIN), sources, operators, outputs }
    }

    /// The late rows that an operator kept, oldest first.
    pub fn late_rows(&self, id: NodeId) -> Vec<RecordBatch> {
        let kept = self.nodes[id.0].0.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        kept.batches.iter().cloned().collect()
    }
}

impl NodeCounters {
    fn new(uid: &str, inputs: usize, kept: usize) -> Self {
        NodeCounters(Arc::new(Shared {
            uid: uid.into(),
            rows_in: (0..inputs.max(1)).map(|_| AtomicU64::new(0)).collect(),
            rows_out: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            late: AtomicU64::new(0),
            bad: AtomicU64::new(0),
            failure: Mutex::default(),
            state: AtomicU64::new(0),
            spilled: Default::default(),
            watermark: AtomicI64::new(Millis::MIN.0),
            kept: Mutex::default(),
            limit: kept,
        }))
    }

    /// Counters of an operator without a graph.
    #[cfg(test)]
    pub fn alone(uid: &str, kept: usize) -> Self {
        NodeCounters::new(uid, 1, kept)
    }

    /// A user's function failed for a row, which is left out.
    pub fn failed(&self, reason: String) {
        self.0.bad.fetch_add(1, Ordering::Relaxed);
        *self.0.failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(reason);
    }

    /// A message came in through an input.
    pub fn heard(&self, port: usize, message: &Message) {
        if let Message::Batch(batch) = message {
            self.0.rows_in[port].fetch_add(batch.len() as u64, Ordering::Relaxed);
        }
    }

    /// Nothing came of so many rows.
    pub fn dropped(&self, rows: u64) {
        if rows > 0 {
            self.0.dropped.fetch_add(rows, Ordering::Relaxed);
        }
    }

    /// A message went out.
    pub fn said(&self, message: &Message) {
        let watermark = match message {
            Message::Batch(batch) => {
                self.0.rows_out.fetch_add(batch.len() as u64, Ordering::Relaxed);
                batch.watermark()
            }
            Message::Watermark(watermark) => Some(*watermark),
            Message::End => Some(Millis::MAX),
            Message::Idle | Message::Barrier(_) => None,
        };
        if let Some(Millis(watermark)) = watermark {
            self.0.watermark.store(watermark, Ordering::Relaxed);
        }
    }

    /// Rows came after their time: counted all, kept as many as fit.
    pub fn late(&self, batches: &[Batch]) {
        for batch in batches {
            self.0.late.fetch_add(batch.len() as u64, Ordering::Relaxed);
            let mut kept = self.0.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let room = self.0.limit.saturating_sub(kept.rows).min(batch.len());
            if room > 0 {
                kept.rows += room;
                kept.batches.push_back(batch.rows.slice(0, room));
            }
        }
    }

    /// The operator's state in one lane has this size now, and had that one before.
    pub fn state(&self, bytes: usize, before: usize) {
        // Wraps below zero in between, and comes right again.
        self.0.state.fetch_add((bytes as u64).wrapping_sub(before as u64), Ordering::Relaxed);
    }

    /// So much of its state in one lane is put away now, and was before.
    pub fn spilled(&self, now: Spilled, before: Spilled) {
        let [bytes, reads, writes] = &self.0.spilled;
        for (counter, now, before) in
            [(bytes, now.bytes, before.bytes), (reads, now.reads, before.reads), (writes, now.writes, before.writes)]
        {
            if now != before {
                counter.fetch_add(now.wrapping_sub(before), Ordering::Relaxed);
            }
        }
    }

    /// Rows that came in, per input.
    fn rows_in(&self) -> Vec<u64> {
        self.0.rows_in.iter().map(|rows| rows.load(Ordering::Relaxed)).collect()
    }

    /// What the operator has done so far.
    pub(crate) fn progress(&self) -> OperatorProgress {
        // What went out is read first: so it is never more than what came in.
        let rows_out = self.0.rows_out.load(Ordering::Relaxed);
        OperatorProgress {
            uid: self.0.uid.clone(),
            rows_in: self.rows_in().iter().sum(),
            rows_out,
            dropped: self.0.dropped.load(Ordering::Relaxed),
            late: self.0.late.load(Ordering::Relaxed),
            bad: self.0.bad.load(Ordering::Relaxed),
            failure: self.0.failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone(),
            state: self.0.state.load(Ordering::Relaxed),
            spilled: {
                let [bytes, reads, writes] = self.0.spilled.each_ref().map(|count| count.load(Ordering::Relaxed));
                Spilled { bytes, reads, writes }
            },
            watermark: Millis(self.0.watermark.load(Ordering::Relaxed)),
        }
    }
}
