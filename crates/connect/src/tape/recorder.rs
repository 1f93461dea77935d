//! Recording: reads topics as raw records, side by side, and writes them on a tape. Nothing is joined and
//! nothing committed. Whoever holds the recorder calls [`Recorder::step`] until it says that it is done, and
//! shows how far it has come in between; dropped without [`Recorder::seal`] it leaves a tape that goes on.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use millstream_record::{Browse, Clock, Error, Millis, RawPoll, RawReader, RawScan, RawStart, Result, Stop};

use super::meta::{Meta, Recorded};
use super::tapes::Tapes;
use super::weave::Weave;
use super::writer::Writer;

/// How often what came is made safe: milliseconds.
const FLUSH_MS: i64 = 100;
/// How often it is looked how much room the disk has: milliseconds.
const LOOK_MS: i64 = 1000;
/// So many pieces of one topic are taken before the others have their turn.
const PIECES: usize = 16;

/// When a recording ends by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Until {
    /// After so many records.
    pub records: Option<u64>,
    /// When the clock shows this.
    pub time: Option<Millis>,
}

/// How much room a recording may take.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Bytes of keys, values and headers on the tape.
    pub most_bytes: u64,
    /// Bytes that stay free on the disk.
    pub spare_bytes: u64,
}

/// A topic to record: how it is described, and the way to it.
pub type Topic = (Recorded, Box<dyn Browse>);

/// How far a recording has come.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Records on the tape.
    pub records: u64,
    /// Bytes of keys, values and headers.
    pub payload_bytes: u64,
    /// How many records were on the tape when the recording went on; `None` of a new one.
    pub resumed: Option<u64>,
    /// The time of the tape.
    pub until: Millis,
    /// Why nothing comes, if the other side cannot be reached.
    pub stalled: Option<String>,
    /// Why it ended, if not because it was to.
    pub full: Option<String>,
}

/// A recording under way.
pub struct Recorder {
    readers: Vec<Reading>,
    weave: Weave,
    writer: Writer,
    clock: Arc<dyn Clock>,
    until: Until,
    room: Room,
    folder: PathBuf,
    /// Whether the topics have no end.
    follow: bool,
    resumed: Option<u64>,
    full: Option<String>,
    flushed: Millis,
    looked: Millis,
    /// Who has its turn to be waited for.
    turn: usize,
}

struct Reading {
    reader: Box<dyn RawReader>,
    ended: bool,
    stalled: Option<String>,
}

/// Where and how to record.
pub struct Plan {
    /// Where each topic begins, unless the recording goes on.
    pub start: RawStart,
    /// Whether to wait for more behind the last record there is now.
    pub follow: bool,
    /// When to end.
    pub until: Until,
    /// How much room there is.
    pub room: Room,
    /// Raised when nobody wants to wait any more.
    pub stop: Stop,
}

impl Recorder {
    /// Begins tape `name`, or goes on with it where its recording was cut short.
    pub fn begin(tapes: &Tapes, name: &str, topics: Vec<Topic>, plan: Plan, clock: Arc<dyn Clock>) -> Result<Recorder> {
        let (recorded, browses): (Vec<Recorded>, Vec<_>) = topics.into_iter().unzip();
        let exists = tapes.exists(name)?;
        let now = clock.now();
        // The topics are opened first: a tape that cannot be recorded leaves nothing behind.
        let open = |browse: &dyn Browse, start: RawStart| {
            let scan = RawScan { start, follow: plan.follow, partition: None, stop: plan.stop.clone() };
            Ok(Reading { reader: browse.read(&scan)?, ended: false, stalled: None })
        };
        let (mut readers, mut writer, resumed);
        if exists {
            let goes_on;
            (writer, goes_on) = tapes.writer(name, recorded, now)?;
            resumed = goes_on.then(|| writer.meta().records);
            readers = Vec::new();
            for (browse, recorded) in browses.iter().zip(&writer.meta().recorded) {
                let start = match recorded.next.is_empty() {
                    true => plan.start.clone(),
                    false => RawStart::Positions(recorded.next.clone()),
                };
                readers.push(open(browse.as_ref(), start)?);
            }
        } else {
            readers = browses
                .iter()
                .map(|browse| open(browse.as_ref(), plan.start.clone()))
                .collect::<Result<Vec<Reading>>>()?;
            (writer, _) = tapes.writer(name, recorded, now)?;
            resumed = None;
        }
        for (number, reading) in readers.iter().enumerate() {
            writer.begins(number, &reading.reader.positions());
        }
        let weave = resumed.map_or_else(Weave::default, |_| Weave::behind(writer.meta().until));
        let Plan { follow, until, room, .. } = plan;
        let folder = tapes.folder(name)?;
        let (full, turn, flushed, looked) = (None, 0, Millis(0), Millis(0));
        Ok(Recorder {
            readers,
            weave,
            writer,
            clock,
            until,
            room,
            folder,
            follow,
            resumed,
            full,
            flushed,
            looked,
            turn,
        })
    }

    /// Takes what is there, or waits for it at most `wait`. False when the recording is done.
    pub fn step(&mut self, wait: Duration) -> Result<bool> {
        if !self.poll(wait)? {
            return Ok(false);
        }
        let now = self.clock.now();
        self.release(now, false).map_err(|error| self.unsafe_since(error))?;
        if now.0 - self.flushed.0 >= FLUSH_MS || self.writer.is_full() {
            self.writer.flush().map_err(|error| self.unsafe_since(error))?;
            self.flushed = now;
        }
        if now.0 - self.looked.0 >= LOOK_MS {
            self.looked = now;
            self.full = self.no_room();
        }
        let meta = self.writer.meta();
        let enough = self.until.records.is_some_and(|most| meta.records >= most)
            || self.until.time.is_some_and(|time| now >= time);
        Ok(!enough && self.full.is_none())
    }

    /// Asks every reader; false when all have ended.
    fn poll(&mut self, wait: Duration) -> Result<bool> {
        let mut heard = false;
        for number in 0..self.readers.len() {
            heard |= self.take(number, Duration::ZERO)?;
        }
        let going: Vec<usize> = (0..self.readers.len()).filter(|&number| !self.readers[number].ended).collect();
        if going.is_empty() {
            return Ok(false);
        }
        if !heard {
            self.turn = (self.turn + 1) % going.len();
            self.take(going[self.turn], wait / going.len() as u32)?;
        }
        Ok(true)
    }

    /// Takes pieces of one topic; whether there were any.
    fn take(&mut self, number: usize, mut wait: Duration) -> Result<bool> {
        let reading = &mut self.readers[number];
        let mut heard = false;
        for _ in 0..PIECES {
            if reading.ended {
                break;
            }
            match reading.reader.poll(std::mem::take(&mut wait))? {
                RawPoll::Partition(partition) => self.weave.log(number, &partition),
                RawPoll::Records(received) => {
                    reading.stalled = None;
                    heard = true;
                    let last = received.records.offsets.last().copied().unwrap_or_default();
                    let positions = reading.reader.positions();
                    let end = positions.get(&received.records.partition).copied();
                    let end = end.unwrap_or(millstream_record::Offset(last + 1));
                    self.weave.take(number, received, end, self.clock.now());
                }
                RawPoll::Nothing => break,
                RawPoll::Stalled(reason) => {
                    reading.stalled = Some(reason);
                    break;
                }
                RawPoll::End => reading.ended = true,
            }
        }
        Ok(heard)
    }

    fn release(&mut self, now: Millis, all: bool) -> Result<()> {
        let Recorder { weave, writer, .. } = self;
        let records = self.until.records.map_or(u64::MAX, |most| most.saturating_sub(writer.meta().records));
        weave.release(now, all, records, |leaving| {
            writer.push(&leaving);
            if writer.is_full() { writer.flush() } else { Ok(()) }
        })?;
        Ok(())
    }

    fn no_room(&self) -> Option<String> {
        let taken = self.writer.meta().payload_bytes;
        if taken >= self.room.most_bytes {
            return Some(format!("the tape holds {} MB, which is as much as it may", self.room.most_bytes >> 20));
        }
        let free = fs4::available_space(&self.folder).ok().filter(|free| *free < self.room.spare_bytes)?;
        Some(format!("the disk has only {} MB left", free >> 20))
    }

    fn unsafe_since(&self, error: Error) -> Error {
        let reason = format!(
            "{error}; all that was recorded until a moment ago is kept: make room, and the same RECORD goes on from there"
        );
        Error::Io { path: self.folder.display().to_string(), source: std::io::Error::other(reason) }
    }

    /// How far it has come.
    pub fn standing(&self) -> Standing {
        let Meta { records, payload_bytes, until, .. } = *self.writer.meta();
        let stalled = self.readers.iter().find_map(|reading| reading.stalled.clone());
        Standing { records, payload_bytes, until, resumed: self.resumed, stalled, full: self.full.clone() }
    }

    /// Ends the recording: what was read is kept, and nothing follows.
    pub fn seal(mut self) -> Result<Meta> {
        let now = self.clock.now();
        self.release(now, true)?;
        if self.follow {
            self.writer.silence(now);
        }
        self.writer.seal()
    }
}
