//! A job over its own test input, on one thread and with an end: what `millstream test` compares, and what an
//! exported job has to give just as its prototype did. Everything is decided by the tape: no topic is called,
//! and the time of day plays no part.

mod answer;
mod compare;
mod input;
mod line;
mod tape;
mod verb;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use millstream_engine::{BadRecords, EngineError, Replay, begin_first};
use millstream_plan::{Graph, Tap, Target};
use millstream_record::{Error, ManualClock, Millis, Options, PartitionId, Stop};

pub use answer::{Answer, Rows};
pub use compare::Difference;
pub use input::{Input, input};
pub use tape::{Recorded, Tape, Taped};
pub use verb::{DIFFERS, tape, test};

use crate::fault::Fault;
use crate::protocol::Exit;
use input::Reading;

/// How the tape is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As it was recorded: a watermark per partition.
    Recorded,
    /// As Flink reads the files of a test: each table is one partition, and watermarks begin at 1970.
    Files,
}

/// A time of day so late that no event time lies ahead of it.
const LATE: Millis = Millis(i64::MAX / 4);

/// The options of the format in which a tap's records are written.
pub type Formats<'a> = dyn Fn(&Tap) -> Result<Options, Fault> + 'a;

/// What comes of a graph over a tape.
pub fn rehearse(graph: &Graph, formats: &Formats<'_>, tape: &Tape, manner: Manner) -> Result<Answer, Fault> {
    let options = millstream_engine::Options {
        bad_records: BadRecords::Keep,
        row_errors: BadRecords::Keep,
        watermark_start: if manner == Manner::Files { Millis(0) } else { Millis::MIN },
        clock: Arc::new(ManualClock::at(LATE)),
        ..millstream_engine::Options::default()
    };
    let mut replay = Replay::new(graph, &options)?;
    let mut answer = Answer::of(graph)?;
    let mut emit = |output: usize, batch| {
        answer.take(output, &batch).map_err(|source| EngineError::Door { name: "the answer".into(), source })
    };
    answer.bad = play(graph, formats, tape, manner, &mut replay, &mut emit)?;
    for operator in replay.counters().operators() {
        (answer.late, answer.bad) = (answer.late + operator.late, answer.bad + operator.bad);
    }
    Ok(answer)
}

/// Feeds the tape, tables in which a stream is looked up first; how many records could not be read.
fn play(
    graph: &Graph,
    formats: &Formats<'_>,
    tape: &Tape,
    manner: Manner,
    replay: &mut Replay,
    emit: &mut dyn FnMut(usize, millstream_record::Batch) -> Result<(), EngineError>,
) -> Result<u64, Fault> {
    let taps: BTreeMap<&str, &Arc<Tap>> = graph.scans().map(|(_, tap, _)| (tap.name.as_str(), tap)).collect();
    if let Some(missing) = taps.keys().find(|name| tape.table(name).is_none()) {
        return Err(Fault::plan(format!("the test input has no records of {missing}")).hint("export the job anew"));
    }
    let first: BTreeSet<_> = begin_first(graph).into_values().flatten().collect();
    let looked_up: BTreeSet<&str> =
        graph.scans().filter(|(id, _, _)| first.contains(id)).map(|(_, tap, _)| tap.name.as_str()).collect();
    for name in taps.keys() {
        for partition in partitions(tape, name, manner) {
            replay.partition(name, &partition);
        }
    }
    let (mut bad, stop) = (0, Stop::attended());
    let mut readings: BTreeMap<&str, Reading> = BTreeMap::new();
    for tables in [true, false] {
        for (name, records) in tape.pieces() {
            let Some(tap) = taps.get(name).filter(|_| looked_up.contains(name) == tables) else { continue };
            if stop.raised() {
                return Err(Error::Stopped.into());
            }
            let reading = match readings.entry(tap.name.as_str()) {
                std::collections::btree_map::Entry::Occupied(open) => open.into_mut(),
                std::collections::btree_map::Entry::Vacant(new) => new.insert(Reading::new(tap, formats, tape)?),
            };
            let mut fetched = reading.decode(records)?;
            bad += fetched.rejected.len() as u64;
            if manner == Manner::Files {
                fetched.partition = PartitionId::new(name, 0);
            }
            replay.feed(name, &fetched, emit)?;
        }
        for name in taps.keys().filter(|name| looked_up.contains(*name) == tables) {
            for partition in partitions(tape, name, manner) {
                replay.partition_ended(name, &partition, emit)?;
            }
            if tables {
                replay.end_tap(name, emit)?;
            }
        }
    }
    replay.end(emit)?;
    Ok(bad)
}

fn partitions(tape: &Tape, table: &str, manner: Manner) -> Vec<PartitionId> {
    match manner {
        Manner::Recorded => tape.table(table).map(|taped| taped.partitions().cloned().collect()).unwrap_or_default(),
        Manner::Files => vec![PartitionId::new(table, 0)],
    }
}

/// The sinks of a graph by name, with the taps that declare them.
fn sinks(graph: &Graph) -> impl Iterator<Item = (usize, &Arc<Tap>)> {
    graph.outputs.iter().enumerate().filter_map(|(number, output)| match &output.target {
        Target::Sink(tap) => Some((number, tap)),
        Target::Result => None,
    })
}

/// A file that could not be read or written.
fn disk(path: &std::path::Path, error: &std::io::Error) -> Fault {
    Fault::new(Exit::Disk, format!("{}: {error}", path.display()))
}
