//! What a user's functions are compiled against: how they read Arrow's columns and write them, how cells of
//! aggregates become bytes, and the two doors by which they are called: in the same process over Arrow's C data
//! interface, or from another process over a file that both see. It depends on nothing but the standard library
//! and is compiled once by the compiler of the machine that the functions are written on.

pub mod abi;
mod column;
mod give;
pub mod groups;
mod guard;
pub mod rows;
pub mod serve;
mod state;
mod timestamp;

pub use column::{Column, Value};
pub use give::{Build, Built, Give, List, Record};
pub use guard::Failure;
pub use state::State;
pub use timestamp::Timestamp;

/// What a function gives for a batch.
pub type Outcome = Result<Built, Failure>;

/// Which function of a library is to do which work, over which columns, for how many rows.
pub type Dispatch = fn(function: u32, work: u32, columns: &[Column<'_>], rows: usize) -> Outcome;
