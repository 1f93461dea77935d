//! The outside world: topics, files, generators and sinks, and the formats in which their records are
//! written. Each connector turns bytes into decoded columns (`Source`) or rows into bytes (`Sink`).
//!
//! This crate does not know operators, state or SQL. Connectors are an open set: a small trait in
//! `record`, and the one visible list below.

use std::sync::Arc;

use millstream_record::{Clock, Connector};

pub mod file;
pub mod format;
pub mod generate;
pub mod kafka;
mod loss;
pub mod sample;
pub mod sink;
pub mod tape;
pub mod topic;
mod varint;

/// Every connector, by one line each, in the order in which help shows them. `topics` are the embedded
/// topics of the workspace; `clock` paces generators and ages part files.
pub fn connectors(topics: topic::Topics, clock: Arc<dyn Clock>) -> Vec<Arc<dyn Connector>> {
    connectors_of_job(topics, clock, None)
}

/// The same for a job: sinks may take part in its transactions.
pub fn connectors_of_job(
    topics: topic::Topics,
    clock: Arc<dyn Clock>,
    transactions: Option<kafka::Transactions>,
) -> Vec<Arc<dyn Connector>> {
    vec![
        Arc::new(kafka::Kafka { transactions: transactions.clone() }),
        Arc::new(kafka::UpsertKafka { transactions }),
        Arc::new(topic::TopicConnector::new(topics)),
        Arc::new(file::Filesystem { clock: clock.clone() }),
        Arc::new(generate::DatagenConnector::new(clock.clone())),
        Arc::new(generate::DemoConnector::new(clock)),
        Arc::new(sink::Print),
        Arc::new(sink::Blackhole),
    ]
}
