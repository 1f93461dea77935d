//! Reading records as they are, with keys and headers: for the command line and for whoever wants no
//! columns. It reads in one thread and waits for more where it has no end.

use std::time::Duration;

use millstream_record::{Offset, PartitionId, Positions, Received, Result, Stop, TopicIds};

use super::bounds::{Bound, Start};
use super::cut::Cutter;
use super::follower::Follower;
use super::seek::{self, Resume};
use super::unpack::{Unpack, Wants};

/// So many records at most come at once.
const MOST_RECORDS: usize = 4096;
/// The first and the longest pause between two looks for new records.
const PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(16));

/// Reads one topic.
pub struct Consumer {
    reading: Reading,
    unpack: Unpack,
}

impl Consumer {
    pub(super) fn open(
        follower: Follower,
        start: &Start,
        bound: &Bound,
        resume: Option<Resume<'_>>,
    ) -> Result<Consumer> {
        let unpack = Unpack::new(follower.place().clone(), Wants { keys: true, headers: true, arrivals: true })?;
        Ok(Consumer { reading: Reading::open(follower, start, bound, resume)?, unpack })
    }

    /// The next records, all of one partition. Waits for them at most `wait`; `None` if none came, or
    /// `stop` was raised, or all has been read.
    pub fn next(&mut self, wait: Duration, stop: &Stop) -> Result<Option<Received>> {
        if self.ended() {
            return Ok(None);
        }
        let Some(piece) = self.reading.wait_for(wait, stop, |cutter| cutter.next(MOST_RECORDS))? else {
            return Ok(None);
        };
        let records = self.unpack.records(&piece)?;
        self.reading.at[piece.partition as usize] = piece.end();
        Ok(Some(Received { records, arrivals: std::mem::take(&mut self.unpack.arrivals) }))
    }

    /// Whether there is nothing more to come.
    pub fn ended(&self) -> bool {
        self.reading.ended()
    }

    /// The next offset to read of each partition.
    pub fn positions(&self) -> Positions {
        self.reading.positions()
    }

    /// How many records are known to wait behind the positions.
    pub fn lag(&self) -> Result<u64> {
        self.reading.lag()
    }
}

/// How far reading has come.
pub(super) struct Reading {
    /// What reads ahead.
    pub cutter: Cutter,
    /// By partition: the next offset to hand over.
    pub at: Vec<i64>,
    ends: Vec<Option<i64>>,
    partitions: Vec<PartitionId>,
    ids: TopicIds,
}

impl Reading {
    /// Opens a topic from `resume` or else `start` to `bound`.
    pub fn open(follower: Follower, start: &Start, bound: &Bound, resume: Option<Resume<'_>>) -> Result<Reading> {
        let place = follower.place();
        let partitions =
            (0..place.partitions).map(|number| PartitionId::new(place.name.clone(), number as i32)).collect();
        let ids = place.ids();
        let (cutter, at, ends) = seek::open(follower, start, bound, resume)?;
        Ok(Reading { cutter, at, ends, partitions, ids })
    }

    /// The partitions, by number.
    pub fn partitions(&self) -> &[PartitionId] {
        &self.partitions
    }

    /// Whether a partition has been handed over to its end.
    pub fn partition_ended(&self, partition: usize) -> bool {
        self.ends[partition].is_some_and(|end| self.at[partition] >= end)
    }

    /// Whether all partitions have been handed over to their ends.
    pub fn ended(&self) -> bool {
        (0..self.at.len()).all(|partition| self.partition_ended(partition))
    }

    /// The next offset to hand over of each partition.
    pub fn positions(&self) -> Positions {
        let next: Positions = self.partitions.iter().cloned().zip(self.at.iter().map(|&at| Offset(at))).collect();
        next.of_topics(self.ids.clone())
    }

    /// How many records wait behind the positions, as far as the follower has seen.
    pub fn lag(&self) -> Result<u64> {
        let state = self.cutter.follower().state()?;
        let behind = state.partitions.iter().zip(&self.ends).zip(&self.at);
        Ok(behind.map(|((now, end), &at)| (end.unwrap_or(now.next).min(now.next) - at).max(0) as u64).sum())
    }

    /// What `take` finds now, or as soon as something comes within `wait`.
    pub fn wait_for<T>(
        &mut self,
        wait: Duration,
        stop: &Stop,
        mut take: impl FnMut(&mut Cutter) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let (mut pause, mut left) = (PAUSES.0, wait);
        loop {
            if let Some(found) = take(&mut self.cutter)? {
                return Ok(Some(found));
            }
            self.cutter.catch_up()?;
            if let Some(found) = take(&mut self.cutter)? {
                return Ok(Some(found));
            }
            if left.is_zero() || stop.raised() {
                return Ok(None);
            }
            let nap = pause.min(left);
            std::thread::sleep(nap);
            left -= nap;
            pause = (pause * 2).min(PAUSES.1);
        }
    }
}
