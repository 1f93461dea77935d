//! The statements that look at topics before they are tables: `TAP`, `PEEK`, `ADVISE WATERMARK`, and the
//! place behind `SHOW TOPICS IN`.

use datafusion::sql::sqlparser::tokenizer::Token;

use crate::error::SqlError;
use crate::parse::Cursor;
use crate::statement::{Peek, PeekFrom, Place, Tap};

/// Reads `TAP place [AS name]`.
pub fn tap(cursor: &mut Cursor<'_>) -> Result<Tap, SqlError> {
    cursor.expect_words(&["TAP"])?;
    let place = place(cursor)?;
    let name = if cursor.takes_word("AS") { Some(cursor.path("the name of the table")?) } else { None };
    Ok(Tap { place, name })
}

/// Reads `PEEK place [PARTITION n] [FROM where] [LIMIT n]`, the clauses in any order.
pub fn peek(cursor: &mut Cursor<'_>) -> Result<Peek, SqlError> {
    cursor.expect_words(&["PEEK"])?;
    let mut peek = Peek { place: place(cursor)?, partition: None, from: PeekFrom::Newest, limit: None };
    let mut from = None;
    while !cursor.is_done() {
        if peek.limit.is_none() && cursor.takes_word("LIMIT") {
            peek.limit = Some(number(cursor, "how many records")?);
        } else if peek.partition.is_none() && cursor.takes_word("PARTITION") {
            peek.partition = Some(number(cursor, "the number of a partition")?);
        } else if from.is_none() && cursor.takes_word("FROM") {
            from = Some(beginning(cursor)?);
        } else {
            return Err(cursor.unexpected("LIMIT, PARTITION, FROM or the end of the statement"));
        }
    }
    peek.from = from.unwrap_or(PeekFrom::Newest);
    Ok(peek)
}

fn beginning(cursor: &mut Cursor<'_>) -> Result<PeekFrom, SqlError> {
    if cursor.takes_word("EARLIEST") {
        Ok(PeekFrom::Earliest)
    } else if cursor.takes_word("NEWEST") || cursor.takes_word("LATEST") {
        Ok(PeekFrom::Newest)
    } else if cursor.takes_word("OFFSET") {
        number(cursor, "an offset").map(PeekFrom::Offset)
    } else if cursor.takes_word("TIMESTAMP") {
        let span = cursor.here();
        cursor.string("a time in quotes, for example '2026-01-01 00:00:00'").map(|text| PeekFrom::Timestamp(text, span))
    } else {
        Err(cursor.unexpected("EARLIEST, NEWEST, OFFSET or TIMESTAMP"))
    }
}

/// Reads a place: a text in quotes, or a name.
pub fn place(cursor: &mut Cursor<'_>) -> Result<Place, SqlError> {
    let span = cursor.here();
    match cursor.peek() {
        Some(Token::SingleQuotedString(_)) => Ok(Place::Url { text: cursor.string("a place")?, span }),
        Some(Token::Word(_)) => cursor.path("a topic or table").map(Place::Name),
        _ => Err(cursor.unexpected("a topic: 'kafka://host:port/topic', a file in quotes, or a name")),
    }
}

fn number<T: std::str::FromStr>(cursor: &mut Cursor<'_>, what: &str) -> Result<T, SqlError> {
    let parsed = match cursor.peek() {
        Some(Token::Number(digits, _)) => digits.parse().ok(),
        _ => None,
    };
    let number = parsed.ok_or_else(|| cursor.unexpected(what))?;
    cursor.next();
    Ok(number)
}
