//! Rust in a session. A cell of `#[udf]` functions is compiled by the machine's own `rustc` into a library, and
//! its functions are SQL's from the next statement on ([`Functions`]). All else that a cell may hold is
//! evaluated by a program of its own ([`evaluate`]), which remembers variables and items.
//!
//! This crate knows no terminal and no notebook, and neither SQL's text nor how a query runs: what it makes are
//! functions of a plan.

mod cell;
mod functions;

pub use cell::{Cell, Kind};
pub use functions::{Functions, Place};
