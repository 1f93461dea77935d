//! One run's way through topics of Kafka. Records flow from librdkafka's threads through one queue,
//! are gathered by partition, decoded side by side, and handed over in the order of each partition. A
//! position moves only when its rows are handed over, so what is prefetched never counts as read. What
//! "decoded" means is the caller's: columns for a query, nothing for whoever wants records as they are.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use millstream_record::{
    Error, Fetched, Offset, PartitionId, Poll, Positions, RawRecords, Reader, Result, Stop, TopicIds,
};
use rdkafka::types::RDKafkaErrorCode;

use super::discovery::Change;
use super::line::Line;
use super::options::Reading;
use super::queue::Record;
use super::span::{Span, spans, within};
use super::track::{Piece, Track, Wants};
use crate::format::DecodePool;
use crate::loss::{OnLoss, lost, made_again};

/// How many messages to take from the client at a time.
const AT_A_TIME: usize = 1024;

/// How often to serve what comes beside the records, and to look whether to stop.
const ATTEND_EVERY: Duration = Duration::from_millis(50);

/// A piece of work, done.
struct Done<T> {
    track: usize,
    fetched: Option<T>,
    next: i64,
    ended: bool,
}

/// What a reader says, where rows are whatever decoding gives.
pub enum Said<T> {
    /// A partition exists.
    Partition(PartitionId),
    /// Rows of one partition.
    Rows(T),
    /// A bounded partition has been read to its end.
    PartitionEnd(PartitionId),
    /// Nothing came within the wait.
    Nothing,
    /// The servers cannot be reached at the moment.
    Stalled(String),
    /// All has been read.
    End,
}

/// What one run wants.
pub struct Wish {
    /// Where to go on reading; `None` begins where the options say.
    pub resume: Option<Positions>,
    /// Which parts of the records.
    pub wants: Wants,
    /// How many threads decode.
    pub workers: usize,
    /// Raised when the run is over.
    pub stop: Stop,
}

/// Reads partitions and keeps their positions.
pub struct KafkaReader<T> {
    reading: Arc<Reading>,
    line: Line,
    tracks: Vec<Track>,
    /// The topics that are read, by the brokers' ids.
    ids: TopicIds,
    /// Tracks by the client's handle of the topic and the number of the partition.
    places: HashMap<(usize, i32), usize>,
    wants: Wants,
    pool: DecodePool<Piece, Done<T>>,
    /// Pieces for which the pool had no room yet.
    waiting: VecDeque<Piece>,
    ready: VecDeque<Said<T>>,
    /// Tracks whose next records have vanished.
    lost: Vec<usize>,
    /// What went wrong; told when all that came before it has been handed over.
    failure: Option<Error>,
    attended: Option<Instant>,
    stop: Stop,
    ended: bool,
}

impl<T: Send + 'static> KafkaReader<T> {
    /// Calls the cluster, finds the partitions and begins to read them. `decode` makes a decoding function
    /// for one thread.
    pub fn open<F>(reading: Arc<Reading>, wish: Wish, decode: impl Fn() -> Result<F>) -> Result<KafkaReader<T>>
    where
        F: FnMut(RawRecords) -> Result<T> + Send + 'static,
    {
        let line = Line::new(&reading)?;
        let partitions = line.cluster().partitions(&reading.topics)?;
        if partitions.is_empty() && reading.discovery.is_none() {
            let servers = reading.client.servers();
            return Err(Error::Invalid(format!(
                "no topic on {servers} fits 'topic-pattern', and new ones are not looked for"
            )));
        }
        let partitions = reading.only(partitions)?;
        let ids = line.cluster().topic_ids(&partitions)?;
        let spans = spans(line.cluster(), &reading, &partitions, wish.resume.as_ref(), &ids)?;
        let pool = DecodePool::new(wish.workers, || Ok(worker(decode()?)))?;
        let mut reader = KafkaReader {
            reading,
            line,
            tracks: Vec::new(),
            ids,
            places: HashMap::new(),
            wants: wish.wants,
            pool,
            waiting: VecDeque::new(),
            ready: VecDeque::new(),
            lost: Vec::new(),
            failure: None,
            attended: None,
            stop: wish.stop,
            ended: false,
        };
        reader.follow(spans)?;
        let known = reader.tracks.iter().map(|track| &track.partition);
        reader.line.watch(&reader.reading, known, &reader.ids)?;
        Ok(reader)
    }

    /// Takes on new partitions.
    fn follow(&mut self, spans: Vec<Span>) -> Result<()> {
        let from = self.tracks.len();
        for span in spans {
            let (start, number) = (span.start, self.tracks.len());
            let mut track = Track::new(span);
            self.ready.push_back(Said::Partition(track.partition.clone()));
            // An empty span ends at once, without a record that could tell.
            if track.end.is_some_and(|end| start >= end) {
                track.reached(start, number, &mut self.waiting);
            }
            self.tracks.push(track);
        }
        let open = self.tracks[from..].iter().filter(|track| !track.done);
        self.line.assign(open.map(|track| (&track.partition, track.next)))
    }

    /// Puts the line up anew, at what has been handed to the decoders; records behind that come again.
    fn reconnect(&mut self) -> Result<()> {
        self.line = Line::new(&self.reading)?;
        self.places.clear();
        let open = self.tracks.iter().filter(|track| !track.done);
        self.line.assign(open.map(|track| (&track.partition, track.next)))?;
        self.line.watch(&self.reading, self.tracks.iter().map(|track| &track.partition), &self.ids)
    }

    /// Serves callbacks and new partitions, now and then.
    fn attend(&mut self) -> Result<()> {
        if self.attended.is_some_and(|last| last.elapsed() < ATTEND_EVERY) {
            return Ok(());
        }
        self.attended = Some(Instant::now());
        if !self.line.attend()? {
            self.flush();
            self.reconnect()?;
        }
        while let Some(change) = self.line.discovered() {
            match change {
                Change::New(span) => self.follow(vec![span])?,
                Change::Gone(partition) => self.bury(&partition),
                Change::Ids(ids) => self.identify(ids),
            }
        }
        if !self.lost.is_empty() && self.failure.is_none() {
            match self.recover() {
                // The servers went away as well; the policy waits until they are back.
                Err(Error::Connection { .. }) => {}
                outcome => self.failure = outcome.err(),
            }
        }
        Ok(())
    }

    /// A partition has been deleted; if it was being read, that is a loss.
    fn bury(&mut self, partition: &PartitionId) {
        if self.tracks.iter().any(|track| track.partition == *partition && !track.done) {
            self.flush();
            self.failure = Some(deleted(self.reading.client.servers(), &partition.topic, partition.number));
        }
    }

    /// Topics turn out to have other ids than they had, or ids at all. Of one that was made again every
    /// record that has not been read is lost.
    fn identify(&mut self, ids: TopicIds) {
        for topic in ids.keys() {
            let Some(reason) = made_again(topic, &self.ids, &ids) else { continue };
            if self.reading.on_loss == OnLoss::Fail {
                self.flush();
                self.failure = Some(lost(topic, &reason));
                // The positions go on to be those of the topic that was read.
                return;
            }
            for (number, track) in self.tracks.iter_mut().enumerate() {
                if track.partition.topic == *topic && !track.done {
                    track.made_again = true;
                    self.lost.push(number);
                }
            }
        }
        self.ids.extend(ids);
    }

    /// Takes messages from the client, waiting at most `wait` for the first; how many there were.
    fn pull(&mut self, wait: Duration) -> usize {
        let KafkaReader { line, tracks, places, wants, waiting, lost, failure, attended, reading, .. } = self;
        let taken = line.queue.take(AT_A_TIME, wait);
        let (mut last, mut number) = ((0, -1), None);
        for record in taken.iter() {
            let place = (record.topic_handle(), record.partition());
            if place != last || number.is_none() {
                last = place;
                number = find(places, tracks, place, record);
            }
            match (record.error(), number) {
                (None, Some(number)) => tracks[number].take(record, *wants, number, waiting),
                (Some(RDKafkaErrorCode::PartitionEOF), Some(number)) => {
                    tracks[number].reached(record.offset(), number, waiting);
                }
                (Some(code), Some(number)) if is_loss(code) => {
                    lost.push(number);
                    // At once, and not at the next turn.
                    *attended = None;
                }
                (Some(code), _) if is_passing(code) => {}
                (Some(code), _) => *failure = Some(refused(reading.client.servers(), record, code)),
                (None, None) => {}
            }
        }
        taken.len()
    }

    /// Goes on where the policy says after the next records of some tracks have vanished.
    fn recover(&mut self) -> Result<()> {
        self.flush();
        for number in self.lost.clone() {
            let track = &mut self.tracks[number];
            let extent = self.line.cluster().extent_now(&track.partition)?;
            if track.made_again {
                // Its old end is no place in the new topic.
                track.end = track.end.map(|_| extent.1);
            }
            let next = match self.reading.on_loss {
                _ if track.from_first => extent.0,
                OnLoss::Earliest if track.made_again => extent.0,
                OnLoss::Latest if track.made_again => extent.1,
                policy => within(policy, &track.partition, track.next, extent)?,
            };
            track.restart(next);
        }
        self.lost.clear();
        self.reconnect()
    }

    /// Sends what has been gathered on its way, however little it is.
    fn flush(&mut self) {
        let tracks = self.tracks.iter_mut().enumerate();
        self.waiting.extend(tracks.filter_map(|(number, track)| track.cut(number)));
    }

    fn submit(&mut self) -> Result<()> {
        while self.pool.has_room()
            && let Some(piece) = self.waiting.pop_front()
        {
            self.pool.submit(piece)?;
        }
        Ok(())
    }

    /// Takes note of a finished piece.
    fn hand_over(&mut self, done: Done<T>) {
        let track = &mut self.tracks[done.track];
        track.handed = done.next;
        track.high = track.high.max(done.next);
        if let Some(fetched) = done.fetched {
            self.ready.push_back(Said::Rows(fetched));
        }
        if done.ended {
            track.ended = true;
            self.ready.push_back(Said::PartitionEnd(track.partition.clone()));
            self.line.pause(&track.partition);
            self.ended = self.tracks.iter().all(|track| track.ended);
        }
    }

    /// Moves things on by one step that takes at most `wait`; false if nothing came of it.
    fn step(&mut self, wait: Duration) -> Result<bool> {
        if let Some(done) = self.pool.next(Duration::ZERO)? {
            self.hand_over(done);
            return Ok(true);
        }
        self.submit()?;
        let busy = self.pool.under_way() > 0;
        if self.failure.is_some() && !busy && self.waiting.is_empty() {
            return Err(self.failure.take().expect("it is some"));
        }
        if self.failure.is_none() && self.waiting.is_empty() && self.pool.has_room() {
            if self.pull(if busy { Duration::ZERO } else { wait }) > 0 {
                self.submit()?;
                return Ok(true);
            }
            self.flush();
            if !self.waiting.is_empty() {
                self.submit()?;
                return Ok(true);
            }
        }
        match if busy { self.pool.next(wait)? } else { None } {
            Some(done) => {
                self.hand_over(done);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// The next thing there is to say; waits for it at most `wait`.
    pub fn next(&mut self, wait: Duration) -> Result<Said<T>> {
        let deadline = Instant::now() + wait;
        loop {
            if let Some(said) = self.ready.pop_front() {
                return Ok(said);
            }
            if self.ended {
                return Ok(Said::End);
            }
            self.attend()?;
            if !self.ready.is_empty() {
                // A partition was found: it is announced before anything else moves the positions.
                continue;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if self.step(left.min(ATTEND_EVERY))? {
                continue;
            }
            if left.is_zero() || self.stop.raised() {
                let stalled = self.line.health().stalled();
                let servers = self.reading.client.servers();
                let sentence =
                    |why| format!("cannot reach {servers} at the moment: {why}; reading goes on when it answers");
                return Ok(stalled.map_or(Said::Nothing, |why| Said::Stalled(sentence(why))));
            }
        }
    }

    /// The next offset to read of each partition, behind all that was handed over.
    pub fn places(&self) -> Positions {
        let next = self.tracks.iter().map(|track| (track.partition.clone(), Offset(track.handed)));
        next.collect::<Positions>().of_topics(self.ids.clone())
    }
}

impl Reader for KafkaReader<Fetched> {
    fn poll(&mut self, wait: Duration) -> Result<Poll> {
        Ok(match self.next(wait)? {
            Said::Partition(partition) => Poll::Partition(partition),
            Said::Rows(fetched) => Poll::Rows(fetched),
            Said::PartitionEnd(partition) => Poll::PartitionEnd(partition),
            Said::Nothing => Poll::Nothing,
            Said::Stalled(why) => Poll::Stalled(why),
            Said::End => Poll::End,
        })
    }

    fn positions(&self) -> Positions {
        self.places()
    }

    fn lag(&self) -> Option<u64> {
        let health = self.line.health();
        let behind = |track: &Track| {
            let PartitionId { topic, number } = &track.partition;
            let high = health.end(topic, *number).unwrap_or(track.high);
            track.end.map_or(high, |end| end.min(high)).saturating_sub(track.handed).max(0) as u64
        };
        Some(self.tracks.iter().map(behind).sum())
    }
}

/// The decoding of pieces on one thread.
fn worker<T>(mut decode: impl FnMut(RawRecords) -> Result<T>) -> impl FnMut(Piece) -> Result<Done<T>> {
    move |piece: Piece| {
        let Piece { track, raw, next, ended } = piece;
        let fetched = raw.map(&mut decode).transpose()?;
        Ok(Done { track, fetched, next, ended })
    }
}

fn find(
    places: &mut HashMap<(usize, i32), usize>,
    tracks: &[Track],
    place: (usize, i32),
    record: Record<'_>,
) -> Option<usize> {
    if let Some(&number) = places.get(&place) {
        return Some(number);
    }
    let topic = record.topic();
    let same = |track: &Track| &*track.partition.topic == topic && track.partition.number == record.partition();
    let number = tracks.iter().position(same)?;
    places.insert(place, number);
    Some(number)
}

/// The next record to read is not there any more.
fn is_loss(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::*;
    matches!(code, AutoOffsetReset | OffsetOutOfRange | LogTruncation | NoOffset)
}

/// librdkafka tries again by itself; `health` says meanwhile that reading stands still.
fn is_passing(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::*;
    matches!(
        code,
        BrokerTransportFailure
            | AllBrokersDown
            | Resolve
            | OperationTimedOut
            | RequestTimedOut
            | LeaderNotAvailable
            | NotLeaderForPartition
            | BrokerNotAvailable
            | ReplicaNotAvailable
            | NetworkException
            | KafkaStorageError
            | FencedLeaderEpoch
            | UnknownLeaderEpoch
            | OffsetNotAvailable
            | WaitingForCoordinator
            | GroupAuthorizationFailed
    )
}

fn deleted(servers: &str, topic: &str, partition: i32) -> Error {
    Error::DataLoss {
        place: format!("{topic}/{partition}"),
        reason: format!("it does not exist on {servers} any more"),
    }
}

fn refused(servers: &str, record: Record<'_>, code: RDKafkaErrorCode) -> Error {
    use RDKafkaErrorCode::*;
    let (topic, partition) = (record.topic(), record.partition());
    match code {
        UnknownTopicOrPartition | UnknownTopic | UnknownPartition => deleted(servers, topic, partition),
        TopicAuthorizationFailed => Error::Invalid(format!("{servers} does not let this user read topic '{topic}'")),
        _ => {
            let words = String::from_utf8_lossy(record.value().unwrap_or_default()).into_owned();
            let reason = if words.is_empty() { code.to_string() } else { words };
            Error::Connection { address: servers.into(), reason: format!("{topic}/{partition}: {reason}") }
        }
    }
}
