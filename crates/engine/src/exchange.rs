//! Rows move by key: a batch is split into one part per worker lane, and every part keeps all the marks.

use arrow::array::UInt32Array;
use millstream_record::Message;

use crate::error::Result;
use crate::keys::hash_rows;
use crate::stage::multiplied;
use crate::take::take_rows;

/// The lane of a key with this hash. The high bits name it: the low ones choose the slot in a lane's own tables.
fn lane_of(hash: u64, lanes: usize) -> usize {
    (hash >> 32) as usize % lanes
}

/// How keys are divided, by their hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Division {
    /// Over so many lanes.
    Lanes(usize),
    /// By so many bits behind those that are the same in all of them. They are not the bits that name a lane,
    /// nor those by which a table tells its entries apart: so what lies in one part is spread as before.
    Bits {
        /// The bits that are the same.
        skip: u32,
        /// The bits that count.
        bits: u32,
    },
}

/// So many of the highest bits tell entries of a table apart.
const TAG_BITS: u32 = 7;

impl Division {
    /// How many parts there are.
    pub fn count(self) -> usize {
        match self {
            Division::Lanes(lanes) => lanes,
            Division::Bits { bits, .. } => 1 << bits,
        }
    }

    /// The part of a key with this hash.
    pub fn part_of(self, hash: u64) -> usize {
        match self {
            Division::Lanes(lanes) => lane_of(hash, lanes),
            Division::Bits { bits: 0, .. } => 0,
            Division::Bits { skip, bits } => (hash << (TAG_BITS + skip) >> (u64::BITS - bits)) as usize,
        }
    }
}

/// One message per lane: rows by the hash of their key, everything else to all.
pub fn split(message: &Message, columns: &[usize], lanes: usize) -> Result<Vec<Message>> {
    let Message::Batch(batch) = message else { return Ok(vec![message.clone(); lanes]) };
    if lanes == 1 {
        return Ok(vec![message.clone()]);
    }
    let keys: Vec<_> = columns.iter().map(|&column| batch.rows.column(column).clone()).collect();
    let hashes = hash_rows(&keys, batch.len())?;
    let mut rows: Vec<Vec<u32>> = vec![Vec::with_capacity(batch.len() / lanes + 1); lanes];
    for (row, hash) in hashes.iter().enumerate() {
        rows[lane_of(*hash, lanes)].push(row as u32);
    }
    let part = |rows: Vec<u32>| -> Result<Message> {
        let places = UInt32Array::from(rows);
        Ok(Message::Batch(multiplied(batch, places.values(), take_rows(&batch.rows, &places)?)))
    };
    rows.into_iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_of_a_part_follow_each_other() {
        for hash in [0, u64::MAX, 0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210] {
            let whole = Division::Bits { skip: 0, bits: 7 }.part_of(hash);
            let (first, rest) = (Division::Bits { skip: 0, bits: 3 }, Division::Bits { skip: 3, bits: 4 });
            assert_eq!(whole, first.part_of(hash) << 4 | rest.part_of(hash));
            assert!(whole < Division::Bits { skip: 0, bits: 7 }.count());
            assert_eq!(Division::Bits { skip: 5, bits: 0 }.part_of(hash), 0);
        }
    }
}
