//! Where a reader stands. A position always means *next to read*, so that saving it and resuming from it
//! neither loses nor repeats a record.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The place of a record in its partition: a Kafka offset, a row number, a byte offset; the connector
/// decides. It rises along the partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub i64);

/// One ordered log: a partition of a topic, or a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId {
    /// The topic, or the path of the file.
    pub topic: Arc<str>,
    /// The number of the partition; 0 where there is only one.
    pub number: i32,
}

impl PartitionId {
    /// Partition `number` of `topic`.
    pub fn new(topic: impl Into<Arc<str>>, number: i32) -> Self {
        PartitionId { topic: topic.into(), number }
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.number)
    }
}

/// The next offset to read of every partition of a source.
pub type Positions = BTreeMap<PartitionId, Offset>;
