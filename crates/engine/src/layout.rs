//! Which lanes an operator runs in, and how rows get there.
//!
//! Worker lanes have the numbers `0..parallelism`, the lane of source `i` is `parallelism + i`. What has no
//! state and one input stays in the lane of what it reads. An operator with keys is spread over all workers
//! and gets its rows by the hash of the key; everything else with state runs once, in lane 0.

use std::ops::Range;

use millstream_plan::{Graph, NodeId, Op, WindowInput};

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
                (op, [input]) if is_stage(op) => layout.placement[input.0].clone(),
                (op, _) if partition(op, 0).is_some_and(|key| !key.is_empty()) => 0..workers,
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
        if is_stage(&graph.node(to).op) && graph.node(to).inputs.len() == 1 {
            return Route::Stay;
        }
        if there.len() == 1 {
            return if here == there { Route::Stay } else { Route::To(there.start) };
        }
        Route::Hash(partition(&graph.node(to).op, port).expect("only operators with keys are spread"))
    }
}

/// Whether an operator keeps no state.
pub fn is_stage(op: &Op) -> bool {
    match op {
        Op::Filter(_) | Op::Project(_) | Op::Expand(_) | Op::Unnest(_) => true,
        Op::AssignWindow(assign) => !matches!(assign.window, millstream_plan::Window::Session { .. }),
        _ => false,
    }
}

/// The columns of input `port` by which an operator may be spread, or `None` if it must run once.
fn partition(op: &Op, port: usize) -> Option<Vec<usize>> {
    match op {
        Op::GroupAggregate(group) => Some(group.keys.clone()),
        Op::WindowAggregate(aggregate) => match &aggregate.input {
            WindowInput::Time { .. } | WindowInput::Attached { .. } => Some(aggregate.keys.clone()),
        },
        Op::AssignWindow(assign) => Some(assign.partition.clone()),
        Op::Normalize { key } => Some(key.clone()),
        Op::IntervalJoin(join) => Some(join.on.iter().map(|on| if port == 0 { on.left } else { on.right }).collect()),
        Op::Scan { .. } | Op::Values { .. } | Op::Filter(_) | Op::Project(_) | Op::Expand(_) | Op::Unnest(_) => None,
        Op::Union | Op::TableJoin(_) | Op::Limit { .. } => None,
    }
}
