//! How rows get from one operator to the next: they stay where they are, they are spread by the hash of a
//! key, or they all go to one place. The engine lays its lanes by this, and explain shows it.

use crate::{Graph, IntervalJoin, Join, NodeId, Op, TemporalJoin, Window, WindowJoin};

/// How rows reach an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// They stay with the operator before.
    Stay,
    /// All go to one place.
    One,
    /// Rows with equal values in these columns of the input go to the same place.
    Hash(Vec<usize>),
}

impl Op {
    /// Whether it keeps no state, so that it works wherever its rows are.
    pub fn is_stage(&self) -> bool {
        match self {
            Op::Filter(_) | Op::Project(_) | Op::Expand(_) | Op::Unnest(_) => true,
            Op::AssignWindow(assign) => !matches!(assign.window, Window::Session { .. }),
            _ => false,
        }
    }

    /// Whether it keeps state that another operator could not go on from.
    pub fn keeps_state(&self) -> bool {
        !self.is_stage() && !matches!(self, Op::Scan { .. } | Op::Values { .. } | Op::Union)
    }

    /// The columns of input `port` by which it may be spread, or `None` if it must run once.
    pub fn partition(&self, port: usize) -> Option<Vec<usize>> {
        match self {
            Op::GroupAggregate(group) => Some(group.keys.clone()),
            Op::WindowAggregate(aggregate) => Some(aggregate.keys.clone()),
            Op::AssignWindow(assign) => Some(assign.partition.clone()),
            Op::Over(over) => Some(over.partition.clone()),
            Op::Rank(rank) => Some(rank.partition.clone()),
            Op::MatchRecognize(matches) => Some(matches.partition.clone()),
            Op::Normalize { key } => Some(key.clone()),
            Op::IntervalJoin(IntervalJoin { on, .. })
            | Op::WindowJoin(WindowJoin { join: Join { on, .. }, .. })
            | Op::TemporalJoin(TemporalJoin { join: Join { on, .. }, .. })
            | Op::Join(Join { on, .. }) => {
                Some(on.iter().map(|on| if port == 0 { on.left } else { on.right }).collect())
            }
            Op::Scan { .. } | Op::Values { .. } | Op::Filter(_) | Op::Project(_) | Op::Expand(_) | Op::Unnest(_) => {
                None
            }
            Op::Union | Op::TableJoin(_) | Op::Sort(_) | Op::CurrentWatermark | Op::Limit { .. } => None,
        }
    }
}

impl Graph {
    /// How rows reach input `port` of a node.
    pub fn exchange(&self, to: NodeId, port: usize) -> Exchange {
        let op = &self.node(to).op;
        if op.is_stage() {
            return Exchange::Stay;
        }
        match op.partition(port) {
            Some(key) if !key.is_empty() => Exchange::Hash(key),
            _ => Exchange::One,
        }
    }
}
