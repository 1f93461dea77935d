//! Text to statements. A script is cut at its semicolons, each piece is cut into tokens that know their
//! bytes, limits are checked, and the first words decide who reads on: Flink's own statements are read here,
//! queries and expressions go to sqlparser after a pass over their tokens.

mod cursor;
mod export;
mod foreign;
mod insert;
mod ksql;
mod legacy;
mod lexeme;
mod like;
mod limits;
mod lines;
mod look;
mod matched;
mod normal;
mod plot;
mod query;
mod reads;
mod rewrite;
mod script;
mod sentence;
mod statement;
mod steps;
mod tape;
mod tokens;
mod types;

use datafusion::sql::sqlparser::ast;

use crate::error::SqlError;
use crate::statement::{Spanned, Statement};

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;

pub(crate) use cursor::Cursor;
pub use foreign::ROWTIME;
pub(crate) use foreign::is_rowtime;
pub(crate) use like::clause as like_clause;
pub(crate) use query::{expression as read_expression, query as read_query};
pub(crate) use rewrite::{WITHIN, table_options as read_options};
pub(crate) use types::{of_tree as tree_type, parse as sql_type, sql_type as read_type};

pub use lexeme::{Lexeme, Lexemes, Unfinished};
pub use reads::{calls, calls_of, reads};
pub use script::{Completeness, is_complete, split};
pub use statement::{SHOWN, VERBS};

/// Reads a script. Spans are bytes of `text`. The first error ends it.
pub fn parse(text: &str) -> Result<Vec<Spanned<Statement>>, SqlError> {
    split(text).into_iter().map(|span| statement::parse(text, span)).collect()
}

/// Reads one query, as stored in a view.
pub fn query(text: &str) -> Result<Box<ast::Query>, SqlError> {
    let tokens = tokens::read(text, crate::Span::new(0, text.len()))?;
    Ok(query::query(&mut Cursor::new(text, &tokens))?.query)
}

/// Reads one expression: a computed column, a watermark.
pub fn expression(text: &str) -> Result<ast::Expr, SqlError> {
    let tokens = tokens::read(text, crate::Span::new(0, text.len()))?;
    query::expression(&mut Cursor::new(text, &tokens))
}
