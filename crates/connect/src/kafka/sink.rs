//! Rows into a topic: at least once, where a flush returns when the brokers have confirmed every record; or
//! exactly once, in the transactions of a job.

use millstream_record::{Batch, Column, Epoch, Error, Options, Result, Sink};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;

use super::client::Client;
use super::cluster::Cluster;
use super::health::Health;
use super::options::topic_names;
use super::receipts::{LOOK_EVERY, Receipts};
use super::transaction::Transactions;
use crate::format::{Encode, Encoded};

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
    /// The job's transactions, for exactly-once.
    transactions: Option<Transactions>,
    /// The producer with what it hears; that of the transactions is there once the job has begun.
    line: Option<(ThreadedProducer<Receipts>, Receipts)>,
}

impl KafkaSink {
    /// A sink for these columns; `key` are the indices of the primary key. The topic must exist. Exactly-once
    /// needs the transactions of a job.
    pub fn open(columns: &[Column], key: &[usize], options: &Options, job: Option<&Transactions>) -> Result<KafkaSink> {
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
        let guarantee = options.text("sink.delivery-guarantee");
        let must_arrive = guarantee != Some("none");
        let transactions = match (guarantee, job) {
            (Some("exactly-once"), Some(job)) => {
                let prefix = options.text("sink.transactional-id-prefix").unwrap_or("millstream");
                job.join(&client, prefix, &topic)?;
                Some(job.clone())
            }
            (Some("exactly-once"), None) => {
                return Err(Error::Invalid(
                    "'sink.delivery-guarantee' = 'exactly-once' needs the checkpoints of a job: start it with                      millstream run, or use 'at-least-once' here"
                        .into(),
                ));
            }
            _ => None,
        };
        let encode = Encode::new(columns, key, options)?;
        let asking = client.consumer(Health::new(true))?;
        let partitions = Cluster::new(&asking, client.servers()).partitions_of(&topic)?.len() as i32;
        let partitioner = match options.text("sink.partitioner") {
            Some("fixed") => Partitioner::First,
            Some("round-robin") => Partitioner::InTurn(0),
            _ => Partitioner::ByKey,
        };
        let line = match transactions {
            Some(_) => None,
            None => {
                let receipts = Receipts::default();
                Some((client.producer(receipts.clone())?, receipts))
            }
        };
        let servers = client.servers().to_string();
        Ok(KafkaSink { servers, topic, partitions, partitioner, must_arrive, encode, transactions, line })
    }

    /// The producer with what it hears.
    fn line(&self) -> Result<&(ThreadedProducer<Receipts>, Receipts)> {
        self.line.as_ref().ok_or_else(|| {
            Error::Invalid(format!(
                "topic '{}' is written in the transactions of a job, which has not begun",
                self.topic
            ))
        })
    }

    /// The first failure, if there was one.
    fn check(&self) -> Result<()> {
        match self.line()?.1.failure() {
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
        let (producer, receipts) = self.line()?;
        let mut record = BaseRecord::<[u8], [u8]>::to(&self.topic);
        record.partition = partition;
        record.payload = encoded.values.get(at);
        record.key = encoded.keys.as_ref().and_then(|keys| keys.get(at));
        record.timestamp = encoded.timestamps.as_ref().map(|times| times[at]).filter(|&time| time >= 0);
        record.headers = encoded.headers.as_ref().map(|headers| owned(&headers[at]));
        loop {
            match producer.send(record) {
                Ok(()) => return Ok(()),
                Err((error, back)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => {
                    // Back-pressure: a confirmation makes room.
                    receipts.wait();
                    self.check()?;
                    record = back;
                }
                Err((error, _)) => {
                    let code = error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string());
                    receipts.fail(format!("a record for topic '{}' cannot be sent: {code}", self.topic));
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
        if let (Some(transactions), false) = (&self.transactions, encoded.is_empty()) {
            transactions.begin()?;
        }
        (0..encoded.len()).try_for_each(|at| self.send(&encoded, at))
    }

    fn flush(&mut self) -> Result<()> {
        let (producer, _) = self.line()?;
        loop {
            self.check()?;
            // A time-out only means that some are still on their way.
            let flushed = producer.flush(LOOK_EVERY);
            if producer.in_flight_count() == 0 {
                return self.check();
            }
            if let Err(error) = flushed
                && error.rdkafka_error_code() != Some(RDKafkaErrorCode::OperationTimedOut)
            {
                return Err(Error::Connection { address: self.servers.clone(), reason: error.to_string() });
            }
        }
    }

    fn restore(&mut self, _: &str, _: Option<(Epoch, &[u8])>) -> Result<()> {
        // What was committed is there, and what was not has been aborted by the fence.
        if let Some(transactions) = &self.transactions {
            self.line = Some(transactions.line()?);
        }
        Ok(())
    }
}
