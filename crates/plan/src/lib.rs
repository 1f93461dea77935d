//! The job as a value: taps, windows, joins, aggregates and sinks as a graph of operators, checked for
//! sense. Closed sets are enums, so that a new kind fails to compile in the engine, in explain and in
//! the exporter until each of them knows it.
//!
//! This crate does not know SQL text, I/O, or tasks. Scalar expressions are DataFusion's `Expr`, the
//! vocabulary that the planner, the engine and the batch referee share. Operators with state refer to
//! columns by index only; whatever has to be computed for them is computed by a projection before them.

mod aggregate;
mod exchange;
mod explain;
mod fingerprint;
mod graph;
mod growth;
mod join;
mod over;
mod pattern;
mod rank;
mod row;
mod show;
mod tap;
mod unique;
mod user;
mod window;

pub use aggregate::{AggregateCall, AggregateKind, GroupAggregate, WindowAggregate, WindowInput};
pub use exchange::Exchange;
pub use explain::{Drawn, Edge, Explanation, Operator, Part};
pub use fingerprint::Fingerprint;
pub use graph::{Graph, Node, NodeId, Op, Output, Target, Unnest};
pub use growth::Growth;
pub use join::{Equality, IntervalJoin, Join, JoinKind, TemporalJoin, WindowJoin};
pub use over::{Frame, Over, OverCall, Reads};
pub use pattern::{AfterMatch, MatchRead, MatchRecognize, MatchValue, PatternVariable, Repeats};
pub use rank::{Emits, Order, Rank, Sort};
pub use row::{Changes, RowType};
pub use tap::{ComputedColumn, Tap, TapChanges, TapColumn, Watermark};
pub use user::{
    Argument, Compiler, Routine, RowFailed, Uncompiled, UserAggregate, UserFunction, UserFunctions, UserKind, Work,
    shown_row, sql_name,
};
pub use window::{AssignWindow, Window, WindowError};
