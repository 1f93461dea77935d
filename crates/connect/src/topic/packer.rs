//! Packing and unpacking of blocks. A block is compressed once, by whoever appends it, and stays so in
//! the log, in memory and on disk; it is unpacked once, on the thread that decodes it.
//!
//! LZ4 it is because topics are read more often than they are stored: Nexmark bids shrink to 31 % (zstd,
//! level 1: to 21 %), but a scan of them takes a third less of the processor.

use lz4::block::{compress_bound, compress_to_buffer, decompress_to_buffer};
use millstream_record::{Error, Result};

use super::append::{Entry, LZ4, PLAIN};
use super::block::BlockBuilder;

/// Below so many bytes a block is stored as it is.
const SMALLEST: usize = 256;

/// Packs the blocks of one append after the other; its buffers are used again.
#[derive(Default)]
pub(super) struct Packer {
    raw: Vec<u8>,
    packed: Vec<u8>,
}

impl Packer {
    /// Packs what the builders hold, in order, and starts them anew. Adds an entry for each block to
    /// `entries`, with its place in the bytes that are returned.
    pub fn pack(&mut self, builders: &mut [BlockBuilder], entries: &mut Vec<Entry>) -> Result<&[u8]> {
        self.packed.clear();
        let alone = builders.iter().filter(|builder| builder.count() > 0).count() == 1;
        for (partition, builder) in builders.iter_mut().enumerate().filter(|(_, builder)| builder.count() > 0) {
            let count = builder.count();
            self.raw.clear();
            builder.take(alone, &mut self.raw);
            let start = self.packed.len();
            let codec = self.add()?;
            let stored = start..self.packed.len();
            entries.push(Entry { partition: partition as u32, count, codec, unpacked: self.raw.len(), stored });
        }
        Ok(&self.packed)
    }

    fn add(&mut self) -> Result<u8> {
        let start = self.packed.len();
        if self.raw.len() >= SMALLEST {
            let refused = |error| Error::Invalid(format!("a block of a topic cannot be packed: {error}"));
            self.packed.resize(start + compress_bound(self.raw.len()).map_err(refused)?, 0);
            let length = compress_to_buffer(&self.raw, None, false, &mut self.packed[start..]).map_err(refused)?;
            self.packed.truncate(start + length);
            if length < self.raw.len() {
                return Ok(LZ4);
            }
            self.packed.truncate(start);
        }
        self.packed.extend_from_slice(&self.raw);
        Ok(PLAIN)
    }
}

/// Appends the unpacked block to `out`; `None` if `stored` is damaged.
pub(super) fn unpack(codec: u8, unpacked: usize, stored: &[u8], out: &mut Vec<u8>) -> Option<()> {
    if codec == PLAIN {
        out.extend_from_slice(stored);
        return (stored.len() == unpacked).then_some(());
    }
    let start = out.len();
    let length = i32::try_from(unpacked).ok()?;
    out.try_reserve(unpacked).ok()?;
    out.resize(start + unpacked, 0);
    let written = decompress_to_buffer(stored, Some(length), &mut out[start..]).ok()?;
    (written == unpacked).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_blocks_are_refused() {
        let raw: Vec<u8> = (0..10_000u32).flat_map(|number| (number % 100).to_le_bytes()).collect();
        let mut packed = vec![0; compress_bound(raw.len()).expect("short")];
        let length = compress_to_buffer(&raw, None, false, &mut packed).expect("packed");
        packed.truncate(length);
        let unpacked = |length, bytes: &[u8]| {
            let mut out = b"before".to_vec();
            unpack(LZ4, length, bytes, &mut out).map(|()| out)
        };
        assert_eq!(unpacked(raw.len(), &packed).expect("sound")[6..], raw);
        assert_eq!(unpacked(raw.len() + 1, &packed), None);
        assert_eq!(unpacked(raw.len() - 1, &packed), None);
        assert_eq!(unpacked(raw.len(), &packed[..length / 2]), None);
        assert_eq!(unpacked(usize::MAX, &packed), None);
        assert_eq!(unpacked(raw.len(), &[0xff; 100]), None);
    }
}
