//! What stands where it should not, as a sentence with a place and, where a word looks like a slip of the
//! keyboard, the word that was probably meant.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::error::{Span, SqlError, nearest};
use crate::parse::cursor::is_word;
use crate::parse::tokens::span_of;

/// The words that structure a query; a word near to one of them, where it does not fit, is probably meant so.
const CLAUSES: &[&str] = &[
    "SELECT",
    "DISTINCT",
    "FROM",
    "WHERE",
    "GROUP",
    "HAVING",
    "WINDOW",
    "ORDER",
    "LIMIT",
    "OFFSET",
    "UNION",
    "INTERSECT",
    "EXCEPT",
    "JOIN",
    "LEFT",
    "RIGHT",
    "FULL",
    "INNER",
    "OUTER",
    "CROSS",
    "LATERAL",
    "BETWEEN",
    "PARTITION",
    "INTERVAL",
    "TABLE",
    "VALUES",
    "WITH",
    "WATERMARK",
    "METADATA",
    "PRIMARY",
    "ENFORCED",
    "COMMENT",
    "DESCRIPTOR",
    "EXTEND",
    "AGGREGATE",
    "RENAME",
    "MATCH_RECOGNIZE",
    "MEASURES",
    "PATTERN",
    "DEFINE",
];

/// The token at `at` does not fit.
pub fn unexpected(text: &str, tokens: &[TokenWithSpan], at: usize, wanted: &str) -> SqlError {
    let Some(token) = tokens.get(at) else {
        let end = tokens.last().map_or(text.len(), |last| span_of(last).end);
        let message = format!("the statement ends too early: {wanted} is missing");
        return hinted(SqlError::new("E0101", message).at(Span::new(end, end)), tokens, at);
    };
    let message = format!("here stands {}, but {wanted} is expected", shown(&token.token));
    hinted(SqlError::new("E0101", message).at(span_of(token)), tokens, at)
}

/// sqlparser's error over these tokens, as ours.
pub fn of_parser(text: &str, tokens: &[TokenWithSpan], error: &ParserError) -> SqlError {
    let message = match error {
        ParserError::RecursionLimitExceeded => {
            let place = tokens.first().map(|first| span_of(first).to(span_of(&tokens[tokens.len() - 1])));
            return SqlError::new("E0103", "the statement is nested too deep to be read").at(place);
        }
        ParserError::ParserError(message) | ParserError::TokenizerError(message) => message,
    };
    let (message, offset) = split_place(message);
    let at = offset.and_then(|offset| tokens.iter().position(|token| span_of(token).start >= offset));
    match message.strip_prefix("Expected: ").and_then(|rest| rest.rsplit_once(", found: ")) {
        Some((_, "EOF")) | None if offset.is_none() => match message.strip_prefix("Expected: ") {
            Some(rest) => {
                unexpected(text, tokens, tokens.len(), &wanted(rest.split(", found: ").next().unwrap_or(rest)))
            }
            None => SqlError::new("E0101", sentence(message)).at(extent(tokens)),
        },
        Some((expected, _)) => unexpected(text, tokens, at.unwrap_or(tokens.len()), &wanted(expected)),
        None => {
            let place = at.map(|at| span_of(&tokens[at])).or(extent(tokens));
            SqlError::new("E0101", sentence(message)).at(place)
        }
    }
}

fn extent(tokens: &[TokenWithSpan]) -> Option<Span> {
    Some(span_of(tokens.first()?).to(span_of(tokens.last()?)))
}

/// Cuts ` at Line: 1, Column: n` off; the column is a byte + 1.
fn split_place(message: &str) -> (&str, Option<usize>) {
    let Some((front, place)) = message.rsplit_once(" at Line: ") else { return (message, None) };
    let column = place.rsplit_once("Column: ").and_then(|(_, column)| column.trim().parse::<usize>().ok());
    (front, column.and_then(|column| column.checked_sub(1)))
}

/// What sqlparser wants, in words that fit a sentence.
fn wanted(expected: &str) -> String {
    match expected {
        "end of statement" => "the end of the statement".into(),
        "an expression" | "an expression:" => "an expression".into(),
        "identifier" => "a name".into(),
        "SELECT, VALUES, or a subquery in the query body" => "a query (SELECT …, VALUES …)".into(),
        steps if steps.starts_with("one of SELECT or EXTEND") => PIPE_STEPS.into(),
        sign if sign.chars().count() <= 2 => format!("'{sign}'"),
        other => other.to_string(),
    }
}

const PIPE_STEPS: &str = "a step (WHERE, SELECT, EXTEND, SET, DROP, RENAME, AS, AGGREGATE, DISTINCT, ORDER BY, LIMIT, \
                          JOIN, UNION, INTERSECT, EXCEPT, CALL)";

fn sentence(message: &str) -> String {
    let message = message.trim().trim_start_matches("sql parser error: ");
    format!("the statement cannot be read: {message}")
}

fn shown(token: &Token) -> String {
    const LONGEST: usize = 40;
    let text = token.to_string();
    let short: String = text.chars().take(LONGEST).collect();
    let dots = if text.chars().count() > LONGEST { "…" } else { "" };
    match token {
        Token::SingleQuotedString(_) => format!("the text {short}{dots}"),
        Token::Number(..) => format!("the number {short}{dots}"),
        _ => format!("'{short}{dots}'"),
    }
}

/// Looks at the token that does not fit and at the one before it, which may have been taken for an alias.
fn hinted(error: SqlError, tokens: &[TokenWithSpan], at: usize) -> SqlError {
    for index in [Some(at), at.checked_sub(1)].into_iter().flatten() {
        let Some(Token::Word(word)) = tokens.get(index).map(|token| &token.token) else { continue };
        // A word that means something by itself was hardly meant to be another.
        if word.quote_style.is_some() || word.keyword != Keyword::NoKeyword || word.value.len() < 4 {
            continue;
        }
        if let Some(meant) = nearest(&word.value, CLAUSES.iter().copied()) {
            return error.hint(format!("did you mean {meant} instead of {}?", word.value));
        }
    }
    let count = |wanted: &str| tokens.iter().filter(|token| is_word(&token.token, wanted)).count();
    if count("CASE") > count("END") {
        return error.hint("a CASE needs its END");
    }
    let reserved =
        |token: &TokenWithSpan| matches!(&token.token, Token::Word(word) if word.keyword != Keyword::NoKeyword);
    if error.message.contains("a name") && tokens.get(at).is_some_and(reserved) {
        return error.hint("a reserved word can be a name in back-quotes");
    }
    error
}
