//! Bounded input in the order in which it was heard: decoded rows of each tap with all its physical columns,
//! and the comings and goings of partitions, because watermarks hang on them.

use std::time::Duration;

use millstream_engine::Doors;
use millstream_plan::{Graph, Op, Tap};
use millstream_record::{Error, Fetched, PartitionId, Poll, Reader, Result, Scan, Stop};

/// How long one look at a source waits. Bounded sources have their records at hand.
const WAIT: Duration = Duration::from_millis(20);

/// Records of several taps in one order.
#[derive(Debug, Default)]
pub struct Recording {
    heard: Vec<(String, Heard)>,
}

/// One thing that a tap said.
#[derive(Debug)]
pub enum Heard {
    /// A partition exists.
    Partition(PartitionId),
    /// Rows of one partition, with all physical columns of the tap.
    Rows(Fetched),
    /// A partition has been read to its end.
    PartitionEnd(PartitionId),
    /// The tap has ended.
    End,
}

impl Recording {
    /// Adds what a tap says next.
    pub fn push(&mut self, tap: &str, heard: Heard) {
        self.heard.push((tap.to_string(), heard));
    }

    /// All that was heard, in order, with the names of the taps.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Heard)> {
        self.heard.iter().map(|(tap, heard)| (tap.as_str(), heard))
    }

    /// Reads the taps of a graph to their ends: first those that a stream is looked up in, one after the
    /// other, then the others piece by piece in turn.
    pub fn of(graph: &Graph, doors: &Doors, batch_rows: usize) -> Result<Recording> {
        let mut recording = Recording::default();
        let (tables, streams): (Vec<_>, Vec<_>) = taps(graph).into_iter().partition(|(_, table)| *table);
        for (tap, _) in tables {
            let mut reader = open(tap, doors, batch_rows)?;
            while recording.hear(tap, reader.as_mut())? {}
        }
        let mut readers = Vec::new();
        for (tap, _) in streams {
            readers.push((tap, open(tap, doors, batch_rows)?));
        }
        while !readers.is_empty() {
            let mut going = Vec::with_capacity(readers.len());
            for (tap, mut reader) in readers {
                if recording.hear(tap, reader.as_mut())? {
                    going.push((tap, reader));
                }
            }
            readers = going;
        }
        Ok(recording)
    }

    /// Takes the next piece of a tap; false when it has ended.
    fn hear(&mut self, tap: &Tap, reader: &mut dyn Reader) -> Result<bool> {
        let heard = match reader.poll(WAIT)? {
            Poll::Partition(partition) => Heard::Partition(partition),
            Poll::Rows(rows) => Heard::Rows(rows),
            Poll::PartitionEnd(partition) => Heard::PartitionEnd(partition),
            Poll::End => Heard::End,
            Poll::Nothing => return Ok(true),
            Poll::Stalled(reason) => return Err(Error::Connection { address: tap.name.clone(), reason }),
        };
        let going = !matches!(heard, Heard::End);
        self.push(&tap.name, heard);
        Ok(going)
    }
}

/// The taps of a graph, each once, and whether a stream is looked up in it.
fn taps(graph: &Graph) -> Vec<(&Tap, bool)> {
    let mut taps: Vec<(&Tap, bool)> = Vec::new();
    let tables = table_sides(graph);
    for (id, tap, _) in graph.scans() {
        match taps.iter_mut().find(|(known, _)| known.name == tap.name) {
            Some((_, table)) => *table &= tables[id.0],
            None => taps.push((tap, tables[id.0])),
        }
    }
    taps
}

/// Which nodes feed nothing but the table side of a join.
fn table_sides(graph: &Graph) -> Vec<bool> {
    let mut sides = vec![false; graph.nodes.len()];
    for (id, node) in graph.nodes.iter().enumerate().rev() {
        for (port, input) in node.inputs.iter().enumerate() {
            sides[input.0] |= sides[id] || port == 1 && matches!(node.op, Op::TableJoin(_));
        }
    }
    sides
}

fn open(tap: &Tap, doors: &Doors, batch_rows: usize) -> Result<Box<dyn Reader>> {
    let source = doors.sources.get(&tap.name).ok_or_else(|| Error::Invalid(format!("{} was not opened", tap.name)))?;
    let columns = (0..tap.physical().len()).collect();
    source.open(Scan { columns, resume: None, batch_rows, stop: Stop::default() })
}
