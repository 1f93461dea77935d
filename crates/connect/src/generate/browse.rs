//! Demo topics as they are. What a demo without end gives at this moment is what it would have given had
//! it begun so long ago that its newest record arrives now.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use millstream_record::{
    Arrival, Browse, Clock, Error, Millis, Offset, PartitionId, Positions, RawPoll, RawReader, RawRecord, RawRecords,
    RawScan, RawStart, Received, Result, Stop, TopicInfo,
};

use super::connector::Run;
use super::demo::demos;
use super::maker::Maker;
use super::pace::Pace;
use crate::topic::no_partition;

/// So many records are looked at to guess a format.
const GLIMPSE: u64 = 8;
/// So many records are made at a time.
const AT_A_TIME: u64 = 2048;

/// One demo, or all.
pub(super) struct DemoBrowse {
    /// How the demo runs; `None` for all demos as they usually are.
    pub run: Option<Run>,
    pub clock: Arc<dyn Clock>,
}

impl DemoBrowse {
    fn info(&self, run: Run) -> TopicInfo {
        let count = run.rows.unwrap_or(GLIMPSE).min(GLIMPSE);
        let last = run.rows.and_then(|rows| rows.checked_sub(1)).map(|last| run.demo.arrival(run.start, last));
        TopicInfo {
            name: run.demo.name(),
            partitions: run.partitions,
            records: run.rows,
            bytes: None,
            newest: last.or(run.rows.is_none().then(|| self.clock.now())),
            glimpse: maker(run.begun_before(count), &Positions::new()).records(0..count),
        }
    }
}

fn maker(run: Run, from: &Positions) -> Maker {
    let first = |partition| from.get(&partition).map_or(0, |at| at.0);
    Maker::new(run, run.partition_ids().into_iter().map(first).collect(), true, true)
}

impl Browse for DemoBrowse {
    fn topics(&self, _: &Stop) -> Result<Vec<TopicInfo>> {
        match self.run {
            Some(run) => Ok(vec![self.info(run)]),
            None => Ok(demos().iter().map(|demo| self.info(Run::usual(demo, self.clock.now()))).collect()),
        }
    }

    fn read(&self, scan: &RawScan) -> Result<Box<dyn RawReader>> {
        let run = self.run.ok_or_else(|| Error::Invalid("no demo is named".into()))?;
        if let Some(number) = scan.partition.filter(|number| !(0..run.partitions as i32).contains(number)) {
            return Err(no_partition(&run.demo.name(), number, run.partitions as usize));
        }
        // Of a demo without end, so many records are taken to have arrived by now.
        let past = match scan.start {
            RawStart::Newest(most) if run.rows.is_none() => most,
            _ => 0,
        };
        let run = run.begun_before(past);
        let now = || first_at(&run, self.clock.now().plus(1));
        let next = match &scan.start {
            RawStart::Earliest => 0,
            RawStart::Newest(most) => run.rows.map_or(0, |rows| rows.saturating_sub(*most)),
            RawStart::Latest => run.rows.unwrap_or_else(now),
            RawStart::Timestamp(time) => run.rows.unwrap_or(u64::MAX).min(first_at(&run, *time)),
            RawStart::Positions(from) => from.values().map(|at| at.0.max(0) as u64).min().unwrap_or(0),
        };
        let end = match run.rows {
            Some(rows) => Some(rows),
            None if scan.follow => None,
            None if past > 0 => Some(past),
            None => Some(now().max(next)),
        };
        let from = match &scan.start {
            RawStart::Positions(from) => from.clone(),
            _ => Positions::new(),
        };
        let pace = Pace::new(self.clock.clone(), if end.is_none() { run.rows_per_second } else { None });
        let wanted = |partition: &PartitionId| scan.partition.is_none_or(|number| number == partition.number);
        Ok(Box::new(DemoRawReader {
            maker: maker(run, &from),
            pace,
            next,
            end,
            past,
            partitions: run.partition_ids().into_iter().filter(wanted).collect(),
            announced: 0,
            ready: Vec::new(),
            stop: scan.stop.clone(),
        }))
    }
}

/// The number of the first record that arrives at `time` or later.
fn first_at(run: &Run, time: Millis) -> u64 {
    let (mut low, mut high) = (0, 1);
    while run.demo.arrival(run.start, high) < time && high < u64::MAX / 4 {
        high *= 2;
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if run.demo.arrival(run.start, middle) < time { low = middle + 1 } else { high = middle }
    }
    low
}

struct DemoRawReader {
    maker: Maker,
    pace: Pace,
    next: u64,
    end: Option<u64>,
    /// So many records have arrived before we came, and need not be waited for.
    past: u64,
    partitions: Vec<PartitionId>,
    announced: usize,
    ready: Vec<RawRecords>,
    stop: Stop,
}

impl DemoRawReader {
    fn make(&mut self, range: Range<u64>) {
        let partitions = &self.partitions;
        let records = self.maker.records(range).into_iter();
        // Taken from the end.
        self.ready = records.filter(|records| partitions.contains(&records.partition)).rev().collect();
    }
}

/// The number of a record is its rank among all.
fn received(records: RawRecords) -> Received {
    let arrival = |record: RawRecord<'_>| {
        let (rank, at) = (record.offset.0 as u64, record.timestamp.unwrap_or(Millis(0)));
        Arrival { rank, place: 0, at }
    };
    Received { arrivals: records.iter().map(arrival).collect(), records }
}

impl RawReader for DemoRawReader {
    fn poll(&mut self, wait: Duration) -> Result<RawPoll> {
        if let Some(partition) = self.partitions.get(self.announced) {
            self.announced += 1;
            return Ok(RawPoll::Partition(partition.clone()));
        }
        loop {
            if let Some(records) = self.ready.pop() {
                return Ok(RawPoll::Records(received(records)));
            }
            let most = self.end.map_or(AT_A_TIME, |end| end.saturating_sub(self.next).min(AT_A_TIME));
            if most == 0 {
                return Ok(RawPoll::End);
            }
            let past = self.past.saturating_sub(self.next).min(most);
            let rows = if past > 0 { past } else { self.pace.take(most, wait, &self.stop) };
            if rows == 0 {
                return Ok(RawPoll::Nothing);
            }
            self.make(self.next..self.next + rows);
            self.next += rows;
        }
    }

    fn positions(&self) -> Positions {
        let waiting = |partition: &PartitionId| {
            let ready = self.ready.iter().find(|records| records.partition == *partition);
            ready.map_or(self.next as i64, |records| records.offsets[0])
        };
        self.partitions.iter().map(|partition| (partition.clone(), Offset(waiting(partition)))).collect()
    }
}
