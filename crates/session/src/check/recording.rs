//! Bounded input in the order in which it was heard: decoded rows of each tap with all its physical columns,
//! and the comings and goings of partitions, because watermarks hang on them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use millstream_engine::Doors;
use millstream_plan::{Graph, NodeId, Tap};
use millstream_record::{Error, Fetched, PartitionId, Poll, Reader, Result, Scan, Source, Stop};

/// How long one look at a source waits. Bounded sources have their records at hand.
const WAIT: Duration = Duration::from_millis(20);

/// Sources by the names of their taps.
type Sources = BTreeMap<String, Arc<dyn Source>>;

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
    pub fn of(graph: &Graph, doors: Doors, batch_rows: usize, stop: &Stop) -> Result<Recording> {
        let sources = doors.sources.into_iter().map(|(name, source)| (name, Arc::from(source))).collect();
        let mut recording = Recording::default();
        let (tables, streams): (Vec<_>, Vec<_>) = taps(graph).into_iter().partition(|(_, table)| *table);
        for (tap, _) in tables {
            recording.read(tap, source_of(tap, &sources)?, batch_rows, stop)?;
        }
        let mut readers = Vec::new();
        for (tap, _) in streams {
            readers.push((tap, open(tap, source_of(tap, &sources)?, batch_rows, stop)?));
        }
        while !readers.is_empty() {
            let mut going = Vec::with_capacity(readers.len());
            for (tap, mut reader) in readers {
                if recording.hear(tap, reader.as_mut(), stop)? {
                    going.push((tap, reader));
                }
            }
            readers = going;
        }
        Ok(recording)
    }

    /// Adds all that a bounded tap says.
    pub fn read(&mut self, tap: &Tap, source: Arc<dyn Source>, batch_rows: usize, stop: &Stop) -> Result<()> {
        let mut reader = open(tap, source, batch_rows, stop)?;
        while self.hear(tap, reader.as_mut(), stop)? {}
        Ok(())
    }

    /// Takes the next piece of a tap; false when it has ended.
    fn hear(&mut self, tap: &Tap, reader: &mut dyn Reader, stop: &Stop) -> Result<bool> {
        if stop.raised() {
            return Err(Error::Interrupted);
        }
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
    let tables: BTreeSet<NodeId> = millstream_engine::begin_first(graph).into_values().flatten().collect();
    for (id, tap, _) in graph.scans() {
        match taps.iter_mut().find(|(known, _)| known.name == tap.name) {
            Some((_, table)) => *table &= tables.contains(&id),
            None => taps.push((tap, tables.contains(&id))),
        }
    }
    taps
}

fn source_of(tap: &Tap, sources: &Sources) -> Result<Arc<dyn Source>> {
    sources.get(&tap.name).cloned().ok_or_else(|| Error::Invalid(format!("{} was not opened", tap.name)))
}

fn open(tap: &Tap, source: Arc<dyn Source>, batch_rows: usize, stop: &Stop) -> Result<Box<dyn Reader>> {
    let columns = (0..tap.physical().len()).collect();
    let scan = Scan { columns, resume: None, batch_rows, stop: stop.clone() };
    stop.unless(move || source.open(scan)).unwrap_or(Err(Error::Interrupted))
}
