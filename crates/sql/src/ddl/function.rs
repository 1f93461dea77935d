//! `CREATE FUNCTION`: Flink's form, with the function's text, or the file in which it stands, in the place of a class's
//! name.

use datafusion::sql::sqlparser::tokenizer::Token;

use crate::error::SqlError;
use crate::parse::Cursor;
use crate::statement::{FunctionDraft, FunctionText};

/// Reads what follows `CREATE … FUNCTION`: `[IF NOT EXISTS] name AS 'text' LANGUAGE RUST`, where between `$$` and
/// `$$` a text may hold quotes, or `[IF NOT EXISTS] name LANGUAGE RUST USING FILE 'path'`.
pub fn create(cursor: &mut Cursor<'_>, or_replace: bool, temporary: bool) -> Result<FunctionDraft, SqlError> {
    let if_not_exists = cursor.takes(&["IF", "NOT", "EXISTS"]);
    let name = cursor.path("the name of the function")?;
    let text = if cursor.takes_word("LANGUAGE") {
        language(cursor)?;
        cursor.expect_words(&["USING", "FILE"])?;
        let span = cursor.here();
        FunctionText::File { path: cursor.string("the path of the function's text, in quotes")?, span }
    } else {
        cursor.expect_words(&["AS"])?;
        let text = here(cursor)?;
        cursor.expect_words(&["LANGUAGE"])?;
        language(cursor)?;
        text
    };
    Ok(FunctionDraft { name, text, temporary, if_not_exists, or_replace })
}

fn here(cursor: &mut Cursor<'_>) -> Result<FunctionText, SqlError> {
    if let Some(Token::DollarQuotedString(quoted)) = cursor.peek() {
        let (text, place) = (quoted.value.clone(), cursor.here());
        cursor.next();
        return Ok(FunctionText::Here { text, inside: Some(place.start + 2) });
    }
    let text = cursor.string("the function's text, in quotes or between $$ and $$")?;
    Ok(FunctionText::Here { text, inside: None })
}

fn language(cursor: &mut Cursor<'_>) -> Result<(), SqlError> {
    let language = cursor.name("RUST")?;
    if language.text.eq_ignore_ascii_case("RUST") {
        return Ok(());
    }
    let message = format!("functions are written in RUST, not in {}", language.text.to_uppercase());
    Err(SqlError::new("E0501", message).at(language.span))
}
