//! Tapes: recorded stretches of topics, to be replayed. A tape keeps every record of one or several topics
//! with partition, offset, time of arrival, key, headers and raw bytes, in one order over all of them.
//!
//! A tape is a folder with a RocksDB database (`store`): a description (`meta`) and chunks (`chunk`) of some
//! thousand records each, stored column by column, compressed and checksummed. A recorder (`recorder`) reads
//! topics as raw records, weaves them into one order (`weave`) and hands them to the writer (`writer`), which
//! makes them safe every tenth of a second together with the positions behind them: a recording that was cut
//! short goes on where it stopped. What has no records but rows is read through `rows`. A sealed tape is read (`tape`) chunk by chunk; a damaged chunk is named,
//! and the others can still be read. Tapes travel as JSON lines or Parquet (`carry`).
//!
//! The time of a tape is that of its topics: a record arrived when its log says so, but never later than the
//! recorder's clock and never before the record ahead of it. So the clock of a replay never goes back.

mod carry;
mod chunk;
mod frames;
mod meta;
mod recorder;
mod rows;
mod store;
#[allow(clippy::module_inception, reason = "the room is named after what it is about")]
mod tape;
mod tapes;
mod weave;
mod writer;

pub use carry::{Carried, Form, export, import};
pub use chunk::{Chunk, Part};
pub use frames::{Frame, FrameDecoder, Frames};
pub use meta::{Log, Meta, Recorded, State};
pub use recorder::{Plan, Recorder, Room, Standing, Topic, Until};
pub use rows::{RowBrowse, row_format};
pub use tape::{Damage, Outline, Tape};
pub use tapes::{Summary, Tapes};

#[cfg(test)]
mod tests;
