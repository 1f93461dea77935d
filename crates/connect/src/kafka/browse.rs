//! Topics of Kafka as they are: which there are, how fresh, and their records without any schema. The
//! client waits for servers in calls that cannot be broken off, so they are made on a thread of their own,
//! and whoever asked goes away when he is told to stop. Partitions are assigned; no group is joined.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, bounded};
use millstream_record::{
    Browse, Error, Millis, Options, PartitionId, Positions, RawPoll, RawReader, RawRecords, RawScan, RawStart,
    Received, Result, Stop, TopicInfo,
};

use super::line::Line;
use super::options::{End, Reading, Start};
use super::reader::{KafkaReader, Said, Wish};
use super::span::Span;
use super::track::{Piece, Track, Wants};

/// So many offsets before the end of each partition a glimpse begins; markers of transactions take some.
const GLIMPSE: i64 = 4;
/// A topic's glimpse takes no more than about so many bytes.
const GLIMPSE_BYTES: usize = 256 << 10;
/// How long servers may take to hand over the newest records.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);
/// One look whether to stop.
const LOOK: Duration = Duration::from_millis(20);
/// Everything of a record, in pieces of so many.
const ALL: Wants = Wants { keys: true, values: true, headers: true, records: 1024 };

/// The topics that options mean.
pub struct KafkaBrowse {
    reading: Reading,
    /// Whether the options name topics.
    named: bool,
}

impl KafkaBrowse {
    /// The topics that `options` name, or all of the cluster. Nobody is called yet.
    pub fn new(options: &Options) -> Result<KafkaBrowse> {
        let named = options.given("topic") || options.given("topic-pattern");
        Ok(KafkaBrowse { reading: Reading::to_browse(options)?, named })
    }
}

impl Browse for KafkaBrowse {
    fn topics(&self, stop: &Stop) -> Result<Vec<TopicInfo>> {
        let (reading, heard) = (self.reading.clone(), stop.clone());
        unless_stopped(stop, move || look(&reading, &heard))
    }

    fn read(&self, scan: &RawScan) -> Result<Box<dyn RawReader>> {
        if !self.named {
            return Err(Error::Invalid("no topic is named; the form is 'kafka://host:port/topic'".into()));
        }
        let mut reading = Reading { partition: scan.partition, ..self.reading.clone() };
        reading.end = if scan.follow { End::Never } else { End::Latest };
        let mut resume = None;
        reading.start = match &scan.start {
            RawStart::Earliest => Start::Earliest,
            RawStart::Latest => Start::Latest,
            RawStart::Newest(most) => Start::Newest(*most),
            RawStart::Timestamp(time) => Start::Timestamp(time.0),
            RawStart::Positions(positions) => {
                resume = Some(positions.clone());
                Start::Earliest
            }
        };
        let wish = Wish { resume, wants: ALL, workers: 1, stop: scan.stop.clone() };
        let inner = unless_stopped(&scan.stop, move || {
            // "Decoding" leaves the records as they are.
            KafkaReader::open(Arc::new(reading), wish, || Ok(Ok::<RawRecords, Error>))
        })?;
        Ok(Box::new(KafkaRawReader { inner, latest: HashMap::new() }))
    }
}

/// The answer of `question`, unless `stop` is raised before it is there. The thread that asks ends by
/// itself: every question to a server does within seconds.
fn unless_stopped<T: Send + 'static>(stop: &Stop, question: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let (report, answer) = bounded(1);
    let ask = move || {
        // Nobody listens any more if he was told to stop.
        let _ = report.send(question());
    };
    std::thread::Builder::new()
        .name("kafka-question".into())
        .spawn(ask)
        .map_err(|error| Error::Invalid(format!("cannot start the thread that asks the servers: {error}")))?;
    loop {
        match answer.recv_timeout(LOOK) {
            Ok(answer) => return answer,
            Err(RecvTimeoutError::Timeout) if stop.raised() => return Err(Error::Stopped),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Error::Invalid("the thread that asks the servers has failed".into()));
            }
        }
    }
}

/// All topics with their sizes and their newest records.
fn look(reading: &Reading, stop: &Stop) -> Result<Vec<TopicInfo>> {
    let mut line = Line::new(reading)?;
    let partitions = line.cluster().partitions(&reading.topics)?;
    let (mut topics, mut tracks) = (Vec::<TopicInfo>::new(), Vec::new());
    for partition in partitions {
        if stop.raised() {
            return Err(Error::Stopped);
        }
        let (low, high) = line.cluster().extent(&partition)?;
        let records = high.saturating_sub(low).max(0) as u64;
        match topics.last_mut().filter(|topic| *topic.name == *partition.topic) {
            Some(topic) => {
                topic.partitions += 1;
                topic.records = topic.records.map(|before| before + records);
            }
            None => topics.push(TopicInfo {
                name: partition.topic.to_string(),
                partitions: 1,
                records: Some(records),
                bytes: None,
                newest: None,
                glimpse: Vec::new(),
            }),
        }
        if high > low {
            let span = Span { start: low.max(high - GLIMPSE), end: Some(high), high, from_first: false, partition };
            tracks.push(Track::new(span));
        }
    }
    line.assign(tracks.iter().map(|track| (&track.partition, track.next)))?;
    for piece in newest(&mut line, &mut tracks, stop) {
        let Some(raw) = piece.raw else { continue };
        let at = topics.iter_mut().find(|topic| *topic.name == *raw.partition.topic);
        let topic = at.expect("a record comes from a topic that was asked for");
        topic.newest = topic.newest.max(raw.iter().filter_map(|record| record.timestamp).max());
        if topic.glimpse.iter().map(RawRecords::bytes).sum::<usize>() < GLIMPSE_BYTES {
            topic.glimpse.push(raw);
        }
    }
    Ok(topics)
}

/// Reads until each track has come to its end, or time is up.
fn newest(line: &mut Line, tracks: &mut [Track], stop: &Stop) -> Vec<Piece> {
    let places: HashMap<PartitionId, usize> =
        tracks.iter().enumerate().map(|(number, track)| (track.partition.clone(), number)).collect();
    let (deadline, mut pieces, mut failed) = (Instant::now() + ANSWER_WITHIN, Vec::new(), 0);
    while tracks.iter().filter(|track| !track.done).count() > failed && Instant::now() < deadline && !stop.raised() {
        for record in line.queue.take(1024, LOOK).iter() {
            let place = PartitionId::new(record.topic(), record.partition());
            let Some(&number) = places.get(&place) else { continue };
            match record.error() {
                None => tracks[number].take(record, ALL, number, &mut pieces),
                Some(rdkafka::types::RDKafkaErrorCode::PartitionEOF) => {
                    tracks[number].reached(record.offset(), number, &mut pieces);
                }
                // It cannot be read; what the others hold is shown all the same.
                Some(_) => failed += 1,
            }
        }
    }
    let left = tracks.iter_mut().enumerate().filter_map(|(number, track)| track.cut(number));
    pieces.extend(left);
    pieces
}

struct KafkaRawReader {
    inner: KafkaReader<RawRecords>,
    /// The latest timestamp of each partition so far.
    latest: HashMap<PartitionId, Millis>,
}

impl RawReader for KafkaRawReader {
    fn poll(&mut self, wait: Duration) -> Result<RawPoll> {
        loop {
            return Ok(match self.inner.next(wait)? {
                Said::Partition(partition) => RawPoll::Partition(partition),
                Said::Rows(records) => {
                    let latest = self.latest.entry(records.partition.clone()).or_insert(Millis(0));
                    RawPoll::Records(Received::by_timestamp(records, latest))
                }
                Said::PartitionEnd(_) => continue,
                Said::Nothing => RawPoll::Nothing,
                Said::Stalled(why) => RawPoll::Stalled(why),
                Said::End => RawPoll::End,
            });
        }
    }

    fn positions(&self) -> Positions {
        self.inner.places()
    }
}
