//! One partition while it is read: where it stands, what has been gathered of it, and when it ends.
//! Records are gathered into batches before they are decoded. A batch is cut where it is full or where
//! the meaning of timestamps changes.

use std::mem;

use millstream_record::PartitionId;

use super::queue::Record;
use super::span::Span;
use crate::format::{Decode, RawRecords, Segments};

/// A batch is cut before its values take more than this, whatever the number of records.
const MOST_BYTES: usize = 4 << 20;

/// Which parts of a record are read, and when a batch is full.
#[derive(Clone, Copy, Debug)]
pub struct Wants {
    /// Whether keys are needed.
    pub keys: bool,
    /// Whether values are needed.
    pub values: bool,
    /// Whether headers are needed.
    pub headers: bool,
    /// A batch has at most so many records.
    pub records: usize,
}

impl Wants {
    /// What this decoder reads, in batches of at most so many records.
    pub fn of(decode: &Decode, records: usize) -> Wants {
        let (keys, values, headers) = (decode.reads_keys(), decode.reads_values(), decode.reads_headers());
        Wants { keys, values, headers, records: records.max(1) }
    }
}

/// A piece of work for the decoding threads, in the order of the partition.
#[derive(Debug)]
pub struct Piece {
    /// Which track.
    pub track: usize,
    /// The records; `None` if only the position moves.
    pub raw: Option<RawRecords>,
    /// The next offset to read behind it.
    pub next: i64,
    /// Whether the partition ends here.
    pub ended: bool,
}

/// A partition on its way.
#[derive(Debug)]
pub struct Track {
    /// Which partition.
    pub partition: PartitionId,
    /// The next offset to read behind what has been handed over to the engine.
    pub handed: i64,
    /// The offset behind the last record, as far as we know without statistics.
    pub high: i64,
    /// The next offset to take from the client.
    pub next: i64,
    /// Before which offset to end.
    pub end: Option<i64>,
    /// Whether all has been taken from the client.
    pub done: bool,
    /// Whether all has been handed over.
    pub ended: bool,
    /// Whether the first record that is there is the right one to begin with.
    pub from_first: bool,
    /// Whether its topic was deleted and made again, and none of its offsets means anything any more.
    pub made_again: bool,
    gathered: RawRecords,
}

impl Track {
    /// A partition at the beginning of its span.
    pub fn new(span: Span) -> Track {
        let Span { partition, start, end, high, from_first } = span;
        let gathered = RawRecords::new(partition.clone());
        Track {
            partition,
            handed: start,
            high,
            next: start,
            end,
            done: false,
            ended: false,
            from_first,
            made_again: false,
            gathered,
        }
    }

    /// Takes a record in; gives back a piece when one is full. Records outside of the span are left out.
    pub fn take(&mut self, record: Record<'_>, wants: Wants, track: usize, out: &mut impl Extend<Piece>) {
        let offset = record.offset();
        if self.done || offset < self.next {
            return;
        }
        if self.end.is_some_and(|end| offset >= end) {
            self.reached(offset, track, out);
            return;
        }
        let (timestamp, kind) = record.timestamp();
        if !self.gathered.is_empty() && kind != self.gathered.timestamp_type {
            out.extend(self.cut(track));
        }
        if self.gathered.is_empty() {
            self.gathered.timestamp_type = kind;
        }
        self.push(record, timestamp, wants);
        self.next = offset + 1;
        self.from_first = false;
        if self.gathered.len() >= wants.records || self.gathered.values.bytes().len() >= MOST_BYTES {
            out.extend(self.cut(track));
        }
        if self.end == Some(self.next) {
            self.reached(self.next, track, out);
        }
    }

    /// The client has read up to `offset`: nothing, or nothing that can be seen, stands before it.
    pub fn reached(&mut self, offset: i64, track: usize, out: &mut impl Extend<Piece>) {
        if self.done {
            return;
        }
        self.done = self.end.is_some_and(|end| offset >= end);
        let place = if self.done { self.end.unwrap_or(offset).max(self.next) } else { offset.max(self.next) };
        if place > self.next || self.done {
            self.next = place;
            out.extend(self.cut(track));
            out.extend([Piece { track, raw: None, next: place, ended: self.done }]);
        }
    }

    /// What has been gathered, as a piece; `None` if that is nothing.
    pub fn cut(&mut self, track: usize) -> Option<Piece> {
        if self.gathered.is_empty() {
            return None;
        }
        let next = self.gathered.offsets.last().map_or(self.next, |last| last + 1);
        let fresh = self.like_last_time();
        Some(Piece { track, raw: Some(mem::replace(&mut self.gathered, fresh)), next, ended: false })
    }

    /// Forgets what was gathered and not handed over, and goes on at `offset`.
    pub fn restart(&mut self, offset: i64) {
        self.gathered = RawRecords::new(self.partition.clone());
        self.next = offset;
        self.made_again = false;
    }

    fn push(&mut self, record: Record<'_>, timestamp: i64, wants: Wants) {
        let raw = &mut self.gathered;
        raw.values.push(if wants.values { record.value() } else { None });
        if wants.keys {
            raw.keys.get_or_insert_default().push(record.key());
        }
        if wants.headers {
            raw.headers.get_or_insert_default().push(record.headers());
        }
        raw.offsets.push(record.offset());
        raw.timestamps.get_or_insert_default().push(timestamp);
    }

    /// An empty batch with room for as much as the last one held.
    fn like_last_time(&self) -> RawRecords {
        let (last, count) = (&self.gathered, self.gathered.len());
        let room =
            |segments: &Segments| Segments::with_capacity(count, segments.bytes().len() + segments.bytes().len() / 8);
        RawRecords {
            values: room(&last.values),
            keys: last.keys.as_ref().map(room),
            offsets: Vec::with_capacity(count),
            timestamps: Some(Vec::with_capacity(count)),
            headers: last.headers.as_ref().map(|_| Vec::with_capacity(count)),
            timestamp_type: last.timestamp_type,
            ..RawRecords::new(self.partition.clone())
        }
    }
}
