//! What a front end asks of a watched step, and the picture it gets: plain data, ready to be drawn. Texts have been
//! through the gate.

use millstream_record::Millis;

use crate::chart::{Chart, Sketch};
use crate::render::{Cell, Head, Zone};
use crate::status::Status;

use super::flow::Flow;
use super::timeline::Timeline;

/// What is to be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Show {
    /// The rows that stand.
    #[default]
    Table,
    /// Every change, the newest first.
    Changes,
    /// The rows that stand, drawn.
    Chart,
    /// The operators.
    Flow,
    /// Event time.
    Timeline,
    /// Late rows and unreadable records.
    Aside,
}

/// In which order rows stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// What came or changed last stands first.
    #[default]
    Newest,
    /// As they came.
    Came,
    /// By a column; `true` for the largest first.
    Column(usize, bool),
}

/// A question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ask {
    /// What is to be seen.
    pub show: Show,
    /// Of the rows that fit, from this one on …
    pub first: usize,
    /// … so many.
    pub count: usize,
    /// Rows in which all these words stand; `column:word` looks in one column.
    pub filter: String,
    /// Rows that have these texts in these columns.
    pub key: Vec<(usize, String)>,
    /// In which order.
    pub order: Order,
    /// What a chart shows, where that is not left to the data.
    pub sketch: Option<Sketch>,
    /// The zone in which instants are shown.
    pub zone: Option<Zone>,
}

/// A step at one moment.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The step.
    pub name: String,
    /// The moment.
    pub at: Millis,
    /// For how many milliseconds it has been watched.
    pub elapsed: i64,
    /// Whether it still runs.
    pub state: State,
    /// Its figures.
    pub status: Status,
    /// Records per second, just now.
    pub rate: f64,
    /// Records per second, second by second, the newest last.
    pub rates: Vec<u64>,
    /// What was asked for.
    pub page: Page,
}

/// Whether a watched step still runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It does.
    Runs,
    /// It has come to its end.
    Ended,
    /// It failed.
    Failed(String),
}

/// What was asked for.
#[derive(Clone, Debug)]
pub enum Page {
    /// Rows or changes.
    Rows(Rows),
    /// A chart, or why there is none.
    Chart(Result<Chart, String>),
    /// The operators.
    Flow(Flow),
    /// Event time.
    Timeline(Timeline),
    /// What was set aside, table by table.
    Aside(Vec<Aside>),
}

/// Some rows of many.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// The heads of the columns.
    pub heads: Vec<Head>,
    /// The columns that tell rows apart, if that is known.
    pub key: Vec<usize>,
    /// The rows.
    pub rows: Vec<Row>,
    /// The number of the first of them among those that fit.
    pub first: usize,
    /// How many rows fit.
    pub fit: usize,
    /// How many rows are held.
    pub held: usize,
    /// How many there are, or were.
    pub total: u64,
}

/// A row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// When it came.
    pub at: Millis,
    /// Its kind, among changes.
    pub kind: Option<millstream_record::Kind>,
    /// Its cells.
    pub cells: Vec<Cell>,
    /// Which cells are new: those that differ from the version before, or all of a row that just came.
    pub fresh: Fresh,
}

/// Which cells of a row are new.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fresh {
    /// None: it is as it was.
    #[default]
    None,
    /// All: it just came.
    Row,
    /// These, by column.
    Cells(Vec<bool>),
}

impl Fresh {
    /// Whether the cell of this column is new.
    pub fn at(&self, column: usize) -> bool {
        match self {
            Fresh::None => false,
            Fresh::Row => true,
            Fresh::Cells(cells) => cells.get(column).copied().unwrap_or(false),
        }
    }
}

/// A table of what was set aside.
#[derive(Clone, Debug)]
pub struct Aside {
    /// The name under which it can be asked when the run is over.
    pub name: String,
    /// How many there were.
    pub count: u64,
    /// The heads of the columns.
    pub heads: Vec<Head>,
    /// The newest of those that were kept, the newest first.
    pub rows: Vec<Vec<Cell>>,
}
