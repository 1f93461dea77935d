//! Queries and expressions: sqlparser's work, over tokens that were rewritten where Flink's grammar differs,
//! and a walk over the tree that brings foreign and older forms into one shape.

use datafusion::sql::sqlparser::ast::{Expr, Query};
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::dialect::FlinkDialect;
use crate::error::SqlError;
use crate::parse::{Cursor, limits, normal, rewrite, sentence};

/// A query in its one shape, and whether it was written in a foreign or outdated spelling.
pub struct Read {
    /// The tree.
    pub query: Box<Query>,
    /// Whether the native form is worth showing.
    pub foreign: bool,
}

/// Reads all that is left as a query.
pub fn query(cursor: &mut Cursor<'_>) -> Result<Read, SqlError> {
    let rest = cursor.remainder();
    if rest.is_done() {
        return Err(rest.unexpected("a query"));
    }
    let mut query = whole(rest.text(), rewrite::tokens(&rest)?, |parser| parser.parse_query())?;
    let foreign = normal::query(&mut query).map_err(|error| error.or_at(rest.extent()))?;
    Ok(Read { query, foreign })
}

/// Reads all that is left as an expression.
pub fn expression(cursor: &mut Cursor<'_>) -> Result<Expr, SqlError> {
    let rest = cursor.remainder();
    if rest.is_done() {
        return Err(rest.unexpected("an expression"));
    }
    let mut expr = whole(rest.text(), rewrite::tokens(&rest)?, |parser| parser.parse_expr())?;
    normal::expression(&mut expr).map_err(|error| error.or_at(rest.extent()))?;
    Ok(expr)
}

/// Lets sqlparser read all of these tokens.
fn whole<T>(
    text: &str,
    tokens: Vec<TokenWithSpan>,
    read: impl FnOnce(&mut Parser) -> Result<T, ParserError>,
) -> Result<T, SqlError> {
    let dialect = FlinkDialect::new(tokens.len());
    let mut parser =
        Parser::new(&dialect).with_recursion_limit(limits::PARSER_DEPTH).with_tokens_with_locations(tokens.clone());
    let tree = read(&mut parser).map_err(|error| sentence::of_parser(text, &tokens, &error))?;
    let next = parser.peek_token();
    if next.token == Token::EOF {
        return Ok(tree);
    }
    let at = tokens.iter().position(|token| token.span == next.span).unwrap_or(tokens.len());
    Err(sentence::unexpected(text, &tokens, at, "the end of the statement"))
}
