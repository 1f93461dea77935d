//! Where a reader stands. A position always means *next to read*, so that saving it and resuming from it
//! neither loses nor repeats a record.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, DerefMut};
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

/// By which the other side knows topics apart from others of the same name, by name.
pub type TopicIds = BTreeMap<Arc<str>, Arc<str>>;

/// The next offset to read of every partition of a source; and which topics they belong to, where the other
/// side tells. A topic that was deleted and made again has its name and its offsets, and other records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions {
    next: BTreeMap<PartitionId, Offset>,
    topics: TopicIds,
}

impl Positions {
    /// Nowhere.
    pub fn new() -> Self {
        Positions::default()
    }

    /// The same, in topics of these ids.
    pub fn of_topics(self, topics: TopicIds) -> Self {
        Positions { topics, ..self }
    }

    /// The ids of the topics, as far as they are known.
    pub fn topics(&self) -> &TopicIds {
        &self.topics
    }
}

impl Deref for Positions {
    type Target = BTreeMap<PartitionId, Offset>;

    fn deref(&self) -> &Self::Target {
        &self.next
    }
}

impl DerefMut for Positions {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.next
    }
}

impl From<BTreeMap<PartitionId, Offset>> for Positions {
    fn from(next: BTreeMap<PartitionId, Offset>) -> Self {
        Positions { next, topics: TopicIds::new() }
    }
}

impl<const N: usize> From<[(PartitionId, Offset); N]> for Positions {
    fn from(next: [(PartitionId, Offset); N]) -> Self {
        BTreeMap::from(next).into()
    }
}

impl FromIterator<(PartitionId, Offset)> for Positions {
    fn from_iter<T: IntoIterator<Item = (PartitionId, Offset)>>(next: T) -> Self {
        BTreeMap::from_iter(next).into()
    }
}

impl IntoIterator for Positions {
    type Item = (PartitionId, Offset);
    type IntoIter = std::collections::btree_map::IntoIter<PartitionId, Offset>;

    fn into_iter(self) -> Self::IntoIter {
        self.next.into_iter()
    }
}

impl<'a> IntoIterator for &'a Positions {
    type Item = (&'a PartitionId, &'a Offset);
    type IntoIter = std::collections::btree_map::Iter<'a, PartitionId, Offset>;

    fn into_iter(self) -> Self::IntoIter {
        self.next.iter()
    }
}
