//! Records that are packed and not appended yet: what one append adds, without the place in the topic
//! where it will stand. In a job they wait in the checkpoint until their epoch is decided.

use super::append::Entry;
use crate::varint::{self, Cursor};

/// The blocks of an append that is to come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Packed {
    /// When the first record came, in milliseconds since the epoch.
    pub arrival_ms: i64,
    /// Bytes of keys, values and headers.
    pub payload_bytes: u64,
    /// The blocks; where they are stored is counted from the first.
    pub blocks: Vec<Entry>,
    /// The greatest timestamp of each block.
    pub newest: Vec<i64>,
    /// The blocks' bytes, one after the other.
    pub bytes: Vec<u8>,
}

/// All appends of an epoch of a job, to be made once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parcel {
    /// The number of the first append that can be one of these.
    pub since: u64,
    /// The appends in order.
    pub packed: Vec<Packed>,
}

impl Parcel {
    /// The bytes that a checkpoint keeps.
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        varint::put(&mut out, self.since);
        varint::put(&mut out, self.packed.len() as u64);
        for packed in &self.packed {
            varint::put_signed(&mut out, packed.arrival_ms);
            varint::put(&mut out, packed.payload_bytes);
            varint::put(&mut out, packed.blocks.len() as u64);
            for (block, &newest) in packed.blocks.iter().zip(&packed.newest) {
                varint::put(&mut out, u64::from(block.partition));
                varint::put(&mut out, block.count as u64);
                out.push(block.codec);
                varint::put(&mut out, block.unpacked as u64);
                varint::put(&mut out, block.stored.len() as u64);
                varint::put_signed(&mut out, newest);
            }
            varint::put(&mut out, packed.bytes.len() as u64);
            out.extend_from_slice(&packed.bytes);
        }
        out
    }

    /// Reads what `write` gave; `None` if it makes no sense.
    pub fn read(bytes: &[u8]) -> Option<Parcel> {
        let mut cursor = Cursor::new(bytes);
        let mut parcel = Parcel { since: cursor.number()?, packed: Vec::new() };
        for _ in 0..cursor.length()? {
            let mut packed =
                Packed { arrival_ms: cursor.signed()?, payload_bytes: cursor.number()?, ..Packed::default() };
            let mut at = 0usize;
            for _ in 0..cursor.length()? {
                let partition = u32::try_from(cursor.number()?).ok()?;
                let (count, codec) = (cursor.length()?, cursor.byte()?);
                let (unpacked, length) = (cursor.length()?, cursor.length()?);
                let end = at.checked_add(length)?;
                packed.blocks.push(Entry { partition, count, codec, unpacked, stored: at..end });
                packed.newest.push(cursor.signed()?);
                at = end;
            }
            let length = cursor.length()?;
            packed.bytes = cursor.bytes(length)?.to_vec();
            (at == packed.bytes.len()).then(|| parcel.packed.push(packed))?;
        }
        cursor.rest().is_empty().then_some(parcel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parcel_comes_back_and_no_damage_makes_it_panic() {
        let block = |partition, stored| Entry { partition, count: 3, codec: 1, unpacked: 700, stored };
        let packed = Packed {
            arrival_ms: -5,
            payload_bytes: 12,
            blocks: vec![block(0, 0..2), block(3, 2..5)],
            newest: vec![7, -8],
            bytes: b"abcde".to_vec(),
        };
        let parcel = Parcel { since: 300, packed: vec![packed.clone(), Packed::default(), packed] };
        let bytes = parcel.write();
        assert_eq!(Parcel::read(&bytes), Some(parcel));
        for at in 0..bytes.len() {
            assert_eq!(Parcel::read(&bytes[..at]), None, "cut at {at}");
            let mut flipped = bytes.clone();
            flipped[at] ^= 0xff;
            let _ = Parcel::read(&flipped);
        }
    }
}
