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

/// A stream (left) joined with a table that stands still (right): the table is read to its end first.
/// Columns out: left ++ right.
#[derive(Clone, Debug, PartialEq)]
pub struct TableJoin {
    /// `Inner`, `Left`, `Semi` or `Anti`.
    pub kind: JoinKind,
    /// Columns that must be equal.
    pub on: Vec<Equality>,
    /// What must hold besides, over left ++ right.
    pub residual: Option<Expr>,
}
