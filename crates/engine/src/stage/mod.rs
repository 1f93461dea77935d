//! Stages: what needs no state. A stage turns one batch into one batch and keeps the marks between the
//! right rows; stages are run by the task before them.

mod filter;
mod project;

pub use filter::Filter;
pub use project::Project;

use millstream_record::Batch;

use crate::error::Result;

/// A step without state.
pub trait Stage: Send {
    /// Turns a batch into what comes of it.
    fn apply(&mut self, batch: Batch) -> Result<Batch>;
}
