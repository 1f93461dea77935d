//! From pieces to raw records: unpacks blocks next to each other into one buffer and says where the
//! values stand in it. The values are not copied. Only where a block had to be split over several pieces
//! is it kept, and its part copied.

use std::ops::Range;
use std::sync::Arc;

use millstream_record::{Arrival, Millis, PartitionId, Result};

use super::block::Block;
use super::cut::{Packed, Piece};
use super::packer::unpack;
use super::place::Place;
use crate::format::{RawRecords, Segments, TimestampType};

/// What a reader needs of the records besides their values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wants {
    /// The keys.
    pub keys: bool,
    /// The headers.
    pub headers: bool,
    /// When each arrived.
    pub arrivals: bool,
}

/// Unpacks pieces of one topic. Each thread has its own.
pub(super) struct Unpack {
    place: Place,
    wants: Wants,
    /// The block that was split last, unpacked.
    split: Option<(Arc<Packed>, Vec<u8>)>,
    /// The arrivals of the records of the last piece, if they are wanted.
    pub arrivals: Vec<Arrival>,
    /// How many bytes of keys and values the last piece had.
    pub payload_bytes: u64,
}

/// The spans of the values found so far in the buffer.
type Spans = Vec<Option<(usize, usize)>>;

impl Unpack {
    /// Unpacks pieces of the topic at `place`.
    pub fn new(place: Place, wants: Wants) -> Result<Unpack> {
        Ok(Unpack { place, wants, split: None, arrivals: Vec::new(), payload_bytes: 0 })
    }

    /// The records of a piece.
    pub fn records(&mut self, piece: &Piece) -> Result<RawRecords> {
        let mut raw = RawRecords::new(PartitionId::new(self.place.name.clone(), piece.partition as i32));
        raw.timestamp_type = TimestampType::CreateTime;
        raw.offsets.reserve(piece.rows);
        raw.timestamps = Some(Vec::with_capacity(piece.rows));
        raw.keys = self.wants.keys.then(Segments::default);
        raw.headers = self.wants.headers.then(Vec::new);
        self.arrivals.clear();
        let mut buffer = Vec::with_capacity(piece.parts.iter().map(|part| part.block.entry.unpacked + 64).sum());
        let mut spans = Spans::with_capacity(piece.rows);
        for part in &piece.parts {
            let whole = part.range.len() == part.block.entry.count;
            let added = match whole {
                true => self.whole(&part.block, &mut buffer, &mut spans, &mut raw),
                false => self.some(&part.block, part.range.clone(), &mut buffer, &mut spans, &mut raw),
            };
            added.ok_or_else(|| self.place.damaged(&format!("append {}", part.block.append)))?;
        }
        let value_bytes: usize = spans.iter().flatten().map(|(from, to)| to - from).sum();
        let key_bytes = raw.keys.as_ref().map_or(0, |keys| keys.bytes().len());
        self.payload_bytes = (value_bytes + key_bytes) as u64;
        raw.values = segments(buffer, spans);
        Ok(raw)
    }

    /// All records of a block, unpacked in place.
    fn whole(
        &mut self,
        block: &Arc<Packed>,
        buffer: &mut Vec<u8>,
        spans: &mut Spans,
        raw: &mut RawRecords,
    ) -> Option<()> {
        let start = buffer.len();
        unpack(block.entry.codec, block.entry.unpacked, &block.bytes, buffer)?;
        let all = 0..block.entry.count;
        let unpacked = &buffer[start..];
        let parsed = Block::parse(unpacked)?;
        if self.wants.arrivals {
            arrivals(&parsed, block, unpacked, all.clone(), &mut self.arrivals)?;
        }
        let values = parsed.values(unpacked, all.clone())?;
        spans.extend(values.into_iter().map(|span| span.map(|(from, to)| (from + start, to + start))));
        beside(&parsed, block, unpacked, all, raw)
    }

    /// Some records of a block, copied.
    fn some(
        &mut self,
        block: &Arc<Packed>,
        range: Range<usize>,
        buffer: &mut Vec<u8>,
        spans: &mut Spans,
        raw: &mut RawRecords,
    ) -> Option<()> {
        if !self.split.as_ref().is_some_and(|(kept, _)| Arc::ptr_eq(kept, block)) {
            let mut unpacked = self.split.take().map(|(_, bytes)| bytes).unwrap_or_default();
            unpacked.clear();
            unpack(block.entry.codec, block.entry.unpacked, &block.bytes, &mut unpacked)?;
            self.split = Some((block.clone(), unpacked));
        }
        let (_, unpacked) = self.split.as_ref()?;
        let parsed = Block::parse(unpacked)?;
        if self.wants.arrivals {
            arrivals(&parsed, block, unpacked, range.clone(), &mut self.arrivals)?;
        }
        for span in parsed.values(unpacked, range.clone())? {
            let start = buffer.len();
            spans.push(span.map(|(from, to)| {
                buffer.extend_from_slice(&unpacked[from..to]);
                (start, buffer.len())
            }));
        }
        beside(&parsed, block, unpacked, range, raw)
    }
}

/// What stands beside the values: offsets, timestamps, keys, headers.
fn beside(parsed: &Block, block: &Packed, unpacked: &[u8], range: Range<usize>, raw: &mut RawRecords) -> Option<()> {
    raw.offsets.extend((range.start as i64..range.end as i64).map(|index| block.base + index));
    parsed.timestamps(unpacked, range.clone(), raw.timestamps.get_or_insert_default())?;
    if let Some(keys) = &mut raw.keys {
        for span in parsed.keys(unpacked, range.clone())? {
            keys.push(span.map(|(from, to)| &unpacked[from..to]));
        }
    }
    if let Some(headers) = &mut raw.headers {
        headers.extend(parsed.headers(unpacked, range)?);
    }
    Some(())
}

fn arrivals(
    parsed: &Block,
    block: &Packed,
    unpacked: &[u8],
    range: Range<usize>,
    out: &mut Vec<Arrival>,
) -> Option<()> {
    let times = parsed.arrivals(unpacked, range.end, Millis(block.arrival_ms))?;
    let places = parsed.places(unpacked, range.end)?;
    let all = times.into_iter().zip(places).map(|(at, place)| Arrival { rank: block.append, place, at });
    out.extend(all.skip(range.start));
    Some(())
}

fn segments(buffer: Vec<u8>, spans: Spans) -> Segments {
    if buffer.len() <= Segments::MOST_BYTES && spans.iter().all(Option::is_some) {
        let spans = spans.into_iter().flatten().map(|(from, to)| (from as u32, to as u32)).collect();
        return Segments::from_spans(buffer, spans);
    }
    let mut segments = Segments::with_capacity(spans.len(), buffer.len());
    for span in spans {
        segments.push(span.map(|(from, to)| &buffer[from..to]));
    }
    segments
}
