//! `'connector' = 'topic'`: an embedded topic as a table.

use std::sync::LazyLock;

use arrow::datatypes::DataType;
use millstream_record::{Browse, Column, Connector, Error, OptionSpec, Options, Result, Sink, Source};

use super::bounds::{self, Bound, Start};
use super::browse::TopicBrowse;
use super::sink::TopicSink;
use super::source::TopicSource;
use super::topics::{MOST_PARTITIONS, Topics};
use crate::format::{FORMAT_OPTIONS, KEY_OPTIONS, metadata};

/// Reads and writes the embedded topics of one workspace.
pub struct TopicConnector {
    topics: Topics,
}

impl TopicConnector {
    /// A connector to these topics.
    pub fn new(topics: Topics) -> Self {
        TopicConnector { topics }
    }
}

static OPTIONS: LazyLock<Vec<OptionSpec>> = LazyLock::new(|| [bounds::OPTIONS, FORMAT_OPTIONS, KEY_OPTIONS].concat());

impl Connector for TopicConnector {
    fn name(&self) -> &'static str {
        "topic"
    }

    fn doc(&self) -> &'static str {
        "a durable topic in this workspace, written and read by any number of processes, without a server"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &OPTIONS
    }

    fn metadata(&self) -> Vec<(&'static str, DataType)> {
        metadata::of_records()
    }

    fn source(&self, name: &str, columns: &[Column], options: &Options) -> Result<Box<dyn Source>> {
        let topic = options.text("topic").unwrap_or(name);
        super::check_name(topic)?;
        let (start, bound) = (Start::from_options(options)?, Bound::from_options(options)?);
        let columns = columns.to_vec();
        let options = options.clone();
        Ok(Box::new(TopicSource::new(self.topics.clone(), name, topic, columns, options, start, bound)))
    }

    fn has_records(&self, _: &Options) -> bool {
        true
    }

    fn browse(&self, table: Option<&str>, options: &Options) -> Result<Box<dyn Browse>> {
        Ok(Box::new(TopicBrowse::new(self.topics.clone(), options.text("topic").or(table))?))
    }

    fn sink(&self, name: &str, columns: &[Column], key: &[usize], options: &Options) -> Result<Box<dyn Sink>> {
        let topic = options.text("topic").unwrap_or(name);
        if !self.topics.exists(topic)? {
            self.make(topic, options)?;
        }
        Ok(Box::new(TopicSink::new(name, self.topics.producer(topic)?, columns, key, options)?))
    }
}

impl TopicConnector {
    /// Makes a topic that a sink misses, if the table says with how many partitions.
    fn make(&self, topic: &str, options: &Options) -> Result<()> {
        let Some(partitions) = options.integer("partitions") else {
            return Err(Error::Invalid(format!(
                "there is no topic '{topic}' in {}; make it with: millstream topic create {topic}, \
                 or add 'partitions' = '1' to the table to have it made",
                self.topics.folder().display()
            )));
        };
        let wrong = || {
            Error::Invalid(format!("option 'partitions' = '{partitions}' is not a number from 1 to {MOST_PARTITIONS}"))
        };
        let made = self.topics.create(topic, u32::try_from(partitions).map_err(|_| wrong())?);
        // Another process may have made it a moment ago, which serves as well.
        if self.topics.exists(topic)? { Ok(()) } else { made }
    }
}
