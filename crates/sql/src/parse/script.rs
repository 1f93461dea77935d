//! Where statements end. A semicolon ends a statement unless it stands in a string, a quoted name, a comment,
//! an open bracket or a statement set. The same scan tells a prompt whether to wait for more lines.

use crate::error::Span;
use crate::parse::lines::stands_alone;

/// Whether a text at a prompt can be handed to the parser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// It holds statements and ends behind a `;`.
    Complete,
    /// More must come, for this reason.
    Incomplete(&'static str),
    /// Nothing but blanks and comments.
    Empty,
}

/// The statements of a script, without their semicolons; pieces without any word are left out.
pub fn split(text: &str) -> Vec<Span> {
    let mut pieces = Vec::new();
    let mut scan = Scan::new(text);
    while let Some(piece) = scan.piece() {
        pieces.extend(piece.words);
    }
    pieces
}

/// Whether a text holds whole statements only.
pub fn is_complete(text: &str) -> Completeness {
    let mut scan = Scan::new(text);
    let mut found = false;
    while let Some(piece) = scan.piece() {
        if let Some(reason) = piece.open {
            return Completeness::Incomplete(reason);
        }
        if let Some(words) = piece.words {
            if !piece.ended && !stands_alone(words.text(text)) {
                return Completeness::Incomplete("a statement ends with ';'");
            }
            found = true;
        }
    }
    if found { Completeness::Complete } else { Completeness::Empty }
}

/// The text up to the next semicolon.
struct Piece {
    /// From the first word to the last, if there is one.
    words: Option<Span>,
    /// Whether a semicolon ended it.
    ended: bool,
    /// What is still open at the end of the text.
    open: Option<&'static str>,
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
}

/// One lexical element, as coarse as splitting needs it.
enum Element {
    Blank,
    Word,
    Open,
    Close,
    Semicolon,
    Other,
    Unfinished(&'static str),
}

impl<'a> Scan<'a> {
    fn new(text: &'a str) -> Self {
        Scan { text, at: 0 }
    }

    /// The next piece, or `None` at the end of the text.
    fn piece(&mut self) -> Option<Piece> {
        if self.at >= self.text.len() {
            return None;
        }
        let (mut words, mut depth, mut first) = (None::<Span>, 0usize, Vec::new());
        let mut set = Set::No;
        while self.at < self.text.len() {
            let start = self.at;
            let element = self.element();
            let here = Span::new(start, self.at);
            match element {
                Element::Blank => continue,
                Element::Semicolon if depth == 0 && set.closes() => {
                    return Some(Piece { words, ended: true, open: None });
                }
                Element::Semicolon if depth == 0 => set.next_statement(),
                Element::Open => depth += 1,
                Element::Close => depth = depth.saturating_sub(1),
                Element::Unfinished(reason) => {
                    words = Some(words.map_or(here, |words| words.to(here)));
                    return Some(Piece { words, ended: false, open: Some(reason) });
                }
                Element::Word => {
                    let word = here.text(self.text);
                    if first.len() < LONGEST_OPENING {
                        first.push(word);
                        set.begin(&first);
                    } else {
                        set.word(word);
                    }
                }
                Element::Semicolon | Element::Other => set.word(""),
            }
            words = Some(words.map_or(here, |words| words.to(here)));
        }
        let open = match (depth, set) {
            (0, Set::No | Set::Ended) => None,
            (0, _) => Some("the statement set needs its END;"),
            _ => Some("a bracket is still open"),
        };
        Some(Piece { words, ended: false, open })
    }

    fn element(&mut self) -> Element {
        let bytes = self.text.as_bytes();
        let rest = &self.text[self.at..];
        match bytes[self.at] {
            b'\'' => self.quoted('\'', "a text in quotes is still open"),
            b'`' => self.quoted('`', "a name in back-quotes is still open"),
            b'"' => self.quoted('"', "a name in double quotes is still open"),
            b'-' if rest.starts_with("--") => {
                self.at += rest.find('\n').map_or(rest.len(), |newline| newline + 1);
                Element::Blank
            }
            b'/' if rest.starts_with("/*") => match rest[2..].find("*/") {
                Some(end) => {
                    self.at += end + 4;
                    // A hint belongs to its statement, be it the last of its words.
                    if rest.starts_with("/*+") { Element::Other } else { Element::Blank }
                }
                None => {
                    self.at = self.text.len();
                    Element::Unfinished("a comment is still open")
                }
            },
            b'(' | b'[' => self.one(Element::Open),
            b')' | b']' => self.one(Element::Close),
            b';' => self.one(Element::Semicolon),
            _ => self.word_or_other(rest),
        }
    }

    fn one(&mut self, element: Element) -> Element {
        self.at += 1;
        element
    }

    fn word_or_other(&mut self, rest: &str) -> Element {
        let first = rest.chars().next().expect("the scan stands before the end");
        if first.is_whitespace() {
            self.at += first.len_utf8();
            return Element::Blank;
        }
        if !(first.is_alphabetic() || first == '_') {
            self.at += first.len_utf8();
            return Element::Other;
        }
        let inside = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        self.at += rest.find(|c| !inside(c)).unwrap_or(rest.len());
        Element::Word
    }

    /// A quote inside is written twice.
    fn quoted(&mut self, quote: char, open: &'static str) -> Element {
        let mut from = self.at + 1;
        loop {
            match self.text[from..].find(quote) {
                None => {
                    self.at = self.text.len();
                    return Element::Unfinished(open);
                }
                Some(end) if self.text[from + end + 1..].starts_with(quote) => from += end + 2,
                Some(end) => {
                    self.at = from + end + 1;
                    return Element::Other;
                }
            }
        }
    }
}

/// How far a statement set has come: its inner semicolons do not end it.
enum Set {
    No,
    Open { fresh: bool },
    Ended,
}

/// The most words that open a statement set: `EXPLAIN PLAN FOR EXECUTE STATEMENT SET BEGIN`.
const LONGEST_OPENING: usize = 7;

impl Set {
    fn begin(&mut self, words: &[&str]) {
        let is = |wanted: &[&str]| {
            words.len() == wanted.len()
                && words.iter().zip(wanted).all(|(word, wanted)| word.eq_ignore_ascii_case(wanted))
        };
        let explained = |opening: &[&str]| is(opening) || is(&[&["EXPLAIN"], opening].concat());
        let explained = |opening: &[&str]| explained(opening) || is(&[&["EXPLAIN", "PLAN", "FOR"], opening].concat());
        let set = &["STATEMENT", "SET", "BEGIN"];
        if explained(set) || explained(&["EXECUTE", "STATEMENT", "SET", "BEGIN"]) {
            *self = Set::Open { fresh: true };
        } else if is(&["BEGIN", "STATEMENT", "SET"]) {
            *self = Set::Open { fresh: false };
        } else {
            self.word(words.last().unwrap_or(&""));
        }
    }

    fn word(&mut self, word: &str) {
        if let Set::Open { fresh } = self {
            let end = *fresh && word.eq_ignore_ascii_case("END");
            *self = if end { Set::Ended } else { Set::Open { fresh: false } };
        }
    }

    fn next_statement(&mut self) {
        if let Set::Open { fresh } = self {
            *fresh = true;
        }
    }

    fn closes(&self) -> bool {
        matches!(self, Set::No | Set::Ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<&str> {
        split(text).into_iter().map(|span| span.text(text)).collect()
    }

    #[test]
    fn semicolons_end_statements_outside_of_everything() {
        assert_eq!(pieces("SELECT 1; SELECT 2"), ["SELECT 1", "SELECT 2"]);
        assert_eq!(
            pieces("SELECT ';', `;`, \";\" -- ;\n, 'it''s;' /* ; */ ;; x"),
            ["SELECT ';', `;`, \";\" -- ;\n, 'it''s;'", "x"]
        );
        assert_eq!(pieces("a (b; c); d"), ["a (b; c)", "d"]);
        assert_eq!(
            pieces("SELECT 1 FROM t /*+ OPTIONS('a' = ';') */; x"),
            ["SELECT 1 FROM t /*+ OPTIONS('a' = ';') */", "x"]
        );
        assert_eq!(pieces(" ;; -- nothing\n/* here */"), Vec::<&str>::new());
        assert_eq!(pieces("größe 'ü;' ; ß"), ["größe 'ü;'", "ß"]);
    }

    #[test]
    fn a_statement_set_is_one_statement() {
        let set =
            "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; INSERT INTO b SELECT CASE WHEN x THEN 1 END; END";
        assert_eq!(pieces(&format!("{set}; SELECT 1;")), [set, "SELECT 1"]);
        let explain = format!("EXPLAIN PLAN FOR {set}");
        assert_eq!(pieces(&format!("{explain}; SELECT 1;")), [explain.as_str(), "SELECT 1"]);
        let set = "BEGIN STATEMENT SET; INSERT INTO a SELECT 1; END";
        assert_eq!(pieces(&format!("{set}; SELECT 1;")), [set, "SELECT 1"]);
    }

    #[test]
    fn a_prompt_knows_what_is_missing() {
        use Completeness::*;
        for (text, wanted) in [
            ("", Empty),
            ("  -- only a comment", Empty),
            (";", Empty),
            ("SELECT 1;", Complete),
            ("SELECT 1; -- done\n", Complete),
            ("SELECT 1", Incomplete("a statement ends with ';'")),
            ("SELECT 1; SELECT", Incomplete("a statement ends with ';'")),
            ("SELECT 'abc;", Incomplete("a text in quotes is still open")),
            ("SELECT `abc;", Incomplete("a name in back-quotes is still open")),
            ("SELECT (1;", Incomplete("a bracket is still open")),
            ("SELECT 1 /* ;", Incomplete("a comment is still open")),
            ("BEGIN STATEMENT SET; INSERT INTO a SELECT 1;", Incomplete("the statement set needs its END;")),
            ("BEGIN STATEMENT SET; INSERT INTO a SELECT 1; END;", Complete),
        ] {
            assert_eq!(is_complete(text), wanted, "{text}");
        }
    }
}
