//! Where lines and fields end. A quote opens a quoted field only at the field's beginning; inside, line
//! ends and delimiters are text. A file is cut into lines by the same rules by which a line is cut into
//! fields, so a chunk never ends inside of a field.

use memchr::{memchr2, memchr3};

use super::Dialect;

/// Why a line is not CSV, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) what: &'static str,
}

/// A field: where its text begins and ends (without quotes), and whether it must be rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) quoted: bool,
    pub(super) rewritten: bool,
}

/// The line that begins at `at`: its end and the beginning of the next. `None` if the buffer ends before
/// the line does; at the end of the file that is the last line.
pub(crate) fn next_record(bytes: &[u8], at: usize, dialect: &Dialect) -> Option<(usize, usize)> {
    let mut start = at;
    if dialect.comments && bytes.get(at) == Some(&b'#') {
        return memchr::memchr(b'\n', &bytes[at..]).map(|end| (at + end, at + end + 1));
    }
    loop {
        if dialect.quote.is_some() && bytes.get(start).copied() == dialect.quote {
            start = closing_quote(bytes, start + 1, bytes.len(), dialect)?.0 + 1;
        }
        let end = start + unquoted_end(bytes.get(start..)?, dialect)?;
        if bytes[end] == b'\n' {
            return Some((end, end + 1));
        }
        start = end + 1;
    }
}

/// The end of an unquoted text: its delimiter or line end.
fn unquoted_end(text: &[u8], dialect: &Dialect) -> Option<usize> {
    let Some(escape) = dialect.escape else { return memchr2(dialect.delimiter, b'\n', text) };
    let mut at = 0;
    loop {
        let found = at + memchr3(dialect.delimiter, b'\n', escape, text.get(at..)?)?;
        if text[found] != escape {
            return Some(found);
        }
        at = found + 2;
    }
}

/// The closing quote of the text that begins at `at`, and whether something in it must be rewritten.
fn closing_quote(bytes: &[u8], mut at: usize, end: usize, dialect: &Dialect) -> Option<(usize, bool)> {
    let quote = dialect.quote?;
    let mut rewritten = false;
    loop {
        let found = at + memchr2(quote, dialect.escape.unwrap_or(quote), bytes.get(at..end)?)?;
        let is_quote = bytes[found] == quote;
        if is_quote && (found + 1 == end || bytes[found + 1] != quote) {
            return Some((found, rewritten));
        }
        rewritten = true;
        at = found + 2;
    }
}

/// Calls `each` with every field of the line `bytes[start..end]`.
pub(super) fn fields(
    bytes: &[u8],
    start: usize,
    end: usize,
    dialect: &Dialect,
    mut each: impl FnMut(Field),
) -> Result<(), Fault> {
    let mut at = start;
    loop {
        if at < end && Some(bytes[at]) == dialect.quote {
            let (quote, rewritten) = closing_quote(bytes, at + 1, end, dialect)
                .ok_or(Fault { at, what: "a quoted field has no closing quote" })?;
            each(Field { start: at + 1, end: quote, quoted: true, rewritten });
            at = quote + 1;
            if at < end && bytes[at] != dialect.delimiter {
                return Err(Fault { at, what: "something follows a closing quote" });
            }
        } else {
            let length = unquoted_end(&bytes[at..end], dialect).unwrap_or(end - at);
            let rewritten = dialect.escape.is_some_and(|escape| bytes[at..at + length].contains(&escape));
            each(Field { start: at, end: at + length, quoted: false, rewritten });
            at += length;
        }
        if at >= end {
            return Ok(());
        }
        at += 1;
    }
}

/// The texts of a line whose fields are divided by `delimiter` and quoted by `"`; `None` if it is not CSV
/// or not UTF-8.
pub fn csv_fields(line: &[u8], delimiter: u8) -> Option<Vec<String>> {
    let dialect = Dialect {
        delimiter,
        quote: Some(b'"'),
        escape: None,
        comments: false,
        null_literal: None,
        array_delimiter: Vec::new(),
        header: false,
    };
    texts(line, &dialect)
}

/// The texts of a line, for a header; `None` if it is not CSV.
pub(crate) fn names(line: &[u8], dialect: &Dialect) -> Option<Vec<String>> {
    Some(texts(line, dialect)?.into_iter().map(|name| name.trim().to_string()).collect())
}

fn texts(line: &[u8], dialect: &Dialect) -> Option<Vec<String>> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut all = Vec::new();
    let each = |field: Field| {
        let mut name = Vec::new();
        dialect.unescape(&line[field.start..field.end], field.quoted, &mut name);
        all.push(String::from_utf8(name).ok());
    };
    fields(line, 0, line.len(), dialect, each).ok()?;
    all.into_iter().collect()
}
