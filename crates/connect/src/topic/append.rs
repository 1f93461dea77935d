//! An append: what one write adds to a topic, all or nothing. It is one entry of the database.
//!
//! The key is the number of the append, eight bytes, big-endian: 0, 1, 2, … without gaps, so the order of
//! the database is the order of arrival over all partitions, the database never rewrites old entries, and
//! a follower that misses one notices. The value says where every partition stands behind the append, and
//! then holds one block for each partition that it adds to:
//!
//! - version (1; or 2, and then the writer's id and its epoch: the append belongs to a job), number of partitions
//! - for each partition: next offset; greatest timestamp so far (signed)
//! - bytes of payload in the topic so far; time of arrival (signed); number of blocks
//! - for each block: partition, records, codec (0 plain, 1 LZ4), unpacked length, stored length
//! - the blocks, packed
//!
//! Because next offsets and greatest timestamps rise from append to append, both an offset and a time are
//! found by bisection.

use std::ops::Range;

use crate::varint::{self, Cursor};

const VERSION: u8 = 1;
/// The version of an append that an epoch of a job has made.
const VERSION_OF_JOB: u8 = 2;

/// Which epoch of which writer made an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// A job and its sink.
    pub writer: u64,
    /// The epoch.
    pub epoch: u64,
}

/// Where a partition stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// The offset that the next record gets.
    pub next: i64,
    /// The greatest timestamp of any record; 0 while there is none.
    pub newest: i64,
}

/// Where a topic stands behind an append.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// One entry for each partition.
    pub partitions: Vec<Standing>,
    /// Bytes of keys, values and headers so far.
    pub bytes: u64,
}

/// A block inside an append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The partition that it adds to.
    pub partition: u32,
    /// How many records.
    pub count: usize,
    /// How it is packed: [`PLAIN`] or [`LZ4`].
    pub codec: u8,
    /// Its length in bytes when it is unpacked.
    pub unpacked: usize,
    /// Where it stands in the append.
    pub stored: Range<usize>,
}

/// A block stored as it is.
pub(super) const PLAIN: u8 = 0;
/// A block packed by LZ4.
pub(super) const LZ4: u8 = 1;

/// The head of an append.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Append {
    /// The job's epoch that made it, if one did.
    pub origin: Option<Origin>,
    /// Where the topic stands behind it.
    pub state: State,
    /// When it came, in milliseconds since the epoch.
    pub arrival_ms: i64,
    /// Its blocks.
    pub blocks: Vec<Entry>,
}

/// The key of an append in the database.
pub(super) fn key(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

impl Append {
    /// Appends the head to `out`; the packed blocks must follow in the same order.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self.origin {
            None => out.push(VERSION),
            Some(Origin { writer, epoch }) => {
                out.push(VERSION_OF_JOB);
                varint::put(out, writer);
                varint::put(out, epoch);
            }
        }
        varint::put(out, self.state.partitions.len() as u64);
        for standing in &self.state.partitions {
            varint::put(out, standing.next as u64);
            varint::put_signed(out, standing.newest);
        }
        varint::put(out, self.state.bytes);
        varint::put_signed(out, self.arrival_ms);
        varint::put(out, self.blocks.len() as u64);
        for block in &self.blocks {
            varint::put(out, u64::from(block.partition));
            varint::put(out, block.count as u64);
            out.push(block.codec);
            varint::put(out, block.unpacked as u64);
            varint::put(out, block.stored.len() as u64);
        }
    }

    /// Reads the head from the whole value of an entry; `None` if it makes no sense.
    pub fn read(&mut self, value: &[u8]) -> Option<()> {
        let mut cursor = Cursor::new(value);
        self.origin = read_origin(&mut cursor)?;
        read_state(&mut cursor, &mut self.state)?;
        self.arrival_ms = cursor.signed()?;
        self.blocks.clear();
        for _ in 0..cursor.length()? {
            let partition = u32::try_from(cursor.number()?).ok()?;
            let count = cursor.length()?;
            let (codec, unpacked, length) = (cursor.byte()?, cursor.length()?, cursor.length()?);
            let sound = codec <= LZ4 && count > 0 && count <= unpacked;
            let fits = sound && (partition as usize) < self.state.partitions.len();
            fits.then(|| self.blocks.push(Entry { partition, count, codec, unpacked, stored: 0..length }))?;
        }
        let mut at = value.len() - cursor.rest().len();
        for block in &mut self.blocks {
            let end = at.checked_add(block.stored.end)?;
            block.stored = at..end;
            at = end;
        }
        (at == value.len()).then_some(())
    }
}

/// Reads only where the topic stands behind the append.
pub(super) fn read_state_of(value: &[u8], state: &mut State) -> Option<()> {
    let mut cursor = Cursor::new(value);
    read_origin(&mut cursor)?;
    read_state(&mut cursor, state)
}

/// Reads only who made an append; `None` if it makes no sense.
pub(super) fn read_origin_of(value: &[u8]) -> Option<Option<Origin>> {
    read_origin(&mut Cursor::new(value))
}

fn read_origin(cursor: &mut Cursor<'_>) -> Option<Option<Origin>> {
    match cursor.byte()? {
        VERSION => Some(None),
        VERSION_OF_JOB => Some(Some(Origin { writer: cursor.number()?, epoch: cursor.number()? })),
        _ => None,
    }
}

fn read_state(cursor: &mut Cursor<'_>, state: &mut State) -> Option<()> {
    let partitions = cursor.length()?;
    state.partitions.clear();
    for _ in 0..partitions {
        let next = i64::try_from(cursor.number()?).ok()?;
        state.partitions.push(Standing { next, newest: cursor.signed()? });
    }
    state.bytes = cursor.number()?;
    Some(())
}
