//! A block: records of one partition, stored column by column. Like lies beside like, which compresses
//! well, and the payloads lie end to end, so that a reader hands the unpacked bytes to a decoder without
//! copying one of them.
//!
//! Unpacked, a block is eight lengths and then eight sections, each as long as its length says:
//!
//! | section | one entry a record | empty means |
//! |---|---|---|
//! | timestamps | signed distance to the one before | – |
//! | arrivals | signed distance to the arrival of the append | all came with the append |
//! | places | distance to the place before, within the append | the append has no other block |
//! | value lengths | length + 1; 0 is no value (a tombstone) | – |
//! | key lengths | length + 1; 0 is no key | no record has a key |
//! | headers | count, then for each: name, length + 1 and bytes of the value | no record has headers |
//! | keys | the bytes | – |
//! | values | the bytes | – |
//!
//! Numbers are as in [`crate::varint`]. The offsets of the records follow from the append.

use std::ops::Range;

use millstream_record::Millis;

use crate::format::Header;
use crate::varint::{self, Cursor};

const TIMESTAMPS: usize = 0;
const ARRIVALS: usize = 1;
const PLACES: usize = 2;
const VALUE_LENGTHS: usize = 3;
const KEY_LENGTHS: usize = 4;
const HEADERS: usize = 5;
const KEYS: usize = 6;
const VALUES: usize = 7;
const SECTIONS: usize = 8;

/// A record on its way into a topic.
#[derive(Clone, Copy, Debug, Default)]
pub struct Record<'a> {
    /// The partition; `None` leaves the choice to the key, or to the turn where there is no key.
    pub partition: Option<u32>,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value; a missing one is a tombstone.
    pub value: Option<&'a [u8]>,
    /// The headers, in order.
    pub headers: &'a [(&'a str, Option<&'a [u8]>)],
    /// When it happened or was made; `None` is the time of the clock.
    pub timestamp: Option<Millis>,
    /// When it arrived; `None` is the time at which it is appended. A tape hands in its own.
    pub arrival: Option<Millis>,
}

/// Collects the records of one partition for one append.
#[derive(Clone, Debug, Default)]
pub(crate) struct BlockBuilder {
    sections: [Vec<u8>; SECTIONS],
    count: usize,
    keys: usize,
    headers: usize,
    own_arrivals: bool,
    last_timestamp: i64,
    last_place: u64,
    newest: Option<i64>,
}

impl BlockBuilder {
    /// Adds a record with its timestamp; `place` counts the records of the append, and `arrival` is that
    /// of the append.
    pub fn push(&mut self, record: &Record<'_>, timestamp: Millis, arrival: Millis, place: u64) {
        varint::put_signed(&mut self.sections[TIMESTAMPS], timestamp.0.wrapping_sub(self.last_timestamp));
        let own = record.arrival.unwrap_or(arrival);
        self.own_arrivals |= own != arrival;
        varint::put_signed(&mut self.sections[ARRIVALS], own.0.wrapping_sub(arrival.0));
        varint::put(&mut self.sections[PLACES], place - self.last_place);
        self.push_bytes(VALUE_LENGTHS, VALUES, record.value);
        self.push_bytes(KEY_LENGTHS, KEYS, record.key);
        self.keys += usize::from(record.key.is_some());
        varint::put(&mut self.sections[HEADERS], record.headers.len() as u64);
        for (name, value) in record.headers {
            self.push_header(name, *value);
        }
        self.headers += record.headers.len();
        self.last_timestamp = timestamp.0;
        self.last_place = place;
        self.newest = self.newest.max(Some(timestamp.0));
        self.count += 1;
    }

    fn push_bytes(&mut self, lengths: usize, bytes: usize, payload: Option<&[u8]>) {
        varint::put(&mut self.sections[lengths], payload.map_or(0, |payload| payload.len() as u64 + 1));
        self.sections[bytes].extend_from_slice(payload.unwrap_or_default());
    }

    fn push_header(&mut self, name: &str, value: Option<&[u8]>) {
        let out = &mut self.sections[HEADERS];
        varint::put(out, name.len() as u64);
        out.extend_from_slice(name.as_bytes());
        varint::put(out, value.map_or(0, |value| value.len() as u64 + 1));
        out.extend_from_slice(value.unwrap_or_default());
    }

    /// How many records.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The greatest timestamp.
    pub fn newest(&self) -> Option<i64> {
        self.newest
    }

    /// Appends the unpacked block to `out` and starts anew. `alone` says that the append has no other
    /// block.
    pub fn take(&mut self, alone: bool, out: &mut Vec<u8>) {
        let unneeded = [(ARRIVALS, !self.own_arrivals), (PLACES, alone), (KEY_LENGTHS, self.keys == 0)];
        for (section, _) in unneeded.into_iter().chain([(HEADERS, self.headers == 0)]).filter(|&(_, drop)| drop) {
            self.sections[section].clear();
        }
        for section in &self.sections {
            varint::put(out, section.len() as u64);
        }
        for section in &mut self.sections {
            out.extend_from_slice(section);
            section.clear();
        }
        *self = BlockBuilder { sections: std::mem::take(&mut self.sections), ..BlockBuilder::default() };
    }
}

/// The places of the sections inside an unpacked block.
#[derive(Debug)]
pub(crate) struct Block {
    sections: [Range<usize>; SECTIONS],
}

impl Block {
    /// Finds the sections of the block that `raw` holds from its start to its end; `None` if the lengths
    /// do not fit.
    pub fn parse(raw: &[u8]) -> Option<Block> {
        let mut cursor = Cursor::new(raw);
        let mut lengths = [0; SECTIONS];
        for length in &mut lengths {
            *length = cursor.length()?;
        }
        let mut at = raw.len() - cursor.rest().len();
        let mut sections = [const { 0..0 }; SECTIONS];
        for (section, length) in sections.iter_mut().zip(lengths) {
            let end = at.checked_add(length)?;
            *section = at..end;
            at = end;
        }
        (at == raw.len()).then_some(Block { sections })
    }

    fn cursor<'a>(&self, raw: &'a [u8], section: usize) -> Cursor<'a> {
        Cursor::new(&raw[self.sections[section].clone()])
    }

    /// The timestamps of records `range`.
    pub fn timestamps(&self, raw: &[u8], range: Range<usize>, out: &mut Vec<i64>) -> Option<()> {
        let mut cursor = self.cursor(raw, TIMESTAMPS);
        let mut timestamp = 0i64;
        for index in 0..range.end {
            timestamp = timestamp.wrapping_add(cursor.signed()?);
            if index >= range.start {
                out.push(timestamp);
            }
        }
        Some(())
    }

    /// The arrivals of all `count` records; `arrival` is that of the append.
    pub fn arrivals(&self, raw: &[u8], count: usize, arrival: Millis) -> Option<Vec<Millis>> {
        let mut cursor = self.cursor(raw, ARRIVALS);
        if cursor.rest().is_empty() {
            return Some(vec![arrival; count]);
        }
        (0..count).map(|_| Some(Millis(arrival.0.wrapping_add(cursor.signed()?)))).collect()
    }

    /// The places of all `count` records within their append.
    pub fn places(&self, raw: &[u8], count: usize) -> Option<Vec<u64>> {
        let mut cursor = self.cursor(raw, PLACES);
        if cursor.rest().is_empty() {
            return Some((0..count as u64).collect());
        }
        let mut place = 0u64;
        let step = |_| {
            place = place.checked_add(cursor.number()?)?;
            Some(place)
        };
        (0..count).map(step).collect()
    }

    /// Start and end of the values of records `range` within `raw`; `None` inside for a tombstone.
    pub fn values(&self, raw: &[u8], range: Range<usize>) -> Option<Vec<Option<(usize, usize)>>> {
        self.spans(raw, range, VALUE_LENGTHS, VALUES)
    }

    /// Start and end of the keys of records `range` within `raw`; `None` inside for no key.
    pub fn keys(&self, raw: &[u8], range: Range<usize>) -> Option<Vec<Option<(usize, usize)>>> {
        if self.sections[KEY_LENGTHS].is_empty() {
            return Some(vec![None; range.len()]);
        }
        self.spans(raw, range, KEY_LENGTHS, KEYS)
    }

    fn spans(
        &self,
        raw: &[u8],
        range: Range<usize>,
        lengths: usize,
        bytes: usize,
    ) -> Option<Vec<Option<(usize, usize)>>> {
        let mut cursor = self.cursor(raw, lengths);
        let mut at = self.sections[bytes].start;
        let mut spans = Vec::with_capacity(range.len());
        for index in 0..range.end {
            let stored = cursor.length()?;
            let end = at.checked_add(stored.saturating_sub(1))?;
            if index >= range.start {
                spans.push((stored > 0).then_some((at, end)));
            }
            at = end;
        }
        (at <= self.sections[bytes].end).then_some(spans)
    }

    /// Whether any record has headers.
    pub fn has_headers(&self) -> bool {
        !self.sections[HEADERS].is_empty()
    }

    /// The headers of records `range`.
    pub fn headers(&self, raw: &[u8], range: Range<usize>) -> Option<Vec<Vec<Header>>> {
        let mut cursor = self.cursor(raw, HEADERS);
        if cursor.rest().is_empty() {
            return Some(vec![Vec::new(); range.len()]);
        }
        let mut all = Vec::with_capacity(range.len());
        for index in 0..range.end {
            let headers = (0..cursor.length()?).map(|_| read_header(&mut cursor)).collect::<Option<Vec<_>>>()?;
            if index >= range.start {
                all.push(headers);
            }
        }
        Some(all)
    }
}

fn read_header(cursor: &mut Cursor<'_>) -> Option<Header> {
    let length = cursor.length()?;
    let name = std::str::from_utf8(cursor.bytes(length)?).ok()?.to_string();
    let value = match cursor.length()? {
        0 => None,
        stored => Some(cursor.bytes(stored - 1)?.to_vec()),
    };
    Some((name, value))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    type Owned = (i64, Option<i64>, u64, Option<Vec<u8>>, Option<Vec<u8>>, Vec<Header>);

    fn record() -> impl Strategy<Value = Owned> {
        let bytes = || option::of(vec(any::<u8>(), 0..40));
        let headers = vec(("\\PC{0,8}", option::of(vec(any::<u8>(), 0..8))), 0..3);
        (any::<i64>(), option::of(any::<i64>()), 0..1000u64, bytes(), bytes(), headers)
    }

    fn build(records: &[Owned], arrival: Millis, alone: bool) -> Vec<u8> {
        let mut builder = BlockBuilder::default();
        let mut place = 0;
        for (timestamp, own, step, key, value, headers) in records {
            let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
            let (key, value, own) = (key.as_deref(), value.as_deref(), own.map(Millis));
            let record = Record { key, value, headers: &headers, arrival: own, ..Record::default() };
            builder.push(&record, Millis(*timestamp), arrival, place);
            place += step;
        }
        let mut raw = Vec::new();
        builder.take(alone, &mut raw);
        raw
    }

    proptest! {
        #[test]
        fn records_come_back(records in vec(record(), 1..20), arrival: i64, from in 0usize..20) {
            let raw = build(&records, Millis(arrival), false);
            let block = Block::parse(&raw).expect("well formed");
            let range = from.min(records.len())..records.len();
            let wanted = &records[range.clone()];
            let mut times = Vec::new();
            block.timestamps(&raw, range.clone(), &mut times).expect("well formed");
            prop_assert_eq!(times, wanted.iter().map(|record| record.0).collect::<Vec<_>>());
            let arrivals = block.arrivals(&raw, records.len(), Millis(arrival)).expect("well formed");
            prop_assert!(arrivals.iter().zip(&records).all(|(got, record)| got.0 == record.1.unwrap_or(arrival)));
            let text = |spans: Vec<Option<(usize, usize)>>| -> Vec<Option<Vec<u8>>> {
                spans.into_iter().map(|span| span.map(|(start, end)| raw[start..end].to_vec())).collect()
            };
            let keys = text(block.keys(&raw, range.clone()).expect("well formed"));
            prop_assert!(keys.iter().zip(wanted).all(|(got, record)| got == &record.3));
            let values = text(block.values(&raw, range.clone()).expect("well formed"));
            prop_assert!(values.iter().zip(wanted).all(|(got, record)| got == &record.4));
            let headers = block.headers(&raw, range).expect("well formed");
            prop_assert!(headers.iter().zip(wanted).all(|(got, record)| got == &record.5));
            let places = block.places(&raw, records.len()).expect("well formed");
            let mut place = 0;
            for (got, record) in places.iter().zip(&records) {
                prop_assert_eq!(*got, place);
                place += record.2;
            }
        }

        #[test]
        fn damaged_blocks_do_no_harm(records in vec(record(), 1..8), at in any::<prop::sample::Index>(), byte: u8) {
            let mut raw = build(&records, Millis(0), true);
            let at = at.index(raw.len());
            raw[at] = byte;
            for raw in [&raw[..], &raw[..at]] {
                if let Some(block) = Block::parse(raw) {
                    let all = 0..records.len();
                    let inside = |spans: Option<Vec<Option<(usize, usize)>>>| {
                        spans.unwrap_or_default().into_iter().flatten().all(|(start, end)| start <= end && end <= raw.len())
                    };
                    prop_assert!(inside(block.keys(raw, all.clone())) && inside(block.values(raw, all.clone())));
                    let _ = block.timestamps(raw, all.clone(), &mut Vec::new());
                    let _ = (block.headers(raw, all.clone()), block.places(raw, all.len()));
                }
            }
        }
    }
}
