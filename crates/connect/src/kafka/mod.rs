//! Topics of Apache Kafka, through librdkafka. Partitions are assigned, a group is never joined and
//! nothing is committed: positions belong to the query. Option names are Flink's.
//!
//! Text becomes typed settings in `options` and `client`; `cluster` asks questions (one of them with
//! `topic_id`), `span` decides where a
//! partition begins and ends; `line`, `queue` and `track` bring records to the `reader`; `sink` writes.

mod admin;
mod browse;
mod client;
mod cluster;
mod discovery;
mod health;
mod line;
mod options;
mod queue;
mod reader;
mod receipts;
mod sink;
mod source;
mod span;
mod topic_id;
mod track;
mod transaction;

use std::sync::LazyLock;

use arrow::datatypes::DataType;
use millstream_record::{Browse, Column, Connector, Error, OptionSpec, Options, Result, Sink, Source};

pub use admin::Admin;
pub use transaction::{Failed, Note, Transactions};

use crate::format::{FORMAT_OPTIONS, KEY_OPTIONS, metadata};
use browse::KafkaBrowse;
use sink::KafkaSink;
use source::KafkaSource;

static OPTIONS: LazyLock<Vec<OptionSpec>> = LazyLock::new(|| {
    [options::CLIENT_OPTIONS, options::SCAN_OPTIONS, options::SINK_OPTIONS, KEY_OPTIONS, FORMAT_OPTIONS].concat()
});

/// `'connector' = 'kafka'`.
#[derive(Clone, Debug, Default)]
pub struct Kafka {
    /// The transactions of the job whose sinks it makes, if there is one.
    pub transactions: Option<Transactions>,
}

impl Connector for Kafka {
    fn name(&self) -> &'static str {
        "kafka"
    }

    fn doc(&self) -> &'static str {
        "topics of Apache Kafka, read and written"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &OPTIONS
    }

    fn metadata(&self) -> Vec<(&'static str, DataType)> {
        metadata::of_records()
    }

    fn source(&self, name: &str, columns: &[Column], options: &Options) -> Result<Box<dyn Source>> {
        Ok(Box::new(KafkaSource::new(name, columns, options)?))
    }

    fn sink(&self, _: &str, columns: &[Column], key: &[usize], options: &Options) -> Result<Box<dyn Sink>> {
        Ok(Box::new(KafkaSink::open(columns, key, options, self.transactions.as_ref())?))
    }

    fn has_records(&self, _: &Options) -> bool {
        true
    }

    fn browse(&self, _: Option<&str>, options: &Options) -> Result<Box<dyn Browse>> {
        Ok(Box::new(KafkaBrowse::new(options)?))
    }
}

/// `'connector' = 'upsert-kafka'`: the newest version of each row, by its primary key.
#[derive(Clone, Debug, Default)]
pub struct UpsertKafka {
    /// The transactions of the job whose sinks it makes, if there is one.
    pub transactions: Option<Transactions>,
}

impl Connector for UpsertKafka {
    fn name(&self) -> &'static str {
        "upsert-kafka"
    }

    fn doc(&self) -> &'static str {
        "a topic of Apache Kafka with the newest version of each row, by primary key; written only"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &OPTIONS
    }

    fn metadata(&self) -> Vec<(&'static str, DataType)> {
        metadata::of_records()
    }

    fn source(&self, name: &str, _: &[Column], _: &Options) -> Result<Box<dyn Source>> {
        Err(Error::Invalid(format!(
            "table '{name}' cannot be read: connector 'upsert-kafka' only writes so far; to read every version as a row of its own, use 'connector' = 'kafka'"
        )))
    }

    fn sink(&self, name: &str, columns: &[Column], key: &[usize], options: &Options) -> Result<Box<dyn Sink>> {
        if key.is_empty() {
            return Err(Error::Invalid(format!(
                "table '{name}' needs a PRIMARY KEY (…) NOT ENFORCED: connector 'upsert-kafka' writes rows by key"
            )));
        }
        Ok(Box::new(KafkaSink::open(columns, key, options, self.transactions.as_ref())?))
    }

    fn has_records(&self, _: &Options) -> bool {
        true
    }

    fn browse(&self, _: Option<&str>, options: &Options) -> Result<Box<dyn Browse>> {
        Ok(Box::new(KafkaBrowse::new(options)?))
    }
}
