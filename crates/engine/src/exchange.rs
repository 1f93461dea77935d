//! Rows move by key: a batch is split into one part per worker lane, and every part keeps all the marks.

use arrow::array::UInt32Array;
use millstream_record::Message;

use crate::error::Result;
use crate::keys::hash_rows;
use crate::stage::multiplied;
use crate::take::take_rows;

/// The lane of a key with this hash. The high bits name it: the low ones choose the slot in a lane's own tables.
pub fn lane_of(hash: u64, lanes: usize) -> usize {
    (hash >> 32) as usize % lanes
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
