//! Where rows leave: the contract of every sink, and of the place for records that could not be read.
//!
//! A sink has two lives. In a plain run it writes and flushes, and what is flushed is there for all to see.
//! In a run with checkpoints it is first *restored*; then it only *prepares* at each barrier, and what was
//! prepared becomes visible when the epoch is *committed*. A sink that cannot hold rows back (a printer, a
//! topic that is written at least once) shows them when it likes, and says so in its documentation.

use crate::{Batch, Epoch, Rejected, Result};

/// Takes the rows of a query out of the engine.
///
/// Back-pressure is the sink's silence: `write` returns when it has room for the next batch.
pub trait Sink: Send {
    /// Takes a batch. An error means that the epoch cannot be committed any more.
    fn write(&mut self, batch: &Batch) -> Result<()>;

    /// Returns when all that was written can be read by others and survives a crash.
    fn flush(&mut self) -> Result<()>;

    /// Called once before the first row of a run with checkpoints: nothing may be visible from now on before
    /// it is committed. `job` is the job's id, letters and digits, its own for ever. `decided` is the epoch that the job goes on from, with what [`Sink::prepare`] gave in
    /// it; whatever of it is not visible yet becomes so now, and what was written behind it is thrown away.
    fn restore(&mut self, job: &str, decided: Option<(Epoch, &[u8])>) -> Result<()> {
        let _ = (job, decided);
        Ok(())
    }

    /// Makes all that was written since the last epoch ready, so that neither a crash nor a full disk can
    /// keep it from being committed. The bytes are kept in the checkpoint.
    fn prepare(&mut self, epoch: Epoch) -> Result<Vec<u8>> {
        let _ = epoch;
        self.flush().map(|()| Vec::new())
    }

    /// As [`Sink::prepare`], where the job ends with this epoch or is kept as a savepoint, with which another
    /// job may begin: nothing may stay open that only this job could finish later.
    fn conclude(&mut self, epoch: Epoch) -> Result<Vec<u8>> {
        self.prepare(epoch)
    }

    /// The epoch is decided: what was prepared becomes visible. Nothing was written since.
    fn commit(&mut self, epoch: Epoch) -> Result<()> {
        let _ = epoch;
        Ok(())
    }
}

/// Takes records that could not be read, so that they are not lost. All sources of a run share it.
pub trait DeadLetters: Send + Sync {
    /// Takes records of one tap.
    fn send(&self, rejected: &[Rejected]) -> Result<()>;

    /// Returns when all that was sent can be read by others and survives a crash.
    fn flush(&self) -> Result<()>;
}
