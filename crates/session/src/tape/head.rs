//! The play-head: one graph over one tape, on one thread, record by record in the order of the tape and under
//! its clock. What comes out is a function of graph and tape: neither in how many pieces the tape is played
//! nor how long anybody waits in between changes a byte of it.
//!
//! Records go through the graph in batches where a batch means what its records mean one by one
//! ([`Replay::takes_batches`]); elsewhere one at a time. A batch ends where a partition would fall asleep,
//! because that is an event of the tape like a record.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use millstream_connect::tape::{Frames, Tape};
use millstream_engine::{Options, Order, Replay, Snapshot, Stretch, Tally, Woven, begin_first};
use millstream_plan::{Graph, NodeId};
use millstream_record::{Batch, Clock, Error, Kinds, Millis, Poll, Scan, Source, Stop};

use super::clock::TapeClock;
use super::reel::{self, Reel};
use crate::doors;
use crate::fault::{Class, Fault};
use crate::session::Session;
use crate::verbs::query;

/// Takes the rows of the graph, by the number of its output.
pub type Take<'a> = &'a mut dyn FnMut(usize, Batch) -> Result<(), Fault>;

/// A graph over a tape.
pub struct Head {
    tape: Tape,
    graph: Graph,
    options: Options,
    clock: Arc<TapeClock>,
    replay: Replay,
    reels: Vec<Reel>,
    /// Whether a reel is a table that was read before all others.
    tables: Vec<bool>,
    /// Bounded taps that are not on the tape: they are read from their own source before the first record.
    beside: Vec<(String, Arc<dyn Source>)>,
    /// The stretch of the tape that is played.
    from: u64,
    to: u64,
    position: u64,
    begun: bool,
    /// Records at a time.
    piece: usize,
    fed: Fed,
}

/// The number of the record that was fed last. Clones share it.
#[derive(Clone, Default)]
pub struct Fed(Arc<AtomicU64>);

impl Fed {
    /// The number.
    pub fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A graph over a tape as it stood before one record.
pub struct Saved {
    /// The number of the next record.
    pub position: u64,
    at: Millis,
    begun: bool,
    replay: Snapshot,
}

impl Saved {
    /// How many bytes it takes, roughly.
    pub fn bytes(&self) -> usize {
        self.replay.bytes()
    }
}

impl Head {
    /// A graph before the first record of a stretch of the tape.
    pub fn new(session: &Session, mut graph: Graph, tape: &Tape, from: u64, to: u64) -> Result<Head, Fault> {
        query::let_idle(session, &mut graph);
        let clock = Arc::new(TapeClock::at(tape.time_of(from)));
        let options = Options { parallelism: 1, clock: clock.clone(), ..query::options(session) };
        let mut replay = Replay::new(&graph, &options)?;
        let first: BTreeSet<NodeId> = begin_first(&graph).into_values().flatten().collect();
        let (mut reels, mut tables, mut beside) = (Vec::<Reel>::new(), Vec::new(), Vec::new());
        for (scan, tap, _) in graph.scans() {
            if reels.iter().any(|reel| reel.tap() == tap.name) || beside.iter().any(|(name, _)| *name == tap.name) {
                continue;
            }
            match reel::recorded(tape, tap) {
                Some(number) => {
                    reels.push(Reel::new(session, tape, tap, number, &replay.columns_of(&tap.name))?);
                    tables.push(first.contains(&scan));
                }
                None => {
                    let source: Arc<dyn Source> = Arc::from(doors::source(session, tap)?);
                    if !source.bounded() {
                        return Err(not_on(tape, &tap.name));
                    }
                    beside.push((tap.name.clone(), source));
                }
            }
        }
        let piece = if replay.takes_batches() { usize::MAX } else { 1 };
        let tape = tape.clone();
        let (position, begun, fed) = (from, false, Fed::default());
        Ok(Head { tape, graph, options, clock, replay, reels, tables, beside, from, to, position, begun, piece, fed })
    }

    /// From now on records are fed one by one, so that all that comes out is due to the last of them.
    pub fn one_by_one(&mut self) {
        self.piece = 1;
    }

    /// Tells which record was fed last, also while rows are taken.
    pub fn fed(&self) -> Fed {
        self.fed.clone()
    }

    /// The number of the next record.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The number behind the last record of the stretch.
    pub fn end(&self) -> u64 {
        self.to
    }

    /// The number behind the last record that is due at this time of the tape.
    pub fn due(&self, time: Millis) -> u64 {
        if time == Millis::MAX { self.to } else { self.tape.record_at(time.plus(1)).min(self.to) }
    }

    /// The number behind the last record of the chunk that is played next: pieces that end there are decoded once
    /// and fed whole.
    pub fn scene_end(&self) -> u64 {
        let outline = self.tape.outlines().get(self.tape.chunk_of(self.position));
        outline.map_or(self.to, |outline| (outline.first + outline.count).min(self.to))
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The engine below.
    pub fn replay(&mut self) -> &mut Replay {
        &mut self.replay
    }

    /// The clock of the tape.
    pub fn clock(&self) -> &Arc<TapeClock> {
        &self.clock
    }

    /// Plays up to record `to` of the tape, which is not played itself.
    pub fn play(&mut self, to: u64, take: Take<'_>) -> Result<(), Fault> {
        let mut failed = None;
        let played = self.play_to(to.min(self.to), &mut failed, take);
        // What the taker said is the reason why the engine stopped.
        failed.map_or(played, Err)
    }

    fn play_to(&mut self, to: u64, failed: &mut Option<Fault>, take: Take<'_>) -> Result<(), Fault> {
        let mut emit = |output: usize, batch: Batch| {
            take(output, batch).map_err(|fault| {
                *failed = Some(fault);
                millstream_engine::EngineError::Compute("nobody takes the rows".into())
            })
        };
        self.begin(&mut emit)?;
        while self.position < to {
            // A head outlives the statement that made it: it is who moves it that may want to stop.
            if Stop::attended().raised() {
                return Err(Error::Stopped.into());
            }
            let index = self.tape.chunk_of(self.position);
            let Some(outline) = self.tape.outlines().get(index).copied() else {
                self.position = to;
                break;
            };
            let end = to.min(outline.first + outline.count);
            let mut scene = Vec::with_capacity(self.reels.len());
            for reel in &mut self.reels {
                scene.push(reel.frames(index)?);
            }
            self.scene(&scene, None, end, &mut emit)?;
            self.position = end;
        }
        Ok(())
    }

    /// What comes before the first record: rows that stand in the query, tables that are read first, and the
    /// partitions.
    fn begin(&mut self, emit: millstream_engine::Emit<'_>) -> Result<(), Fault> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        self.replay.literals(emit)?;
        for (tap, source) in &self.beside {
            read_whole(&mut self.replay, tap, source.as_ref(), &self.options, emit)?;
        }
        for number in 0..self.reels.len() {
            for partition in self.reels[number].partitions() {
                let tap = self.reels[number].tap().to_string();
                self.replay.partition(&tap, &partition);
            }
        }
        for number in 0..self.reels.len() {
            if self.tables[number] {
                self.read_table(number, emit)?;
            }
        }
        Ok(())
    }

    /// A table that stands still is read to its end before the first record of the others.
    fn read_table(&mut self, number: usize, emit: millstream_engine::Emit<'_>) -> Result<(), Fault> {
        for index in self.tape.chunk_of(self.from)..self.tape.outlines().len() {
            let mut scene = vec![None; self.reels.len()];
            scene[number] = self.reels[number].frames(index)?;
            self.scene(&scene, Some(number), self.to, emit)?;
        }
        let tap = self.reels[number].tap().to_string();
        Ok(self.replay.end_tap(&tap, emit)?)
    }

    /// Plays the records of one chunk before record `end`: of one reel, or of all that are no tables.
    fn scene(
        &mut self,
        scene: &[Option<Arc<Frames>>],
        only: Option<usize>,
        end: u64,
        emit: millstream_engine::Emit<'_>,
    ) -> Result<(), Fault> {
        let from = self.position;
        let reels: Vec<(usize, &Arc<Frames>)> = scene
            .iter()
            .enumerate()
            .filter(|(number, _)| only.map_or(!self.tables[*number], |only| only == *number))
            .filter_map(|(number, frames)| Some((number, frames.as_ref()?)))
            .collect();
        let begin = |frames: &Frames| frames.records.partition_point(|record| record.number < from);
        let mut at: Vec<usize> = reels.iter().map(|(_, frames)| begin(frames)).collect();
        loop {
            let next = |which: usize| reels[which].1.records.get(at[which]).map(|record| record.number);
            let due = (0..reels.len()).filter_map(|which| Some((next(which).filter(|number| *number < end)?, which)));
            let Some((_, which)) = due.min() else { return Ok(()) };
            let others = (0..reels.len()).filter(|other| *other != which).filter_map(next).min();
            let (number, frames) = reels[which];
            let limit = others.unwrap_or(u64::MAX).min(end);
            let until = frames.records.partition_point(|record| record.number < limit);
            at[which] = self.feed(number, frames, at[which]..until, emit)?;
        }
    }

    /// Feeds some of these records, at least one; the index behind them.
    fn feed(
        &mut self,
        number: usize,
        frames: &Frames,
        range: std::ops::Range<usize>,
        emit: millstream_engine::Emit<'_>,
    ) -> Result<usize, Fault> {
        let now = frames.records[range.start].at;
        let mut until = range.end.min(range.start.saturating_add(self.piece));
        let mut asleep = self.replay.falls_asleep(now);
        if asleep.is_some_and(|asleep| asleep <= now) {
            self.clock.set(now);
            self.replay.silence(emit)?;
            asleep = self.replay.falls_asleep(now);
        }
        if let Some(asleep) = asleep {
            let awake = frames.records[range.start..until].partition_point(|record| record.at < asleep);
            until = range.start + awake.max(1);
        }
        let woven = woven(frames, range.start..until);
        self.clock.set(woven.until().unwrap_or(now));
        self.fed.0.store(frames.records[until - 1].number, Ordering::Relaxed);
        self.replay.weave(self.reels[number].tap(), &woven, emit)?;
        Ok(until)
    }

    /// The end of the tape is the end of its taps: all that is open comes out.
    pub fn finish(&mut self, take: Take<'_>) -> Result<(), Fault> {
        self.play(self.to, take)?;
        let mut failed = None;
        let mut emit = |output: usize, batch: Batch| {
            take(output, batch).map_err(|fault| {
                failed = Some(fault);
                millstream_engine::EngineError::Compute("nobody takes the rows".into())
            })
        };
        let ended = self.silence_behind(&mut emit).and_then(|()| Ok(self.replay.end(&mut emit)?));
        failed.map_or(ended, Err)
    }

    /// The silence behind the last record is on the tape, too.
    fn silence_behind(&mut self, emit: millstream_engine::Emit<'_>) -> Result<(), Fault> {
        let until =
            if self.to >= self.tape.meta().records { self.tape.meta().until } else { self.tape.time_of(self.to) };
        if self.replay.falls_asleep(until).is_some_and(|asleep| asleep <= until) {
            self.clock.set(until);
            self.replay.silence(emit)?;
        }
        self.clock.set(until);
        Ok(())
    }

    /// All that decides what comes next.
    pub fn save(&mut self) -> Result<Saved, Fault> {
        let (position, at, begun) = (self.position, self.clock.now(), self.begun);
        Ok(Saved { position, at, begun, replay: self.replay.snapshot()? })
    }

    /// Goes back, or forward, to where it was saved.
    pub fn restore(&mut self, saved: &Saved) -> Result<(), Fault> {
        self.replay = Replay::restored(&self.graph, &self.options, &saved.replay)?;
        (self.position, self.begun) = (saved.position, saved.begun);
        self.clock.set(saved.at);
        Ok(())
    }

    /// Goes back to before the first record.
    pub fn rewind(&mut self) -> Result<(), Fault> {
        self.clock.set(self.tape.time_of(self.from));
        self.replay = Replay::new(&self.graph, &self.options)?;
        (self.position, self.begun) = (self.from, false);
        Ok(())
    }
}

/// Records of a reel as the engine takes them: only the partitions are named that they come from.
fn woven(frames: &Frames, range: std::ops::Range<usize>) -> Woven {
    let start = frames.rows_of(range.start).start;
    let records = &frames.records[range.clone()];
    let end = records.last().map_or(start, |last| last.rows_until);
    let (mut order, mut tallies, mut before) = (Order::default(), Vec::<Tally>::new(), start);
    order.stretches.reserve(records.len());
    const NONE: usize = usize::MAX;
    let (mut seats, mut last) = (vec![NONE; frames.partitions.len()], (NONE, Millis::MIN));
    for record in records {
        if seats[record.partition] == NONE {
            seats[record.partition] = tallies.len();
            order.partitions.push(frames.partitions[record.partition].clone());
            tallies.push(Tally::default());
        }
        let partition = seats[record.partition];
        let rows = record.rows_until - before;
        before = record.rows_until;
        let tally = &mut tallies[partition];
        (tally.records, tally.bytes) = (tally.records + 1, tally.bytes + record.bytes);
        if last != (partition, record.at) {
            order.stretches.push(Stretch { partition, rows: 0, at: record.at });
            last = (partition, record.at);
        }
        let stretch = order.stretches.len() - 1;
        order.stretches[stretch].rows += rows;
    }
    let refused = frames.rejected.partition_point(|(index, _)| *index < range.start)
        ..frames.rejected.partition_point(|(index, _)| *index < range.end);
    Woven {
        rows: frames.rows.slice(start, end - start),
        kinds: frames.kinds.as_ref().map(|kinds| Kinds::new((start..end).map(|row| kinds.get(row)))),
        order,
        tallies,
        rejected: frames.rejected[refused].iter().map(|(_, rejected)| rejected.clone()).collect(),
        duplicate_keys: if range.start == 0 { frames.duplicate_keys } else { 0 },
    }
}

/// How long one look at a bounded source waits.
const WAIT: Duration = Duration::from_millis(20);

/// Reads a bounded tap from its own source to its end.
fn read_whole(
    replay: &mut Replay,
    tap: &str,
    source: &dyn Source,
    options: &Options,
    emit: millstream_engine::Emit<'_>,
) -> Result<(), Fault> {
    let columns = (0..source.schema().fields().len()).collect();
    let stop = Stop::attended();
    let scan = Scan { columns, resume: None, batch_rows: options.batch_rows, stop: stop.clone() };
    let mut reader = source.open(scan)?;
    loop {
        if stop.raised() {
            return Err(Error::Stopped.into());
        }
        match reader.poll(WAIT)? {
            Poll::Partition(partition) => replay.partition(tap, &partition),
            Poll::Rows(fetched) => replay.feed(tap, &fetched, emit)?,
            Poll::PartitionEnd(partition) => replay.partition_ended(tap, &partition, emit)?,
            Poll::Nothing => {}
            Poll::Stalled(reason) => return Err(Error::Connection { address: tap.into(), reason }.into()),
            Poll::End => return Ok(replay.end_tap(tap, emit)?),
        }
    }
}

/// A tap that was not recorded, and whose own topic never ends.
pub fn not_on(tape: &Tape, tap: &str) -> Fault {
    let there: Vec<&str> = tape.meta().recorded.iter().map(|recorded| recorded.tap.as_str()).collect();
    let there = there.join(", ");
    let message = format!("'{tap}' is not on the tape '{}', which holds {there}", tape.name());
    let way = format!("record both together: RECORD {there}, {tap} … AS another; or LIVE; to read the topics again");
    Fault::new(Class::Query, "E0911", message).hint(way)
}
