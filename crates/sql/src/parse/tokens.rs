//! Tokens that know their bytes. sqlparser's tokenizer counts lines and columns in characters; here each
//! token gets the bytes it covers, written as line 1 and column = byte + 1, so that every identifier and
//! every error of the tree leads straight back to the text. Blanks and comments go, hints stay.

use datafusion::sql::sqlparser::tokenizer::{Location, Span as TokenSpan, Token, TokenWithSpan, Tokenizer, Whitespace};

use crate::dialect::FlinkDialect;
use crate::error::{Span, SqlError};
use crate::parse::limits;

/// The tokens of a piece of `text`.
pub fn read(text: &str, piece: Span) -> Result<Vec<TokenWithSpan>, SqlError> {
    limits::check_length(piece)?;
    let slice = piece.text(text);
    let dialect = FlinkDialect::new(0);
    let mut places = Places { rest: slice.char_indices(), line: 1, column: 1, byte: 0 };
    let tokens = Tokenizer::new(&dialect, slice).tokenize_with_location().map_err(|error| {
        let open_comment = error.message.contains("comment").then(|| slice.rfind("/*")).flatten();
        let start = piece.start + open_comment.unwrap_or_else(|| places.byte_of(error.location));
        let message = format!("the text cannot be read here: {}", unfinished(&error.message));
        SqlError::new("E0101", message).at(Span::new(start.min(piece.end), piece.end))
    })?;
    let mut kept = Vec::with_capacity(tokens.len());
    for token in tokens {
        let start = piece.start + places.byte_of(token.span.start);
        let end = piece.start + places.byte_of(token.span.end);
        if token.token == Token::ShiftRight {
            // `>>` only ever closes two types here: ARRAY<ARRAY<INT>>.
            kept.extend(
                [Span::new(start, start + 1), Span::new(start + 1, end)]
                    .map(|span| TokenWithSpan::new(Token::Gt, byte_span(span))),
            );
        } else if keeps(&token.token) {
            kept.push(TokenWithSpan { token: token.token, span: byte_span(Span::new(start, end)) });
        }
    }
    limits::check_nesting(&kept)?;
    Ok(kept)
}

/// A span as tokens carry it.
pub fn byte_span(span: Span) -> TokenSpan {
    let location = |byte: usize| Location { line: 1, column: byte as u64 + 1 };
    TokenSpan { start: location(span.start), end: location(span.end) }
}

/// The bytes of a token.
pub fn span_of(token: &TokenWithSpan) -> Span {
    Span::at(token.span).unwrap_or_default()
}

/// The inside of `/*+ … */`, if a token is such a hint.
pub fn hint(token: &Token) -> Option<&str> {
    match token {
        Token::Whitespace(Whitespace::MultiLineComment(comment)) => comment.strip_prefix('+'),
        _ => None,
    }
}

fn keeps(token: &Token) -> bool {
    !matches!(token, Token::Whitespace(_) | Token::EOF) || hint(token).is_some()
}

/// The tokenizer's complaint as part of a sentence.
fn unfinished(message: &str) -> String {
    match message {
        message if message.starts_with("Unterminated string") => "a text in quotes is never closed".into(),
        message if message.starts_with("Expected close delimiter") => "a quoted name is never closed".into(),
        message if message.contains("multi-line comment") => "a comment is never closed".into(),
        message => message.to_lowercase(),
    }
}

/// Walks once over a text and turns line and column into bytes; asked in ascending order.
struct Places<'a> {
    rest: std::str::CharIndices<'a>,
    line: u64,
    column: u64,
    byte: usize,
}

impl Places<'_> {
    fn byte_of(&mut self, location: Location) -> usize {
        while (self.line, self.column) < (location.line, location.column) {
            let Some((_, c)) = self.rest.next() else { break };
            self.byte = self.rest.offset();
            (self.line, self.column) = if c == '\n' { (self.line + 1, 1) } else { (self.line, self.column + 1) };
        }
        self.byte
    }
}
