//! What the stories across crates stand on: real servers, started on loopback and never left behind.
//!
//! The stories themselves are in `tests/tests/`, the benchmarks in `tests/benches/`.

pub mod bids;
pub mod broker;
pub mod cases;
pub mod flink;
pub mod memory;
pub mod process;
pub mod proxy;
pub mod topics;
