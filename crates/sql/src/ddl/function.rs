//! `CREATE FUNCTION`: Flink's form, with the function's text in the place of a class's name.

use datafusion::sql::sqlparser::tokenizer::Token;

use crate::error::SqlError;
use crate::parse::Cursor;
use crate::statement::FunctionDraft;

/// Reads what follows `CREATE … FUNCTION`: `[IF NOT EXISTS] name AS 'text' LANGUAGE RUST`. Between `$$` and `$$` a
/// text may hold quotes.
pub fn create(cursor: &mut Cursor<'_>, or_replace: bool, temporary: bool) -> Result<FunctionDraft, SqlError> {
    let if_not_exists = cursor.takes(&["IF", "NOT", "EXISTS"]);
    let name = cursor.path("the name of the function")?;
    cursor.expect_words(&["AS"])?;
    let (source, inside) = match cursor.peek() {
        Some(Token::DollarQuotedString(text)) => {
            let source = text.value.clone();
            let place = cursor.here();
            cursor.next();
            (source, Some(place.start + 2))
        }
        _ => (cursor.string("the function's text, in quotes or between $$ and $$")?, None),
    };
    cursor.expect_words(&["LANGUAGE"])?;
    let language = cursor.name("RUST")?;
    if !language.text.eq_ignore_ascii_case("RUST") {
        let message = format!("functions are written in RUST, not in {}", language.text.to_uppercase());
        return Err(SqlError::new("E0501", message).at(language.span));
    }
    Ok(FunctionDraft { name, source, inside, temporary, if_not_exists, or_replace })
}
