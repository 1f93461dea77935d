//! Packing and unpacking of blocks. A block is compressed once, by whoever appends it, and stays so in
//! the log, in memory and on disk; it is unpacked once, on the thread that decodes it.

use std::io::Cursor;

use millstream_record::{Error, Result};
use zstd::bulk::{Compressor, Decompressor};

use super::append::{Entry, PLAIN, ZSTD};
use super::block::BlockBuilder;

/// Below so many bytes a block is stored as it is.
const SMALLEST: usize = 256;
/// The fastest of zstd's usual levels: JSON shrinks to a fifth.
const LEVEL: i32 = 1;

/// Packs the blocks of one append after the other; its buffers are used again.
pub(super) struct Packer {
    zstd: Compressor<'static>,
    raw: Vec<u8>,
    packed: Vec<u8>,
}

impl Packer {
    /// A packer.
    pub fn new() -> Result<Packer> {
        let zstd = Compressor::new(LEVEL).map_err(refused)?;
        Ok(Packer { zstd, raw: Vec::new(), packed: Vec::new() })
    }

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
            self.packed.reserve(zstd::zstd_safe::compress_bound(self.raw.len()));
            let mut out = Cursor::new(&mut self.packed);
            out.set_position(start as u64);
            let length = self.zstd.compress_to_buffer(&self.raw, &mut out).map_err(refused)?;
            if length < self.raw.len() {
                return Ok(ZSTD);
            }
            self.packed.truncate(start);
        }
        self.packed.extend_from_slice(&self.raw);
        Ok(PLAIN)
    }
}

/// Unpacks blocks.
pub(super) struct Unpacker {
    zstd: Decompressor<'static>,
}

impl Unpacker {
    /// An unpacker.
    pub fn new() -> Result<Unpacker> {
        Ok(Unpacker { zstd: Decompressor::new().map_err(refused)? })
    }

    /// Appends the unpacked block to `out`; `None` if `stored` is damaged.
    pub fn unpack(&mut self, codec: u8, unpacked: usize, stored: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let start = out.len();
        if codec == PLAIN {
            out.extend_from_slice(stored);
        } else {
            out.try_reserve(unpacked).ok()?;
            let mut at = Cursor::new(&mut *out);
            at.set_position(start as u64);
            self.zstd.decompress_to_buffer(stored, &mut at).ok()?;
        }
        (out.len() - start == unpacked).then_some(())
    }
}

fn refused(error: std::io::Error) -> Error {
    Error::Invalid(format!("zstd cannot pack a block of a topic: {error}"))
}
