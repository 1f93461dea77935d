//! Rows into a topic, at least once: a flush returns when the brokers have confirmed every record. One
//! record that could not be sent or delivered fails all that follows, because librdkafka would let a
//! later flush or commit succeed without it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use millstream_record::{Batch, Column, Error, Options, Result, Sink};
use rdkafka::client::ClientContext;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;

use super::client::Client;
use super::cluster::Cluster;
use super::health::{Health, is_refusal, plain};
use super::options::topic_names;
use crate::format::{Encode, Encoded};

/// How long to wait for the next confirmation before looking again whether something failed.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What the brokers say to what was sent. Clones share it.
#[derive(Clone, Default)]
pub struct Receipts(Arc<Shared>);

#[derive(Default)]
struct Shared {
    heard: Mutex<Heard>,
    confirmed: Condvar,
}

#[derive(Default)]
struct Heard {
    /// The first record that was not delivered, and why.
    failure: Option<String>,
    /// Why servers cannot be reached.
    reason: Option<String>,
}

impl Receipts {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, why: String) {
        self.heard().failure.get_or_insert(why);
    }

    fn wait(&self) {
        let waited = self.0.confirmed.wait_timeout(self.heard(), LOOK_EVERY);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

impl ClientContext for Receipts {
    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AllBrokersDown) | None => {}
            Some(code) if is_refusal(code) => self.fail(plain(reason)),
            Some(RDKafkaErrorCode::Fatal) => self.fail(plain(reason)),
            Some(_) => self.heard().reason = Some(plain(reason)),
        }
    }

    fn log(&self, _: rdkafka::config::RDKafkaLogLevel, _: &str, _: &str) {}
}

impl ProducerContext for Receipts {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _: ()) {
        if let Err((error, message)) = result {
            let code = error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string());
            let reason = self.heard().reason.take().map(|reason| format!(" ({reason})")).unwrap_or_default();
            self.fail(format!("a record for topic '{}' was not delivered: {code}{reason}", message.topic()));
        }
        self.0.confirmed.notify_all();
    }
}

/// Which partition a record goes to.
enum Partitioner {
    /// librdkafka decides by the key.
    ByKey,
    /// Always the first.
    First,
    /// One after the other.
    InTurn(i32),
}

/// Writes one topic.
pub struct KafkaSink {
    servers: String,
    topic: String,
    partitions: i32,
    partitioner: Partitioner,
    /// Whether a record that is not delivered is an error.
    must_arrive: bool,
    encode: Encode,
    receipts: Receipts,
    producer: ThreadedProducer<Receipts>,
}

impl KafkaSink {
    /// A sink for these columns; `key` are the indices of the primary key. The topic must exist.
    pub fn open(columns: &[Column], key: &[usize], options: &Options) -> Result<KafkaSink> {
        let client = Client::new(options)?;
        let topic = match <[String; 1]>::try_from(topic_names(options)) {
            Ok([topic]) => topic,
            Err(names) if names.is_empty() => return Err(options.required("topic").expect_err("it is empty").into()),
            Err(_) => {
                return Err(Error::Invalid(
                    "rows can be written to one topic only; name exactly one in 'topic'".into(),
                ));
            }
        };
        let must_arrive = match options.text("sink.delivery-guarantee") {
            Some("exactly-once") => {
                return Err(Error::Invalid(
                    "'sink.delivery-guarantee' = 'exactly-once' is not supported yet; use 'at-least-once'".into(),
                ));
            }
            guarantee => guarantee != Some("none"),
        };
        let encode = Encode::new(columns, key, options)?;
        let asking = client.consumer(Health::new(true))?;
        let partitions = Cluster::new(&asking, client.servers()).partitions_of(&topic)?.len() as i32;
        let partitioner = match options.text("sink.partitioner") {
            Some("fixed") => Partitioner::First,
            Some("round-robin") => Partitioner::InTurn(0),
            _ => Partitioner::ByKey,
        };
        let receipts = Receipts::default();
        let producer = client.producer(receipts.clone())?;
        let servers = client.servers().to_string();
        Ok(KafkaSink { servers, topic, partitions, partitioner, must_arrive, encode, receipts, producer })
    }

    /// The first failure, if there was one.
    fn check(&self) -> Result<()> {
        match self.receipts.heard().failure.clone() {
            Some(reason) if self.must_arrive => Err(Error::Connection { address: self.servers.clone(), reason }),
            _ => Ok(()),
        }
    }

    fn partition(&mut self) -> Option<i32> {
        match &mut self.partitioner {
            Partitioner::ByKey => None,
            Partitioner::First => Some(0),
            Partitioner::InTurn(next) => {
                let partition = *next;
                *next = (partition + 1) % self.partitions;
                Some(partition)
            }
        }
    }

    fn send(&mut self, encoded: &Encoded, at: usize) -> Result<()> {
        let partition = self.partition();
        let topic = self.topic.clone();
        let mut record = BaseRecord::<[u8], [u8]>::to(&topic);
        record.partition = partition;
        record.payload = encoded.values.get(at);
        record.key = encoded.keys.as_ref().and_then(|keys| keys.get(at));
        record.timestamp = encoded.timestamps.as_ref().map(|times| times[at]).filter(|&time| time >= 0);
        record.headers = encoded.headers.as_ref().map(|headers| owned(&headers[at]));
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((error, back)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => {
                    // Back-pressure: a confirmation makes room.
                    self.receipts.wait();
                    self.check()?;
                    record = back;
                }
                Err((error, _)) => {
                    let code = error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string());
                    self.receipts.fail(format!("a record for topic '{}' cannot be sent: {code}", self.topic));
                    return self.check();
                }
            }
        }
    }
}

fn owned(headers: &[crate::format::Header]) -> OwnedHeaders {
    headers.iter().fold(OwnedHeaders::new_with_capacity(headers.len()), |owned, (key, value)| {
        owned.insert(Header { key, value: value.as_deref() })
    })
}

impl Sink for KafkaSink {
    fn write(&mut self, batch: &Batch) -> Result<()> {
        self.check()?;
        let encoded = self.encode.apply(batch)?;
        (0..encoded.len()).try_for_each(|at| self.send(&encoded, at))
    }

    fn flush(&mut self) -> Result<()> {
        loop {
            self.check()?;
            // A time-out only means that some are still on their way.
            let flushed = self.producer.flush(LOOK_EVERY);
            if self.producer.in_flight_count() == 0 {
                return self.check();
            }
            if let Err(error) = flushed
                && error.rdkafka_error_code() != Some(RDKafkaErrorCode::OperationTimedOut)
            {
                return Err(Error::Connection { address: self.servers.clone(), reason: error.to_string() });
            }
        }
    }
}
