//! `CREATE VIEW`.

use datafusion::sql::sqlparser::tokenizer::Token;

use crate::error::SqlError;
use crate::parse::{Cursor, read_query};
use crate::statement::ViewDraft;

/// Reads what follows `CREATE … VIEW`, and whether its query was written in a foreign spelling.
pub fn create(cursor: &mut Cursor<'_>, or_replace: bool, temporary: bool) -> Result<(ViewDraft, bool), SqlError> {
    let if_not_exists = cursor.takes(&["IF", "NOT", "EXISTS"]);
    let name = cursor.path("the name of the view")?;
    let columns =
        if cursor.peek() == Some(&Token::LParen) { cursor.names("the name of a column")? } else { Vec::new() };
    let comment = if cursor.takes_word("COMMENT") { Some(cursor.string("a comment in quotes")?) } else { None };
    cursor.expect_words(&["AS"])?;
    let text = cursor.extent().text(cursor.text()).to_string();
    let read = read_query(cursor)?;
    let view = ViewDraft { name, temporary, if_not_exists, or_replace, columns, comment, query: read.query, text };
    Ok((view, read.foreign))
}
