//! Questions to the cluster before reading begins: can it be reached, which partitions are there, how
//! far do they reach, where does a group or a time stand. Every question ends within ten seconds, with
//! an answer or with a sentence that names the address and the reason.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use millstream_record::{Error, PartitionId, Result, TopicIds};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::BorrowedMessage;
use rdkafka::metadata::Metadata;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

use super::health::Health;
use super::options::Topics;
use super::topic_id::topic_ids;

/// How long a server may take to answer before we give up.
const PATIENCE: Duration = Duration::from_secs(8);

/// How long we go on calling when no server can be reached at all: one that is starting gets a chance.
const PATIENCE_WHEN_DOWN: Duration = Duration::from_secs(3);

/// More partitions than this in one source are refused: a pattern was too wide.
const MOST_PARTITIONS: usize = 10_000;

/// A consumer and the address it calls.
#[derive(Clone, Copy)]
pub struct Cluster<'a> {
    consumer: &'a BaseConsumer<Health>,
    servers: &'a str,
}

impl<'a> Cluster<'a> {
    /// The cluster behind `servers`, asked through `consumer`.
    pub fn new(consumer: &'a BaseConsumer<Health>, servers: &'a str) -> Cluster<'a> {
        Cluster { consumer, servers }
    }

    /// The partitions of the topics, in order. A topic that is named must exist.
    pub fn partitions(self, topics: &Topics) -> Result<Vec<PartitionId>> {
        let mut found = Vec::new();
        match topics {
            Topics::Named(names) => {
                for name in names {
                    found.extend(self.partitions_of(name)?);
                }
            }
            Topics::Fitting(_) => found.extend(fitting(&self.metadata(None)?, topics)),
        }
        if found.len() > MOST_PARTITIONS {
            return Err(Error::Invalid(format!(
                "{} partitions on {} fit 'topic-pattern', more than the {MOST_PARTITIONS} that one table may have; make it narrower",
                found.len(),
                self.servers
            )));
        }
        Ok(found)
    }

    /// The partitions of one topic, which must exist.
    pub fn partitions_of(self, name: &str) -> Result<Vec<PartitionId>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let metadata = self.metadata(Some(name))?;
            let topic = metadata.topics().iter().find(|topic| topic.name() == name);
            let error = topic.and_then(|topic| topic.error()).map(RDKafkaErrorCode::from);
            match (topic, error) {
                (Some(topic), None) if !topic.partitions().is_empty() => return Ok(numbered(topic)),
                (_, Some(code)) if code != RDKafkaErrorCode::LeaderNotAvailable => {
                    return Err(self.about_topic(name, code));
                }
                // A topic that is being created has no leader yet.
                _ if Instant::now() > deadline => {
                    return Err(self.about_topic(name, RDKafkaErrorCode::LeaderNotAvailable));
                }
                _ => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// The first offset of a partition and the one behind its last readable record.
    pub fn extent(self, partition: &PartitionId) -> Result<(i64, i64)> {
        self.ask(&format!("the offsets of {partition}"), |wait| {
            self.consumer.fetch_watermarks(&partition.topic, partition.number, wait)
        })
    }

    /// As [`Cluster::extent`], without patience: for the middle of reading.
    pub fn extent_now(self, partition: &PartitionId) -> Result<(i64, i64)> {
        let answer = self.consumer.fetch_watermarks(&partition.topic, partition.number, Duration::from_secs(1));
        answer.map_err(|error| {
            self.unreachable(format!("no answer to the question for the offsets of {partition}: {error}"))
        })
    }

    /// The offset of the first record at or after `millis` in each partition; `None` where there is none.
    pub fn at_time(self, partitions: &[PartitionId], millis: i64) -> Result<Vec<Option<i64>>> {
        let list = list(partitions, Offset::Offset(millis.max(0)));
        let answer = self.ask("offsets by time", |wait| self.consumer.offsets_for_times(list.clone(), wait))?;
        Ok(looked_up(partitions, &answer))
    }

    /// The offset to which the consumer's group has committed each partition; `None` where it never has.
    pub fn committed(self, partitions: &[PartitionId]) -> Result<Vec<Option<i64>>> {
        let list = list(partitions, Offset::Invalid);
        let answer =
            self.ask("the committed offsets of the group", |wait| self.consumer.committed_offsets(list.clone(), wait))?;
        Ok(looked_up(partitions, &answer))
    }

    /// The ids of the topics of these partitions, as far as the brokers tell.
    pub fn topic_ids(self, partitions: &[PartitionId]) -> Result<TopicIds> {
        let topics = topics_of(partitions.iter());
        self.ask("the ids of the topics", |wait| topic_ids(self.consumer, &topics, wait))
    }

    /// What the cluster knows of a topic, or of all.
    pub fn metadata(self, topic: Option<&str>) -> Result<Metadata> {
        self.ask("the list of topics", |wait| self.consumer.fetch_metadata(topic, wait))
    }

    /// Asks again and again until there is an answer, a refusal, or patience ends.
    fn ask<T>(self, what: &str, mut question: impl FnMut(Duration) -> Result<T, KafkaError>) -> Result<T> {
        let start = Instant::now();
        loop {
            let error = match question(Duration::from_secs(1)) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            // There are no records yet, and what went wrong is told by `health`.
            events(self.consumer).for_each(drop);
            let health = self.consumer.context();
            let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
            if let Some(refusal) = health.refusal() {
                return Err(self.unreachable(login_hint(refusal)));
            }
            if super::health::is_refusal(code) {
                return Err(self.unreachable(format!("{what} is refused: {code}")));
            }
            let patience = if health.stalled().is_some() { PATIENCE_WHEN_DOWN } else { PATIENCE };
            if start.elapsed() > patience {
                let reason = health.reason().unwrap_or_else(|| format!("no answer to the question for {what}: {code}"));
                return Err(self.unreachable(reason));
            }
            if code != RDKafkaErrorCode::OperationTimedOut {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }

    fn unreachable(self, reason: String) -> Error {
        Error::Connection { address: self.servers.into(), reason }
    }

    fn about_topic(self, name: &str, code: RDKafkaErrorCode) -> Error {
        use RDKafkaErrorCode::*;
        let servers = self.servers;
        match code {
            UnknownTopicOrPartition | UnknownTopic => Error::Invalid(format!(
                "topic '{name}' does not exist on {servers}; create it or name another in 'topic'"
            )),
            InvalidTopic => Error::Invalid(format!("'{name}' cannot be the name of a Kafka topic")),
            TopicAuthorizationFailed => {
                Error::Invalid(format!("{servers} does not let this user read or describe topic '{name}'"))
            }
            LeaderNotAvailable => self.unreachable(format!("topic '{name}' has no leader at the moment")),
            other => self.unreachable(format!("topic '{name}': {other}")),
        }
    }
}

/// The names of the topics of these partitions, each once.
pub fn topics_of<'a>(partitions: impl Iterator<Item = &'a PartitionId>) -> Vec<&'a str> {
    partitions.map(|partition| &*partition.topic).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Serves what waits beside the records, and gives what is not served by itself. One call of the client may
/// serve an event and say nothing, so silence means an empty queue only after some calls.
pub fn events(consumer: &BaseConsumer<Health>) -> impl Iterator<Item = KafkaResult<BorrowedMessage<'_>>> {
    (0..32).filter_map(|_| consumer.poll(Duration::ZERO))
}

fn login_hint(refusal: String) -> String {
    if refusal.contains("SASL") || refusal.contains("uthenticat") {
        return format!(
            "{refusal}; check properties.sasl.mechanism, properties.sasl.username and properties.sasl.password"
        );
    }
    refusal
}

/// The partitions of all topics in `metadata` that are meant, in order.
pub fn fitting(metadata: &Metadata, topics: &Topics) -> Vec<PartitionId> {
    let meant = metadata.topics().iter().filter(|topic| topic.error().is_none() && topics.include(topic.name()));
    let mut found: Vec<PartitionId> = meant.flat_map(numbered).collect();
    found.sort();
    found
}

fn numbered(topic: &rdkafka::metadata::MetadataTopic) -> Vec<PartitionId> {
    let name: std::sync::Arc<str> = topic.name().into();
    let mut numbers: Vec<i32> = topic.partitions().iter().map(|partition| partition.id()).collect();
    numbers.sort_unstable();
    numbers.into_iter().map(|number| PartitionId::new(name.clone(), number)).collect()
}

fn list(partitions: &[PartitionId], offset: Offset) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        list.add_partition_offset(&partition.topic, partition.number, offset).expect("the offset is not negative");
    }
    list
}

fn looked_up(partitions: &[PartitionId], answer: &TopicPartitionList) -> Vec<Option<i64>> {
    let offset = |partition: &PartitionId| match answer.find_partition(&partition.topic, partition.number)?.offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    };
    partitions.iter().map(offset).collect()
}
