//! Byte strings laid end to end in one buffer, with the offsets at which they stand. One allocation serves
//! thousands of records, and a decoder may look a few bytes past a record without leaving the buffer.

use std::ops::Range;

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
    pub fn miss_last(&mut self) {
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

    /// The segments of a range, in a buffer of their own.
    pub fn slice(&self, range: Range<usize>) -> Segments {
        let spans = &self.spans[range];
        let there = || spans.iter().filter(|span| **span != Self::MISSING);
        let from = there().map(|span| span.0).min().unwrap_or(0);
        let until = there().map(|span| span.1).max().unwrap_or(0);
        let moved = |span: &(u32, u32)| match *span {
            Self::MISSING => Self::MISSING,
            (start, end) => (start - from, end - from),
        };
        let bytes = self.bytes[from as usize..until as usize].to_vec();
        Segments { bytes, spans: spans.iter().map(moved).collect() }
    }

    /// Adds all segments of another buffer.
    pub fn extend(&mut self, other: &Segments) {
        other.iter().for_each(|segment| self.push(segment));
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
        for start in 0..=4 {
            for end in start..=4 {
                let slice = segments.slice(start..end);
                assert_eq!(slice.iter().collect::<Vec<_>>(), all[start..end]);
                assert!(slice.bytes().len() <= segments.bytes().len());
            }
        }
    }
}
