//! Records before decoding, as a log holds them: many of one partition in a few buffers, not one object a
//! record.

use std::ops::Range;
use std::sync::Arc;

use crate::{Millis, Offset, PartitionId, Segments};

/// A header of a record: name and value.
pub type Header = (String, Option<Vec<u8>>);

/// What the timestamp of a record means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimestampType {
    /// There is none.
    #[default]
    None,
    /// The producer's time.
    CreateTime,
    /// The broker's time of arrival.
    LogAppendTime,
}

impl TimestampType {
    /// Flink's word for it in the metadata column `timestamp-type`.
    pub fn word(self) -> &'static str {
        match self {
            TimestampType::None => "NoTimestampType",
            TimestampType::CreateTime => "CreateTime",
            TimestampType::LogAppendTime => "LogAppendTime",
        }
    }
}

/// What is known of a file, for its metadata columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOrigin {
    /// The path as the source wrote it.
    pub path: String,
    /// The last part of the path.
    pub name: String,
    /// Its size in bytes when it was opened.
    pub size: i64,
    /// When it was changed last, in milliseconds since the epoch.
    pub modified_ms: i64,
}

/// Records of one partition, in its order, before decoding. All lists have one entry a record.
#[derive(Clone, Debug)]
pub struct RawRecords {
    /// Where they come from.
    pub partition: PartitionId,
    /// The values; a missing one is a tombstone.
    pub values: Segments,
    /// The keys, if the reader was asked for them.
    pub keys: Option<Segments>,
    /// The offset of each record; it rises.
    pub offsets: Vec<i64>,
    /// When each record was written, in milliseconds since the epoch; -1 where the log does not know.
    pub timestamps: Option<Vec<i64>>,
    /// What the timestamps mean; a reader cuts its batch where this changes.
    pub timestamp_type: TimestampType,
    /// The headers of each record, if the reader was asked for them.
    pub headers: Option<Vec<Vec<Header>>>,
    /// What is known of the file, if they come from one.
    pub file: Option<Arc<FileOrigin>>,
    /// The names that the first line of their file gives to the fields of the others.
    pub header: Option<Arc<[String]>>,
}

/// One record, as it is.
#[derive(Clone, Copy, Debug)]
pub struct RawRecord<'a> {
    /// Where it stands.
    pub partition: &'a PartitionId,
    /// At which offset.
    pub offset: Offset,
    /// When it was written, if the log knows.
    pub timestamp: Option<Millis>,
    /// Its key, if it has one and the reader was asked for it.
    pub key: Option<&'a [u8]>,
    /// Its headers.
    pub headers: &'a [Header],
    /// Its value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
}

impl RawRecords {
    /// No records yet of `partition`.
    pub fn new(partition: PartitionId) -> Self {
        RawRecords {
            partition,
            values: Segments::default(),
            keys: None,
            offsets: Vec::new(),
            timestamps: None,
            timestamp_type: TimestampType::None,
            headers: None,
            file: None,
            header: None,
        }
    }

    /// How many records.
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// The record at `index`.
    pub fn record(&self, index: usize) -> RawRecord<'_> {
        let timestamp = self.timestamps.as_ref().map(|timestamps| timestamps[index]).filter(|&at| at >= 0);
        RawRecord {
            partition: &self.partition,
            offset: Offset(self.offsets[index]),
            timestamp: timestamp.map(Millis),
            key: self.keys.as_ref().and_then(|keys| keys.get(index)),
            headers: self.headers.as_ref().map_or(&[], |headers| &headers[index]),
            value: self.values.get(index),
        }
    }

    /// The records in order.
    pub fn iter(&self) -> impl Iterator<Item = RawRecord<'_>> {
        (0..self.len()).map(|index| self.record(index))
    }

    /// The records of a range, in buffers of their own.
    pub fn slice(&self, range: Range<usize>) -> RawRecords {
        RawRecords {
            partition: self.partition.clone(),
            values: self.values.slice(range.clone()),
            keys: self.keys.as_ref().map(|keys| keys.slice(range.clone())),
            offsets: self.offsets[range.clone()].to_vec(),
            timestamps: self.timestamps.as_ref().map(|timestamps| timestamps[range.clone()].to_vec()),
            timestamp_type: self.timestamp_type,
            headers: self.headers.as_ref().map(|headers| headers[range].to_vec()),
            file: self.file.clone(),
            header: self.header.clone(),
        }
    }

    /// Whether records of `other` may stand behind these in the same lists.
    pub fn fits(&self, other: &RawRecords) -> bool {
        self.partition == other.partition
            && self.timestamp_type == other.timestamp_type
            && self.header == other.header
            && self.keys.is_some() == other.keys.is_some()
            && self.timestamps.is_some() == other.timestamps.is_some()
            && self.headers.is_some() == other.headers.is_some()
    }

    /// Adds records that [`RawRecords::fits`] lets stand behind these.
    pub fn extend(&mut self, other: &RawRecords) {
        debug_assert!(self.fits(other), "records of one kind stand in one list");
        self.values.extend(&other.values);
        self.offsets.extend_from_slice(&other.offsets);
        if let (Some(keys), Some(more)) = (&mut self.keys, &other.keys) {
            keys.extend(more);
        }
        if let (Some(timestamps), Some(more)) = (&mut self.timestamps, &other.timestamps) {
            timestamps.extend_from_slice(more);
        }
        if let (Some(headers), Some(more)) = (&mut self.headers, &other.headers) {
            headers.extend_from_slice(more);
        }
    }

    /// How many bytes the values, keys and headers take.
    pub fn bytes(&self) -> usize {
        let header = |(name, value): &Header| name.len() + value.as_ref().map_or(0, Vec::len);
        let headers = self.headers.iter().flatten().flatten().map(header).sum::<usize>();
        self.values.bytes().len() + self.keys.as_ref().map_or(0, |keys| keys.bytes().len()) + headers
    }
}
