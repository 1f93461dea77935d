//! A text as the pieces that an eye sees: words, texts in quotes, numbers, brackets, comments. Unlike the parser's
//! tokens they cover every byte and are there in a text that is half typed, so one reader tells where a
//! statement ends, what may be typed next and how it is coloured.

use crate::error::Span;

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lexeme {
    /// White space.
    Blank,
    /// `-- …` to the end of the line, or `/* … */`.
    Comment,
    /// `/*+ … */`, which belongs to its statement.
    Hint,
    /// A keyword, or a name without quotes.
    Word,
    /// A name in back-quotes or double quotes.
    Name,
    /// A text in quotes, or between `$$` and `$$`.
    Text,
    /// A number.
    Number,
    /// `(` or `[`.
    Open,
    /// `)` or `]`.
    Close,
    /// `;`.
    Semicolon,
    /// `|>`.
    Pipe,
    /// Any other sign.
    Sign,
    /// A text, a name or a comment that is not closed: the rest of all.
    Unfinished(Unfinished),
}

/// What is not closed at the end of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// `'…`
    Text,
    /// `` `… ``
    Name,
    /// `"…`
    Quoted,
    /// `/* …`
    Comment,
}

/// The pieces of a text in order, without a gap.
#[derive(Clone, Debug)]
pub struct Lexemes<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexemes<'a> {
    /// The pieces of `text`.
    pub fn of(text: &'a str) -> Lexemes<'a> {
        Lexemes { text, at: 0 }
    }

    /// What begins here, and how many bytes it has.
    fn piece(&self) -> Option<(Lexeme, usize)> {
        let rest = &self.text[self.at..];
        let first = rest.chars().next()?;
        Some(match first {
            '\'' => quoted(rest, '\'', Lexeme::Text, Unfinished::Text),
            '$' if rest.starts_with("$$") => match rest[2..].find("$$") {
                Some(end) => (Lexeme::Text, end + 4),
                None => (Lexeme::Unfinished(Unfinished::Text), rest.len()),
            },
            '`' => quoted(rest, '`', Lexeme::Name, Unfinished::Name),
            '"' => quoted(rest, '"', Lexeme::Name, Unfinished::Quoted),
            '-' if rest.starts_with("--") => {
                (Lexeme::Comment, rest.find('\n').map_or(rest.len(), |newline| newline + 1))
            }
            '/' if rest.starts_with("/*") => comment(rest),
            '|' if rest.starts_with("|>") => (Lexeme::Pipe, 2),
            '(' | '[' => (Lexeme::Open, 1),
            ')' | ']' => (Lexeme::Close, 1),
            ';' => (Lexeme::Semicolon, 1),
            c if c.is_whitespace() => (Lexeme::Blank, span(rest, char::is_whitespace)),
            c if c.is_ascii_digit() => (Lexeme::Number, number(rest)),
            c if c.is_alphabetic() || c == '_' => {
                (Lexeme::Word, span(rest, |c| c.is_alphanumeric() || c == '_' || c == '$'))
            }
            c => (Lexeme::Sign, c.len_utf8()),
        })
    }
}

impl Iterator for Lexemes<'_> {
    type Item = (Lexeme, Span);

    fn next(&mut self) -> Option<Self::Item> {
        let (lexeme, length) = self.piece()?;
        let start = self.at;
        self.at += length;
        Some((lexeme, Span::new(start, self.at)))
    }
}

/// How many bytes from the start on are such characters.
fn span(rest: &str, inside: impl Fn(char) -> bool) -> usize {
    rest.find(|c| !inside(c)).unwrap_or(rest.len())
}

/// `12`, `1.5`, `1.5e-3`; a word that follows without a gap belongs to it (`12abc` is one mistake, not two words).
fn number(rest: &str) -> usize {
    let mut length = span(rest, |c| c.is_alphanumeric() || c == '.' || c == '_');
    let exponent = rest[..length].ends_with(['e', 'E']) && rest[length..].starts_with(['+', '-']);
    if exponent {
        length += 1 + span(&rest[length + 1..], |c| c.is_ascii_digit());
    }
    length
}

fn comment(rest: &str) -> (Lexeme, usize) {
    match rest[2..].find("*/") {
        Some(end) if rest.starts_with("/*+") => (Lexeme::Hint, end + 4),
        Some(end) => (Lexeme::Comment, end + 4),
        None => (Lexeme::Unfinished(Unfinished::Comment), rest.len()),
    }
}

/// A quote inside is written twice.
fn quoted(rest: &str, quote: char, whole: Lexeme, open: Unfinished) -> (Lexeme, usize) {
    let mut from = 1;
    loop {
        match rest[from..].find(quote) {
            None => return (Lexeme::Unfinished(open), rest.len()),
            Some(end) if rest[from + end + 1..].starts_with(quote) => from += end + 2,
            Some(end) => return (whole, from + end + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<(Lexeme, &str)> {
        Lexemes::of(text)
            .filter(|(lexeme, _)| *lexeme != Lexeme::Blank)
            .map(|(kind, at)| (kind, at.text(text)))
            .collect()
    }

    #[test]
    fn an_eye_sees_words_texts_and_signs() {
        use Lexeme::*;
        assert_eq!(
            pieces("SELECT `a``b`, 'it''s' -- x\nFROM t$1 |> WHERE 1.5e-3>(b)/*+ o */;"),
            [
                (Word, "SELECT"),
                (Name, "`a``b`"),
                (Sign, ","),
                (Text, "'it''s'"),
                (Comment, "-- x\n"),
                (Word, "FROM"),
                (Word, "t$1"),
                (Pipe, "|>"),
                (Word, "WHERE"),
                (Number, "1.5e-3"),
                (Sign, ">"),
                (Open, "("),
                (Word, "b"),
                (Close, ")"),
                (Hint, "/*+ o */"),
                (Semicolon, ";"),
            ]
        );
    }

    #[test]
    fn what_is_half_typed_is_known_as_such() {
        for (text, open) in [
            ("'abc", Unfinished::Text),
            ("'abc''", Unfinished::Text),
            ("`abc", Unfinished::Name),
            ("\"abc", Unfinished::Quoted),
            ("/* abc", Unfinished::Comment),
        ] {
            assert_eq!(pieces(text), [(Lexeme::Unfinished(open), text)]);
        }
    }

    #[test]
    fn every_byte_is_in_one_piece() {
        let signs = ["-", "--", "'", "`", "\"", "/*", "*/", "+", ";", "(", "|>", "9", ".", "e", "\n", "漢", " "];
        let number = signs.len();
        for all in 0..number.pow(4) {
            let text: String = (0..4).map(|place| signs[all / number.pow(place) % number]).collect();
            let mut end = 0;
            for (_, span) in Lexemes::of(&text) {
                assert_eq!(span.start, end, "{text:?}");
                assert!(span.end > span.start && text.is_char_boundary(span.end), "{text:?}");
                end = span.end;
            }
            assert_eq!(end, text.len(), "{text:?}");
        }
    }
}
