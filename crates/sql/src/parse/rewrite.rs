//! The pass over the tokens of a query before sqlparser sees them.

use datafusion::sql::sqlparser::tokenizer::TokenWithSpan;

use crate::error::SqlError;
use crate::parse::Cursor;

/// The tokens that are left, in words that sqlparser knows.
pub fn tokens(cursor: &Cursor<'_>) -> Result<Vec<TokenWithSpan>, SqlError> {
    Ok(cursor.rest().to_vec())
}
