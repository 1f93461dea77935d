//! A tape as what its taps said, for `CHECK`: rows in the order of the tape, those of one partition that follow
//! each other as one piece. What is compared with the batch answer is so the very stream that a replay sees.

use std::collections::BTreeSet;
use std::sync::Arc;

use millstream_connect::tape::Frames;
use millstream_engine::begin_first;
use millstream_plan::{Graph, NodeId};
use millstream_record::{Error, Fetched, Kinds};

use super::head::not_on;
use super::reel::{self, Reel};
use super::replaying::Replaying;
use crate::check::{Heard, Recording};
use crate::doors;
use crate::fault::Fault;
use crate::session::Session;

/// What the taps of a graph say on the tape.
pub fn recording(session: &Session, graph: &Graph, replaying: &Replaying) -> Result<Recording, Fault> {
    let tape = &replaying.tape;
    let first: BTreeSet<NodeId> = begin_first(graph).into_values().flatten().collect();
    let (mut recording, mut reels, mut tables) = (Recording::default(), Vec::<Reel>::new(), Vec::<Reel>::new());
    for (scan, tap, _) in graph.scans() {
        if reels.iter().chain(&tables).any(|reel| reel.tap() == tap.name) {
            continue;
        }
        let Some(number) = reel::recorded(tape, tap) else {
            let source = doors::source(session, tap)?;
            if !source.bounded() {
                return Err(not_on(tape, &tap.name));
            }
            recording.read(tap, Arc::from(source), session.settings.batch_rows(), &session.stop)?;
            continue;
        };
        let all: Vec<usize> = (0..tap.physical().len()).collect();
        let reel = Reel::new(session, tape, tap, number, &all)?;
        if first.contains(&scan) { &mut tables } else { &mut reels }.push(reel);
    }
    // A table that stands still is there before the first record of the others.
    for table in tables {
        hear(session, &mut [table], replaying, &mut recording)?;
    }
    hear(session, &mut reels, replaying, &mut recording)?;
    Ok(recording)
}

/// Adds what these taps say, side by side, and that they end.
fn hear(session: &Session, reels: &mut [Reel], replaying: &Replaying, recording: &mut Recording) -> Result<(), Fault> {
    for reel in reels.iter() {
        reel.partitions().into_iter().for_each(|partition| recording.push(reel.tap(), Heard::Partition(partition)));
    }
    let tape = &replaying.tape;
    for chunk in tape.chunk_of(replaying.from)..tape.outlines().len() {
        if session.stop.raised() {
            return Err(Error::Stopped.into());
        }
        let mut pieces: Vec<(u64, usize, Fetched)> = Vec::new();
        for (number, reel) in reels.iter_mut().enumerate() {
            let Some(frames) = reel.frames(chunk)? else { continue };
            pieces.extend(runs(&frames, replaying).into_iter().map(|(first, piece)| (first, number, piece)));
        }
        pieces.sort_by_key(|(first, ..)| *first);
        for (_, number, piece) in pieces {
            recording.push(reels[number].tap(), Heard::Rows(piece));
        }
    }
    for reel in reels.iter() {
        recording.push(reel.tap(), Heard::End);
    }
    Ok(())
}

/// The records of a reel cut where the partition changes, or where a record of another tap stands between, with
/// the number of the first record of each.
fn runs(frames: &Frames, replaying: &Replaying) -> Vec<(u64, Fetched)> {
    let (mut runs, mut start) = (Vec::new(), None::<usize>);
    let inside = |number: u64| (replaying.from..replaying.to).contains(&number);
    for (index, record) in frames.records.iter().enumerate() {
        let goes_on = start.is_some_and(|_| {
            let before = &frames.records[index - 1];
            before.partition == record.partition && before.number + 1 == record.number && inside(record.number)
        });
        if !goes_on {
            runs.extend(start.map(|start| piece(frames, start..index)));
            start = inside(record.number).then_some(index);
        }
    }
    runs.extend(start.map(|start| piece(frames, start..frames.records.len())));
    runs
}

/// These records, all of one partition, as if they had just been fetched.
pub fn piece(frames: &Frames, range: std::ops::Range<usize>) -> (u64, Fetched) {
    let first = frames.records[range.start];
    let rows = frames.rows_of(range.start).start..frames.rows_of(range.end - 1).end;
    let rejected = frames.rejected.iter().filter(|(index, _)| range.contains(index));
    let fetched = Fetched {
        partition: frames.partitions[first.partition].clone(),
        rows: frames.rows.slice(rows.start, rows.len()),
        kinds: frames.kinds.as_ref().map(|kinds| Kinds::new(rows.clone().map(|row| kinds.get(row)))),
        rejected: rejected.map(|(_, rejected)| rejected.clone()).collect(),
        records: range.len() as u64,
        bytes: frames.records[range.clone()].iter().map(|record| record.bytes).sum(),
        duplicate_keys: 0,
    };
    (first.number, fetched)
}
