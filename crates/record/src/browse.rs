//! Topics as they are: which there are, and their records before any schema. This is the door of whoever
//! looks around (`SHOW TOPICS`, `PEEK`), infers a schema (`TAP`) or records a tape (`RECORD`). Reading
//! through it joins no consumer group and commits nothing; it may wait for others, so every call heeds the
//! signal to stop.

use std::time::Duration;

use crate::{Error, Millis, PartitionId, Positions, RawRecords, Result, Stop};

/// What can be told of a topic without reading all of it.
#[derive(Clone, Debug)]
pub struct TopicInfo {
    /// Its name, or the path of the file.
    pub name: String,
    /// How many partitions.
    pub partitions: u32,
    /// How many records; in Kafka, how many offsets lie between the ends. `None` if nobody has counted.
    pub records: Option<u64>,
    /// How many bytes, if the other side tells.
    pub bytes: Option<u64>,
    /// When the newest record was written.
    pub newest: Option<Millis>,
    /// A few records, to guess at the format; bounded, and empty where there is none.
    pub glimpse: Vec<RawRecords>,
}

/// The topics that the options of a connector mean.
pub trait Browse: Send {
    /// All of them, by name: the one that the options name, or else every topic there is. What belongs to
    /// the server itself is left out.
    fn topics(&self, stop: &Stop) -> Result<Vec<TopicInfo>>;

    /// Opens the topics that the options name.
    fn read(&self, scan: &RawScan) -> Result<Box<dyn RawReader>>;
}

/// What is wanted of raw records.
#[derive(Clone, Debug, Default)]
pub struct RawScan {
    /// Where to begin.
    pub start: RawStart,
    /// Whether to wait for more behind the last record there is now.
    pub follow: bool,
    /// Only this partition of each topic.
    pub partition: Option<i32>,
    /// Raised when nobody wants the answer any more.
    pub stop: Stop,
}

/// Where raw reading begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RawStart {
    /// With the oldest record.
    #[default]
    Earliest,
    /// Behind the newest record there is now.
    Latest,
    /// So that about so many records lie ahead, spread over the partitions. A log that cannot be read from
    /// behind (a file) begins with its first record.
    Newest(u64),
    /// In each partition with the first record that was written at this time or later.
    Timestamp(Millis),
    /// Where an earlier reader stood. A partition that is not named begins with its oldest record.
    Positions(Positions),
}

/// A way through raw records. Owned by one thread.
pub trait RawReader: Send {
    /// The next piece. Waits for it at most `wait`.
    fn poll(&mut self, wait: Duration) -> Result<RawPoll>;

    /// The next offset to read of each partition, behind all that `poll` has handed over.
    fn positions(&self) -> Positions;
}

/// The answer of a raw reader.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one answer stands at a time, and records are the common one")]
pub enum RawPoll {
    /// A partition exists. Every partition is announced before its first records.
    Partition(PartitionId),
    /// Records of one partition.
    Records(Received),
    /// Nothing came within the wait, or the reader was told to stop.
    Nothing,
    /// The other side cannot be reached at the moment; reading goes on when it comes back.
    Stalled(String),
    /// All has been read. Nothing follows.
    End,
}

/// Records of one partition, in its order.
#[derive(Clone, Debug)]
pub struct Received {
    /// The records, with keys, headers and timestamps.
    pub records: RawRecords,
    /// When each arrived.
    pub arrivals: Vec<Arrival>,
}

/// When a record arrived, and its rank among all records that are read together. A tape is replayed in the
/// order of the ranks; where two are equal, the order of their partitions decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrival {
    /// The number of what it came with: an append, a file, a moment.
    pub rank: u64,
    /// Its place among the records of this rank.
    pub place: u64,
    /// When it arrived.
    pub at: Millis,
}

impl Received {
    /// Records of a log that knows no order across its partitions. Their timestamps tell it; where those of
    /// a partition go back, its own order holds. `latest` is the latest timestamp of the partition so far
    /// and is moved on.
    pub fn by_timestamp(records: RawRecords, latest: &mut Millis) -> Received {
        let mut arrival = |index: usize| {
            let at = records.record(index).timestamp.unwrap_or(*latest);
            *latest = at.max(*latest);
            Arrival { rank: latest.0.max(0) as u64, place: 0, at: *latest }
        };
        let arrivals = (0..records.len()).map(&mut arrival).collect();
        Received { records, arrivals }
    }
}

/// How many of `most` records each partition gives, that holds so many: equal shares, and what some cannot
/// fill goes to the others.
pub fn shares(lengths: &[u64], most: u64) -> Vec<u64> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&index| lengths[index]);
    let (mut given, mut left) = (vec![0; lengths.len()], most);
    for (done, &index) in order.iter().enumerate() {
        let open = (lengths.len() - done) as u64;
        given[index] = lengths[index].min(left.div_ceil(open));
        left -= given[index];
    }
    given
}

/// Whether to go on.
pub(crate) fn unless_stopped(stop: &Stop) -> Result<()> {
    if stop.raised() { Err(Error::Stopped) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_equal_and_what_one_cannot_fill_goes_to_others() {
        assert_eq!(shares(&[], 10), Vec::<u64>::new());
        assert_eq!(shares(&[100, 100], 10), [5, 5]);
        assert_eq!(shares(&[1, 100, 0], 10), [1, 9, 0]);
        assert_eq!(shares(&[100, 3, 100, 4], 20), [7, 3, 6, 4]);
        assert_eq!(shares(&[2, 3], 10), [2, 3], "there is no more");
        for most in 0..50 {
            let given = shares(&[7, 0, 30, 4], most);
            assert_eq!(given.iter().sum::<u64>(), most.min(41));
        }
    }

    #[test]
    fn timestamps_that_go_back_keep_the_order_of_their_partition() {
        let mut records = RawRecords::new(PartitionId::new("t", 0));
        for (offset, at) in [5, 3, -1, 9].into_iter().enumerate() {
            records.offsets.push(offset as i64);
            records.values.push(Some(b"x"));
            records.timestamps.get_or_insert_default().push(at);
        }
        let received = Received::by_timestamp(records, &mut Millis(0));
        assert_eq!(received.arrivals.iter().map(|arrival| arrival.at.0).collect::<Vec<_>>(), [5, 5, 5, 9]);
        assert!(received.arrivals.is_sorted());
    }
}
