//! Rust in a session, beside its functions for SQL (`millstream_rust_functions`): all else that a cell may hold is
//! evaluated by a program of its own, which remembers variables and items ([`Evaluator`]); rows of steps go in
//! there and rows come out ([`rows`]).
//!
//! This crate knows no terminal and no notebook, and neither SQL's text nor how a query runs.

mod evaluate;
pub mod rows;

pub use evaluate::{Evaluator, Forms, Said};
pub use millstream_rust_functions::{Body, Cell, Kind, open, open_brackets};
