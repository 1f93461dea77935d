//! What a run tells of itself while it runs: counters that the lanes raise and anybody may read, and the
//! late rows that were kept. Reading never slows the run.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;
use millstream_plan::{Graph, NodeId};
use millstream_record::{Batch, Message, Millis};

/// The counters of all operators of a run. Clones share them.
#[derive(Clone, Debug)]
pub struct Counters(Vec<NodeCounters>);

/// The counters of one operator, over all its lanes.
#[derive(Clone, Debug)]
pub struct NodeCounters(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    uid: String,
    rows_in: AtomicU64,
    rows_out: AtomicU64,
    late: AtomicU64,
    state: AtomicU64,
    watermark: AtomicI64,
    kept: Mutex<Kept>,
    limit: usize,
}

#[derive(Debug, Default)]
struct Kept {
    batches: VecDeque<RecordBatch>,
    rows: usize,
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
    /// Rows that came after their time.
    pub late: u64,
    /// Bytes of state, roughly, of the lane that spoke last.
    pub state: u64,
    /// How far its output has come.
    pub watermark: Millis,
}

impl Counters {
    /// Counters for every node of a graph; each operator keeps at most `kept` late rows.
    pub fn new(graph: &Graph, kept: usize) -> Self {
        let counters = |uid: &str| {
            NodeCounters(Arc::new(Shared {
                uid: uid.into(),
                rows_in: AtomicU64::new(0),
                rows_out: AtomicU64::new(0),
                late: AtomicU64::new(0),
                state: AtomicU64::new(0),
                watermark: AtomicI64::new(Millis::MIN.0),
                kept: Mutex::default(),
                limit: kept,
            }))
        };
        Counters(graph.nodes.iter().map(|node| counters(&node.uid)).collect())
    }

    /// The counters of one node.
    pub fn node(&self, id: NodeId) -> NodeCounters {
        self.0[id.0].clone()
    }

    /// What every operator has done so far, in the order of the graph.
    pub fn progress(&self) -> Vec<OperatorProgress> {
        self.0.iter().map(NodeCounters::progress).collect()
    }

    /// The late rows that an operator kept, oldest first.
    pub fn late_rows(&self, id: NodeId) -> Vec<RecordBatch> {
        let kept = self.0[id.0].0.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        kept.batches.iter().cloned().collect()
    }
}

impl NodeCounters {
    /// A message came in.
    pub fn heard(&self, message: &Message) {
        if let Message::Batch(batch) = message {
            self.0.rows_in.fetch_add(batch.len() as u64, Ordering::Relaxed);
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

    /// The operator's state has this size now.
    pub fn state(&self, bytes: usize) {
        self.0.state.store(bytes as u64, Ordering::Relaxed);
    }

    fn progress(&self) -> OperatorProgress {
        OperatorProgress {
            uid: self.0.uid.clone(),
            rows_in: self.0.rows_in.load(Ordering::Relaxed),
            rows_out: self.0.rows_out.load(Ordering::Relaxed),
            late: self.0.late.load(Ordering::Relaxed),
            state: self.0.state.load(Ordering::Relaxed),
            watermark: Millis(self.0.watermark.load(Ordering::Relaxed)),
        }
    }
}
