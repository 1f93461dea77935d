//! Aggregations, with and without a window.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::logical_expr::AggregateUDF;

use crate::Window;

/// One aggregate function with its arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct AggregateCall {
    /// The function.
    pub kind: AggregateKind,
    /// The argument columns.
    pub args: Vec<usize>,
    /// `DISTINCT`.
    pub distinct: bool,
    /// `FILTER (WHERE …)`: a boolean column.
    pub filter: Option<usize>,
    /// The name of the result column.
    pub name: String,
    /// The type of the result.
    pub data_type: DataType,
    /// Whether the result can be null.
    pub nullable: bool,
}

/// The aggregate functions that the engine computes itself, and those it borrows.
#[derive(Clone, Debug, PartialEq)]
pub enum AggregateKind {
    /// `COUNT(*)` without an argument, `COUNT(x)` with one.
    Count,
    /// `SUM(x)`; an integer that overflows is an error.
    Sum,
    /// `AVG(x)`; of integers it is an integer, cut toward zero.
    Avg,
    /// `MIN(x)`.
    Min,
    /// `MAX(x)`.
    Max,
    /// `FIRST_VALUE(x)` in order of arrival, nulls left out.
    First,
    /// `LAST_VALUE(x)` in order of arrival, nulls left out.
    Last,
    /// `LISTAGG(x, separator)` in order of arrival.
    ListAgg {
        /// What stands between two values.
        separator: String,
    },
    /// The value of the only row there is; a second row is an error. What a subquery as a value becomes.
    Single,
    /// `LAG(x, offset, default)`: the value so many rows before, counting nulls; only over rows in order.
    Lag {
        /// How many rows before.
        offset: usize,
    },
    /// A function of DataFusion, row by row behind the same interface.
    Borrowed(Arc<AggregateUDF>),
}

impl AggregateKind {
    /// The name of the function.
    pub fn name(&self) -> &str {
        match self {
            AggregateKind::Count => "COUNT",
            AggregateKind::Sum => "SUM",
            AggregateKind::Avg => "AVG",
            AggregateKind::Min => "MIN",
            AggregateKind::Max => "MAX",
            AggregateKind::First => "FIRST_VALUE",
            AggregateKind::Last => "LAST_VALUE",
            AggregateKind::ListAgg { .. } => "LISTAGG",
            AggregateKind::Single => "SINGLE_VALUE",
            AggregateKind::Lag { .. } => "LAG",
            AggregateKind::Borrowed(function) => function.name(),
        }
    }
}

/// An aggregation without a window: its result changes with every row, so it emits changes.
/// Columns out: the keys, then the aggregates. Without aggregates it is `DISTINCT`.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupAggregate {
    /// The key columns; empty for one global group.
    pub keys: Vec<usize>,
    /// The aggregates.
    pub aggregates: Vec<AggregateCall>,
}

/// An aggregation per window: one row per key and window when the watermark passes the window's end.
/// Columns out: the keys, the aggregates, `window_start`, `window_end`, `window_time`.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowAggregate {
    /// Where the windows come from.
    pub input: WindowInput,
    /// The key columns besides the window.
    pub keys: Vec<usize>,
    /// The aggregates.
    pub aggregates: Vec<AggregateCall>,
}

/// Where the windows of an aggregation come from.
#[derive(Clone, Debug, PartialEq)]
pub enum WindowInput {
    /// The aggregation cuts the windows itself, in slices.
    Time {
        /// The windows.
        window: Window,
        /// The event-time column.
        time: usize,
        /// The zone whose wall clock cuts the windows, for `TIMESTAMP_LTZ`.
        zone: Option<String>,
    },
    /// The rows already carry their window (from a table function, a window join, another aggregation).
    Attached {
        /// The `window_start` column.
        start: usize,
        /// The `window_end` column.
        end: usize,
        /// The zone of the wall clock in which start and end are given, for windows of `TIMESTAMP_LTZ`.
        zone: Option<String>,
    },
}
