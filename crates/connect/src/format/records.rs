//! Records before decoding: the values of many records laid end to end in one buffer, with the offsets
//! at which they stand. One allocation serves thousands of records, and a decoder may look a few bytes
//! past a record without leaving the buffer.

use std::sync::Arc;

use millstream_record::PartitionId;

/// A header of a record: name and value.
pub type Header = (String, Option<Vec<u8>>);

/// Byte strings laid in one buffer; each may be missing (a tombstone, a record without key).
#[derive(Clone, Debug, Default)]
pub struct Segments {
    bytes: Vec<u8>,
    spans: Vec<(u32, u32)>,
}

impl Segments {
    /// The most bytes that one buffer may hold, because places in it are 32 bits wide.
    pub const MOST_BYTES: usize = u32::MAX as usize - 1;

    const MISSING: (u32, u32) = (u32::MAX, u32::MAX);

    /// Room for so many segments and bytes.
    pub fn with_capacity(segments: usize, bytes: usize) -> Self {
        Segments { bytes: Vec::with_capacity(bytes), spans: Vec::with_capacity(segments) }
    }

    /// Segments inside a buffer that is there already: `spans` are start and end, and lie in the buffer.
    pub fn from_spans(bytes: Vec<u8>, spans: Vec<(u32, u32)>) -> Self {
        debug_assert!(spans.iter().all(|&(start, end)| start <= end && end as usize <= bytes.len()));
        Segments { bytes, spans }
    }

    /// Adds a segment, or a missing one. The whole must stay within [`Segments::MOST_BYTES`].
    pub fn push(&mut self, segment: Option<&[u8]>) {
        let Some(segment) = segment else {
            self.spans.push(Self::MISSING);
            return;
        };
        let start = self.bytes.len();
        assert!(segment.len() <= Self::MOST_BYTES - start, "readers cut their batches far below 4 GiB");
        self.bytes.extend_from_slice(segment);
        self.spans.push((start as u32, self.bytes.len() as u32));
    }

    /// Adds the bytes that `write` appends to the buffer as one segment.
    pub fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        assert!(self.bytes.len() <= Self::MOST_BYTES, "encoders are handed batches far below 4 GiB");
        self.spans.push((start as u32, self.bytes.len() as u32));
    }

    /// Takes the last segment's bytes back: it is missing.
    pub(crate) fn miss_last(&mut self) {
        if let Some(last) = self.spans.last_mut() {
            self.bytes.truncate(last.0 as usize);
            *last = Self::MISSING;
        }
    }

    /// The segment at `index`; `None` if it is missing.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let (start, end) = self.spans[index];
        (start != u32::MAX).then(|| &self.bytes[start as usize..end as usize])
    }

    /// Start and end in [`Segments::bytes`] of the segment at `index`; `None` if it is missing.
    pub fn span(&self, index: usize) -> Option<(usize, usize)> {
        let (start, end) = self.spans[index];
        (start != u32::MAX).then_some((start as usize, end as usize))
    }

    /// How many segments.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is no segment.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The whole buffer; there may be bytes between the segments (line ends).
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The segments in order.
    pub fn iter(&self) -> impl Iterator<Item = Option<&[u8]>> {
        (0..self.len()).map(|index| self.get(index))
    }
}

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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_give_back_what_was_put_in() {
        let mut segments = Segments::default();
        segments.push(Some(b"one"));
        segments.push(None);
        segments.push(Some(b""));
        segments.push_with(|bytes| bytes.extend_from_slice(b"four"));
        let all: Vec<Option<&[u8]>> = segments.iter().collect();
        assert_eq!(all, [Some(&b"one"[..]), None, Some(&b""[..]), Some(&b"four"[..])]);
        assert_eq!(segments.span(3), Some((3, 7)));
    }
}
