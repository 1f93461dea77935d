//! Putting the records of a demo into an embedded topic.

use std::ops::Range;

use millstream_record::{Millis, Result};

use super::demo::Demo;
use crate::topic::{Producer, Record, Topics};

/// Makes the embedded topic `topic` with the demo's partitions if there is none, and appends the first
/// `rows` records of the demo, with event time from `start` on. Returns when they are safe on disk.
pub fn fill(topics: &Topics, topic: &str, demo: &Demo, seed: u64, start: Millis, rows: u64) -> Result<()> {
    if !topics.exists(topic)? {
        topics.create(topic, demo.partitions)?;
    }
    let mut producer = topics.producer(topic)?;
    produce(&mut producer, demo, seed, start, 0..rows)?;
    producer.flush()
}

/// Sends records `range` of the demo, by their keys and with their times of arrival as timestamps.
pub fn produce(producer: &mut Producer, demo: &Demo, seed: u64, start: Millis, range: Range<u64>) -> Result<()> {
    let (mut key, mut value) = (Vec::new(), Vec::new());
    for index in range {
        key.clear();
        value.clear();
        let made = demo.make(seed, start, index, &mut key, &mut value);
        producer.send(&Record {
            key: Some(&key),
            value: Some(&value),
            timestamp: Some(made.arrival),
            arrival: Some(made.arrival),
            ..Record::default()
        })?;
    }
    Ok(())
}
