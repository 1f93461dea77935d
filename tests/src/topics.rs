//! Topics as seen by somebody else: made, filled and read with the plain client, never with the code under
//! test. What goes through both must come out equal.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Headers, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

const PATIENCE: Duration = Duration::from_secs(30);

/// A record to write, or one that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Its partition.
    pub partition: i32,
    /// Its key.
    pub key: Option<String>,
    /// Its value; `None` is a tombstone.
    pub value: Option<String>,
    /// When it was written, in milliseconds.
    pub timestamp: Option<i64>,
    /// Its headers.
    pub headers: Vec<(String, Option<String>)>,
}

impl Record {
    /// A record with only a value.
    pub fn new(partition: i32, value: impl Into<String>) -> Record {
        Record { partition, value: Some(value.into()), ..Record::default() }
    }
}

/// The topics of one broker.
pub struct Topics {
    address: String,
}

impl Topics {
    /// Of the broker at `host:port`.
    pub fn at(address: impl Into<String>) -> Topics {
        Topics { address: address.into() }
    }

    /// Makes a topic.
    pub fn create(&self, name: &str, partitions: i32) {
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        for outcome in wait(self.admin().create_topics([&topic], &AdminOptions::new())).expect("the broker answers") {
            outcome.expect("the topic is new");
        }
    }

    /// Makes partitions, until there are `total`.
    pub fn grow(&self, name: &str, total: usize) {
        let partitions = NewPartitions::new(name, total);
        for outcome in
            wait(self.admin().create_partitions([&partitions], &AdminOptions::new())).expect("the broker answers")
        {
            outcome.expect("the topic has fewer");
        }
    }

    /// Deletes a topic.
    pub fn delete(&self, name: &str) {
        for outcome in wait(self.admin().delete_topics(&[name], &AdminOptions::new())).expect("the broker answers") {
            outcome.expect("the topic is there");
        }
    }

    /// Removes all records before `offset`.
    pub fn delete_before(&self, name: &str, partition: i32, offset: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(name, partition, Offset::Offset(offset)).expect("a plain offset");
        wait(self.admin().delete_records(&list, &AdminOptions::new())).expect("the broker deletes them");
    }

    /// Writes records and waits until they are there, in their order also if the broker restarts meanwhile.
    pub fn produce(&self, name: &str, records: impl IntoIterator<Item = Record>) {
        let producer: BaseProducer =
            self.config().set("enable.idempotence", "true").create().expect("a valid configuration");
        send(&producer, name, records);
        producer.flush(PATIENCE).expect("the broker takes them");
    }

    /// Writes records in a transaction and commits it, or aborts it.
    pub fn transaction(&self, id: &str, commit: bool, name: &str, records: impl IntoIterator<Item = Record>) {
        let producer = self.open_transaction(id, name, records);
        if commit {
            producer.commit_transaction(PATIENCE).expect("the transaction can be committed");
        } else {
            producer.abort_transaction(PATIENCE).expect("the transaction can be aborted");
        }
    }

    /// Writes records in a transaction that stays open until the producer ends it.
    pub fn open_transaction(&self, id: &str, name: &str, records: impl IntoIterator<Item = Record>) -> BaseProducer {
        let producer: BaseProducer = self.config().set("transactional.id", id).create().expect("a valid configuration");
        producer.init_transactions(PATIENCE).expect("the coordinator answers");
        producer.begin_transaction().expect("none is open");
        send(&producer, name, records);
        producer.flush(PATIENCE).expect("the broker takes them");
        producer
    }

    /// Commits offsets of a group.
    pub fn commit(&self, group: &str, name: &str, offsets: &[(i32, i64)]) {
        let consumer: BaseConsumer = self.config().set("group.id", group).create().expect("a valid configuration");
        let mut list = TopicPartitionList::new();
        for &(partition, offset) in offsets {
            list.add_partition_offset(name, partition, Offset::Offset(offset)).expect("a plain offset");
        }
        let deadline = Instant::now() + PATIENCE;
        // The coordinator of a new group is made at the first question; until then it refuses.
        while let Err(error) = consumer.commit(&list, CommitMode::Sync) {
            assert!(Instant::now() < deadline, "the offsets cannot be committed: {error}");
        }
    }

    /// All committed records of a topic, in the order of each partition.
    pub fn read(&self, name: &str) -> BTreeMap<i32, Vec<Record>> {
        let consumer: BaseConsumer = self
            .config()
            .set("group.id", "referee")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .create()
            .expect("a valid configuration");
        let metadata = consumer.fetch_metadata(Some(name), PATIENCE).expect("the broker answers");
        let mut list = TopicPartitionList::new();
        for partition in metadata.topics()[0].partitions() {
            list.add_partition_offset(name, partition.id(), Offset::Beginning).expect("a logical offset");
        }
        consumer.assign(&list).expect("the partitions exist");
        let mut records: BTreeMap<i32, Vec<Record>> = BTreeMap::new();
        let (mut open, deadline) = (list.count(), Instant::now() + PATIENCE);
        while open > 0 {
            assert!(Instant::now() < deadline, "topic {name} has no end");
            match consumer.poll(Duration::from_millis(100)) {
                None => {}
                Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
                Some(Err(error)) => panic!("topic {name} cannot be read: {error}"),
                Some(Ok(message)) => records.entry(message.partition()).or_default().push(record(&message)),
            }
        }
        records
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.config().create().expect("a valid configuration")
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.address).set("allow.auto.create.topics", "false");
        config
    }
}

fn send(producer: &BaseProducer, name: &str, records: impl IntoIterator<Item = Record>) {
    for record in records {
        let mut headers = OwnedHeaders::new();
        for (key, value) in &record.headers {
            headers = headers.insert(Header { key, value: value.as_deref() });
        }
        let mut out = BaseRecord::<str, str>::to(name).partition(record.partition).headers(headers);
        out.key = record.key.as_deref();
        out.payload = record.value.as_deref();
        out.timestamp = record.timestamp;
        while let Err((error, back)) = producer.send(out) {
            assert_eq!(error.rdkafka_error_code(), Some(rdkafka::types::RDKafkaErrorCode::QueueFull));
            producer.poll(Duration::from_millis(10));
            out = back;
        }
    }
}

fn record(message: &impl Message) -> Record {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = message.headers().map_or(Vec::new(), |headers| {
        headers.iter().map(|header| (header.key.to_string(), header.value.map(text))).collect()
    });
    Record {
        partition: message.partition(),
        key: message.key().map(text),
        value: message.payload().map(text),
        timestamp: message.timestamp().to_millis(),
        headers,
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime without timers").block_on(future)
}
