//! Which records made a row, and which rows a record made. The tape is played record by record with every
//! operator's rows written down, each with the record that brought it ([`log`]); then rows are followed from
//! operator to operator by what each operator does ([`edges`]): back from a result to the records of the tape,
//! or forth from a record to all that came of it.
//!
//! What is written down has to fit into memory. Of a longer tape only a stretch is: the graph is played up to its
//! beginning as fast as it goes, so that its state is that of the whole tape, and watched closely from there on.

mod edges;
mod log;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::ops::Range;

use millstream_plan::{Graph, NodeId, Op, Output, Target};
use millstream_record::Batch;

use self::log::Log;
use super::condition::Condition;
use super::head::Head;
use super::replaying::Replaying;
use crate::fault::Fault;
use crate::session::Session;

/// So many records are watched closely at most, which takes seconds, and at least.
const MOST_RECORDS: u64 = 250_000;
const FEWEST_RECORDS: u64 = 1_000;

/// Everything that the operators of a graph gave over a stretch of the tape.
pub struct Traced {
    graph: Graph,
    result: NodeId,
    logs: Vec<Log>,
    /// The stretch that was watched closely.
    pub stretch: Range<u64>,
}

/// How many records of the tape a trace of this graph can watch closely: as many as memory holds, if every operator
/// gave each of them as it is.
pub fn reach(session: &Session, graph: &Graph, replaying: &Replaying) -> u64 {
    let meta = replaying.tape.meta();
    let each = (meta.payload_bytes / meta.records.max(1) + 1) * graph.nodes.len() as u64;
    let bytes = session.settings.options().bytes("tape.trace-bytes").unwrap_or(u64::MAX);
    (bytes / each).clamp(FEWEST_RECORDS, MOST_RECORDS)
}

/// The stretch that shows how a row came about: all that is replayed if that is short enough; else so many records
/// up to the first row that fits a condition, or up to the last row where `newest` is wanted. `None` if no row fits.
pub fn stretch_of(
    session: &Session,
    graph: &Graph,
    replaying: &Replaying,
    condition: &mut Condition,
    newest: bool,
) -> Result<Option<Range<u64>>, Fault> {
    let (from, to, reach) = (replaying.from, replaying.to, reach(session, graph, replaying));
    if to - from <= reach {
        return Ok(Some(from..to));
    }
    let (mut head, mut found) = (replaying.head(session, graph.clone())?, None);
    while head.position() < to && (found.is_none() || newest) {
        // In pieces that are short beside the stretch, so that the row lies well within it.
        let (end, mut fits) = (head.scene_end().min(head.position() + (reach / 2).max(1)), false);
        head.play(end, &mut |_, batch| any_fits(condition, &batch, &mut fits))?;
        found = fits.then_some(end).or(found);
    }
    if found.is_none() || newest {
        let mut fits = false;
        head.finish(&mut |_, batch| any_fits(condition, &batch, &mut fits))?;
        found = fits.then_some(to).or(found);
    }
    Ok(found.map(|end| end.saturating_sub(reach).max(from)..end))
}

fn any_fits(condition: &mut Condition, batch: &Batch, found: &mut bool) -> Result<(), Fault> {
    let fits = condition.fits(batch)?.into_iter().enumerate();
    *found |= fits.into_iter().any(|(row, fits)| fits && !batch.kind(row).is_retraction());
    Ok(())
}

/// How far a record came.
pub struct Fate {
    /// The operator, by its uid.
    pub operator: String,
    /// Rows of the record, or made with it, that it took.
    pub taken: usize,
    /// Rows that it gave of them.
    pub given: usize,
    /// Whether it left the record out because it came too late.
    pub late: bool,
}

impl Traced {
    /// Plays the tape through a graph and writes down all that it gives over a stretch.
    pub fn of(
        session: &Session,
        mut graph: Graph,
        replaying: &Replaying,
        stretch: Range<u64>,
    ) -> Result<Traced, Fault> {
        let result = graph.outputs.first().map_or(NodeId(0), |output| output.node);
        graph.outputs = (0..graph.nodes.len()).map(|id| Output { node: NodeId(id), target: Target::Result }).collect();
        let mut head: Head = replaying.head(session, graph.clone())?;
        head.play(stretch.start, &mut |_, _| Ok(()))?;
        head.one_by_one();
        let mut logs: Vec<Log> = graph.nodes.iter().map(|node| Log::new(node.row.schema.clone())).collect();
        let fed = head.fed();
        let operators = head.replay().counters().operators();
        let mut late: Vec<u64> = operators.into_iter().map(|operator| operator.late).collect();
        for position in stretch.start + 1..=stretch.end {
            head.play(position, &mut |node, batch| logs[node].push(fed.now(), &batch))?;
            for (node, operator) in head.replay().counters().operators().into_iter().enumerate() {
                if operator.late > late[node] {
                    late[node] = operator.late;
                    logs[node].late(fed.now());
                }
            }
        }
        if stretch.end >= replaying.to {
            head.finish(&mut |node, batch| logs[node].push(replaying.to, &batch))?;
        }
        logs.iter_mut().try_for_each(Log::seal)?;
        Ok(Traced { graph, result, logs, stretch })
    }

    /// The rows of the result.
    pub fn result(&self) -> &Log {
        &self.logs[self.result.0]
    }

    /// The records that made a row of the result: the scan's tap, and the number of the record.
    pub fn records_of(&self, row: usize) -> Result<BTreeSet<(String, u64)>, Fault> {
        let mut wanted: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); self.graph.nodes.len()];
        wanted[self.result.0].insert(row);
        let mut records = BTreeSet::new();
        // Inputs have smaller numbers than their readers.
        for id in (0..self.graph.nodes.len()).rev() {
            let rows: Vec<usize> = std::mem::take(&mut wanted[id]).into_iter().collect();
            if rows.is_empty() {
                continue;
            }
            let node = &self.graph.nodes[id];
            if let Op::Scan { tap, .. } = &node.op {
                records.extend(rows.iter().map(|&row| (tap.name.clone(), self.logs[id].record(row))));
            }
            for (port, input) in node.inputs.iter().enumerate() {
                let inputs = &self.logs[input.0];
                let all: Vec<usize> = (0..inputs.len()).collect();
                let pairs = edges::edges(&self.graph, NodeId(id), port, (inputs, &all), (&self.logs[id], &rows))?;
                wanted[input.0].extend(pairs.into_iter().map(|(from, _)| from));
            }
        }
        Ok(records)
    }

    /// What became of a record of a tap: how far it came, operator by operator, and the rows of the result that
    /// it had a part in.
    pub fn fate_of(&self, tap: &str, record: u64) -> Result<(Vec<Fate>, Vec<usize>), Fault> {
        let mut touched: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); self.graph.nodes.len()];
        let mut fates = Vec::new();
        for (id, node) in self.graph.nodes.iter().enumerate() {
            let log = &self.logs[id];
            let (mut taken, mut reached) = (0, BTreeSet::new());
            if let Op::Scan { tap: scanned, .. } = &node.op {
                if scanned.name != tap {
                    continue;
                }
                taken = 1;
                reached.extend((0..log.len()).filter(|&row| log.record(row) == record));
            }
            for (port, input) in node.inputs.iter().enumerate() {
                let from: Vec<usize> = touched[input.0].iter().copied().collect();
                taken += from.len();
                let all: Vec<usize> = (0..log.len()).collect();
                let pairs = edges::edges(&self.graph, NodeId(id), port, (&self.logs[input.0], &from), (log, &all))?;
                reached.extend(pairs.into_iter().map(|(_, to)| to));
            }
            if taken > 0 {
                let late = log.is_late(record) && !matches!(node.op, Op::Scan { .. });
                fates.push(Fate { operator: node.uid.clone(), taken, given: reached.len(), late });
            }
            touched[id] = reached;
        }
        let rows = touched[self.result.0].iter().copied().collect();
        Ok((fates, rows))
    }
}
