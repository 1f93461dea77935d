//! What a statement may demand. Trees are walked and dropped recursively, here and in DataFusion, so the
//! depth that a text can produce is bounded before any tree is made.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::error::{Span, SqlError};
use crate::parse::cursor::is_word;
use crate::parse::tokens::span_of;

/// The longest statement, in bytes.
const MAX_BYTES: usize = 16 << 20;
/// The most brackets that may be open at once.
const MAX_BRACKETS: usize = 100;
/// The most tokens between two commas, those in front of the enclosing brackets counted in: each level of a
/// chain such as `a OR b OR c` or `x::INT::INT` takes two tokens at least, so this bounds its depth.
const MAX_CHAIN: usize = 2_000;
/// The most queries joined by UNION, INTERSECT and EXCEPT.
const MAX_SET_OPERATIONS: usize = 400;
/// The most steps of a pipe: each may become a level of nesting.
const MAX_PIPES: usize = 100;
/// How deep sqlparser may go: several calls per bracket.
pub const PARSER_DEPTH: usize = 5 * MAX_BRACKETS;

/// Refuses a text that is too long to be a statement.
pub fn check_length(piece: Span) -> Result<(), SqlError> {
    let length = piece.end.saturating_sub(piece.start);
    if length <= MAX_BYTES {
        return Ok(());
    }
    let message = format!("the statement is {length} bytes long, at most {MAX_BYTES} are read");
    Err(SqlError::new("E0103", message).at(Span::new(piece.start, piece.start)))
}

/// Refuses what would make too deep a tree, and brackets that do not match.
pub fn check_nesting(tokens: &[TokenWithSpan]) -> Result<(), SqlError> {
    let mut open: Vec<(&TokenWithSpan, usize)> = Vec::new();
    let (mut chain, mut set_operations, mut pipes) = (0usize, 0usize, 0usize);
    let mut before = None;
    for token in tokens {
        chain += 1;
        match &token.token {
            Token::LParen | Token::LBracket | Token::LBrace => {
                open.push((token, chain));
                if open.len() > MAX_BRACKETS {
                    return Err(too_deep(token, format!("more than {MAX_BRACKETS} brackets are open here")));
                }
            }
            Token::RParen | Token::RBracket | Token::RBrace => {
                let Some((opening, before)) = open.pop() else {
                    return Err(
                        SqlError::new("E0102", format!("this '{}' closes nothing", token.token)).at(span_of(token))
                    );
                };
                if !matches(&opening.token, &token.token) {
                    let message = format!("this '{}' is closed by '{}'", opening.token, token.token);
                    return Err(SqlError::new("E0102", message).at(span_of(opening)));
                }
                chain = before;
            }
            // Behind a semicolon (in a statement set) all begins anew.
            Token::Comma | Token::SemiColon => {
                chain = open.last().map_or(0, |(_, before)| *before);
                if token.token == Token::SemiColon {
                    (set_operations, pipes) = (0, 0);
                }
            }
            Token::VerticalBarRightAngleBracket => pipes += 1,
            Token::Word(word) if word.quote_style.is_none() && is_set_operation(&word.value) => set_operations += 1,
            _ => {}
        }
        // sqlparser goes one deeper for each INTERVAL behind another without counting.
        if is_word(&token.token, "INTERVAL") && before.is_some_and(|before| is_word(before, "INTERVAL")) {
            return Err(SqlError::new("E0101", "an interval cannot be the length of an interval").at(span_of(token)));
        }
        before = Some(&token.token);
        if pipes > MAX_PIPES {
            return Err(too_deep(token, format!("a statement may have {MAX_PIPES} steps in pipes")));
        }
        if chain > MAX_CHAIN {
            let message = format!("an expression may not be longer than {MAX_CHAIN} words and signs without a comma");
            return Err(too_deep(token, message).hint("a long chain of OR is better written as IN (…)"));
        }
        if set_operations > MAX_SET_OPERATIONS {
            return Err(too_deep(token, format!("at most {MAX_SET_OPERATIONS} queries can be joined by UNION")));
        }
    }
    match open.last() {
        Some((token, _)) => {
            Err(SqlError::new("E0102", format!("this '{}' is never closed", token.token)).at(span_of(token)))
        }
        None => Ok(()),
    }
}

/// The sentence for a statement that is nested too deep.
pub fn too_deep(token: &TokenWithSpan, message: String) -> SqlError {
    SqlError::new("E0103", message).at(span_of(token))
}

fn matches(open: &Token, close: &Token) -> bool {
    matches!(
        (open, close),
        (Token::LParen, Token::RParen) | (Token::LBracket, Token::RBracket) | (Token::LBrace, Token::RBrace)
    )
}

fn is_set_operation(word: &str) -> bool {
    ["UNION", "INTERSECT", "EXCEPT"].iter().any(|operation| word.eq_ignore_ascii_case(operation))
}
