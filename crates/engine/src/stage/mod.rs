//! Stages: what needs no state. A stage turns one batch into one batch and keeps the marks between the
//! right rows; stages are run by the task before them.

mod assign_window;
mod expand;
mod filter;
mod project;
mod spare;
mod unnest;

pub use assign_window::AssignWindow;
pub use expand::Expand;
pub use filter::Filter;
pub use project::Project;
pub use spare::apply_sparing;
pub use unnest::Unnest;

use arrow::array::RecordBatch;
use millstream_record::{Batch, Kinds, Mark};

use crate::error::{EngineError, Result};
use crate::inspect::Detail;

/// A step without state.
pub trait Stage: Send {
    /// Turns a batch into what comes of it.
    fn apply(&mut self, batch: Batch) -> Result<Batch>;

    /// Of how many rows nothing came since the last call.
    fn take_dropped(&mut self) -> u64 {
        0
    }

    /// What it knows besides what is counted for it.
    fn inspect(&self) -> Detail {
        Detail::Plain
    }
}

/// A stage makes at most so many rows of one batch: more would not fit into memory, and rows are counted
/// in 32 bits.
const MOST_ROWS: usize = 1 << 28;

/// Refuses a batch that would grow beyond all measure.
fn check_rows(rows: usize, from: usize) -> Result<()> {
    if rows <= MOST_ROWS {
        return Ok(());
    }
    let reason = format!("{from} rows would become {rows}, more than the {MOST_ROWS} that fit into one batch");
    Err(EngineError::Compute(reason))
}

/// New rows with the kinds and marks of a batch, where `origins[i]` is the row from which row `i` came.
pub fn multiplied(batch: &Batch, origins: &[u32], rows: RecordBatch) -> Batch {
    let kinds = batch.kinds.as_ref().map(|kinds| Kinds::new(origins.iter().map(|&row| kinds.get(row as usize))));
    Batch { rows, kinds, marks: Mark::replace(&batch.marks, origins) }
}
