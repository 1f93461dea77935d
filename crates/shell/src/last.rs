//! The result before: kept so that it can be shown again in another format, or saved. Of a long one the newest rows
//! are kept, as many as a bounded memory holds.

use std::collections::VecDeque;

use millstream_session::{Batch, Columns};

/// So many bytes of rows are kept.
const MOST: usize = 64 << 20;

/// The newest result.
#[derive(Default)]
pub struct Last {
    columns: Option<Columns>,
    rows: VecDeque<Batch>,
    bytes: usize,
    dropped: u64,
}

impl Last {
    /// A new result with these columns takes the place of the one before.
    pub fn begin(&mut self, columns: Columns) {
        *self = Last { columns: Some(columns), ..Last::default() };
    }

    /// Keeps rows.
    pub fn keep(&mut self, batch: &Batch) {
        self.bytes += batch.rows.get_array_memory_size();
        self.rows.push_back(batch.clone());
        while self.bytes > MOST && self.rows.len() > 1 {
            let Some(oldest) = self.rows.pop_front() else { break };
            self.bytes -= oldest.rows.get_array_memory_size();
            self.dropped += oldest.len() as u64;
        }
    }

    /// The columns and rows, and how many rows before them were not kept; `None` before the first result.
    pub fn get(&self) -> Option<(Columns, Vec<Batch>, u64)> {
        Some((self.columns.clone()?, self.rows.iter().cloned().collect(), self.dropped))
    }
}
