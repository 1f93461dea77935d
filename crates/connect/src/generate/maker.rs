//! Makes the records of a demo: any stretch of them, by partition, as a log would hold them.

use std::ops::Range;

use millstream_record::PartitionId;

use super::connector::Run;
use crate::format::{RawRecords, Segments, TimestampType};
use crate::topic::partition_of_key;

/// Makes the records of stretches. Each thread has its own.
pub(super) struct Maker {
    run: Run,
    partitions: Vec<PartitionId>,
    /// By partition: what comes before has been read already.
    from: Vec<i64>,
    keys: bool,
    headers: bool,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Maker {
    /// Makes records of `run`; of each partition none before `from`.
    pub fn new(run: Run, from: Vec<i64>, keys: bool, headers: bool) -> Maker {
        Maker { run, partitions: run.partition_ids(), from, keys, headers, key: Vec::new(), value: Vec::new() }
    }

    /// The records of a stretch, by partition. The offset of a record is its number in the whole demo.
    pub fn records(&mut self, range: Range<u64>) -> Vec<RawRecords> {
        let share = (range.end - range.start) as usize / self.partitions.len() + 16;
        let mut all: Vec<RawRecords> = self.partitions.iter().map(|partition| self.empty(partition, share)).collect();
        for index in range {
            self.key.clear();
            self.value.clear();
            let made = self.run.demo.make(self.run.seed, self.run.start, index, &mut self.key, &mut self.value);
            let partition = partition_of_key(&self.key, self.run.partitions) as usize;
            if (index as i64) < self.from[partition] {
                continue;
            }
            let records = &mut all[partition];
            records.offsets.push(index as i64);
            records.values.push(Some(&self.value));
            records.timestamps.get_or_insert_default().push(made.arrival.0);
            if let Some(keys) = &mut records.keys {
                keys.push(Some(&self.key));
            }
            if let Some(headers) = &mut records.headers {
                headers.push(Vec::new());
            }
        }
        all.retain(|records| !records.is_empty());
        all
    }

    fn empty(&self, partition: &PartitionId, share: usize) -> RawRecords {
        let mut records = RawRecords::new(partition.clone());
        records.values = Segments::with_capacity(share, share * 256);
        records.offsets.reserve(share);
        records.timestamps = Some(Vec::with_capacity(share));
        records.timestamp_type = TimestampType::CreateTime;
        records.keys = self.keys.then(Segments::default);
        records.headers = self.headers.then(Vec::new);
        records
    }
}
