//! The line to the cluster over which one reader hears: a consumer with its partitions assigned, the
//! queue into which they flow, and the watch for new ones. It is put up at given offsets and torn down
//! whole: librdkafka cannot move a partition that is in error without losing its place in the queue.

use std::sync::Arc;

use millstream_record::{Error, PartitionId, Result, TopicIds};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use super::cluster::{Cluster, events};
use super::discovery::{Change, Discovery};
use super::health::Health;
use super::options::Reading;
use super::queue::Queue;

/// An open line. The parts are dropped in this order.
pub struct Line {
    discovery: Option<Discovery>,
    /// The records of all assigned partitions.
    pub queue: Queue,
    consumer: Arc<BaseConsumer<Health>>,
    servers: String,
}

impl Line {
    /// A line without partitions yet.
    pub fn new(reading: &Reading) -> Result<Line> {
        let health = Health::new(reading.client.reads_committed());
        let consumer = Arc::new(reading.client.consumer(health)?);
        let queue = Queue::new(consumer.clone());
        Ok(Line { discovery: None, queue, consumer, servers: reading.client.servers().into() })
    }

    /// For questions.
    pub fn cluster(&self) -> Cluster<'_> {
        Cluster::new(&self.consumer, &self.servers)
    }

    /// What has been heard beside the records.
    pub fn health(&self) -> &Health {
        self.consumer.context()
    }

    /// Begins to read partitions, each at its offset.
    pub fn assign<'a>(&self, places: impl IntoIterator<Item = (&'a PartitionId, i64)>) -> Result<()> {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in places {
            if !self.queue.forward(partition) {
                return Err(Error::Invalid(format!("'{partition}' is no partition that Kafka knows")));
            }
            list.add_partition_offset(&partition.topic, partition.number, Offset::Offset(offset))
                .map_err(|error| self.failed("begin to read", &error))?;
        }
        if list.count() == 0 {
            return Ok(());
        }
        self.consumer.incremental_assign(&list).map_err(|error| self.failed("begin to read", &error))
    }

    /// Stops to fetch a partition that has been read to its end.
    pub fn pause(&self, partition: &PartitionId) {
        let mut list = TopicPartitionList::new();
        list.add_partition(&partition.topic, partition.number);
        // Where it fails, records come that nobody needs; they are left out.
        let _ = self.consumer.pause(&list);
    }

    /// Looks for new and deleted partitions from now on, as the source is told to.
    pub fn watch<'a>(
        &mut self,
        reading: &Reading,
        known: impl Iterator<Item = &'a PartitionId>,
        ids: &TopicIds,
    ) -> Result<()> {
        let (consumer, topics, known) = (self.consumer.clone(), reading.topics.clone(), known.cloned().collect());
        self.discovery = Some(Discovery::start(consumer, topics, known, ids.clone(), reading.discovery)?);
        Ok(())
    }

    /// A partition that has appeared or gone.
    pub fn discovered(&self) -> Option<Change> {
        self.discovery.as_ref()?.next()
    }

    /// Serves what comes beside the records. False if a record came this way: then the order of its
    /// partition is lost and the line must be put up anew.
    pub fn attend(&self) -> Result<bool> {
        for event in events(&self.consumer) {
            match event {
                Ok(_) => return Ok(false),
                Err(KafkaError::MessageConsumptionFatal(code)) => {
                    return Err(Error::Connection { address: self.servers.clone(), reason: code.to_string() });
                }
                // Connections are in `health`, partitions speak in their queue, of the group we are no member.
                Err(_) => {}
            }
        }
        Ok(true)
    }

    fn failed(&self, what: &str, error: &KafkaError) -> Error {
        Error::Connection { address: self.servers.clone(), reason: format!("cannot {what}: {error}") }
    }
}
