//! `OVER`: a result for every row, from the rows of its partition up to it, in order of event time.

use crate::AggregateCall;

/// Functions over the rows that precede each row. A row comes out when the watermark reaches its time, so
/// nothing is ever taken back. Columns out: those of the input, then one per call.
#[derive(Clone, Debug, PartialEq)]
pub struct Over {
    /// The columns of `PARTITION BY`.
    pub partition: Vec<usize>,
    /// The event-time column of `ORDER BY`, ascending.
    pub time: usize,
    /// Which rows before the present one count.
    pub frame: Frame,
    /// The functions.
    pub calls: Vec<OverCall>,
}

/// `ROWS` or `RANGE` between so much preceding and the current row; `None` is unbounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Frame {
    /// So many rows before the present one, and that one.
    Rows(Option<u64>),
    /// Rows not older than so many milliseconds before the present one, with all that have its time.
    Range(Option<i64>),
}

impl Frame {
    /// Whether rows ever leave the frame.
    pub fn is_bounded(self) -> bool {
        !matches!(self, Frame::Rows(None) | Frame::Range(None))
    }
}

/// One function of an [`Over`].
#[derive(Clone, Debug, PartialEq)]
pub struct OverCall {
    /// What is computed over the frame.
    pub call: AggregateCall,
    /// At which row of the frame's walk the result is read.
    pub reads: Reads,
}

/// Where a result is read, as the rows of a partition are taken in one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reads {
    /// Behind the row itself.
    Row,
    /// Behind the last row with the same time: rows of one time share their result.
    Peers,
    /// Before the first row with the same time, and one more: `RANK`.
    Rank,
}
