//! A chunk: some thousand records of a tape, stored column by column.
//!
//! | part of a chunk | what |
//! |---|---|
//! | head | version; number of the first record; time of the first record (signed); number of parts; for each: its log, its records, length of its offsets, length of its block; then four lengths: of the columns and the values, unpacked and packed |
//! | columns, packed with LZ4 | for each part: offsets (signed distance to the one before), then a [`Block`] without values; then of each value, in the order of the tape, its length + 1, or 0 for none |
//! | values, packed with LZ4 | the bytes of all values, in the order of the tape |
//! | check | CRC-32 of all before, four bytes, little-endian |
//!
//! A part holds the records of one log. Its block keeps the place of each record in the chunk, which puts the
//! parts back into one order, and its time of arrival as a distance to that of the first record. Values lie apart,
//! so that a decoder gets them in the order of the tape, as one text, without a copy.
//!
//! LZ4 unpacks six times as fast as zstd, and a replay spends its time there; it stores orders of 250 bytes in
//! about a third of them, zstd in a fifth.

use millstream_record::{Header, Millis, Offset, RawRecord, RawRecords, Segments, TimestampType};

use super::meta::Log;
use crate::topic::Record;
use crate::topic::block::{Block, BlockBuilder};
use crate::varint::{self, Cursor};

const VERSION: u8 = 2;
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
    /// The length of each value + 1; 0 for none.
    lengths: Vec<u8>,
    values: Vec<u8>,
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
        let stored = Record { key: record.key, headers: &headers, arrival: Some(at), ..Record::default() };
        part.block.push(&stored, timestamp, base, self.count);
        varint::put(&mut self.lengths, record.value.map_or(0, |value| value.len() as u64 + 1));
        self.values.extend_from_slice(record.value.unwrap_or_default());
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
        let (mut head, mut columns) = (vec![VERSION], Vec::new());
        varint::put(&mut head, self.first);
        varint::put_signed(&mut head, self.base.unwrap_or(Millis(0)).0);
        varint::put(&mut head, self.parts.len() as u64);
        for part in &mut self.parts {
            let count = part.block.count();
            columns.extend_from_slice(&part.offsets);
            let start = columns.len();
            part.block.take(alone, &mut columns);
            for number in [part.log, count, part.offsets.len(), columns.len() - start] {
                varint::put(&mut head, number as u64);
            }
        }
        columns.extend_from_slice(&self.lengths);
        let packed = [lz4::block::compress(&columns, None, false)?, lz4::block::compress(&self.values, None, false)?];
        for length in [columns.len(), self.values.len(), packed[0].len(), packed[1].len()] {
            varint::put(&mut head, length as u64);
        }
        packed.iter().for_each(|packed| head.extend_from_slice(packed));
        let check = crc(&head);
        head.extend(check.to_le_bytes());
        Ok(head)
    }
}

/// Bytes of a record's key, value and headers.
pub(super) fn payload_bytes(record: &RawRecord<'_>) -> u64 {
    let bytes = |of: Option<&[u8]>| of.map_or(0, <[u8]>::len);
    (bytes(record.key) + bytes(record.value) + header_bytes(record.headers)) as u64
}

fn header_bytes(headers: &[Header]) -> usize {
    headers.iter().map(|(name, value)| name.len() + value.as_ref().map_or(0, Vec::len)).sum()
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
    /// The records, by log.
    pub parts: Vec<Part>,
    /// The keys, and what stands between them.
    columns: Vec<u8>,
    /// The values, in the order of the tape.
    pub(super) values: Segments,
    /// The part of each record and its index there, in the order of the tape.
    order: Vec<(u32, u32)>,
}

/// The records of one log in a chunk. All lists but the headers have one entry a record.
#[derive(Debug)]
pub struct Part {
    /// The number of the log on the tape.
    pub log: usize,
    /// The log itself.
    pub about: Log,
    /// The offset of each record.
    pub offsets: Vec<i64>,
    /// When each arrived.
    pub times: Vec<Millis>,
    /// The place of each in the chunk, rising; over all parts every place stands once.
    pub places: Vec<u64>,
    /// When each was written, in milliseconds; -1 where the log does not know.
    pub(super) timestamps: Vec<i64>,
    keys: Vec<Span>,
    /// Empty if no record has any.
    headers: Vec<Vec<Header>>,
}

/// Start and end of a key among the columns; `None` if there is none.
type Span = Option<(usize, usize)>;

impl Chunk {
    /// Whether a chunk is as it was written, without unpacking it; else what is wrong with it.
    pub(super) fn check(stored: &[u8]) -> Result<&[u8], &'static str> {
        let (bytes, check) = stored.split_last_chunk::<CHECK_BYTES>().ok_or("it is cut short")?;
        if crc(bytes) != u32::from_le_bytes(*check) {
            return Err("its checksum does not fit");
        }
        match bytes.split_first() {
            Some((&VERSION, rest)) => Ok(rest),
            _ => Err("another release wrote it"),
        }
    }

    /// Unpacks a chunk of a tape with these logs; else what is wrong with it.
    pub(super) fn unpack(stored: &[u8], logs: &[Log]) -> Result<Chunk, &'static str> {
        read(&mut Cursor::new(Chunk::check(stored)?), logs).ok_or("its lengths do not fit")
    }

    /// How many records.
    pub fn count(&self) -> usize {
        self.order.len()
    }

    /// Where each record of the chunk stands, in the order of the tape: the part and the index in it.
    pub fn order(&self) -> impl ExactSizeIterator<Item = (usize, usize)> {
        self.order.iter().map(|&(part, index)| (part as usize, index as usize))
    }

    /// The same as it lies in memory.
    pub(super) fn places(&self) -> &[(u32, u32)] {
        &self.order
    }

    /// Where record `record` of the tape stands, if it is in this chunk.
    pub fn find(&self, record: u64) -> Option<(usize, usize)> {
        let place = usize::try_from(record.checked_sub(self.first)?).ok()?;
        self.order.get(place).map(|&(part, index)| (part as usize, index as usize))
    }

    /// The record at `index` of a part.
    pub fn record(&self, number: usize, index: usize) -> RawRecord<'_> {
        let part = &self.parts[number];
        RawRecord {
            partition: &part.about.partition,
            offset: Offset(part.offsets[index]),
            timestamp: Some(Millis(part.timestamps[index])).filter(|at| at.0 >= 0),
            key: self.key(number, index),
            headers: part.headers(index),
            value: self.values.get(part.places[index] as usize),
        }
    }

    /// The key of a record.
    pub(super) fn key(&self, part: usize, index: usize) -> Option<&[u8]> {
        self.parts[part].keys[index].map(|(from, to)| &self.columns[from..to])
    }

    /// Records of a part, in buffers of their own.
    pub fn records(&self, part: usize, range: std::ops::Range<usize>) -> RawRecords {
        let own = &self.parts[part];
        let known = own.about.timestamp_type != TimestampType::None;
        RawRecords {
            values: segments(range.clone().map(|index| self.values.get(own.places[index] as usize))),
            keys: Some(segments(range.clone().map(|index| self.key(part, index)))),
            offsets: own.offsets[range.clone()].to_vec(),
            timestamps: known.then(|| own.timestamps[range.clone()].to_vec()),
            timestamp_type: own.about.timestamp_type,
            headers: Some(range.map(|index| own.headers(index).to_vec()).collect()),
            file: own.about.file.clone(),
            header: own.about.header.clone(),
            ..RawRecords::new(own.about.partition.clone())
        }
    }

    /// Bytes of a record's key, value and headers.
    pub(super) fn payload_bytes(&self, part: usize, index: usize) -> u64 {
        let part = &self.parts[part];
        let length = |span: Span| span.map_or(0, |(from, to)| to - from);
        let value = length(self.values.span(part.places[index] as usize));
        (length(part.keys[index]) + value + header_bytes(part.headers(index))) as u64
    }
}

impl Part {
    /// How many records.
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Whether there is none; a part that was stored has some.
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// The headers of a record.
    pub(super) fn headers(&self, index: usize) -> &[Header] {
        self.headers.get(index).map_or(&[], Vec::as_slice)
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
    let lengths = [cursor.length()?, cursor.length()?];
    let packed = [cursor.length()?, cursor.length()?];
    let columns = unpacked(cursor.bytes(packed[0])?, lengths[0])?;
    let values = unpacked(cursor.bytes(packed[1])?, lengths[1])?;
    cursor.rest().is_empty().then_some(())?;
    let (mut at, mut parts, mut count) = (0usize, Vec::with_capacity(heads.len()), 0usize);
    for (log, records, offsets, block) in heads {
        let (start, end) = (at.checked_add(offsets)?, at.checked_add(offsets)?.checked_add(block)?);
        let (offsets, block) = (columns.get(at..start)?, columns.get(start..end)?);
        // Each record takes at least a byte of its block: hostile counts claim no memory.
        (records > 0 && records <= block.len()).then_some(())?;
        parts.push(part(logs.get(log)?, log, records, offsets, (block, start), base)?);
        count += records;
        at = end;
    }
    (count > 0).then_some(())?;
    let values = laid(values, &columns[at..], count)?;
    Some(Chunk { first, order: order(&parts, count)?, parts, columns, values })
}

/// So many bytes; `None` if they are not what was packed.
fn unpacked(packed: &[u8], length: usize) -> Option<Vec<u8>> {
    // LZ4 never packs better than 255 to 1: hostile lengths claim no memory.
    (length <= MOST_BYTES && length <= packed.len().saturating_mul(256)).then_some(())?;
    let bytes = lz4::block::decompress(packed, Some(i32::try_from(length).ok()?)).ok()?;
    (bytes.len() == length).then_some(bytes)
}

/// The values, of which these are the lengths. Where none is missing they stay where they are.
fn laid(bytes: Vec<u8>, lengths: &[u8], count: usize) -> Option<Segments> {
    let (mut cursor, mut at) = (Cursor::new(lengths), 0usize);
    let (mut spans, mut missing) = (Vec::with_capacity(count), false);
    for _ in 0..count {
        let stored = cursor.length()?;
        let end = at.checked_add(stored.saturating_sub(1)).filter(|end| *end <= bytes.len())?;
        missing |= stored == 0;
        spans.push(if stored == 0 { (u32::MAX, u32::MAX) } else { (at as u32, end as u32) });
        at = end;
    }
    (cursor.rest().is_empty() && at == bytes.len()).then_some(())?;
    if !missing {
        return Some(Segments::from_spans(bytes, spans));
    }
    let there = |&(from, to): &(u32, u32)| (from != u32::MAX).then(|| &bytes[from as usize..to as usize]);
    Some(segments(spans.iter().map(there)))
}

/// The part and the index of the record at each place; `None` unless every place stands once.
fn order(parts: &[Part], count: usize) -> Option<Vec<(u32, u32)>> {
    const NOBODY: (u32, u32) = (u32::MAX, u32::MAX);
    let mut order = vec![NOBODY; count];
    for (number, part) in (0u32..).zip(parts) {
        for (index, place) in (0u32..).zip(&part.places) {
            let place = order.get_mut(usize::try_from(*place).ok()?)?;
            (std::mem::replace(place, (number, index)) == NOBODY).then_some(())?;
        }
    }
    Some(order)
}

/// Reads a part; its block stands at `start` of the body.
fn part(
    about: &Log,
    log: usize,
    count: usize,
    stored: &[u8],
    (raw, start): (&[u8], usize),
    base: Millis,
) -> Option<Part> {
    let block = Block::parse(raw)?;
    let mut cursor = Cursor::new(stored);
    let (mut offset, mut offsets) = (0i64, Vec::with_capacity(count));
    for _ in 0..count {
        offset = offset.wrapping_add(cursor.signed()?);
        offsets.push(offset);
    }
    cursor.rest().is_empty().then_some(())?;
    let mut timestamps = Vec::with_capacity(count);
    block.timestamps(raw, 0..count, &mut timestamps)?;
    if about.timestamp_type == TimestampType::None {
        timestamps.fill(-1);
    }
    let moved = |mut spans: Vec<Span>| {
        spans.iter_mut().flatten().for_each(|(from, to)| (*from, *to) = (*from + start, *to + start));
        spans
    };
    let headers = if block.has_headers() { block.headers(raw, 0..count)? } else { Vec::new() };
    Some(Part {
        log,
        about: about.clone(),
        offsets,
        times: block.arrivals(raw, count, base)?,
        places: block.places(raw, count)?,
        timestamps,
        keys: moved(block.keys(raw, 0..count)?),
        headers,
    })
}

/// Byte strings laid end to end.
pub(super) fn segments<'a>(all: impl Iterator<Item = Option<&'a [u8]>> + Clone) -> Segments {
    let bytes = all.clone().flatten().map(<[u8]>::len).sum();
    let mut segments = Segments::with_capacity(all.size_hint().0, bytes);
    all.for_each(|one| segments.push(one));
    segments
}

#[cfg(test)]
mod tests {
    use millstream_record::PartitionId;
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
            prop_assert_eq!((chunk.first, chunk.count()), (70, records.len()));
            let mut at = start;
            for ((part, index), wanted) in chunk.order().zip(&records) {
                let found = chunk.record(part, index);
                at += wanted.step;
                prop_assert_eq!((chunk.parts[part].log, chunk.parts[part].times[index].0), (wanted.log, at));
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
