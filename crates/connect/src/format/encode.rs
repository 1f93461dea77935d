//! From rows to records: keys and values in the formats that the options name. Deletions become
//! tombstones where the sink upserts by key.

use millstream_record::{Batch, Column, Options, Result};

use super::Segments;

/// Records to write, in row order.
#[derive(Debug, Default)]
pub struct Encoded {
    /// The key of each record; `None` where the sink has no key format.
    pub keys: Option<Segments>,
    /// The value of each record; a missing one is a tombstone.
    pub values: Segments,
    /// The timestamp of each record in milliseconds, if the table writes the metadata column `timestamp`; -1 for null.
    pub timestamps: Option<Vec<i64>>,
}

impl Encoded {
    /// How many records.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// Encodes the rows of one sink.
pub struct Encode {}

impl Encode {
    /// An encoder for `columns`; `key` are the indices of the primary key. With a primary key the sink
    /// upserts: `-U` is left out and `-D` becomes a tombstone. Without one only insertions are taken,
    /// unless the format carries kinds (`debezium-json`).
    pub fn new(columns: &[Column], key: &[usize], options: &Options) -> Result<Encode> {
        let _ = (columns, key, options);
        Ok(Encode {})
    }

    /// Whether kinds other than `+I` can be written.
    pub fn takes_changes(&self) -> bool {
        true
    }

    /// The records for a batch; fewer than rows where a `-U` is left out.
    pub fn apply(&mut self, batch: &Batch) -> Result<Encoded> {
        Err(millstream_record::Error::Invalid(format!("no format yet for {} rows", batch.len())))
    }
}
