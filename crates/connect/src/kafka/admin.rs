//! What the shell asks of a cluster beside reading and writing: which topics there are, how large and
//! how fresh they are, and a new one.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use millstream_record::{Error, Millis, Options, PartitionId, Result};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaErrorCode;

use super::client::Client;
use super::cluster::fitting;
use super::line::Line;
use super::options::{CLIENT_OPTIONS, Reading, SCAN_OPTIONS, Topics};

/// How long a server may take to make a topic, or to hand over its newest record.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);

/// A topic of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicInfo {
    /// Its name.
    pub name: String,
    /// How many partitions.
    pub partitions: usize,
    /// How many offsets lie between the ends of its partitions. Compaction, transactions and open
    /// transactions make it more than the records one can read.
    pub records: u64,
}

/// Questions and orders to one cluster.
pub struct Admin {
    reading: Reading,
    line: Line,
}

impl Admin {
    /// An administrator with the settings in `properties.*` of `typed`. Nobody is called yet.
    pub fn new<'a>(typed: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Admin> {
        let typed = typed.into_iter().filter(|(name, _)| name.starts_with("properties."));
        let everything = [("topic-pattern", ".*")];
        let options = Options::check(typed.chain(everything), &[CLIENT_OPTIONS, SCAN_OPTIONS])?;
        let reading = Reading { discovery: None, ..Reading::new(&options)? };
        let line = Line::new(&reading)?;
        Ok(Admin { reading, line })
    }

    /// All topics but Kafka's own, by name.
    pub fn topics(&self) -> Result<Vec<TopicInfo>> {
        let partitions = fitting(&self.line.cluster().metadata(None)?, &self.reading.topics);
        let mut topics: Vec<TopicInfo> = Vec::new();
        for partition in partitions {
            let (low, high) = self.line.cluster().extent(&partition)?;
            let records = high.saturating_sub(low).max(0) as u64;
            match topics.last_mut().filter(|topic| *topic.name == *partition.topic) {
                Some(topic) => {
                    topic.partitions += 1;
                    topic.records += records;
                }
                None => topics.push(TopicInfo { name: partition.topic.to_string(), partitions: 1, records }),
            }
        }
        Ok(topics)
    }

    /// When the newest record of a topic was written; `None` if it holds none that can be read.
    pub fn newest(&self, topic: &str) -> Result<Option<Millis>> {
        let reading = Reading { topics: Topics::Named(vec![topic.into()]), ..self.reading.clone() };
        let mut line = Line::new(&reading)?;
        let partitions = line.cluster().partitions(&reading.topics)?;
        let mut last = Vec::new();
        for partition in &partitions {
            let (low, high) = line.cluster().extent(partition)?;
            if high > low {
                last.push((partition, high - 1));
            }
        }
        line.assign(last.iter().copied())?;
        Ok(newest_of(&mut line, &last))
    }

    /// Makes a topic. An error says if it exists already.
    pub fn create(&self, topic: &str, partitions: i32, replicas: i32) -> Result<()> {
        let client: &Client = &self.reading.client;
        // Finds out whether anybody answers; the administrative call alone would not say why not.
        self.line.cluster().metadata(None)?;
        let admin: AdminClient<DefaultClientContext> = client.create(&client.base(), DefaultClientContext)?;
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(replicas));
        let options = AdminOptions::new().operation_timeout(Some(ANSWER_WITHIN)).request_timeout(Some(ANSWER_WITHIN));
        let failed = |reason: String| Error::Connection { address: client.servers().into(), reason };
        let answer = wait(admin.create_topics([&new], &options)).map_err(|error| failed(error.to_string()))?;
        match answer.into_iter().next() {
            Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => {
                Err(Error::Invalid(format!("topic '{topic}' exists already on {}", client.servers())))
            }
            Some(Err((_, code))) => Err(Error::Invalid(format!("topic '{topic}' cannot be made: {code}"))),
            _ => Ok(()),
        }
    }
}

/// Reads the last records until each partition has given one or has none.
fn newest_of(line: &mut Line, last: &[(&PartitionId, i64)]) -> Option<Millis> {
    let deadline = Instant::now() + ANSWER_WITHIN;
    let (mut open, mut newest) = (last.len(), None);
    while open > 0 && Instant::now() < deadline {
        for record in line.queue.take(1024, Duration::from_millis(50)).iter() {
            match record.error() {
                None => newest = newest.max(Some(Millis(record.timestamp().0))),
                Some(_) => open = open.saturating_sub(1),
            }
        }
    }
    newest.filter(|newest| newest.0 >= 0)
}

/// Runs a future to its end on this thread. The client's own thread wakes us.
fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}
