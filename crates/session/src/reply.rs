//! What a statement answers, for every front end to show in its own way.

use millstream_record::Batch;

use crate::live::Live;
use crate::preview::Preview;
use crate::render::Columns;

/// The answer to one statement.
pub enum Reply {
    /// A sentence: what was done.
    Text(String),
    /// A table that is known as a whole.
    Table(Table),
    /// A plan.
    Plan(String),
    /// What a stage makes of the sample that is kept.
    Preview(Box<Preview>),
    /// A query that has been started: its rows are there to be taken.
    Live(Box<Live>),
}

/// A table that is known as a whole.
pub struct Table {
    /// Its columns.
    pub columns: Columns,
    /// Its rows.
    pub rows: Vec<Batch>,
}

impl Table {
    /// How many rows.
    pub fn len(&self) -> usize {
        self.rows.iter().map(Batch::len).sum()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
