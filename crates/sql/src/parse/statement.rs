//! The first words of a statement decide who reads it.

use crate::error::{Span, SqlError};
use crate::parse::{Cursor, query, tokens};
use crate::statement::{Spanned, Statement};

/// Reads one statement of a script.
pub fn parse(text: &str, piece: Span) -> Result<Spanned<Statement>, SqlError> {
    let tokens = tokens::read(text, piece)?;
    let value = Statement::Query(query::query(&mut Cursor::new(text, &tokens))?);
    Ok(Spanned { value, span: piece, native: None })
}
