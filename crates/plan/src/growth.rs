//! Which operators of a graph keep more and more: their state has an entry for every value that ever came,
//! and nothing ever takes one away. Found before the query runs, with a way out for each.

use crate::{AggregateKind, Graph, GroupAggregate, NodeId, Op, Tap};
use arrow::datatypes::DataType;

/// An operator whose state grows without bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    /// Its uid.
    pub uid: String,
    /// What it keeps, as a sentence without a dot.
    pub keeps: String,
    /// A way out.
    pub way_out: String,
}

/// An interval longer than this is no bound: a hundred years.
const NO_BOUND: i64 = 100 * 366 * 86_400_000;

impl Graph {
    /// The operators whose state grows without bound. What reads only taps that end is bounded by them.
    pub fn growth(&self, bounded: impl Fn(&Tap) -> bool) -> Vec<Growth> {
        let mut endless: Vec<bool> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            endless.push(match &node.op {
                Op::Scan { tap, .. } => !bounded(tap),
                _ => node.inputs.iter().any(|input| endless[input.0]),
            });
        }
        let grows = |index: usize| endless[index].then(|| self.grows(NodeId(index))).flatten();
        (0..self.nodes.len()).filter_map(grows).collect()
    }

    fn grows(&self, id: NodeId) -> Option<Growth> {
        let node = self.node(id);
        let name = |column: usize| self.node(node.inputs[0]).row.schema.field(column).name().clone();
        let (keeps, way_out) = match &node.op {
            Op::GroupAggregate(group) => self.group_grows(id, group, name)?,
            Op::IntervalJoin(join) if join.lower < -NO_BOUND || join.upper > NO_BOUND => (
                "keeps every row of both sides, because the interval has no bound".to_string(),
                "bound it on both sides: a.ts BETWEEN b.ts - INTERVAL '…' AND b.ts + INTERVAL '…'".to_string(),
            ),
            Op::Join(_) => (
                "keeps every row of both sides for ever".to_string(),
                "hold two event times together: a.ts BETWEEN b.ts - INTERVAL '…' AND b.ts + INTERVAL '…', or join with a \
                 table that ends"
                    .to_string(),
            ),
            Op::MatchRecognize(matches) if matches.within.is_none() && (matches.is_unbounded() || !matches.partition.is_empty()) => {
                let whose = if matches.partition.is_empty() { "" } else { " of each partition" };
                (
                    format!("keeps the rows of every match{whose} that has begun, until it ends or fails"),
                    "say how long a match may take: PATTERN (…) WITHIN INTERVAL '…' DEFINE …".to_string(),
                )
            }
            _ => return None,
        };
        Some(Growth { uid: node.uid.clone(), keeps, way_out })
    }

    fn group_grows(
        &self,
        id: NodeId,
        group: &GroupAggregate,
        name: impl Fn(usize) -> String,
    ) -> Option<(String, String)> {
        const WINDOW: &str = "group by window_start and window_end of a window as well";
        let ttl = "table.exec.state.ttl does not help: forgetting would change the answer";
        let input = &self.node(self.node(id).inputs[0]).row;
        let few = |column: &usize| *input.data_type(*column) == DataType::Boolean;
        let keys: Vec<String> = group.keys.iter().map(|&column| name(column)).collect();
        if group.aggregates.is_empty() && !group.keys.iter().all(few) {
            let keeps = format!("keeps every distinct ({}) for ever", keys.join(", "));
            return Some((keeps, format!("make rows distinct within a window: {WINDOW}; {ttl}")));
        }
        if !group.keys.iter().all(few) {
            let keeps = format!("keeps a row for every ({}) for ever", keys.join(", "));
            return Some((keeps, format!("{WINDOW}, or by a key with few values; {ttl}")));
        }
        let hoards = |call: &&crate::AggregateCall| call.distinct || matches!(call.kind, AggregateKind::ListAgg { .. });
        let call = group.aggregates.iter().find(hoards)?;
        let args: Vec<String> = call.args.iter().map(|&column| name(column)).collect();
        let keeps = format!("keeps every value of {} for {}({})", args.join(", "), call.kind.name(), args.join(", "));
        Some((keeps, format!("{WINDOW}; {ttl}")))
    }
}

impl std::fmt::Display for Growth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.uid, self.keeps, self.way_out)
    }
}
