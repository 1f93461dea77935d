//! Writing rows to a topic. Each batch is appended as soon as it is written, so that readers see it; a
//! flush makes it safe.

use millstream_record::{Batch, Column, Millis, Options, Result, Sink};

use super::block::Record;
use super::producer::Producer;
use crate::format::Encode;

/// Writes the rows of a query to one topic: appends them, or upserts by key (with tombstones for
/// deletions) where the table has a primary key.
pub(super) struct TopicSink {
    producer: Producer,
    encode: Encode,
}

impl TopicSink {
    /// A sink that encodes `columns`, with the primary key at the indices `key`.
    pub fn new(producer: Producer, columns: &[Column], key: &[usize], options: &Options) -> Result<TopicSink> {
        Ok(TopicSink { producer, encode: Encode::new(columns, key, options)? })
    }
}

impl Sink for TopicSink {
    fn write(&mut self, batch: &Batch) -> Result<()> {
        let encoded = self.encode.apply(batch)?;
        for index in 0..encoded.len() {
            let timestamp = encoded.timestamps.as_ref().map(|all| all[index]).filter(|&at| at >= 0);
            self.producer.send(&Record {
                key: encoded.keys.as_ref().and_then(|keys| keys.get(index)),
                value: encoded.values.get(index),
                timestamp: timestamp.map(Millis),
                ..Record::default()
            })?;
        }
        self.producer.append()
    }

    fn flush(&mut self) -> Result<()> {
        self.producer.flush()
    }
}
