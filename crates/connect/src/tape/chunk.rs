//! A chunk: some thousand records of a tape, stored column by column.
//!
//! | part of a chunk | what |
//! |---|---|
//! | head | version; number of the first record; time of the first record (signed); number of parts; for each: its log, its records, length of its offsets, length of its block; length of the body |
//! | body, packed with zstd | for each part: offsets (signed distance to the one before), then a [`Block`] |
//! | check | CRC-32 of all before, four bytes, little-endian |
//!
//! A part holds the records of one log. Its block keeps the place of each record in the chunk, which puts the
//! parts back into one order, and its time of arrival as a distance to that of the first record.

use millstream_record::{Header, Millis, Offset, PartitionId, RawRecord, RawRecords, Segments, TimestampType};

use super::meta::Log;
use crate::topic::Record;
use crate::topic::block::{Block, BlockBuilder};
use crate::varint::{self, Cursor};

const VERSION: u8 = 1;
/// Level 1 of zstd packs bids to 21 % at some hundred megabytes a second; higher levels cost more than they
/// save.
const LEVEL: i32 = 1;
/// No honest chunk is larger unpacked: one record of the largest size, and what stands beside it.
const MOST_BYTES: usize = 1 << 30;
const CHECK_BYTES: usize = 4;

/// Records in the order of the tape, on their way into a chunk.
#[derive(Clone, Default)]
pub(super) struct ChunkBuilder {
    first: u64,
    base: Option<Millis>,
    last: Option<Millis>,
    parts: Vec<PartBuilder>,
    count: u64,
    payload_bytes: u64,
}

#[derive(Clone, Default)]
struct PartBuilder {
    log: usize,
    block: BlockBuilder,
    offsets: Vec<u8>,
    last_offset: i64,
}

/// What is known of a chunk without unpacking it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The number of its first record on the tape.
    pub first: u64,
    /// How many records.
    pub count: u64,
    /// The time of the first.
    pub from: Millis,
    /// The time of the last.
    pub until: Millis,
}

impl ChunkBuilder {
    /// An empty chunk that begins with record `first` of the tape.
    pub fn new(first: u64) -> ChunkBuilder {
        ChunkBuilder { first, ..ChunkBuilder::default() }
    }

    /// Adds a record of the log with number `log`, which arrived `at`; that never falls.
    pub fn push(&mut self, log: usize, record: &RawRecord<'_>, at: Millis) {
        let base = *self.base.get_or_insert(at);
        self.last = Some(at);
        let index = self.parts.iter().position(|part| part.log == log).unwrap_or_else(|| {
            self.parts.push(PartBuilder { log, ..PartBuilder::default() });
            self.parts.len() - 1
        });
        let part = &mut self.parts[index];
        varint::put_signed(&mut part.offsets, record.offset.0.wrapping_sub(part.last_offset));
        part.last_offset = record.offset.0;
        let headers: Vec<(&str, Option<&[u8]>)> =
            record.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
        let timestamp = record.timestamp.unwrap_or(Millis(-1));
        let stored =
            Record { key: record.key, value: record.value, headers: &headers, arrival: Some(at), ..Record::default() };
        part.block.push(&stored, timestamp, base, self.count);
        self.payload_bytes += payload_bytes(record);
        self.count += 1;
    }

    /// How many records.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Bytes of keys, values and headers.
    pub fn payload_bytes(&self) -> u64 {
        self.payload_bytes
    }

    /// The head of the chunk; `None` while it is empty.
    pub fn head(&self) -> Option<Head> {
        let (from, until) = (self.base?, self.last?);
        Some(Head { first: self.first, count: self.count, from, until })
    }

    /// The chunk as it is stored.
    pub fn pack(mut self) -> std::io::Result<Vec<u8>> {
        let alone = self.parts.len() == 1;
        let (mut head, mut body) = (vec![VERSION], Vec::new());
        varint::put(&mut head, self.first);
        varint::put_signed(&mut head, self.base.unwrap_or(Millis(0)).0);
        varint::put(&mut head, self.parts.len() as u64);
        for part in &mut self.parts {
            let count = part.block.count();
            body.extend_from_slice(&part.offsets);
            let start = body.len();
            part.block.take(alone, &mut body);
            for number in [part.log, count, part.offsets.len(), body.len() - start] {
                varint::put(&mut head, number as u64);
            }
        }
        varint::put(&mut head, body.len() as u64);
        head.extend(zstd::bulk::compress(&body, LEVEL)?);
        let check = crc(&head);
        head.extend(check.to_le_bytes());
        Ok(head)
    }
}

/// Bytes of a record's key, value and headers.
pub(super) fn payload_bytes(record: &RawRecord<'_>) -> u64 {
    let header = |(name, value): &Header| name.len() + value.as_ref().map_or(0, Vec::len);
    let headers: usize = record.headers.iter().map(header).sum();
    (record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len) + headers) as u64
}

/// CRC-32 as in gzip.
pub(super) fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// A chunk, unpacked.
#[derive(Debug)]
pub struct Chunk {
    /// The number of its first record on the tape.
    pub first: u64,
    /// How many records.
    pub count: usize,
    /// The records, by log.
    pub parts: Vec<Part>,
}

/// The records of one log in a chunk.
#[derive(Debug)]
pub struct Part {
    /// The number of the log on the tape.
    pub log: usize,
    /// The records, with keys, headers and timestamps.
    pub records: RawRecords,
    /// When each arrived.
    pub times: Vec<Millis>,
    /// The place of each in the chunk, rising; over all parts every place stands once.
    pub places: Vec<u64>,
}

impl Chunk {
    /// Unpacks a chunk of a tape with these logs; else what is wrong with it.
    pub(super) fn unpack(stored: &[u8], logs: &[Log]) -> Result<Chunk, &'static str> {
        let (bytes, check) = stored.split_last_chunk::<CHECK_BYTES>().ok_or("it is cut short")?;
        if crc(bytes) != u32::from_le_bytes(*check) {
            return Err("its checksum does not fit");
        }
        let mut cursor = Cursor::new(bytes);
        match cursor.byte() {
            Some(VERSION) => {}
            _ => return Err("another release wrote it"),
        }
        read(&mut cursor, logs).ok_or("its lengths do not fit")
    }

    /// Where each place of the chunk stands: the part and the index in it.
    pub fn order(&self) -> Vec<(usize, usize)> {
        let mut order = vec![(0, 0); self.count];
        for (number, part) in self.parts.iter().enumerate() {
            for (index, &place) in part.places.iter().enumerate() {
                order[place as usize] = (number, index);
            }
        }
        order
    }
}

/// Log, records, length of the offsets, length of the block.
type PartHead = (usize, usize, usize, usize);

fn read(cursor: &mut Cursor<'_>, logs: &[Log]) -> Option<Chunk> {
    let (first, base) = (cursor.number()?, Millis(cursor.signed()?));
    let mut heads: Vec<PartHead> = Vec::new();
    for _ in 0..cursor.length()? {
        heads.push((cursor.length()?, cursor.length()?, cursor.length()?, cursor.length()?));
    }
    let length = cursor.length().filter(|&length| length <= MOST_BYTES)?;
    let body = zstd::bulk::decompress(cursor.rest(), length).ok().filter(|body| body.len() == length)?;
    let (mut rest, mut parts, mut count) = (&body[..], Vec::with_capacity(heads.len()), 0usize);
    for (log, records, offsets, block) in heads {
        let (offsets, behind) = rest.split_at_checked(offsets)?;
        let (block, behind) = behind.split_at_checked(block)?;
        // Each record takes at least a byte of its block: hostile counts claim no memory.
        (records > 0 && records <= block.len()).then_some(())?;
        parts.push(part(logs.get(log)?, log, records, offsets, block, base)?);
        count += records;
        rest = behind;
    }
    let mut seen = vec![false; count];
    for place in parts.iter().flat_map(|part| &part.places) {
        let place = seen.get_mut(usize::try_from(*place).ok()?)?;
        (!std::mem::replace(place, true)).then_some(())?;
    }
    (rest.is_empty() && count > 0).then_some(Chunk { first, count, parts })
}

fn part(about: &Log, log: usize, count: usize, offsets: &[u8], raw: &[u8], base: Millis) -> Option<Part> {
    let block = Block::parse(raw)?;
    let mut records = RawRecords::new(about.partition.clone());
    (records.timestamp_type, records.header, records.file) =
        (about.timestamp_type, about.header.clone(), about.file.clone());
    let mut cursor = Cursor::new(offsets);
    let mut offset = 0i64;
    for _ in 0..count {
        offset = offset.wrapping_add(cursor.signed()?);
        records.offsets.push(offset);
    }
    cursor.rest().is_empty().then_some(())?;
    block.timestamps(raw, 0..count, records.timestamps.get_or_insert_default())?;
    records.values = segments(raw, &block.values(raw, 0..count)?);
    records.keys = Some(segments(raw, &block.keys(raw, 0..count)?));
    records.headers = Some(block.headers(raw, 0..count)?);
    if records.timestamp_type == TimestampType::None {
        records.timestamps = None;
    }
    Some(Part { log, records, times: block.arrivals(raw, count, base)?, places: block.places(raw, count)? })
}

fn segments(raw: &[u8], spans: &[Option<(usize, usize)>]) -> Segments {
    let bytes = spans.iter().flatten().map(|(from, to)| to - from).sum();
    let mut segments = Segments::with_capacity(spans.len(), bytes);
    spans.iter().for_each(|span| segments.push(span.map(|(from, to)| &raw[from..to])));
    segments
}

impl Part {
    /// Where the record at `index` stands outside.
    pub fn place(&self, index: usize) -> (&PartitionId, Offset) {
        (&self.records.partition, Offset(self.records.offsets[index]))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    struct Owned {
        log: usize,
        offset: i64,
        timestamp: Option<i64>,
        step: i64,
        key: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
        headers: Vec<Header>,
    }

    fn record() -> impl Strategy<Value = Owned> {
        let bytes = || option::of(vec(any::<u8>(), 0..40));
        let headers = vec(("\\PC{0,8}", option::of(vec(any::<u8>(), 0..8))), 0..3);
        let numbers = (0..3usize, any::<i64>(), option::of(0..i64::MAX), 0..1_000_000i64);
        (numbers, bytes(), bytes(), headers).prop_map(|((log, offset, timestamp, step), key, value, headers)| Owned {
            log,
            offset,
            timestamp,
            step,
            key,
            value,
            headers,
        })
    }

    fn logs() -> Vec<Log> {
        let log = |number| Log {
            recorded: 0,
            partition: PartitionId::new("t", number),
            timestamp_type: TimestampType::CreateTime,
            header: None,
            file: None,
        };
        (0..3).map(log).collect()
    }

    fn packed(records: &[Owned], start: i64) -> Vec<u8> {
        let (mut builder, logs, mut at) = (ChunkBuilder::new(70), logs(), start);
        for record in records {
            at += record.step;
            let raw = RawRecord {
                partition: &logs[record.log].partition,
                offset: Offset(record.offset),
                timestamp: record.timestamp.map(Millis),
                key: record.key.as_deref(),
                headers: &record.headers,
                value: record.value.as_deref(),
            };
            builder.push(record.log, &raw, Millis(at));
        }
        assert_eq!(builder.count(), records.len() as u64);
        builder.pack().expect("in memory")
    }

    proptest! {
        #[test]
        fn records_come_back_in_the_order_of_the_tape(records in vec(record(), 1..40), start in 0..1_000_000_000i64) {
            let chunk = Chunk::unpack(&packed(&records, start), &logs()).expect("sound");
            prop_assert_eq!((chunk.first, chunk.count), (70, records.len()));
            let mut at = start;
            for ((part, index), wanted) in chunk.order().into_iter().zip(&records) {
                let part = &chunk.parts[part];
                let found = part.records.record(index);
                at += wanted.step;
                prop_assert_eq!((part.log, part.times[index].0), (wanted.log, at));
                prop_assert_eq!((found.offset.0, found.timestamp.map(|at| at.0)), (wanted.offset, wanted.timestamp));
                prop_assert_eq!((found.key, found.value), (wanted.key.as_deref(), wanted.value.as_deref()));
                prop_assert_eq!(found.headers, &wanted.headers[..]);
            }
        }

        #[test]
        fn every_damage_is_noticed(records in vec(record(), 1..8), at in any::<prop::sample::Index>(), flip in 1u8..) {
            let mut stored = packed(&records, 5);
            let at = at.index(stored.len());
            prop_assert!(Chunk::unpack(&stored[..at], &logs()).is_err());
            stored[at] ^= flip;
            prop_assert!(Chunk::unpack(&stored, &logs()).is_err());
        }

        #[test]
        fn a_hostile_chunk_with_a_true_checksum_does_no_harm(mut bytes in vec(any::<u8>(), 0..200), known: bool) {
            if known && !bytes.is_empty() {
                bytes[0] = VERSION;
            }
            let check = crc(&bytes);
            bytes.extend(check.to_le_bytes());
            let _ = Chunk::unpack(&bytes, &logs());
        }
    }
}
