//! Rows of one tap from several partitions, in the one order in which they arrived: what a replay feeds. A
//! batch of them means what its rows mean one by one, because the watermark of each row is worked out with
//! the partition and the time of its own record.

use arrow::array::RecordBatch;
use millstream_record::{Fetched, Kinds, Millis, PartitionId, Rejected};

/// Rows in the order of their arrival, whatever partitions they come from.
#[derive(Clone, Debug)]
pub struct Woven {
    /// The rows.
    pub rows: RecordBatch,
    /// The kind of each row, or `None` when all are insertions.
    pub kinds: Option<Kinds>,
    /// Where and when they arrived.
    pub order: Order,
    /// What was taken from each partition of the order.
    pub tallies: Vec<Tally>,
    /// What could not be read.
    pub rejected: Vec<Rejected>,
    /// How many keys stood more than once in their JSON object; the last of them counted.
    pub duplicate_keys: u64,
}

/// Which rows came from which partition, and when.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// The partitions.
    pub partitions: Vec<PartitionId>,
    /// The rows in order, by where and when they arrived. One without rows still was heard.
    pub stretches: Vec<Stretch>,
}

/// Rows of one partition that arrived together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Which of the partitions of the order.
    pub partition: usize,
    /// How many rows.
    pub rows: usize,
    /// When they arrived.
    pub at: Millis,
}

/// What was taken from a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records: rows, rejected ones and those that carry nothing.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Woven {
    /// What was fetched from one partition when the clock showed `now`.
    pub fn of(fetched: Fetched, now: Millis) -> Woven {
        let Fetched { partition, rows, kinds, rejected, records, bytes, duplicate_keys } = fetched;
        let stretches = vec![Stretch { partition: 0, rows: rows.num_rows(), at: now }];
        let order = Order { partitions: vec![partition], stretches };
        Woven { rows, kinds, order, tallies: vec![Tally { records, bytes }], rejected, duplicate_keys }
    }

    /// When the last of it arrived.
    pub fn until(&self) -> Option<Millis> {
        self.order.stretches.last().map(|stretch| stretch.at)
    }
}

impl Order {
    /// The stretches with the number of the first row of each.
    pub fn starts(&self) -> impl Iterator<Item = (usize, Stretch)> {
        let mut start = 0;
        self.stretches.iter().map(move |&stretch| {
            start += stretch.rows;
            (start - stretch.rows, stretch)
        })
    }

    /// The order of those rows of which this is true.
    #[must_use]
    pub fn kept(&self, keep: &arrow::array::BooleanArray) -> Order {
        let stretch = |(start, stretch): (usize, Stretch)| {
            let rows = keep.values().slice(start, stretch.rows).count_set_bits();
            Stretch { rows, ..stretch }
        };
        Order { partitions: self.partitions.clone(), stretches: self.starts().map(stretch).collect() }
    }
}
