//! What is wrong with a statement, and where. Every error of this crate is one sentence with a code, the
//! place in the user's text and hints; who shows it (a terminal, a notebook) draws the caret.

use datafusion::sql::sqlparser::tokenizer;

/// A piece of the text that was handed to the parser, in bytes: `start..end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
}

impl Span {
    /// The bytes from `start` up to `end`.
    pub fn new(start: usize, end: usize) -> Span {
        Span { start, end }
    }

    /// The place of a node of the syntax tree, if the tree knows it. (The parser writes byte offsets where
    /// sqlparser keeps lines and columns: line 1, column = offset + 1.)
    pub fn of(node: &impl datafusion::sql::sqlparser::ast::Spanned) -> Option<Span> {
        Span::at(node.span())
    }

    /// The place that a token or an identifier carries.
    pub fn at(span: tokenizer::Span) -> Option<Span> {
        (span.start.line > 0 && span.start.column > 0).then(|| {
            let start = span.start.column as usize - 1;
            Span { start, end: (span.end.column as usize).saturating_sub(1).max(start) }
        })
    }

    /// From the start of this to the end of the other.
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The text it covers; empty if the span does not fit the text.
    pub fn text(self, text: &str) -> &str {
        text.get(self.start..self.end).unwrap_or("")
    }
}

/// What is wrong with a statement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SqlError {
    /// `E01xx` the text cannot be read, `E02xx` a name or type does not fit, `E03xx` a table is declared wrongly,
    /// `E04xx` the query cannot be planned, `E05xx` not supported yet.
    pub code: &'static str,
    /// One sentence.
    pub message: String,
    /// Where, in the text that was parsed.
    pub span: Option<Span>,
    /// Ways out, each one sentence.
    pub hints: Vec<String>,
}

impl SqlError {
    /// An error without a place.
    pub fn new(code: &'static str, message: impl Into<String>) -> SqlError {
        SqlError { code, message: message.into(), span: None, hints: Vec::new() }
    }

    /// Puts it at a place.
    #[must_use]
    pub fn at(mut self, span: impl Into<Option<Span>>) -> SqlError {
        self.span = span.into();
        self
    }

    /// Puts it at a place if it has none.
    #[must_use]
    pub fn or_at(mut self, span: impl Into<Option<Span>>) -> SqlError {
        self.span = self.span.or(span.into());
        self
    }

    /// Adds a way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> SqlError {
        self.hints.push(hint.into());
        self
    }

    /// Adds "did you mean" if one of the known names is near to what was written.
    #[must_use]
    pub fn did_you_mean<'a>(self, written: &str, known: impl IntoIterator<Item = &'a str>) -> SqlError {
        match nearest(written, known) {
            Some(name) => self.hint(format!("did you mean '{name}'?")),
            None => self,
        }
    }
}

/// The known name that looks most like what was written, if one is near.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = written.to_lowercase();
    let distance = |name: &'a str| (strsim::damerau_levenshtein(&name.to_lowercase(), &lower), name);
    let (edits, name) = known.into_iter().filter(|name| name.len() <= 256).map(distance).min()?;
    (edits <= 1 + lower.chars().count() / 4).then_some(name)
}

/// Line and column of a byte, both from 1, the column in characters.
pub fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = &text[..end];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_has_a_line_and_a_column() {
        let text = "SELECT ä\n  FROM t";
        assert_eq!(line_column(text, 0), (1, 1));
        assert_eq!(line_column(text, text.find("FROM").expect("is there")), (2, 3));
        assert_eq!(line_column(text, 8), (1, 8), "inside a character counts as its start");
        assert_eq!(line_column(text, 9999), (2, 9));
    }

    #[test]
    fn near_names_are_offered_and_far_ones_not() {
        assert_eq!(nearest("bidz", ["bids", "auctions"]), Some("bids"));
        assert_eq!(nearest("BIDS", ["bids"]), Some("bids"));
        assert_eq!(nearest("weather", ["bids", "auctions"]), None);
    }
}
