//! Joins of two inputs.

use datafusion::logical_expr::Expr;

/// Which rows without a partner come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JoinKind {
    /// None.
    Inner,
    /// Those of the left side, padded with nulls.
    Left,
    /// Those of the right side, padded with nulls.
    Right,
    /// Those of both sides.
    Full,
    /// Left rows that have a partner, once, without the partner's columns.
    Semi,
    /// Left rows that have no partner.
    Anti,
}

impl JoinKind {
    /// Whether only columns of the left side come out.
    pub fn is_half(self) -> bool {
        matches!(self, JoinKind::Semi | JoinKind::Anti)
    }

    /// Whether left rows without a partner come out padded.
    pub fn pads_left(self) -> bool {
        matches!(self, JoinKind::Left | JoinKind::Full)
    }

    /// Whether right rows without a partner come out padded.
    pub fn pads_right(self) -> bool {
        matches!(self, JoinKind::Right | JoinKind::Full)
    }
}

/// `left = right`, or `left IS NOT DISTINCT FROM right`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Equality {
    /// Column of the left input.
    pub left: usize,
    /// Column of the right input.
    pub right: usize,
    /// Whether null equals null.
    pub null_equal: bool,
}

/// `left.time BETWEEN right.time + lower AND right.time + upper`, bounds inclusive, in milliseconds.
/// Columns out: left ++ right.
#[derive(Clone, Debug, PartialEq)]
pub struct IntervalJoin {
    /// Which rows without a partner come out.
    pub kind: JoinKind,
    /// Columns that must be equal.
    pub on: Vec<Equality>,
    /// Event-time column of the left input.
    pub left_time: usize,
    /// Event-time column of the right input.
    pub right_time: usize,
    /// Earliest left time, relative to the right time.
    pub lower: i64,
    /// Latest left time, relative to the right time.
    pub upper: i64,
    /// What must hold besides, over left ++ right.
    pub residual: Option<Expr>,
}

/// The rows of equal windows joined when the window ends. Columns out: left ++ right.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowJoin {
    /// The join. Start and end of the window are among what must be equal.
    pub join: Join,
    /// The `window_end` column of each input.
    pub ends: [usize; 2],
    /// The zone of the wall clock in which it is given, for windows of `TIMESTAMP_LTZ`.
    pub zone: Option<String>,
}

/// A join without bounds in time: of two streams, or of a stream (left) with a table that stands still (right) and is read
/// to its end first. Columns out: left ++ right.
#[derive(Clone, Debug, PartialEq)]
pub struct Join {
    /// With a table not `Right` and not `Full`.
    pub kind: JoinKind,
    /// Columns that must be equal.
    pub on: Vec<Equality>,
    /// What must hold besides, over left ++ right.
    pub residual: Option<Expr>,
    /// Whether the text asks for a table as it is now: `FOR SYSTEM_TIME AS OF` the time of processing.
    pub lookup: bool,
}

/// Left rows joined with the version of a right row that held at their time: a changelog is a table that remembers.
/// A left row waits until the watermark has reached its time. Columns out: left ++ right.
#[derive(Clone, Debug, PartialEq)]
pub struct TemporalJoin {
    /// The join, `Inner` or `Left`. The key of the right rows is among what must be equal.
    pub join: Join,
    /// Event-time column of the left input.
    pub left_time: usize,
    /// Event-time column of the right input: since when a version holds.
    pub right_time: usize,
    /// Whether a `-U` ends a version, because the `+U` behind it may have been filtered out.
    pub retracts: bool,
}
