//! Sinks that are no store: `print` shows what a query gives, `blackhole` takes it and forgets it. Both
//! under Flink's names, for trying out and for measuring.

mod blackhole;
mod print;

pub use blackhole::Blackhole;
pub use print::Print;
