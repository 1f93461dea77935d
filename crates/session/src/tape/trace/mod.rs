//! Which records made a row, and which rows a record made. The tape is played record by record with every
//! operator's rows written down, each with the record that brought it ([`log`]); then rows are followed from
//! operator to operator by what each operator does ([`edges`]): back from a result to the records of the tape,
//! or forth from a record to all that came of it.

mod edges;
mod log;

use std::collections::BTreeSet;

use millstream_plan::{Graph, NodeId, Op, Output, Target};

use self::log::Log;
use super::head::Head;
use super::replaying::Replaying;
use crate::fault::{Class, Fault};
use crate::session::Session;

/// Traces of more records than this would take too long.
const MOST_RECORDS: u64 = 500_000;

/// Everything that the operators of a graph gave over the tape.
pub struct Traced {
    graph: Graph,
    result: NodeId,
    logs: Vec<Log>,
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
    /// Plays the tape through a graph and writes everything down.
    pub fn of(session: &Session, mut graph: Graph, replaying: &Replaying) -> Result<Traced, Fault> {
        if replaying.to - replaying.from > MOST_RECORDS {
            let message = format!("a trace goes over at most {} records", crate::status::count(MOST_RECORDS));
            let fault = Fault::new(Class::Query, "E0916", message);
            return Err(fault.hint("replay a stretch of the tape: REPLAY name FROM 12:04 TO 12:05;"));
        }
        let result = graph.outputs.first().map_or(NodeId(0), |output| output.node);
        graph.outputs = (0..graph.nodes.len()).map(|id| Output { node: NodeId(id), target: Target::Result }).collect();
        let mut head: Head = replaying.head(session, graph.clone())?;
        head.one_by_one();
        let mut logs: Vec<Log> = graph.nodes.iter().map(|node| Log::new(node.row.schema.clone())).collect();
        let fed = head.fed();
        let mut late = vec![0; graph.nodes.len()];
        let mut position = replaying.from;
        while position < replaying.to {
            position += 1;
            head.play(position, &mut |node, batch| logs[node].push(fed.now(), &batch))?;
            for (node, operator) in head.replay().counters().operators().into_iter().enumerate() {
                if operator.late > late[node] {
                    late[node] = operator.late;
                    logs[node].late(fed.now());
                }
            }
        }
        head.finish(&mut |node, batch| logs[node].push(replaying.to, &batch))?;
        logs.iter_mut().try_for_each(Log::seal)?;
        Ok(Traced { graph, result, logs })
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
