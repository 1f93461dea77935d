//! One order over records of several logs that are read side by side. Records are held back for a tenth of a
//! second, or until every log has one to offer, and then leave in the order of their arrival; within a log
//! its own order holds, whatever its timestamps say.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use millstream_record::{Arrival, Millis, Offset, PartitionId, RawRecords, Received};

/// How long a record is held back for others that arrived before it: milliseconds.
const HOLD_MS: i64 = 100;
/// So many bytes are held; more leave at once.
const MOST_BYTES: usize = 64 << 20;

/// A log: the number of the recorded tap, and the partition.
type LogId = (usize, PartitionId);

/// Records on their way into one order.
#[derive(Default)]
pub(super) struct Weave {
    logs: BTreeMap<LogId, Waiting>,
    bytes: usize,
    /// The latest time that has left.
    last: Option<Millis>,
}

#[derive(Default)]
struct Waiting {
    pieces: VecDeque<Piece>,
    /// How many records of the first piece have left.
    gone: usize,
    /// The latest time of the log.
    latest: Option<Millis>,
}

struct Piece {
    records: RawRecords,
    arrivals: Vec<Arrival>,
    /// The position behind the piece.
    end: Offset,
    /// When it came.
    since: Millis,
}

/// A record that leaves.
pub(super) struct Leaving<'a> {
    /// The number of the recorded tap.
    pub recorded: usize,
    /// The records among which it is.
    pub records: &'a RawRecords,
    /// Its index there.
    pub index: usize,
    /// When it arrived; never before the one that left ahead of it.
    pub at: Millis,
    /// The next offset to read behind it.
    pub next: Offset,
}

/// What comes first: the time, then the order that the log itself tells, then tap and partition.
type Key = (Millis, u64, u64, LogId);

impl Weave {
    /// Goes on behind what left until this time.
    pub fn behind(last: Millis) -> Weave {
        Weave { last: Some(last), ..Weave::default() }
    }

    /// A log exists.
    pub fn log(&mut self, recorded: usize, partition: &PartitionId) {
        self.logs.entry((recorded, partition.clone())).or_default();
    }

    /// Records came when the recorder's clock showed `now`; `end` is the position behind them.
    pub fn take(&mut self, recorded: usize, received: Received, end: Offset, now: Millis) {
        let Received { records, mut arrivals } = received;
        if records.is_empty() {
            return;
        }
        self.bytes += records.bytes();
        let waiting = self.logs.entry((recorded, records.partition.clone())).or_default();
        let mut latest = waiting.latest.unwrap_or(Millis(0));
        for arrival in &mut arrivals {
            // No log knows the future, and none goes back.
            latest = arrival.at.min(now).max(latest);
            arrival.at = latest;
        }
        waiting.latest = Some(latest);
        waiting.pieces.push_back(Piece { records, arrivals, end, since: now });
    }

    /// Lets go what need not wait any longer when the clock shows `now`; all of it if `all`. At most `most`
    /// records leave; how many did.
    pub fn release<E>(
        &mut self,
        now: Millis,
        all: bool,
        most: u64,
        mut leave: impl FnMut(Leaving<'_>) -> Result<(), E>,
    ) -> Result<u64, E> {
        let mut heads: BinaryHeap<Reverse<Key>> = BinaryHeap::new();
        let mut silent = 0;
        for (id, waiting) in &self.logs {
            match waiting.head(id) {
                Some(key) => heads.push(Reverse(key)),
                None => silent += 1,
            }
        }
        let mut left = 0;
        while left < most
            && (all
                || silent == 0
                || self.bytes > MOST_BYTES
                || self.oldest().is_some_and(|at| now.0 - at.0 >= HOLD_MS))
        {
            let Some(Reverse((at, .., id))) = heads.pop() else { break };
            let waiting = self.logs.get_mut(&id).expect("its head was in the heap");
            let piece = waiting.pieces.front().expect("its head was in the heap");
            let index = waiting.gone;
            let last = index + 1 == piece.records.len();
            let next = if last { piece.end } else { Offset(piece.records.offsets[index + 1]) };
            let at = self.last.map_or(at, |last| last.max(at));
            self.last = Some(at);
            leave(Leaving { recorded: id.0, records: &piece.records, index, at, next })?;
            left += 1;
            waiting.gone += 1;
            if last {
                self.bytes -= piece.records.bytes().min(self.bytes);
                waiting.pieces.pop_front();
                waiting.gone = 0;
            }
            match waiting.head(&id) {
                Some(key) => heads.push(Reverse(key)),
                None => silent += 1,
            }
        }
        Ok(left)
    }

    /// When the piece came that waits longest.
    fn oldest(&self) -> Option<Millis> {
        self.logs.values().filter_map(|waiting| Some(waiting.pieces.front()?.since)).min()
    }
}

impl Waiting {
    fn head(&self, id: &LogId) -> Option<Key> {
        let arrival = self.pieces.front()?.arrivals[self.gone];
        Some((arrival.at, arrival.rank, arrival.place, id.clone()))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    fn received(partition: i32, offset: i64, ats: &[i64]) -> Received {
        let mut records = RawRecords::new(PartitionId::new("t", partition));
        for (index, &at) in ats.iter().enumerate() {
            records.offsets.push(offset + index as i64);
            records.values.push(Some(b"x"));
            records.timestamps.get_or_insert_default().push(at);
        }
        Received::by_timestamp(records, &mut Millis(0))
    }

    fn released(weave: &mut Weave, now: i64, all: bool) -> Vec<(i32, i64, i64, i64)> {
        let mut left = Vec::new();
        let leave = |leaving: Leaving<'_>| -> Result<(), Infallible> {
            let record = leaving.records.record(leaving.index);
            left.push((record.partition.number, record.offset.0, leaving.at.0, leaving.next.0));
            Ok(())
        };
        weave.release(Millis(now), all, u64::MAX, leave).expect("cannot fail");
        left
    }

    #[test]
    fn records_wait_for_others_but_not_for_long() {
        let mut weave = Weave::default();
        weave.log(0, &PartitionId::new("t", 0));
        weave.log(0, &PartitionId::new("t", 1));
        weave.take(0, received(0, 5, &[10, 30]), Offset(9), Millis(1000));
        assert_eq!(released(&mut weave, 1050, false), []);
        weave.take(0, received(1, 0, &[20]), Offset(1), Millis(1060));
        assert_eq!(released(&mut weave, 1060, false), [(0, 5, 10, 6), (1, 0, 20, 1)]);
        assert_eq!(released(&mut weave, 1099, false), []);
        assert_eq!(released(&mut weave, 1100, false), [(0, 6, 30, 9)], "it has waited long enough");
        weave.take(0, received(1, 1, &[15, 5000]), Offset(3), Millis(1101));
        assert_eq!(released(&mut weave, 1101, true), [(1, 1, 30, 2), (1, 2, 1101, 3)], "time never goes back");
    }

    proptest! {
        #[test]
        fn every_record_leaves_once_in_the_order_of_its_log(
            pieces in prop::collection::vec((0..3i32, prop::collection::vec(0..500i64, 1..6), 0..80i64), 0..30),
        ) {
            let (mut weave, mut now, mut offsets, mut left) = (Weave::default(), 400, [0i64; 3], Vec::new());
            for (partition, ats, step) in &pieces {
                now += step;
                let offset = &mut offsets[*partition as usize];
                weave.take(0, received(*partition, *offset, ats), Offset(*offset + ats.len() as i64), Millis(now));
                *offset += ats.len() as i64;
                left.extend(released(&mut weave, now, false));
            }
            left.extend(released(&mut weave, now, true));
            prop_assert!(left.windows(2).all(|pair| pair[0].2 <= pair[1].2));
            for (partition, &end) in offsets.iter().enumerate() {
                let of: Vec<i64> = left.iter().filter(|row| row.0 == partition as i32).map(|row| row.1).collect();
                prop_assert_eq!(of, (0..end).collect::<Vec<_>>());
            }
            prop_assert!(left.iter().all(|(_, offset, _, next)| *next == offset + 1));
        }
    }
}
