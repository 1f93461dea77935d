//! Rust in a session. A cell of `#[udf]` functions is compiled by the machine's own `rustc` into a library, and
//! its functions are SQL's from the next statement on ([`Functions`]). All else that a cell may hold is
//! evaluated by a program of its own, which remembers variables and items ([`Evaluator`]); rows of steps go in
//! there and rows come out ([`rows`]).
//!
//! This crate knows no terminal and no notebook, and neither SQL's text nor how a query runs: what it makes are
//! functions of a plan.

mod cell;
mod evaluate;
mod functions;
pub mod rows;

pub use cell::{Body, Cell, Kind, open, open_brackets};
pub use evaluate::{Evaluator, Forms, Said};
pub use functions::{Functions, Place};
