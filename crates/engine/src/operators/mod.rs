//! Operators: one file or folder each, its parameters, its plain state, five synchronous methods. No clock, no I/O,
//! no task, no counters.

mod current_watermark;
mod group_aggregate;
mod interval_join;
mod join;
mod limit;
mod match_recognize;
mod normalize;
mod over;
mod rank;
mod session;
mod sort;
mod table_join;
mod temporal_join;
mod window_aggregate;
mod window_join;

pub use current_watermark::CurrentWatermarkOperator;
pub use group_aggregate::GroupAggregateOperator;
pub use interval_join::IntervalJoinOperator;
pub use join::JoinOperator;
pub use limit::LimitOperator;
pub use match_recognize::MatchRecognizeOperator;
pub use normalize::NormalizeOperator;
pub use over::OverOperator;
pub use rank::rank;
pub use session::{SessionAggregateOperator, SessionRowsOperator};
pub use sort::SortOperator;
pub use table_join::TableJoinOperator;
pub use temporal_join::TemporalJoinOperator;
pub use window_aggregate::WindowAggregateOperator;
pub use window_join::WindowJoinOperator;
