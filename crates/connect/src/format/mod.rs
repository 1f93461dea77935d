//! What stands inside a record. A format is a small decoder from bytes to Arrow columns and an encoder
//! back; everything around it (metadata columns, keys, refused records, threads) is done once, here, for
//! every connector.
//!
//! A reader fills [`RawRecords`], hands them to [`Decode`] (usually on the threads of a [`DecodePool`])
//! and gets [`millstream_record::Fetched`] back. A sink hands batches to [`Encode`] and gets keys and
//! values back.

mod cells;
pub(crate) mod csv;
mod debezium;
mod decode;
mod encode;
mod json;
pub mod metadata;
mod options;
mod pool;
mod raw;
pub(crate) mod scalar;
pub(crate) mod settings;
#[cfg(test)]
mod tests;

pub use csv::csv_fields;
pub use decode::{Decode, Decoded, Decoder};
pub(crate) use encode::as_declared;
pub use encode::{Encode, Encoded};
pub use millstream_record::{FileOrigin, Header, RawRecords, Segments, TimestampType};
pub use options::{FORMAT_OPTIONS, KEY_OPTIONS, ignores_parse_errors};
pub use pool::DecodePool;
