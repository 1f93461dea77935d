//! The windows of ksqlDB, `WINDOW TUMBLING (SIZE 1 HOUR)` behind the table, as a key of the `GROUP BY`: over
//! the tokens, because sqlparser reads another clause there. The time is [`super::foreign::ROWTIME`], which
//! ksqlDB never names.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::error::{Span, SqlError};
use crate::parse::Cursor;
use crate::parse::foreign::{ROWTIME, spelled};
use crate::parse::tokens::byte_span;

/// Reads `WINDOW TUMBLING|HOPPING|SESSION (…)` if it comes next: the tokens of the key that stands for it.
pub fn window(cursor: &mut Cursor<'_>) -> Result<Option<Vec<TokenWithSpan>>, SqlError> {
    let Some(kind) = ["TUMBLING", "HOPPING", "SESSION"].into_iter().find(|kind| cursor.is_word_at(1, kind)) else {
        return Ok(None);
    };
    if cursor.ahead(2) != Some(&Token::LParen) {
        return Ok(None);
    }
    let start = cursor.here();
    for _ in 0..3 {
        cursor.next();
    }
    let sizes = match kind {
        "TUMBLING" => vec![named(cursor, &["SIZE"])?],
        "HOPPING" => {
            let size = named(cursor, &["SIZE"])?;
            cursor.expect_token(&Token::Comma)?;
            vec![named(cursor, &["ADVANCE", "BY"])?, size]
        }
        _ => vec![stretch(cursor)?],
    };
    while cursor.takes_token(&Token::Comma) {
        if cursor.sees(&["GRACE"]) {
            let error = SqlError::new("E0503", "GRACE PERIOD is part of the watermark here").at(cursor.here());
            return Err(error.hint("the table says how long to wait: WATERMARK FOR ts AS ts - INTERVAL '…' SECOND"));
        }
        // How long a finished window is kept for look-ups changes no answer.
        named(cursor, &["RETENTION"])?;
    }
    cursor.expect_token(&Token::RParen)?;
    let function = match kind {
        "TUMBLING" => "TUMBLE",
        "HOPPING" => "HOP",
        _ => "SESSION",
    };
    Ok(Some(key(function, &sizes, start.to(cursor.behind()))))
}

/// `SIZE 1 HOUR`
fn named(cursor: &mut Cursor<'_>, words: &[&str]) -> Result<(String, &'static str), SqlError> {
    cursor.expect_words(words)?;
    stretch(cursor)
}

/// `1 HOUR`, `30 SECONDS`
fn stretch(cursor: &mut Cursor<'_>) -> Result<(String, &'static str), SqlError> {
    let number = match cursor.peek() {
        Some(Token::Number(number, _)) => number.clone(),
        _ => return Err(cursor.unexpected("a number and a unit, for example 10 MINUTES")),
    };
    cursor.next();
    let at = cursor.here();
    let unit = cursor.name("a unit, for example MINUTES")?;
    let wrong = || SqlError::new("E0404", format!("there is no unit '{}' of time", unit.text)).at(at);
    spelled(&number, &unit.text).ok_or_else(wrong)
}

/// ``HOP(`ROWTIME`, INTERVAL '5' MINUTE, INTERVAL '10' MINUTE),``
fn key(function: &str, sizes: &[(String, &'static str)], place: Span) -> Vec<TokenWithSpan> {
    let mut tokens = vec![Token::make_word(function, None), Token::LParen, Token::make_word(ROWTIME, Some('`'))];
    for (number, unit) in sizes {
        let number = Token::SingleQuotedString(number.clone());
        tokens.extend([Token::Comma, Token::make_keyword("INTERVAL"), number, Token::make_keyword(unit)]);
    }
    tokens.extend([Token::RParen, Token::Comma]);
    tokens.into_iter().map(|token| TokenWithSpan { token, span: byte_span(place) }).collect()
}
