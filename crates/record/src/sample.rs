//! A sample: some records of a topic, kept in memory as they are, in the order of their arrival. A tap
//! keeps one, and every preview runs over it as over the topic. It is a small sealed tape.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::browse::unless_stopped;
use crate::{
    Arrival, Error, PartitionId, Positions, RawPoll, RawReader, RawRecord, RawRecords, Received, Result, Stop,
};

/// How much a sample may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// At most so many records.
    pub records: usize,
    /// At most so many bytes of values, keys and headers.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { records: 20_000, bytes: 64 << 20 }
    }
}

/// One look whether to stop.
const WAIT: Duration = Duration::from_millis(20);
/// After so many looks in a row at which nothing came, the other side counts as silent: ten seconds.
const PATIENCE: u32 = 500;

/// Records in the order of their arrival.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// All partitions, also those of which there is no record.
    partitions: Vec<PartitionId>,
    /// The records, by partition. A partition has several parts only where the kind of its records changes.
    parts: Vec<RawRecords>,
    /// Of each part, when its records arrived.
    arrivals: Vec<Vec<Arrival>>,
    /// The order of arrival: part and place in it. Within a part places rise.
    order: Vec<(u32, u32)>,
    bytes: usize,
    ended: bool,
}

impl Sample {
    /// Takes records from `reader` until it ends or the sample is full. What was taken is given even if
    /// the other side falls silent; if it never spoke, that is an error.
    pub fn draw(reader: &mut dyn RawReader, limits: Limits, stop: &Stop) -> Result<Sample> {
        let mut sample = Sample::default();
        let (mut silent, mut reason) = (0, None);
        while sample.parts_len() < limits.records && sample.bytes < limits.bytes && silent < PATIENCE {
            unless_stopped(stop)?;
            match reader.poll(WAIT)? {
                RawPoll::Partition(partition) => sample.partitions.push(partition),
                RawPoll::Records(received) => {
                    sample.take(received, limits);
                    silent = 0;
                }
                RawPoll::Nothing => silent += 1,
                RawPoll::Stalled(why) => (silent, reason) = (silent + 1, Some(why)),
                RawPoll::End => {
                    sample.ended = true;
                    break;
                }
            }
        }
        if let Some(reason) = reason.filter(|_| sample.parts.is_empty() && silent == PATIENCE) {
            return Err(Error::Invalid(reason));
        }
        sample.sort();
        Ok(sample)
    }

    /// A sample of what was received already.
    pub fn of(received: impl IntoIterator<Item = Received>) -> Sample {
        let mut sample = Sample { ended: true, ..Sample::default() };
        for received in received {
            if !sample.partitions.contains(&received.records.partition) {
                sample.partitions.push(received.records.partition.clone());
            }
            sample.take(received, Limits { records: usize::MAX, bytes: usize::MAX });
        }
        sample.sort();
        sample
    }

    fn parts_len(&self) -> usize {
        self.parts.iter().map(RawRecords::len).sum()
    }

    /// Adds as many records as there is room for; at least one, so that a huge record is seen, too.
    fn take(&mut self, received: Received, limits: Limits) {
        let Received { records, mut arrivals } = received;
        let mut room = limits.records - self.parts_len().min(limits.records);
        room = room.min(records.len());
        let mut records = if room < records.len() { records.slice(0..room) } else { records };
        let left = limits.bytes - self.bytes.min(limits.bytes);
        if records.bytes() > left {
            let (mut fit, mut bytes) = (0, 0);
            while fit < records.len() && (bytes < left || fit == 0) {
                bytes += records.values.get(fit).map_or(0, <[u8]>::len);
                fit += 1;
            }
            records = records.slice(0..fit);
        }
        if records.is_empty() {
            return;
        }
        arrivals.truncate(records.len());
        self.bytes += records.bytes();
        match self.parts.iter().rposition(|part| part.partition == records.partition) {
            Some(part) if self.parts[part].fits(&records) => {
                self.parts[part].extend(&records);
                self.arrivals[part].append(&mut arrivals);
            }
            _ => {
                self.parts.push(records);
                self.arrivals.push(arrivals);
            }
        }
    }

    /// Puts the parts in the order of their partitions, and the records in the order of their arrival. Ties are broken by
    /// partition, not by who came first.
    fn sort(&mut self) {
        let Sample { parts, arrivals, order, partitions, .. } = self;
        partitions.sort();
        let mut sorted: Vec<_> = std::mem::take(parts).into_iter().zip(std::mem::take(arrivals)).collect();
        sorted.sort_by(|(left, _), (right, _)| left.partition.cmp(&right.partition));
        (*parts, *arrivals) = sorted.into_iter().unzip();
        let places = |(part, records): (usize, &RawRecords)| (0..records.len()).map(move |at| (part as u32, at as u32));
        *order = parts.iter().enumerate().flat_map(places).collect();
        // Stable, so that what arrived together keeps the order of its partition.
        order.sort_by_key(|&(part, at)| {
            let Arrival { rank, place, .. } = arrivals[part as usize][at as usize];
            (rank, place)
        });
    }

    /// How many records.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// How many bytes of values, keys and headers.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the topic ended before the sample was full.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// All partitions of the topic, also those of which there is no record.
    pub fn partitions(&self) -> &[PartitionId] {
        &self.partitions
    }

    /// The records by partition, each in its order.
    pub fn parts(&self) -> &[RawRecords] {
        &self.parts
    }

    /// The records in the order of their arrival, each with when that was.
    pub fn records(&self) -> impl Iterator<Item = (RawRecord<'_>, Arrival)> {
        self.places().map(|(part, at, arrival)| (self.parts[part].record(at), arrival))
    }

    /// Where the records stand, in the order of their arrival: which of [`Sample::parts`], at which place in it.
    pub fn places(&self) -> impl Iterator<Item = (usize, usize, Arrival)> {
        self.order.iter().map(|&(part, at)| {
            let (part, at) = (part as usize, at as usize);
            (part, at, self.arrivals[part][at])
        })
    }

    /// The records in pieces of one partition each: every `most` arrivals together give one piece a
    /// partition. Records before `from` are left out.
    pub fn pieces(&self, most: usize, from: &Positions) -> impl Iterator<Item = RawRecords> {
        let skipped = |part: usize, at: usize| {
            let part = &self.parts[part];
            from.get(&part.partition).is_some_and(|from| part.offsets[at] < from.0)
        };
        self.order.chunks(most.max(1)).flat_map(move |chunk| {
            // Within a chunk each part has a contiguous range, because its places rise along the order.
            let mut ranges: BTreeMap<u32, std::ops::Range<usize>> = BTreeMap::new();
            for &(part, at) in chunk.iter().filter(|&&(part, at)| !skipped(part as usize, at as usize)) {
                let range = ranges.entry(part).or_insert(at as usize..at as usize);
                range.end = at as usize + 1;
            }
            ranges.into_iter().map(|(part, range)| self.parts[part as usize].slice(range))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Millis, Offset};

    fn received(partition: i32, offset: i64, ats: &[i64]) -> Received {
        let mut records = RawRecords::new(PartitionId::new("t", partition));
        for (index, &at) in ats.iter().enumerate() {
            records.offsets.push(offset + index as i64);
            records.values.push(Some(format!("{partition}:{at}").as_bytes()));
            records.timestamps.get_or_insert_default().push(at);
        }
        Received::by_timestamp(records, &mut Millis(0))
    }

    fn values<'a>(records: impl Iterator<Item = RawRecord<'a>>) -> Vec<String> {
        records.map(|record| String::from_utf8_lossy(record.value.expect("a value")).into_owned()).collect()
    }

    fn sample() -> Sample {
        Sample::of([received(1, 10, &[1, 4]), received(0, 0, &[2, 2, 5]), received(1, 12, &[4, 6])])
    }

    #[test]
    fn records_stand_in_the_order_of_their_arrival() {
        let sample = sample();
        let all = values(sample.records().map(|(record, _)| record));
        assert_eq!(all, ["1:1", "0:2", "0:2", "1:4", "1:4", "0:5", "1:6"]);
        assert_eq!(sample.partitions(), [PartitionId::new("t", 0), PartitionId::new("t", 1)]);
        let parts: Vec<i32> = sample.parts().iter().map(|part| part.partition.number).collect();
        assert_eq!(parts, [0, 1], "whichever spoke first");
    }

    #[test]
    fn pieces_of_any_size_hold_every_record_once_and_in_its_partitions_order() {
        let sample = sample();
        for most in 1..9 {
            let pieces: Vec<RawRecords> = sample.pieces(most, &Positions::new()).collect();
            for partition in [0, 1] {
                let of = pieces.iter().filter(|piece| piece.partition.number == partition);
                let offsets: Vec<i64> = of.flat_map(|piece| piece.offsets.clone()).collect();
                assert_eq!(offsets, if partition == 0 { vec![0, 1, 2] } else { vec![10, 11, 12, 13] });
            }
        }
        let one: Vec<RawRecords> = sample.pieces(1, &Positions::new()).collect();
        assert_eq!(values(one.iter().flat_map(RawRecords::iter))[3..5], ["1:4", "1:4"]);
        let from = Positions::from([(PartitionId::new("t", 1), Offset(12))]);
        assert_eq!(sample.pieces(2, &from).map(|piece| piece.len()).sum::<usize>(), 5);
    }

    struct Script(Vec<RawPoll>);

    impl RawReader for Script {
        fn poll(&mut self, _: Duration) -> Result<RawPoll> {
            Ok(if self.0.is_empty() { RawPoll::Nothing } else { self.0.remove(0) })
        }

        fn positions(&self) -> Positions {
            Positions::new()
        }
    }

    fn drawn(polls: Vec<RawPoll>, limits: Limits) -> Result<Sample> {
        Sample::draw(&mut Script(polls), limits, &Stop::default())
    }

    #[test]
    fn a_sample_is_bounded_in_records_and_bytes() {
        let polls = || vec![RawPoll::Records(received(0, 0, &[1, 2, 3, 4])), RawPoll::Records(received(0, 4, &[5, 6]))];
        let few = drawn(polls(), Limits { records: 3, bytes: 1000 }).expect("drawn");
        assert_eq!((few.len(), few.ended()), (3, false));
        let small = drawn(polls(), Limits { records: 100, bytes: 7 }).expect("drawn");
        assert_eq!((small.len(), small.bytes()), (3, 9), "the third begins before the limit");
        let huge = drawn(polls(), Limits { records: 100, bytes: 1 }).expect("drawn");
        assert_eq!(huge.len(), 1, "a record that is larger than the limit is seen");
    }

    #[test]
    fn silence_and_the_signal_to_stop_end_it() {
        let stalled = (0..600).map(|_| RawPoll::Stalled("cannot reach a:1".into())).collect();
        assert_eq!(drawn(stalled, Limits::default()).expect_err("never").to_string(), "cannot reach a:1");
        let mut polls = vec![RawPoll::Records(received(0, 0, &[1]))];
        polls.extend((0..600).map(|_| RawPoll::Stalled("gone".into())));
        assert_eq!(drawn(polls, Limits::default()).expect("what there was").len(), 1);
        let stop = Stop::default();
        stop.raise();
        let stopped = Sample::draw(&mut Script(Vec::new()), Limits::default(), &stop);
        assert!(matches!(stopped, Err(Error::Stopped)));
    }
}
