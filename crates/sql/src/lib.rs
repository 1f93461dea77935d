//! Text to plan, and plan to text: splits a script into statements, parses Flink SQL (with pipe syntax
//! and the spellings of its neighbours), keeps the catalogue of tables and views, and turns a query into
//! a `millstream_plan::Graph`. Every error names the place in the user's text.
//!
//! This crate does not know how anything runs: no topics, no tasks, no screens.

pub mod catalog;
pub mod ddl;
pub mod declare;
pub mod dialect;
pub mod error;
pub mod functions;
pub mod interval;
pub mod native;
pub mod parse;
pub mod pipe;
pub mod plan;
pub mod shape;
pub mod show;
pub mod statement;
pub mod types;
mod walk;
pub mod window;

/// The syntax tree of queries and expressions. Locations in it are byte offsets: see [`error::Span::of`].
pub use datafusion::sql::sqlparser::ast;

pub use catalog::{Catalog, Relation, View};
pub use error::{Span, SqlError};
pub use parse::{
    Completeness, Lexeme, Lexemes, Unfinished, calls, calls_of, expression, is_complete, parse, query, reads, split,
};
pub use statement::{Spanned, Statement};
