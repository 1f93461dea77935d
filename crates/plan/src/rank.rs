//! The first rows in some order: Top-N, deduplication, and rows put in order of time.

/// A column of `ORDER BY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Order {
    /// The column.
    pub column: usize,
    /// `DESC`.
    pub descending: bool,
    /// Whether nulls stand first.
    pub nulls_first: bool,
}

/// The rows of each partition whose `ROW_NUMBER()` lies within bounds. Columns out: those of the input, and
/// the row number behind them if it is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Rank {
    /// The columns of `PARTITION BY`.
    pub partition: Vec<usize>,
    /// The order. Of rows that stand alike in it, the one that came first is before the others.
    pub order: Vec<Order>,
    /// The first row number that is wanted, from 1.
    pub first: u64,
    /// The last one.
    pub last: u64,
    /// Whether the row number is a column.
    pub number: bool,
    /// When rows come out.
    pub emits: Emits,
}

/// When the rows of a [`Rank`] come out.
#[derive(Clone, Debug, PartialEq)]
pub enum Emits {
    /// At once, and they are taken back when others take their place.
    Changes,
    /// The same; and of rows of one time the newest counts (deduplication that keeps the last row).
    Newest,
    /// The first row by this time column, when the watermark has reached its time, for good
    /// (deduplication that keeps the first row).
    Earliest {
        /// The event-time column.
        time: usize,
    },
    /// When the window ends that the rows carry, for good.
    Window {
        /// The `window_end` column.
        end: usize,
        /// The zone of the wall clock in which it is given, for windows of `TIMESTAMP_LTZ`.
        zone: Option<String>,
        /// Whether of rows that stand alike the newest counts.
        newest: bool,
    },
}

/// `ORDER BY` event time: rows come out in order as the watermark passes them.
#[derive(Clone, Debug, PartialEq)]
pub struct Sort {
    /// The event-time column, ascending.
    pub time: usize,
    /// The order of rows of one time.
    pub then: Vec<Order>,
}
