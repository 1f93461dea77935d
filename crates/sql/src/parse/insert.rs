//! `INSERT INTO`, alone and in a statement set.

use datafusion::sql::sqlparser::tokenizer::Token;

use crate::error::SqlError;
use crate::parse::{Cursor, query, rewrite, tokens};
use crate::statement::Insert;

/// Reads `INSERT INTO t [(columns)] query`, all that is left.
pub fn insert(cursor: &mut Cursor<'_>) -> Result<Insert, SqlError> {
    cursor.expect_words(&["INSERT"])?;
    let overwrite = cursor.takes_word("OVERWRITE");
    if !cursor.takes_word("INTO") && !overwrite {
        return Err(cursor.unexpected("INTO"));
    }
    cursor.takes_word("TABLE");
    let table = cursor.path("the name of a table")?;
    let mut options = Vec::new();
    if cursor.peek().is_some_and(|token| tokens::hint(token).is_some())
        && let Some(hint) = cursor.next()
    {
        options = rewrite::options(cursor.text(), hint)?;
    }
    if cursor.sees(&["PARTITION"]) {
        let error = SqlError::new("E0501", "INSERT INTO a fixed PARTITION is not supported").at(cursor.here());
        return Err(error.hint("add the value as a column of the query"));
    }
    let columns = if has_columns(cursor) { cursor.names("the name of a column")? } else { Vec::new() };
    let query = query::query(cursor)?.query;
    Ok(Insert { table, columns, query, overwrite, options })
}

/// Whether the bracket that comes next holds names and not a query.
fn has_columns(cursor: &Cursor<'_>) -> bool {
    let opens_query = ["SELECT", "WITH", "VALUES", "FROM"].iter().any(|word| cursor.is_word_at(1, word));
    cursor.peek() == Some(&Token::LParen) && cursor.ahead(1) != Some(&Token::LParen) && !opens_query
}

/// Reads `EXECUTE STATEMENT SET BEGIN insert; … END` (without `EXECUTE` behind `EXPLAIN`) and
/// `BEGIN STATEMENT SET; insert; … END`.
pub fn statement_set(cursor: &mut Cursor<'_>) -> Result<Vec<Insert>, SqlError> {
    if cursor.takes_word("BEGIN") {
        cursor.expect_words(&["STATEMENT", "SET"])?;
        cursor.expect_token(&Token::SemiColon)?;
    } else {
        cursor.takes_word("EXECUTE");
        cursor.expect_words(&["STATEMENT", "SET", "BEGIN"])?;
    }
    let mut inserts = Vec::new();
    while !cursor.takes_word("END") {
        if !cursor.sees(&["INSERT"]) {
            return Err(cursor.unexpected("INSERT INTO, or END,"));
        }
        let mut one = cursor.up_to_semicolon();
        inserts.push(insert(&mut one)?);
        cursor.expect_token(&Token::SemiColon)?;
    }
    cursor.expect_end()?;
    if inserts.is_empty() {
        return Err(SqlError::new("E0101", "a statement set needs at least one INSERT INTO").at(cursor.behind()));
    }
    Ok(inserts)
}
