//! Looks for new and deleted partitions while a source is read, on a thread of its own, because asking may
//! take as long as a server does not answer. A partition that appears later begins with its first record.
//! librdkafka goes on asking for a deleted partition and may never say so; here it is missed. Nor does it say
//! that a topic was deleted and made again; here it has another id.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use millstream_record::{Error, PartitionId, Result, TopicIds};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::types::RDKafkaErrorCode;

use super::cluster::{fitting, topics_of};
use super::health::Health;
use super::options::Topics;
use super::span::Span;
use super::topic_id::topic_ids;

/// How long one question may take, and so how long dropping may.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// How often to look whether partitions are still there, where new ones are not looked for.
const MISS_EVERY: Duration = Duration::from_secs(30);

/// What has become of the partitions of a source.
pub enum Change {
    /// One has appeared; it is read from its first record on.
    New(Span),
    /// One is not there any more.
    Gone(PartitionId),
    /// Topics have these ids that were not known, or others, before.
    Ids(TopicIds),
}

/// A watch over the topics of a source. Dropping it ends the thread.
pub struct Discovery {
    found: Receiver<Change>,
    ending: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Discovery {
    /// Looks every `interval` for partitions of `topics` that are not in `known`; without one only for those
    /// of `known` that are gone. `ids` are those by which the topics are known.
    pub fn start(
        consumer: Arc<BaseConsumer<Health>>,
        topics: Topics,
        known: BTreeSet<PartitionId>,
        ids: TopicIds,
        interval: Option<Duration>,
    ) -> Result<Discovery> {
        let (report, found) = bounded(1024);
        let (ending, end) = bounded(0);
        let (missed, news) = (BTreeSet::new(), interval.is_some());
        let watch = Watch { consumer, topics, known, ids, missed, news, report, end };
        let thread = std::thread::Builder::new()
            .name("kafka-discovery".into())
            .spawn(move || watch.run(interval.unwrap_or(MISS_EVERY)))
            .map_err(|error| {
                Error::Invalid(format!("cannot start the thread that looks for new partitions: {error}"))
            })?;
        Ok(Discovery { found, ending: Some(ending), thread: Some(thread) })
    }

    /// A change since the last call.
    pub fn next(&self) -> Option<Change> {
        self.found.try_recv().ok()
    }
}

impl Drop for Discovery {
    fn drop(&mut self) {
        self.ending = None;
        // The thread may wait for room to report; nobody will read that any more.
        while self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            if matches!(self.found.recv_timeout(Duration::from_millis(10)), Err(RecvTimeoutError::Disconnected)) {
                break;
            }
        }
        if let Some(thread) = self.thread.take() {
            // A panic in there took nothing with it that we still need.
            let _ = thread.join();
        }
    }
}

struct Watch {
    consumer: Arc<BaseConsumer<Health>>,
    topics: Topics,
    known: BTreeSet<PartitionId>,
    ids: TopicIds,
    /// Known partitions that were not there the last time. Twice in a row means gone.
    missed: BTreeSet<PartitionId>,
    /// Whether new partitions are wanted.
    news: bool,
    report: Sender<Change>,
    end: Receiver<()>,
}

impl Watch {
    fn run(mut self, interval: Duration) {
        while self.end.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
            let Some(present) = self.look() else { continue };
            // Ids come first: a new partition may be one of a topic that was made again.
            let ids = self.identify(&present).map(Change::Ids);
            for change in ids.into_iter().chain(self.compare(&present)) {
                if self.report.send(change).is_err() {
                    return;
                }
            }
        }
    }

    /// The ids that have changed since the last look. Where nobody answers, the next look finds them.
    fn identify(&mut self, present: &BTreeSet<PartitionId>) -> Option<TopicIds> {
        let mut ids = topic_ids(&self.consumer, &topics_of(present.iter()), ANSWER_WITHIN).ok()?;
        ids.retain(|topic, id| self.ids.get(topic) != Some(id));
        self.ids.extend(ids.clone());
        (!ids.is_empty()).then_some(ids)
    }

    /// What has changed since the last look.
    fn compare(&mut self, present: &BTreeSet<PartitionId>) -> Vec<Change> {
        let mut changes = Vec::new();
        if self.news {
            for partition in present.difference(&self.known.clone()) {
                // What cannot be asked now is found again the next time.
                if let Some(span) = self.measure(partition) {
                    self.known.insert(partition.clone());
                    changes.push(Change::New(span));
                }
            }
        }
        let missed: BTreeSet<PartitionId> = self.known.difference(present).cloned().collect();
        for partition in missed.intersection(&self.missed) {
            self.known.remove(partition);
            changes.push(Change::Gone(partition.clone()));
        }
        self.missed = missed;
        changes
    }

    /// The whole of a new partition.
    fn measure(&self, partition: &PartitionId) -> Option<Span> {
        let extent = self.consumer.fetch_watermarks(&partition.topic, partition.number, ANSWER_WITHIN);
        let (start, high) = extent.ok()?;
        Some(Span { partition: partition.clone(), start, end: None, high, from_first: true })
    }

    /// The partitions that are there; `None` if the answer is not certain, the reader tells why.
    fn look(&self) -> Option<BTreeSet<PartitionId>> {
        let ask = |topic: Option<&str>| {
            let metadata = self.consumer.fetch_metadata(topic, ANSWER_WITHIN).ok()?;
            let errors = metadata.topics().iter().filter(|topic| self.topics.include(topic.name()));
            let mut errors = errors.filter_map(|topic| topic.error()).map(RDKafkaErrorCode::from);
            errors
                .all(|code| code == RDKafkaErrorCode::UnknownTopicOrPartition)
                .then(|| fitting(&metadata, &self.topics))
        };
        let found: Option<Vec<Vec<PartitionId>>> = match &self.topics {
            Topics::Fitting(_) => ask(None).map(|found| vec![found]),
            Topics::Named(names) => names.iter().map(|name| ask(Some(name))).collect(),
        };
        Some(found?.into_iter().flatten().collect())
    }
}
