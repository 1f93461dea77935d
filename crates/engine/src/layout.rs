//! Which lanes an operator runs in, and how rows get there.
//!
//! Worker lanes have the numbers `0..parallelism`, the lane of source `i` is `parallelism + i`. What has no
//! state and one input stays in the lane of what it reads. An operator with keys is spread over all workers
//! and gets its rows by the hash of the key; everything else with state runs once, in lane 0.

use std::ops::Range;

use millstream_plan::{Exchange, Graph, NodeId};

/// The lanes of a graph.
#[derive(Debug)]
pub struct Layout {
    workers: usize,
    placement: Vec<Range<usize>>,
    sources: usize,
}

/// How rows get from one operator to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// They stay in their lane.
    Stay,
    /// They go to this lane.
    To(usize),
    /// They go to the worker lane that the hash of these columns names.
    Hash(Vec<usize>),
}

impl Layout {
    /// The lanes of a graph with so many workers.
    pub fn of(graph: &Graph, workers: usize) -> Layout {
        let workers = workers.max(1);
        let mut layout = Layout { workers, placement: Vec::new(), sources: 0 };
        for node in &graph.nodes {
            let lanes = match (&node.op, node.inputs.as_slice()) {
                (_, []) => {
                    layout.sources += 1;
                    workers + layout.sources - 1..workers + layout.sources
                }
                (op, [input]) if op.is_stage() => layout.placement[input.0].clone(),
                (op, _) if op.partition(0).is_some_and(|key| !key.is_empty()) => 0..workers,
                _ => 0..1,
            };
            layout.placement.push(lanes);
        }
        layout
    }

    /// How many lanes there are.
    pub fn lanes(&self) -> usize {
        self.workers + self.sources
    }

    /// How many of them are workers.
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// The lanes in which a node runs.
    pub fn lanes_of(&self, node: NodeId) -> Range<usize> {
        self.placement[node.0].clone()
    }

    /// How rows get from `from` to input `port` of `to`.
    pub fn route(&self, graph: &Graph, from: NodeId, to: NodeId, port: usize) -> Route {
        let (here, there) = (self.lanes_of(from), self.lanes_of(to));
        match graph.exchange(to, port) {
            Exchange::Stay if graph.node(to).inputs.len() == 1 => Route::Stay,
            Exchange::Hash(key) if there.len() > 1 => Route::Hash(key),
            _ if here == there => Route::Stay,
            _ => Route::To(there.start),
        }
    }
}
