//! Windowing table functions in the syntax tree, read out in one shape.
//!
//! The parser leaves `TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND)) AS w` (and the form
//! without `TABLE(…)`, with named arguments, or in RisingWave's spelling) as the table factor that sqlparser
//! makes of it; [`WindowCall::of`] reads all of them. The table argument is `Expr::Prefixed { TABLE, name or
//! subquery }`, and with `PARTITION BY` a custom binary operator between that and a tuple of names.

use datafusion::sql::sqlparser::ast::{self, Expr, Ident, TableAlias, TableFactor};

use crate::error::{Span, SqlError};

/// Which windowing table function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WindowFunction {
    /// `TUMBLE(data, time, size [, offset])`
    Tumble,
    /// `HOP(data, time, slide, size [, offset])`
    Hop,
    /// `CUMULATE(data, time, step, size [, offset])`
    Cumulate,
    /// `SESSION(data [PARTITION BY …], time, gap)`
    Session,
}

/// A call of a windowing table function.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowCall {
    /// Which one.
    pub function: WindowFunction,
    /// The rows: a `Table` (by name) or a `Derived` (a subquery) without alias.
    pub input: TableFactor,
    /// `PARTITION BY` of a session.
    pub partition: Vec<Ident>,
    /// `DESCRIPTOR(time)`.
    pub time: Ident,
    /// `SIZE`, all but sessions. An interval literal, or whatever was written: see [`crate::interval::milliseconds`].
    pub size: Option<Expr>,
    /// `SLIDE` of a hop.
    pub slide: Option<Expr>,
    /// `STEP` of a cumulation.
    pub step: Option<Expr>,
    /// `GAP` of a session.
    pub gap: Option<Expr>,
    /// `OFFSET`, if given.
    pub offset: Option<Expr>,
    /// `AS w(…)`.
    pub alias: Option<TableAlias>,
    /// Came from `GROUP BY HOP(…)`, which aggregates with any slide and size.
    pub legacy: bool,
    /// Where the call stands.
    pub span: Option<Span>,
}
