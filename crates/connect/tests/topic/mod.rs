//! Embedded topics from outside: by themselves, by several processes, and through crashes.

mod log;
mod names;
mod processes;
mod tables;

use std::sync::Arc;
use std::time::Duration;

use millstream_connect::topic::{Bound, Consumer, Producer, Record, Start, Topics};
use millstream_record::{ManualClock, Millis, Stop};
use tempfile::TempDir;

/// The time on the clock of every test.
const NOW: i64 = 1_767_225_600_000;

/// A folder of topics that goes away with the test.
struct Workspace {
    topics: Topics,
    clock: Arc<ManualClock>,
    folder: TempDir,
}

fn workspace() -> Workspace {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let clock = Arc::new(ManualClock::at(Millis(NOW)));
    Workspace { topics: Topics::open(folder.path(), clock.clone()), clock, folder }
}

/// Sends a value with a timestamp to a partition.
fn send(producer: &mut Producer, partition: u32, timestamp: i64, value: &str) {
    let record = Record {
        partition: Some(partition),
        timestamp: Some(Millis(timestamp)),
        value: Some(value.as_bytes()),
        ..Record::default()
    };
    assert_eq!(producer.send(&record).expect("sent"), partition);
}

/// What a consumer still has, as (partition, offset, value), until it ends or nothing has come for a
/// second.
fn rest(consumer: &mut Consumer) -> Vec<(i32, i64, String)> {
    let mut all = Vec::new();
    while let Some(received) = consumer.next(Duration::from_secs(1), &Stop::default()).expect("readable") {
        let records = received.records;
        for (index, offset) in records.offsets.iter().enumerate() {
            let value = String::from_utf8(records.values.get(index).unwrap_or(b"-").to_vec()).expect("text");
            all.push((records.partition.number, *offset, value));
        }
    }
    all
}

/// Everything between `start` and the present end.
fn read(topics: &Topics, name: &str, start: &Start) -> Vec<(i32, i64, String)> {
    rest(&mut topics.consumer(name, start, &Bound::Latest).expect("opens"))
}
