//! Where the cursor stands: which statement, behind which word, in which bracket, and so what may be typed
//! there. It reads the pieces of a text that is half typed, not a tree, for there is none yet.

use millstream_sql::{Lexeme, Lexemes, Span, Unfinished};

use super::words::is_keyword;

/// A piece of a statement, blanks and comments left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// What it is.
    pub lexeme: Lexeme,
    /// Its bytes in the whole text.
    pub span: Span,
    /// Those bytes.
    pub text: &'a str,
}

impl Piece<'_> {
    /// Whether it is this keyword, given in upper case.
    pub fn is(&self, keyword: &str) -> bool {
        self.lexeme == Lexeme::Word && self.text.eq_ignore_ascii_case(keyword)
    }

    /// Whether it is one of these keywords.
    pub fn is_one_of(&self, keywords: &[&str]) -> bool {
        keywords.iter().any(|keyword| self.is(keyword))
    }

    /// Whether it can be a part of a name: a quoted name, or a word that is no keyword.
    pub fn is_name(&self) -> bool {
        self.lexeme == Lexeme::Name || (self.lexeme == Lexeme::Word && !is_keyword(self.text))
    }

    /// The name or text that it is, without its quotes.
    pub fn bare(&self) -> String {
        let quote = match self.text.chars().next() {
            Some(quote @ ('`' | '"' | '\'')) => quote,
            _ => return self.text.to_string(),
        };
        let inner = &self.text[1..];
        let closed = !matches!(self.lexeme, Lexeme::Unfinished(_));
        let inner = if closed { inner.strip_suffix(quote).unwrap_or(inner) } else { inner };
        inner.replace(&format!("{quote}{quote}"), &quote.to_string())
    }
}

/// The pieces of the statement around byte `at`: those before it, then those from it on.
pub fn statement(text: &str, at: usize) -> (Vec<Piece<'_>>, Vec<Piece<'_>>) {
    let read = |part: Span| {
        let pieces = Lexemes::of(part.text(text)).map(move |(lexeme, span)| {
            let span = Span::new(span.start + part.start, span.end + part.start);
            Piece { lexeme, span, text: span.text(text) }
        });
        pieces.filter(|piece| piece.lexeme != Lexeme::Blank)
    };
    let mut before: Vec<Piece<'_>> = read(Span::new(0, at)).collect();
    if let Some(end) = before.iter().rposition(|piece| piece.lexeme == Lexeme::Semicolon) {
        before.drain(..=end);
    }
    let after = read(Span::new(at, text.len())).take_while(|piece| piece.lexeme != Lexeme::Semicolon);
    let plain = |piece: &Piece<'_>| !matches!(piece.lexeme, Lexeme::Comment | Lexeme::Hint);
    // A comment at the cursor is one the cursor may stand in.
    let last =
        before.last().copied().filter(|piece| !plain(piece) && piece.span.end == at && !piece.text.ends_with('\n'));
    let mut before: Vec<Piece<'_>> = before.into_iter().filter(plain).collect();
    before.extend(last);
    (before, after.filter(plain).collect())
}

/// What is typed of a name at the cursor: `payload.us` is the path `payload` and the word `us`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    /// The names before the last dot. `[…]` stands for an element of an array.
    pub path: Vec<String>,
    /// What is typed of the last name, without its quote.
    pub word: String,
    /// Where the path begins.
    pub path_start: usize,
    /// Where the word begins.
    pub word_start: usize,
}

impl Typed {
    /// All that is typed, with its dots.
    pub fn whole(&self) -> String {
        self.path.iter().map(|part| format!("{part}.")).chain([self.word.clone()]).collect()
    }
}

/// Takes the name at the cursor off the end of the pieces.
pub fn take_typed(pieces: &mut Vec<Piece<'_>>, at: usize) -> Typed {
    let mut typed = Typed { path_start: at, word_start: at, ..Typed::default() };
    if let Some(last) = pieces.last().copied()
        && last.span.end == at
        && matches!(last.lexeme, Lexeme::Word | Lexeme::Unfinished(Unfinished::Name | Unfinished::Quoted))
    {
        pieces.pop();
        (typed.word, typed.path_start, typed.word_start) = (last.bare(), last.span.start, last.span.start);
    }
    while let [.., before, dot] = pieces.as_slice()
        && dot.text == "."
        && dot.span.end == typed.path_start
        && before.span.end == dot.span.start
    {
        let (start, part) = match before.lexeme {
            Lexeme::Word | Lexeme::Name => (before.span.start, before.bare()),
            Lexeme::Close if before.text == "]" => match pieces.iter().rposition(|piece| piece.text == "[") {
                Some(open) => {
                    let start = pieces[open].span.start;
                    pieces.truncate(open);
                    typed.path.insert(0, ELEMENT.into());
                    // The name of the array stands right before its bracket.
                    let Some(array) = pieces.last().copied().filter(|array| array.span.end == start) else { break };
                    pieces.pop();
                    typed.path.insert(0, array.bare());
                    typed.path_start = array.span.start;
                    continue;
                }
                None => break,
            },
            _ => break,
        };
        typed.path.insert(0, part);
        typed.path_start = start;
        pieces.truncate(pieces.len() - 2);
    }
    typed
}

/// The part of a path that is an element of an array.
pub const ELEMENT: &str = "[]";

/// What may stand at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Something of the user's own: a new name, a number, a comment.
    Nothing,
    /// A statement's first word.
    Verb,
    /// What `SHOW` can show.
    Shown,
    /// A step of a pipe.
    Step,
    /// A table or view.
    Relation,
    /// An expression: columns, functions.
    Value,
    /// A windowing function.
    Window,
    /// A keyword that goes on behind an expression or a table.
    Clause,
    /// A type.
    Type,
    /// A unit of time.
    Unit,
    /// The name of an option in `WITH (…)`.
    OptionName,
    /// The value of this option.
    OptionValue(String),
    /// A setting.
    Setting,
    /// The value of this setting.
    SettingValue(String),
    /// A place outside: a file, a topic.
    Outside,
}

/// Verbs behind which the name of a table or step stands.
const TAKE_NAMES: &[&str] = &[
    "DESCRIBE",
    "DESC",
    "PREVIEW",
    "PEEK",
    "TAP",
    "WHY",
    "START",
    "STOP",
    "WATCH",
    "CHECK",
    "RECORD",
    "REPLAY",
    "EXPORT",
    "DIFF",
    "TRACE",
    "PLOT",
    "LEDGER",
    "WATERMARK",
    "UNDO",
    "REDO",
    "LIKE",
    "COLUMNS",
];
/// Words behind which a table stands, wherever they are.
const BEFORE_RELATIONS: &[&str] = &["FROM", "JOIN", "INTO", "OVERWRITE"];
/// Words behind which an expression stands.
const BEFORE_VALUES: &[&str] = &[
    "SELECT",
    "DISTINCT",
    "WHERE",
    "ON",
    "HAVING",
    "BY",
    "AND",
    "OR",
    "NOT",
    "WHEN",
    "THEN",
    "ELSE",
    "CASE",
    "EXTEND",
    "AGGREGATE",
    "BETWEEN",
    "IN",
    "IS",
    "FOR",
    "USING",
    "FILTER",
    "QUALIFY",
];
/// The windowing functions.
const WINDOWS: &[&str] = &["TUMBLE", "HOP", "CUMULATE", "SESSION"];

/// What may stand behind these pieces of a statement.
pub fn wanted(pieces: &[Piece<'_>]) -> Wanted {
    let Some(last) = pieces.last() else { return Wanted::Verb };
    match last.lexeme {
        Lexeme::Comment | Lexeme::Hint | Lexeme::Unfinished(Unfinished::Comment) => return Wanted::Nothing,
        Lexeme::Unfinished(Unfinished::Text) => return inside_text(&pieces[..pieces.len() - 1]),
        Lexeme::Pipe => return Wanted::Step,
        _ => {}
    }
    if let Some((open, comma)) = bracket(pieces)
        && let Some(inside) = inside_bracket(pieces, open, comma)
    {
        return inside;
    }
    behind(pieces, *last)
}

/// What may stand behind the last piece, when no bracket has a say.
fn behind(pieces: &[Piece<'_>], last: Piece<'_>) -> Wanted {
    let first = pieces[0];
    let before = |back: usize| pieces.len().checked_sub(back + 1).map(|index| pieces[index]);
    let created = pieces.len() <= 3 && first.is("CREATE");
    match last.lexeme {
        Lexeme::Word if last.is("TABLE") || last.is("VIEW") => {
            if created {
                Wanted::Nothing
            } else {
                Wanted::Relation
            }
        }
        Lexeme::Word if last.is("SHOW") && pieces.len() == 1 => Wanted::Shown,
        Lexeme::Word if last.is("EXPLAIN") => Wanted::Relation,
        Lexeme::Word if (last.is("SET") || last.is("RESET")) && pieces.len() == 1 => Wanted::Setting,
        Lexeme::Word if last.is("SET") => Wanted::Value,
        Lexeme::Word if last.is("AS") => match () {
            () if first.is("CREATE") && !in_bracket(pieces) => Wanted::Verb,
            () if in_bracket(pieces) && calls(pieces, &["CAST", "TRY_CAST"]) => Wanted::Type,
            () => Wanted::Nothing,
        },
        Lexeme::Word if last.is_one_of(BEFORE_RELATIONS) => Wanted::Relation,
        Lexeme::Word if last.is_one_of(TAKE_NAMES) && pieces.len() <= 2 => Wanted::Relation,
        Lexeme::Word if last.is("EXISTS") && first.is_one_of(&["CREATE", "DROP"]) => {
            if first.is("CREATE") {
                Wanted::Nothing
            } else {
                Wanted::Relation
            }
        }
        Lexeme::Word if last.is_one_of(BEFORE_VALUES) => Wanted::Value,
        Lexeme::Word if last.is("CALL") => Wanted::Window,
        Lexeme::Word if last.is_one_of(&["LIMIT", "OFFSET", "INTERVAL", "COMMENT", "VALUES"]) => Wanted::Nothing,
        Lexeme::Word if is_keyword(last.text) && !matches!(last.text.to_ascii_uppercase().as_str(), "END" | "NULL") => {
            Wanted::Clause
        }
        Lexeme::Text | Lexeme::Number if before(1).is_some_and(|before| before.is("INTERVAL")) => Wanted::Unit,
        Lexeme::Word | Lexeme::Name | Lexeme::Text | Lexeme::Number | Lexeme::Close => Wanted::Clause,
        Lexeme::Sign if last.text == "," => behind_comma(pieces),
        _ => Wanted::Value,
    }
}

/// A comma goes on with what its clause holds.
fn behind_comma(pieces: &[Piece<'_>]) -> Wanted {
    let mut depth = 0usize;
    for piece in pieces.iter().rev() {
        match piece.lexeme {
            Lexeme::Close => depth += 1,
            Lexeme::Open if depth == 0 => break,
            Lexeme::Open => depth -= 1,
            Lexeme::Word if depth == 0 && piece.is_one_of(&["FROM", "JOIN"]) => return Wanted::Relation,
            Lexeme::Word if depth == 0 && piece.is_one_of(&["SELECT", "BY", "WHERE", "AGGREGATE", "EXTEND"]) => break,
            _ => {}
        }
    }
    Wanted::Value
}

/// The innermost bracket that is open, and whether the last piece opens it or is a comma right inside.
fn bracket(pieces: &[Piece<'_>]) -> Option<(usize, bool)> {
    let mut depth = 0usize;
    for (index, piece) in pieces.iter().enumerate().rev() {
        match piece.lexeme {
            Lexeme::Close => depth += 1,
            Lexeme::Open if depth == 0 => {
                let last = pieces.len() - 1;
                return Some((index, index == last || pieces[last].text == ","));
            }
            Lexeme::Open => depth -= 1,
            _ => {}
        }
    }
    None
}

fn in_bracket(pieces: &[Piece<'_>]) -> bool {
    bracket(pieces).is_some()
}

/// Whether the innermost open bracket holds the arguments of one of these functions.
fn calls(pieces: &[Piece<'_>], functions: &[&str]) -> bool {
    let before = bracket(pieces).and_then(|(open, _)| pieces.get(open.checked_sub(1)?));
    before.is_some_and(|name| name.is_one_of(functions))
}

/// What a bracket decides: the options of a `WITH`, the columns of a `CREATE TABLE`, a windowing function.
fn inside_bracket(pieces: &[Piece<'_>], open: usize, fresh: bool) -> Option<Wanted> {
    let name = pieces.get(open.checked_sub(1)?)?;
    let last = pieces.last()?;
    if is_options(pieces, open) {
        return Some(if fresh { Wanted::OptionName } else { Wanted::Nothing });
    }
    if name.is("TABLE") && fresh {
        return Some(Wanted::Window);
    }
    if name.is_one_of(WINDOWS) && open + 1 == pieces.len() {
        return Some(Wanted::Relation);
    }
    if name.is_one_of(&["UNNEST", "DESCRIPTOR"]) && fresh {
        return Some(Wanted::Value);
    }
    let declares = pieces[0].is("CREATE") && pieces.iter().take(open).any(|piece| piece.is("TABLE"));
    if declares && pieces[..open].iter().all(|piece| piece.lexeme != Lexeme::Open) {
        let named = last.is_name() && pieces.len() - open == 2
            || (last.is_name() && pieces[pieces.len() - 2].text == "," && pieces.len() - open > 2);
        return match () {
            () if fresh => Some(Wanted::Nothing),
            () if named => Some(Wanted::Type),
            () => None,
        };
    }
    None
}

/// Whether this bracket holds the options of a table.
fn is_options(pieces: &[Piece<'_>], open: usize) -> bool {
    let created = pieces[0].is_one_of(&["CREATE", "EXPORT", "TAP", "INSERT"]);
    created && open > 0 && pieces[open - 1].is("WITH")
}

/// What stands in quotes that are still open; `before` are the pieces before them.
fn inside_text(before: &[Piece<'_>]) -> Wanted {
    let Some(last) = before.last() else { return Wanted::Nothing };
    let key = |pieces: &[Piece<'_>]| pieces.last().map(Piece::bare).unwrap_or_default();
    if let Some((open, _)) = bracket(before) {
        return match is_options(before, open) {
            true if last.text == "=" => Wanted::OptionValue(key(&before[..before.len() - 1])),
            true => Wanted::OptionName,
            false => Wanted::Nothing,
        };
    }
    match () {
        () if before[0].is("SET") && last.text == "=" => Wanted::SettingValue(key(&before[..before.len() - 1])),
        () if before.len() == 1 && last.is_one_of(&["SET", "RESET"]) => Wanted::Setting,
        () if last.is_one_of(&["TAP", "PEEK", "IN", "INTO", "JOB", "IMPORT", "REPLAY"]) && !before[0].is("SELECT") => {
            Wanted::Outside
        }
        () => Wanted::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_end(text: &str) -> (Wanted, Typed) {
        let (mut before, _) = statement(text, text.len());
        let typed = take_typed(&mut before, text.len());
        (wanted(&before), typed)
    }

    #[test]
    fn every_place_says_what_it_wants() {
        for (text, place) in [
            ("", Wanted::Verb),
            ("SEL", Wanted::Verb),
            ("SELECT 1; FR", Wanted::Verb),
            ("SHOW ", Wanted::Shown),
            ("SELECT ", Wanted::Value),
            ("SELECT a, ", Wanted::Value),
            ("SELECT a FROM ", Wanted::Relation),
            ("SELECT a FROM x, y", Wanted::Relation),
            ("SELECT a FROM x WHERE b IN (c, d), ", Wanted::Value),
            ("FROM t ", Wanted::Clause),
            ("FROM t |> ", Wanted::Step),
            ("FROM t |> WHERE a > ", Wanted::Value),
            ("FROM t |> WHERE a ", Wanted::Clause),
            ("FROM t |> CALL ", Wanted::Window),
            ("FROM t |> AGGREGATE SUM(a) AS ", Wanted::Nothing),
            ("SELECT CAST(a AS ", Wanted::Type),
            ("SELECT INTERVAL '10' ", Wanted::Unit),
            ("SELECT * FROM TABLE(", Wanted::Window),
            ("SELECT * FROM TABLE(TUMBLE(", Wanted::Relation),
            ("SELECT * FROM TABLE(TUMBLE(TABLE ", Wanted::Relation),
            ("SELECT * FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(", Wanted::Value),
            ("CREATE TABLE ", Wanted::Nothing),
            ("CREATE TABLE t (", Wanted::Nothing),
            ("CREATE TABLE t (a ", Wanted::Type),
            ("CREATE TABLE t (a INT, b ", Wanted::Type),
            ("CREATE TABLE t (a INT) WITH (", Wanted::OptionName),
            ("CREATE TABLE t (a INT) WITH ('con", Wanted::OptionName),
            ("CREATE TABLE t (a INT) WITH ('a' = 'b', '", Wanted::OptionName),
            ("CREATE TABLE t (a INT) WITH ('format' = 'j", Wanted::OptionValue("format".into())),
            ("CREATE VIEW v AS ", Wanted::Verb),
            ("DROP VIEW ", Wanted::Relation),
            ("DESCRIBE ", Wanted::Relation),
            ("SHOW CREATE TABLE ", Wanted::Relation),
            ("SET '", Wanted::Setting),
            ("SET 'a.b' = '", Wanted::SettingValue("a.b".into())),
            ("TAP '", Wanted::Outside),
            ("SELECT 'a", Wanted::Nothing),
            ("SELECT a -- b", Wanted::Nothing),
            ("SELECT a /* b", Wanted::Nothing),
            ("INSERT INTO ", Wanted::Relation),
        ] {
            assert_eq!(at_end(text).0, place, "{text}");
        }
    }

    #[test]
    fn a_path_is_what_stands_before_the_last_dot() {
        let typed = |text: &str| at_end(text).1;
        let path = typed("SELECT a, payload.user.na");
        assert_eq!(
            (path.path, path.word, path.path_start, path.word_start),
            (vec!["payload".to_string(), "user".into()], "na".into(), 10, 23)
        );
        assert_eq!(typed("SELECT items[1].sk").path, ["items", ELEMENT]);
        assert_eq!(typed("SELECT `odd name`.").whole(), "odd name.");
        let open = typed("SELECT `od``d na");
        assert_eq!((open.word.as_str(), open.word_start), ("od`d na", 7));
        assert_eq!(typed("SELECT a ").word, "");
    }
}
