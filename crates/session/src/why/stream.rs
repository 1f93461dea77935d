//! Where the rows of a node come from, and who holds its time back.

use millstream_engine::inspect::{Partition, Source};
use millstream_plan::{Graph, NodeId, Op, Tap};
use millstream_record::{Millis, PartitionId};

use super::Scene;
use super::moment::Clockface;
use super::words;
use crate::render::{Zone, gate};

impl Scene<'_> {
    /// The scans from which a node's rows come, in the order of the graph.
    pub fn scans_below(&self, id: NodeId) -> Vec<NodeId> {
        let node = self.graph.node(id);
        if matches!(node.op, Op::Scan { .. }) {
            return vec![id];
        }
        let mut scans: Vec<NodeId> = node.inputs.iter().flat_map(|&input| self.scans_below(input)).collect();
        scans.sort_unstable();
        scans.dedup();
        scans
    }

    /// The source, among those below a node, that has come least far, and the partition that holds it. One that
    /// is idle or has ended holds nobody, unless all are idle: then time stands still.
    pub fn slowest_below(&self, id: NodeId) -> Option<(&Source, &Partition)> {
        let sources = self.scans_below(id).into_iter().filter_map(|scan| self.inside.source(scan));
        let timed: Vec<&Source> = sources.filter(|source| source.watermark.is_some() && !source.ended).collect();
        let held = timed.iter().filter_map(|source| Some((*source, source.holder()?)));
        held.min_by_key(|(source, _)| source.watermark).or_else(|| {
            let asleep =
                timed.iter().flat_map(|source| source.partitions.iter().map(move |partition| (*source, partition)));
            asleep.filter(|(_, partition)| !partition.ended).min_by_key(|(_, partition)| partition.watermark)
        })
    }

    /// How the event times below a node are shown: `TIMESTAMP` as its digits, `TIMESTAMP_LTZ` in the session's
    /// zone.
    pub fn event_clock(&self, id: NodeId) -> Clockface {
        let tap = self.scans_below(id).into_iter().find_map(|scan| timed_tap(self.graph, scan));
        let local = tap.is_some_and(|(tap, column)| {
            matches!(tap.columns[column].field().data_type(), arrow::datatypes::DataType::Timestamp(_, Some(_)))
        });
        Clockface::new(if local { self.zone } else { Zone::UTC }, self.now)
    }

    /// Moments of the run's clock.
    pub fn wall(&self) -> Clockface {
        Clockface::new(self.zone, self.now)
    }

    /// What a node's rows are called: the tables they come from.
    pub fn name_of(&self, id: NodeId) -> String {
        let tap = |scan: NodeId| match &self.graph.node(scan).op {
            Op::Scan { tap, .. } => Some(words::table(&tap.name)),
            _ => None,
        };
        let mut names: Vec<String> = self.scans_below(id).into_iter().filter_map(tap).collect();
        names.dedup();
        match names.as_slice() {
            [] => "the rows of VALUES".into(),
            [one] => one.clone(),
            [first @ .., last] => format!("{} and {last}", first.join(", ")),
        }
    }

    /// The one table from which a node's rows come, if they come from one and are not counted together yet.
    pub fn plain_table(&self, mut id: NodeId) -> Option<&Tap> {
        loop {
            let node = self.graph.node(id);
            match (&node.op, node.inputs.as_slice()) {
                (Op::Scan { tap, .. }, _) => return Some(tap),
                (
                    Op::Filter(_) | Op::Project(_) | Op::CurrentWatermark | Op::Limit { .. } | Op::AssignWindow(_),
                    [input],
                ) => id = *input,
                _ => return None,
            }
        }
    }
}

/// A scan's tap and its event-time column.
pub fn timed_tap(graph: &Graph, scan: NodeId) -> Option<(&Tap, usize)> {
    match &graph.node(scan).op {
        Op::Scan { tap, .. } => Some((tap, tap.watermark.as_ref()?.column)),
        _ => None,
    }
}

/// How far a partition's watermark stays behind its latest event time, if it has begun.
pub fn delay(partition: &Partition) -> Option<i64> {
    let (_, latest) = partition.times?;
    (partition.watermark != Millis::MIN && partition.watermark.0 != 0)
        .then(|| latest.0.saturating_sub(partition.watermark.0))
        .filter(|delay| *delay >= 0)
}

/// A partition as it is written: `trades/3`, or the table's name if it is the only one and called so.
pub fn partition(source: &Source, partition: &Partition) -> String {
    let short = place(&partition.id);
    match source.partitions.len() {
        1 if short == format!("{}/0", source.tap) => words::table(&source.tap),
        _ => short,
    }
}

/// `trades/3`; of a file its own name without the folders.
pub fn place(id: &PartitionId) -> String {
    let topic = gate::shown(&id.topic);
    format!("{}/{}", topic.rsplit('/').next().unwrap_or(&topic), id.number)
}
