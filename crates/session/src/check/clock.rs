//! Where the watermark of every operator stood before each record arrived, worked out from the definitions:
//! per partition the highest value so far, per tap the lowest of its partitions, per operator the lowest of
//! its inputs. It shares no code with the engine's watermarks, which it is held against.

use std::collections::BTreeMap;

use millstream_engine::Options;
use millstream_plan::{Graph, NodeId, Op};
use millstream_record::{Millis, PartitionId};

/// One thing that moves a watermark, or may.
pub enum Tick {
    /// A row arrived, with its watermark value if it has one.
    Row { scan: NodeId, partition: PartitionId, value: Option<i64> },
    /// A partition exists.
    Partition { scan: NodeId, partition: PartitionId },
    /// A partition has ended.
    PartitionEnd { scan: NodeId, partition: PartitionId },
    /// A tap has ended.
    End { scan: NodeId },
}

/// The watermarks of all operators over one recording.
pub struct Clock<'a> {
    graph: &'a Graph,
    options: &'a Options,
    sources: BTreeMap<NodeId, Source>,
    now: Vec<i64>,
    /// Per operator, in order: from this arrival on, the watermark is this.
    moves: Vec<Vec<(i64, i64)>>,
}

/// The watermark of one scan.
#[derive(Default)]
struct Source {
    partitions: BTreeMap<PartitionId, i64>,
    emitted: Option<i64>,
}

impl<'a> Clock<'a> {
    /// Follows the ticks of a recording. Arrivals are the numbers of the rows among them, from 0.
    pub fn follow(graph: &'a Graph, options: &'a Options, ticks: impl IntoIterator<Item = Tick>) -> Clock<'a> {
        let nodes = graph.nodes.len();
        let sources = graph.scans().map(|(id, ..)| (id, Source::default())).collect();
        let (now, moves) = (vec![Millis::MIN.0; nodes], vec![Vec::new(); nodes]);
        let mut clock = Clock { graph, options, sources, now, moves };
        let mut arrived = 0;
        for tick in ticks {
            arrived += i64::from(matches!(tick, Tick::Row { .. }));
            if clock.hear(tick) {
                clock.spread(arrived);
            }
        }
        clock
    }

    /// The watermark of an operator before this arrival.
    pub fn before(&self, node: NodeId, arrival: i64) -> i64 {
        let moves = &self.moves[node.0];
        let known = moves.partition_point(|(from, _)| *from <= arrival);
        known.checked_sub(1).map_or(Millis::MIN.0, |last| moves[last].1)
    }

    /// Whether the watermark of a scan moved.
    fn hear(&mut self, tick: Tick) -> bool {
        let start = self.options.watermark_start.0;
        let (Tick::Row { scan, .. }
        | Tick::Partition { scan, .. }
        | Tick::PartitionEnd { scan, .. }
        | Tick::End { scan }) = &tick;
        let scan = *scan;
        let Some(source) = self.sources.get_mut(&scan) else { return false };
        let mut spaced = false;
        match tick {
            Tick::Row { partition, value, .. } => {
                let highest = source.partitions.entry(partition).or_insert(start);
                *highest = value.map_or(*highest, |value| value.max(*highest));
                spaced = true;
            }
            Tick::Partition { partition, .. } => drop(source.partitions.entry(partition).or_insert(start)),
            Tick::PartitionEnd { partition, .. } => drop(source.partitions.remove(&partition)),
            Tick::End { .. } => {
                self.now[scan.0] = Millis::MAX.0;
                return true;
            }
        }
        let Some(&lowest) = source.partitions.values().min() else { return false };
        let before = source.emitted.unwrap_or(start);
        let least = if spaced { self.options.watermark_interval } else { 0 };
        let moved = lowest.saturating_sub(before) > least && timed(self.graph, scan);
        if moved {
            (source.emitted, self.now[scan.0]) = (Some(lowest), lowest);
        }
        moved
    }

    /// Carries the watermarks of the scans through the graph.
    fn spread(&mut self, arrived: i64) {
        for (id, node) in self.graph.nodes.iter().enumerate() {
            let inputs = node.inputs.iter().map(|input| self.now[input.0]);
            let reached = match &node.op {
                Op::Scan { .. } | Op::Values { .. } => self.now[id],
                // The stream waits until the table has been read.
                Op::TableJoin(_) if self.now[node.inputs[1].0] < Millis::MAX.0 => Millis::MIN.0,
                _ => inputs.min().unwrap_or(Millis::MIN.0),
            };
            let held = match &node.op {
                Op::IntervalJoin(join) if reached != Millis::MAX.0 && join.lower <= join.upper => {
                    reached.saturating_sub(join.lower.saturating_neg().max(join.upper))
                }
                _ => reached,
            };
            // An operator judges by what it has heard, and passes on what it holds back.
            if self.moves[id].last().is_none_or(|(_, last)| *last < reached) && reached > Millis::MIN.0 {
                self.moves[id].push((arrived, reached));
            }
            self.now[id] = self.now[id].max(held);
        }
    }
}

fn timed(graph: &Graph, scan: NodeId) -> bool {
    matches!(&graph.node(scan).op, Op::Scan { tap, .. } if tap.watermark.is_some())
}
