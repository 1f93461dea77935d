//! What a cell holds: functions for SQL alone, or also code to evaluate. Only the form is looked at here; what
//! it means is rustc's affair.

use millstream_plan::Uncompiled;
use proc_macro2::Span;
use syn::parse::Parser;
use syn::spanned::Spanned;
use syn::{Attribute, Block, File, Item, Stmt};

/// What stands on the first line of a notebook's cell of Rust.
const MAGIC: &str = "%%rust";

/// The attribute that makes a function one of SQL's.
const MARK: &str = "udf";

/// A cell of Rust.
pub struct Cell {
    /// What is to be done with it.
    pub kind: Kind,
    /// Its items, among them the marked ones.
    pub(crate) items: Vec<Item>,
    /// Its text without the marks, which stand as blanks: every other character keeps its place.
    pub text: String,
}

/// What is to be done with a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It declares functions for SQL and holds nothing but items.
    Functions,
    /// It declares functions for SQL, and holds code to evaluate as well.
    Both,
    /// It is to be evaluated.
    Code,
}

impl Cell {
    /// Reads a cell. Only one that marks functions for SQL can be wrong here.
    pub fn read(text: &str) -> Result<Cell, Uncompiled> {
        let code = |kind| Cell { kind, items: Vec::new(), text: text.to_string() };
        if !text.contains(MARK) {
            return Ok(code(Kind::Code));
        }
        let (items, alone) = match syn::parse_str::<File>(text) {
            Ok(file) => (file.items, true),
            Err(error) => match Block::parse_within.parse_str(text) {
                Ok(statements) => (statements.into_iter().filter_map(item).collect(), false),
                Err(_) if marks_something(text) => return Err(unread(text, &error)),
                Err(_) => return Ok(code(Kind::Code)),
            },
        };
        let marks: Vec<_> = items.iter().flat_map(attributes).filter(|attribute| is_mark(attribute)).collect();
        if marks.is_empty() {
            return Ok(code(Kind::Code));
        }
        let mut blanked = text.to_string();
        for mark in &marks {
            let range = mark.span().byte_range();
            let blanks: String = text[range.clone()].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
            blanked.replace_range(range.clone(), &pad(&blanks, range.len()));
        }
        let text = if alone { blanked } else { items_of(&blanked, &items) };
        Ok(Cell { kind: if alone { Kind::Functions } else { Kind::Both }, items, text })
    }
}

impl Cell {
    /// What of the cell is to be evaluated: its text without the items that were remembered before.
    pub fn code(&self, source: &str) -> String {
        let mut code = source.as_bytes().to_vec();
        if self.kind == Kind::Both {
            for (byte, item) in code.iter_mut().zip(self.text.bytes()) {
                if item != b' ' && item != b'\n' {
                    *byte = b' ';
                }
            }
            for mark in self.items.iter().flat_map(attributes).filter(|attribute| is_mark(attribute)) {
                code[mark.span().byte_range()].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
            }
        }
        String::from_utf8(code).unwrap_or_else(|_| source.to_string())
    }
}

/// A notebook's cell of Rust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// The Rust. The first line is left blank: every character keeps its place.
    pub rust: String,
    /// What stands behind `%%rust` on its line.
    pub words: String,
}

impl Body {
    /// The Rust of a cell, if `%%rust` stands on its first line.
    pub fn of(code: &str) -> Option<Body> {
        let rest = code.trim_start().strip_prefix(MAGIC)?;
        let words = rest.split('\n').next().unwrap_or("");
        if !words.is_empty() && !words.starts_with(char::is_whitespace) {
            return None;
        }
        let start = code.len() - rest.len() + words.len();
        Some(Body { rust: format!("{}{}", " ".repeat(start), &rest[words.len()..]), words: words.trim().to_string() })
    }
}

/// How many brackets of a notebook's cell are open, if it is one of Rust.
pub fn open_brackets(code: &str) -> Option<usize> {
    Body::of(code).map(|body| open(&body.rust))
}

/// How many brackets are open at the end of a text of Rust: at least one while a text or comment is.
pub fn open(rust: &str) -> usize {
    if rust.parse::<proc_macro2::TokenStream>().is_ok() {
        return 0;
    }
    let opened = rust.matches(['(', '[', '{']).count();
    let closed = rust.matches([')', ']', '}']).count();
    // One that closes too many can never be completed: rustc says so.
    if closed > opened { 0 } else { (opened - closed).max(1) }
}

/// A mark may hold a name that is not ASCII: the text keeps its length in bytes.
fn pad(blanks: &str, bytes: usize) -> String {
    format!("{blanks}{}", " ".repeat(bytes - blanks.len()))
}

/// The items of a text alone, each at its place.
fn items_of(text: &str, items: &[Item]) -> String {
    let mut out: Vec<u8> = text.bytes().map(|byte| if byte == b'\n' { b'\n' } else { b' ' }).collect();
    for item in items {
        let range = item.span().byte_range();
        out[range.clone()].copy_from_slice(&text.as_bytes()[range]);
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_string())
}

fn item(statement: Stmt) -> Option<Item> {
    match statement {
        Stmt::Item(item) => Some(item),
        _ => None,
    }
}

/// The attributes of an item that may be marked.
pub(crate) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Fn(function) => &function.attrs,
        Item::Impl(implementation) => &implementation.attrs,
        Item::Struct(structure) => &structure.attrs,
        Item::Enum(enumeration) => &enumeration.attrs,
        _ => &[],
    }
}

/// Whether an attribute is the mark.
pub(crate) fn is_mark(attribute: &Attribute) -> bool {
    attribute.path().is_ident(MARK)
}

fn marks_something(text: &str) -> bool {
    text.split("#[").skip(1).any(|rest| rest.trim_start().starts_with(MARK))
}

fn unread(text: &str, error: &syn::Error) -> Uncompiled {
    // What the lexer says is of use to nobody.
    let reason = match error.to_string() {
        said if said.contains("token stream") => "a bracket or a quotation mark is not closed".into(),
        said => said,
    };
    Uncompiled { place: Some(place(text, error.span())), ..said(format!("this is no Rust: {reason}")) }
}

/// A complaint without a place.
pub fn said(message: String) -> Uncompiled {
    Uncompiled { message, place: None, hints: Vec::new(), stopped: false, no_compiler: false }
}

/// A place as bytes of a text: at the end of the text, its last character.
pub(crate) fn place(text: &str, span: Span) -> (usize, usize) {
    let range = span.byte_range();
    if range.start < text.len() && range.end <= text.len() && range.start < range.end {
        return (range.start, range.end);
    }
    let end = text.trim_end().len();
    let start = text[..end].char_indices().next_back().map_or(0, |(start, _)| start);
    (start, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_told_apart_by_what_they_hold() {
        let kind = |text: &str| Cell::read(text).map(|cell| cell.kind).map_err(|error| error.message);
        assert_eq!(kind("#[udf] fn f(x: i64) -> i64 { x }"), Ok(Kind::Functions));
        assert_eq!(kind("use std::fmt;\n#[udf]\nfn f(x: i64) -> i64 { x }\nstruct S;"), Ok(Kind::Functions));
        assert_eq!(kind("#[udf] fn f(x: i64) -> i64 { x }\nlet y = f(1); y"), Ok(Kind::Both));
        assert_eq!(kind("fn f(x: i64) -> i64 { x }"), Ok(Kind::Code));
        assert_eq!(kind("let udf = 1;"), Ok(Kind::Code));
        assert!(kind("#[udf] fn f(x: i64) -> { x }").expect_err("is no Rust").contains("this is no Rust"));
    }

    #[test]
    fn marks_become_blanks_and_all_else_keeps_its_place() {
        let cell = Cell::read("/* ä */ #[udf(name = \"ö\")] fn f() -> i64 { 1 }").expect("is Rust");
        assert_eq!(cell.text.len(), "/* ä */ #[udf(name = \"ö\")] fn f() -> i64 { 1 }".len());
        assert!(cell.text.starts_with("/* ä */    ") && cell.text.ends_with(" fn f() -> i64 { 1 }"));
        let cell = Cell::read("let x = 1;\n#[udf] fn f() -> i64 { 1 }\nx").expect("is Rust");
        assert_eq!(cell.text, format!("{}\n       fn f() -> i64 {{ 1 }}\n ", " ".repeat(10)));
    }

    #[test]
    fn what_is_evaluated_lacks_the_items_that_were_remembered() {
        let source = "let x = 1;\n#[udf] fn f() -> i64 { 1 }\nx + f()";
        let cell = Cell::read(source).expect("is Rust");
        let code = cell.code(source);
        assert_eq!(
            (code.len(), code.lines().next(), code.lines().last()),
            (source.len(), Some("let x = 1;"), Some("x + f()"))
        );
        assert_eq!(code.lines().nth(1).map(str::trim), Some(""));
    }

    #[test]
    fn a_cell_of_a_notebook_is_known_by_its_first_line() {
        let body = |code: &str| Body::of(code).map(|body| (body.rust, body.words));
        assert_eq!(body("%%rust\nlet x = 1;"), Some(("      \nlet x = 1;".into(), "".into())));
        assert_eq!(body("%%rust from bars \nx"), Some(("                 \nx".into(), "from bars".into())));
        assert_eq!(body("%%rusty\nx"), None);
        assert_eq!(body("SELECT 1;"), None);
        assert_eq!(open_brackets("%%rust\nfn f() { ("), Some(2));
        assert_eq!(open_brackets("%%rust\n1 + 1"), Some(0));
        assert_eq!(open("let s = \"abc"), 1);
        assert_eq!(open("}"), 0);
    }

    #[test]
    fn any_text_is_no_panic() {
        for text in
            ["", "#[udf", "#[udf]", "#[udf] fn", "udf \u{0}", "#[udf] 漢字", "#[udf]fn f(){}\u{202e}", "}#[udf]{"]
        {
            drop(Cell::read(text));
        }
    }
}
