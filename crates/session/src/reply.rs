//! What a statement answers, for every front end to show in its own way.

use std::sync::Arc;

use arrow::error::ArrowError;
use millstream_plan::Explanation;
use millstream_record::{Batch, Clock};

use crate::chart::{Chart, Points, Sketch};
use crate::live::Live;
use crate::preview::Preview;
use crate::render::{Columns, Zone};
use crate::runs::Lent;
use crate::tape::Taping;
use crate::view::View;

/// The answer to one statement.
pub enum Reply {
    /// A sentence: what was done.
    Text(String),
    /// A table that is known as a whole.
    Table(Table),
    /// A plan, or a declaration, as text.
    Plan(String),
    /// The graph of a query, explained.
    Explained(Box<Explained>),
    /// What a stage makes of the sample that is kept.
    Preview(Box<Preview>),
    /// A query that has been started: its rows are there to be taken.
    Live(Box<Live>),
    /// Steps that are to be watched while other statements run.
    Watched(Vec<Watched>),
    /// A step whose rows are to be drawn.
    Plotted(Plotted),
    /// A recording that has begun: it is driven to its end, or to Ctrl-C.
    Taping(Box<Taping>),
}

/// A step that is to be watched.
pub struct Watched {
    /// The step, by its own name.
    pub step: String,
    /// How the session knows of it: `STOP` raises its stop, `SHOW RUNS` shows what it tells.
    pub run: Lent,
    /// Its rows.
    pub live: Box<Live>,
    /// The session's time.
    pub clock: Arc<dyn Clock>,
}

/// A step whose rows are to be drawn.
pub struct Plotted {
    /// What is drawn.
    pub sketch: Sketch,
    /// Its rows.
    pub live: Box<Live>,
}

impl Plotted {
    /// How many rows are worth keeping in a view for the chart.
    pub const ROOM: usize = Points::ROOM;
}

impl Sketch {
    /// The chart of what a view shows now.
    pub fn chart(&self, view: &View, zone: Zone) -> Result<Chart, ArrowError> {
        let picture = view.picture()?;
        Ok(Points::new(self, view.columns(), zone).chart(&picture.rows, picture.total))
    }
}

/// The graph of a query, and what is said of it before it runs. As text it is a tree, with the rest below.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// The operators and the edges between them.
    pub graph: Explanation,
    /// What may go wrong when it runs for long, each with its way out.
    pub warnings: Vec<String>,
    /// How it exports: `exact`, `with …`, `not to Flink: …`.
    pub badge: String,
    /// The graph's fingerprint.
    pub fingerprint: String,
}

impl std::fmt::Display for Explained {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.graph)?;
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        writeln!(f, "exports {}", self.badge)?;
        write!(f, "fingerprint {}", self.fingerprint)
    }
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
