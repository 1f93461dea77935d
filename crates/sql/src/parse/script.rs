//! Where statements end. A semicolon ends a statement unless it stands in a string, a quoted name, a comment,
//! an open bracket or a statement set. The same scan tells a prompt whether to wait for more lines.

use crate::error::Span;
use crate::parse::lexeme::{Lexeme, Lexemes, Unfinished};
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
    lexemes: Lexemes<'a>,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str) -> Self {
        Scan { text, lexemes: Lexemes::of(text) }
    }

    /// The next piece, or `None` at the end of the text.
    fn piece(&mut self) -> Option<Piece> {
        let (mut words, mut depth, mut first) = (None::<Span>, 0usize, Vec::new());
        let (mut set, mut any) = (Set::No, false);
        for (lexeme, here) in self.lexemes.by_ref() {
            any = true;
            match lexeme {
                Lexeme::Blank | Lexeme::Comment => continue,
                Lexeme::Semicolon if depth == 0 && set.closes() => {
                    return Some(Piece { words, ended: true, open: None });
                }
                Lexeme::Semicolon if depth == 0 => set.next_statement(),
                Lexeme::Open => depth += 1,
                Lexeme::Close => depth = depth.saturating_sub(1),
                Lexeme::Unfinished(what) => {
                    words = Some(words.map_or(here, |words| words.to(here)));
                    return Some(Piece { words, ended: false, open: Some(missing(what)) });
                }
                Lexeme::Word => {
                    let word = here.text(self.text);
                    if first.len() < LONGEST_OPENING {
                        first.push(word);
                        set.begin(&first);
                    } else {
                        set.word(word);
                    }
                }
                _ => set.word(""),
            }
            words = Some(words.map_or(here, |words| words.to(here)));
        }
        if !any {
            return None;
        }
        let open = match (depth, set) {
            (0, Set::No | Set::Ended) => None,
            (0, _) => Some("the statement set needs its END;"),
            _ => Some("a bracket is still open"),
        };
        Some(Piece { words, ended: false, open })
    }
}

/// What must come to close it, as a reason to wait.
fn missing(what: Unfinished) -> &'static str {
    match what {
        Unfinished::Text => "a text in quotes is still open",
        Unfinished::Name => "a name in back-quotes is still open",
        Unfinished::Quoted => "a name in double quotes is still open",
        Unfinished::Comment => "a comment is still open",
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
