//! Embedded topics as they are: listed, and read record by record in the order of their arrival.

use std::collections::BTreeMap;
use std::time::Duration;

use millstream_record::{
    Browse, Error, Offset, PartitionId, Positions, RawPoll, RawReader, RawRecords, RawScan, RawStart, Result, Stop,
    TopicInfo, shares,
};

use super::bounds::{Bound, Start};
use super::consumer::Consumer;
use super::topics::{Summary, Topics};

/// So many of a topic's newest records are looked at to guess its format.
const GLIMPSE: u64 = 8;

/// One topic, or all of the workspace.
pub(super) struct TopicBrowse {
    topics: Topics,
    topic: Option<String>,
}

impl TopicBrowse {
    /// The topic of this name, or all.
    pub fn new(topics: Topics, topic: Option<&str>) -> Result<TopicBrowse> {
        topic.map_or(Ok(()), super::check_name)?;
        Ok(TopicBrowse { topics, topic: topic.map(str::to_string) })
    }

    fn glimpse(&self, summary: &Summary, stop: &Stop) -> Result<Vec<RawRecords>> {
        let start = Start::Offsets(newest(&summary.ends, GLIMPSE));
        let mut consumer = self.topics.consumer(&summary.name, &start, &Bound::Latest)?;
        let mut seen = Vec::new();
        while let Some(received) = consumer.next(Duration::ZERO, stop)? {
            seen.push(received.records);
        }
        Ok(seen)
    }
}

/// Offsets so that `most` records lie behind them, spread over the partitions.
fn newest(ends: &[i64], most: u64) -> BTreeMap<u32, i64> {
    let lengths: Vec<u64> = ends.iter().map(|&end| end.max(0) as u64).collect();
    let starts = shares(&lengths, most).into_iter().zip(ends).map(|(share, end)| end - share as i64);
    (0..).zip(starts).collect()
}

impl Browse for TopicBrowse {
    fn topics(&self, stop: &Stop) -> Result<Vec<TopicInfo>> {
        let summaries = match &self.topic {
            Some(topic) => vec![self.topics.describe(topic)?],
            None => self.topics.list()?,
        };
        let mut all = Vec::with_capacity(summaries.len());
        for summary in summaries {
            if stop.raised() {
                return Err(Error::Stopped);
            }
            let glimpse = self.glimpse(&summary, stop)?;
            all.push(TopicInfo {
                partitions: summary.partitions,
                records: Some(summary.records),
                bytes: Some(summary.payload_bytes),
                newest: summary.newest,
                glimpse,
                name: summary.name,
            });
        }
        Ok(all)
    }

    fn read(&self, scan: &RawScan) -> Result<Box<dyn RawReader>> {
        let topic = self.topic.as_deref().ok_or_else(|| Error::Invalid("no topic is named".into()))?;
        let ends = self.topics.describe(topic)?.ends;
        if let Some(partition) = scan
            .partition
            .filter(|&number| usize::try_from(number).is_ok_and(|number| number >= ends.len()) || number < 0)
        {
            return Err(no_partition(topic, partition, ends.len()));
        }
        let bound = if scan.follow { Bound::Unbounded } else { Bound::Latest };
        let consumer = match &scan.start {
            RawStart::Positions(positions) => self.topics.resume(topic, positions, &bound)?,
            start => {
                let start = match start {
                    RawStart::Latest => Start::Latest,
                    RawStart::Newest(most) => Start::Offsets(only_newest(&ends, *most, scan.partition)),
                    RawStart::Timestamp(time) => Start::Timestamp(*time),
                    _ => Start::Earliest,
                };
                self.topics.consumer(topic, &start, &bound)?
            }
        };
        let wanted = |number: &i32| scan.partition.is_none_or(|partition| partition == *number);
        let partitions = (0..ends.len() as i32).filter(wanted).map(|number| PartitionId::new(topic, number)).collect();
        Ok(Box::new(TopicRawReader { consumer, partitions, announced: 0, scan: scan.clone() }))
    }
}

/// As [`newest`], of one partition if that is wanted; of the others nothing.
fn only_newest(ends: &[i64], most: u64, partition: Option<i32>) -> BTreeMap<u32, i64> {
    let Some(partition) = partition else { return newest(ends, most) };
    let start = |(number, &end): (u32, &i64)| {
        (number, if number as i32 == partition { end - end.min(i64::try_from(most).unwrap_or(end)) } else { end })
    };
    (0..).zip(ends).map(start).collect()
}

/// A partition that is wanted and not there.
pub(crate) fn no_partition(topic: &str, partition: i32, partitions: usize) -> Error {
    Error::Invalid(format!("topic '{topic}' has no partition {partition}: it has {partitions}, counted from 0"))
}

struct TopicRawReader {
    consumer: Consumer,
    partitions: Vec<PartitionId>,
    announced: usize,
    scan: RawScan,
}

impl RawReader for TopicRawReader {
    fn poll(&mut self, wait: Duration) -> Result<RawPoll> {
        if let Some(partition) = self.partitions.get(self.announced) {
            self.announced += 1;
            return Ok(RawPoll::Partition(partition.clone()));
        }
        loop {
            match self.consumer.next(wait, &self.scan.stop)? {
                Some(received)
                    if self.scan.partition.is_some_and(|number| number != received.records.partition.number) => {}
                Some(received) => return Ok(RawPoll::Records(received)),
                None if self.consumer.ended() => return Ok(RawPoll::End),
                None => return Ok(RawPoll::Nothing),
            }
        }
    }

    fn positions(&self) -> Positions {
        let mut positions = self.consumer.positions();
        positions
            .retain(|partition, _: &mut Offset| self.scan.partition.is_none_or(|number| number == partition.number));
        positions
    }
}
