//! From raw records to the columns of a scan: picks the formats by the options, decodes only what the
//! scan reads, adds metadata columns and turns refusals into [`Rejected`].

use arrow::array::ArrayRef;
use millstream_record::{Column, Fetched, Kinds, Options, Result, Scan};

use super::{RawRecords, Segments};

/// What a decoder made of records.
#[derive(Debug, Default)]
pub struct Decoded {
    /// The columns that the decoder was made for, in its order.
    pub columns: Vec<ArrayRef>,
    /// How many rows.
    pub rows: usize,
    /// The kind of each row; `None` when all are insertions.
    pub kinds: Option<Kinds>,
    /// The record from which each row came, never falling; `None` when row `i` is record `i`.
    pub origins: Option<Vec<u32>>,
    /// The records that were refused, rising, and why. No row comes from them.
    pub rejected: Vec<(u32, String)>,
}

/// Turns the bytes of records into columns. It keeps what it learns (the order of keys) between calls.
pub trait Decoder: Send {
    /// Decodes records in order. A bad record is no error: it is in [`Decoded::rejected`].
    fn decode(&mut self, records: &Segments) -> Result<Decoded>;
}

/// Decodes the records of one source for one scan. Each thread has its own.
pub struct Decode {}

impl Decode {
    /// A decoder of the scan's columns of the source `source_name`, in the formats that `options` name.
    pub fn new(source_name: &str, columns: &[Column], scan: &Scan, options: &Options) -> Result<Decode> {
        let _ = (source_name, columns, scan, options);
        Ok(Decode {})
    }

    /// Whether records may carry kinds of change, whatever the scan reads.
    pub fn has_kinds(options: &Options) -> bool {
        options.text("value.format").or(options.text("format")) == Some("debezium-json")
    }

    /// Whether the keys of records are needed.
    pub fn reads_keys(&self) -> bool {
        true
    }

    /// Whether the headers of records are needed.
    pub fn reads_headers(&self) -> bool {
        true
    }

    /// Whether the values of records are needed.
    pub fn reads_values(&self) -> bool {
        true
    }

    /// Decodes records; they must hold keys and headers if those are read.
    pub fn apply(&mut self, raw: RawRecords) -> Result<Fetched> {
        Err(millstream_record::Error::Invalid(format!("no format yet for {}", raw.partition)))
    }
}
