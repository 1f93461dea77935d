//! Where rows leave: the contract of every sink.

use crate::{Batch, Result};

/// Takes the rows of a query out of the engine.
///
/// Back-pressure is the sink's silence: `write` returns when it has room for the next batch.
pub trait Sink: Send {
    /// Takes a batch. An error means that the epoch cannot be committed any more.
    fn write(&mut self, batch: &Batch) -> Result<()>;

    /// Returns when all that was written can be read by others and survives a crash.
    fn flush(&mut self) -> Result<()>;
}
