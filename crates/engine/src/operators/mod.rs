//! Operators: one file each, its parameters, its plain state, five synchronous methods. No clock, no I/O,
//! no task, no counters.

mod group_aggregate;
mod session_aggregate;
mod window_aggregate;

pub use group_aggregate::GroupAggregateOperator;
pub use session_aggregate::SessionAggregateOperator;
pub use window_aggregate::WindowAggregateOperator;
