//! The embedded topics of a workspace, for the commands that read and write them without SQL.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMillisecondArray};
use millstream_connect::topic::{self, Bound, Consumer, Start, Summary};
use millstream_record::{Clock, Millis, Stop};
use millstream_sql::types::INSTANT_ZONE;

pub use millstream_connect::topic::{Producer, Record};
pub use millstream_record::Received;

use crate::fault::Fault;
use crate::records;
use crate::reply::{Reply, Table};
use crate::strings::table;

/// The topics of a workspace. Nothing is opened before it is used.
#[derive(Clone)]
pub struct Topics(topic::Topics);

impl Topics {
    /// The topics below `folder`.
    pub fn open(folder: PathBuf, clock: Arc<dyn Clock>) -> Topics {
        Topics(topic::Topics::open(folder, clock))
    }

    pub(crate) fn inner(&self) -> &topic::Topics {
        &self.0
    }

    /// Makes a topic.
    pub fn create(&self, name: &str, partitions: u32) -> Result<(), Fault> {
        Ok(self.0.create(name, partitions)?)
    }

    /// Deletes a topic.
    pub fn delete(&self, name: &str) -> Result<(), Fault> {
        Ok(self.0.delete(name)?)
    }

    /// Whether there is such a topic.
    pub fn exists(&self, name: &str) -> Result<bool, Fault> {
        Ok(self.0.exists(name)?)
    }

    /// Opens a topic to write records as they are.
    pub fn producer(&self, name: &str) -> Result<Producer, Fault> {
        Ok(self.0.producer(name)?)
    }

    /// Reads a topic from its first record on; `follow` waits for more behind the last.
    pub fn records(&self, name: &str, follow: bool) -> Result<Records, Fault> {
        let bound = if follow { Bound::Unbounded } else { Bound::Latest };
        Ok(Records { consumer: self.0.consumer(name, &Start::Earliest, &bound)? })
    }

    /// A table of all topics whose names fit.
    pub fn table(&self, fits: impl Fn(&str) -> bool) -> Result<Reply, Fault> {
        let all: Vec<Summary> = self.0.list()?.into_iter().filter(|summary| fits(&summary.name)).collect();
        let numbers = |of: fn(&Summary) -> i64| Arc::new(Int64Array::from_iter_values(all.iter().map(of))) as ArrayRef;
        let newest = all.iter().map(|summary| summary.newest.map(|at: Millis| at.0));
        Ok(table([
            ("topic", Arc::new(StringArray::from_iter_values(all.iter().map(|summary| &summary.name))) as ArrayRef),
            ("partitions", numbers(|summary| i64::from(summary.partitions))),
            ("records", numbers(|summary| summary.records as i64)),
            ("newest", Arc::new(TimestampMillisecondArray::from_iter(newest).with_timezone(INSTANT_ZONE))),
            ("bytes", numbers(|summary| summary.payload_bytes as i64)),
            ("on_disk", numbers(|summary| summary.disk_bytes as i64)),
        ]))
    }
}

/// The records of a topic, on their way to a reader.
pub struct Records {
    consumer: Consumer,
}

impl Records {
    /// The next records; `None` if none came for a moment. See [`Records::ended`].
    pub fn next(&mut self, stop: &Stop) -> Result<Option<Received>, Fault> {
        Ok(self.consumer.next(std::time::Duration::from_millis(50), stop)?)
    }

    /// Whether all has been read.
    pub fn ended(&self) -> bool {
        self.consumer.ended()
    }
}

/// The values of records, as they are.
pub fn values(received: &Received) -> impl Iterator<Item = &[u8]> {
    received.records.values.iter().flatten()
}

/// The first `most` records as rows. Keys and values that are no text are shown with `\xNN` for their bytes.
pub fn as_table(received: &Received, most: usize) -> Table {
    records::table(received.records.iter().take(most))
}
