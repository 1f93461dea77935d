//! JSON's grammar (RFC 8259), without making anything of it: where a value ends, and whether it is one.
//! Values that nobody reads are checked as strictly as those that are read, so whether a record is refused
//! as JSON does not depend on the query: literals, numbers, escapes, surrogate pairs, control characters,
//! separators, nesting up to [`MOST_DEPTH`]. Whether it is UTF-8 is checked for the whole buffer before.
//!
//! All functions take the buffer, a place in it and the `end` of the record, and may look at bytes behind
//! `end` but never accept them.

use super::simd::end_of_plain;
use crate::format::cells::What;
use crate::format::scalar::non_digits;

/// How deep objects and arrays may be nested in each other, the record itself included.
pub(super) const MOST_DEPTH: u32 = 64;

/// Why bytes are not JSON, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The place in the buffer.
    pub(super) at: usize,
    pub(super) what: &'static str,
}

pub(super) type Scanned<T> = Result<T, Fault>;

#[cold]
pub(super) fn fault<T>(at: usize, what: &'static str) -> Scanned<T> {
    Err(Fault { at, what })
}

/// The byte at `at`, if the record has one there.
#[inline]
pub(super) fn peek(bytes: &[u8], at: usize, end: usize) -> Option<u8> {
    if at < end { bytes.get(at).copied() } else { None }
}

/// The first byte at or behind `at` that is no blank.
#[inline]
pub(super) fn space(bytes: &[u8], mut at: usize, end: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = peek(bytes, at, end) {
        at += 1;
    }
    at
}

/// The closing quote of the string whose first byte is at `at`, and whether it holds an escape.
#[inline]
pub(super) fn string(bytes: &[u8], mut at: usize, end: usize) -> Scanned<(usize, bool)> {
    let mut escaped = false;
    loop {
        at = end_of_plain(bytes, at);
        match peek(bytes, at, end) {
            Some(b'"') => return Ok((at, escaped)),
            Some(b'\\') => {
                escaped = true;
                at = escape(bytes, at, end)?;
            }
            Some(_) => return fault(at, "a control character stands in a string and is not escaped"),
            None => return fault(end, "a string has no closing quote"),
        }
    }
}

/// What follows the escape that begins at `at`.
#[cold]
fn escape(bytes: &[u8], at: usize, end: usize) -> Scanned<usize> {
    match peek(bytes, at + 1, end) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => match unit(bytes, at + 2, end)? {
            0xd800..=0xdbff => {
                let pair = peek(bytes, at + 6, end) == Some(b'\\') && peek(bytes, at + 7, end) == Some(b'u');
                if pair && matches!(unit(bytes, at + 8, end)?, 0xdc00..=0xdfff) {
                    return Ok(at + 12);
                }
                fault(at, "half of a surrogate pair stands alone")
            }
            0xdc00..=0xdfff => fault(at, "half of a surrogate pair stands alone"),
            _ => Ok(at + 6),
        },
        _ => fault(at, "a backslash begins no known escape"),
    }
}

/// The UTF-16 unit that four hexadecimal digits spell.
fn unit(bytes: &[u8], at: usize, end: usize) -> Scanned<u32> {
    let digits = bytes.get(at..at + 4).filter(|_| at + 4 <= end);
    let digit = |value: u32, byte: &u8| Some(value << 4 | (*byte as char).to_digit(16)?);
    match digits.and_then(|digits| digits.iter().try_fold(0, digit)) {
        Some(unit) => Ok(unit),
        None => fault(at, "\\u is not followed by four hexadecimal digits"),
    }
}

/// Appends a string that [`string`] has accepted, without its escapes.
pub(super) fn unescape(text: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', &text[at..]) {
        out.extend_from_slice(&text[at..at + found]);
        at += found;
        let plain = match text[at + 1] {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                at += unescape_unit(&text[at..], out);
                continue;
            }
            other => other,
        };
        out.push(plain);
        at += 2;
    }
    out.extend_from_slice(&text[at..]);
}

/// Appends the character of a `\u` escape or of a pair of them; how many bytes it took.
fn unescape_unit(text: &[u8], out: &mut Vec<u8>) -> usize {
    let unit_at = |at| unit(text, at, text.len()).expect("the string has been scanned");
    let first = unit_at(2);
    let (code, length) = match first {
        0xd800..=0xdbff => (0x1_0000 + ((first - 0xd800) << 10) + (unit_at(8) - 0xdc00), 12),
        _ => (first, 6),
    };
    let character = char::from_u32(code).expect("the scan refuses lone surrogates");
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    length
}

/// How many digits stand at `at`; it may count digits behind the record too.
#[inline]
fn digits(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let others = non_digits(u64::from_le_bytes(*block));
        if others != 0 {
            return at - start + others.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at - start
}

/// The end of the number that begins at `at`.
#[inline]
pub(super) fn number(bytes: &[u8], start: usize, end: usize) -> Scanned<usize> {
    let first = start + usize::from(bytes[start] == b'-');
    let at = (first + digits(bytes, first)).min(end);
    if at <= first {
        return fault(first, "a number has no digits");
    }
    if bytes[first] == b'0' && at > first + 1 {
        return fault(first, "a number begins with a zero");
    }
    match peek(bytes, at, end) {
        Some(b'.' | b'e' | b'E') => fraction(bytes, at, end),
        _ => Ok(at),
    }
}

/// The end of the fraction or exponent that begins at `at`.
fn fraction(bytes: &[u8], mut at: usize, end: usize) -> Scanned<usize> {
    if bytes[at] == b'.' {
        let behind = (at + 1 + digits(bytes, at + 1)).min(end);
        if behind <= at + 1 {
            return fault(at, "no digit follows the point of a number");
        }
        at = behind;
    }
    if let Some(b'e' | b'E') = peek(bytes, at, end) {
        let sign = matches!(peek(bytes, at + 1, end), Some(b'+' | b'-'));
        let first = at + 1 + usize::from(sign);
        let behind = (first + digits(bytes, first)).min(end);
        if behind <= first {
            return fault(at, "no digit follows the exponent of a number");
        }
        at = behind;
    }
    Ok(at)
}

/// The end of one of the three literals.
fn literal(bytes: &[u8], at: usize, end: usize, word: &[u8]) -> Scanned<usize> {
    if at + word.len() <= end && &bytes[at..at + word.len()] == word {
        return Ok(at + word.len());
    }
    fault(at, "what stands here is no JSON value")
}

/// A value: what it is, where its content begins and ends, and where it ends with its quotes.
pub(super) struct Value {
    pub(super) what: What,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) next: usize,
}

/// The value that begins at `at`, inside of `outer` objects and arrays.
#[inline]
pub(super) fn value(bytes: &[u8], at: usize, end: usize, outer: u32) -> Scanned<Value> {
    let whole = |what, next| Ok(Value { what, start: at, end: next, next });
    match peek(bytes, at, end) {
        Some(b'"') => {
            let (quote, escaped) = string(bytes, at + 1, end)?;
            let what = if escaped { What::SideText } else { What::Text };
            Ok(Value { what, start: at + 1, end: quote, next: quote + 1 })
        }
        Some(b'-' | b'0'..=b'9') => whole(What::Number, number(bytes, at, end)?),
        Some(b't') => whole(What::True, literal(bytes, at, end, b"true")?),
        Some(b'f') => whole(What::False, literal(bytes, at, end, b"false")?),
        Some(b'n') => whole(What::Null, literal(bytes, at, end, b"null")?),
        Some(b'{') => whole(What::Object, container(bytes, at, end, outer)?),
        Some(b'[') => whole(What::Array, container(bytes, at, end, outer)?),
        Some(_) => fault(at, "what stands here is no JSON value"),
        None => fault(end, "the record ends where a value should stand"),
    }
}

/// The end of the object or array that begins at `at`. Open containers are the bits of one word, so
/// hostile nesting costs no stack.
fn container(bytes: &[u8], mut at: usize, end: usize, outer: u32) -> Scanned<usize> {
    let (mut is_object, mut depth) = (0u64, 0u32);
    loop {
        let opening = peek(bytes, at, end);
        if let Some(b'{' | b'[') = opening {
            depth += 1;
            if depth + outer > MOST_DEPTH {
                return fault(at, "objects and arrays are nested deeper than 64 levels");
            }
            is_object = is_object << 1 | u64::from(opening == Some(b'{'));
            at = space(bytes, at + 1, end);
            match (peek(bytes, at, end), opening) {
                (Some(b'}'), Some(b'{')) | (Some(b']'), Some(b'[')) => {}
                (_, Some(b'{')) => {
                    at = key(bytes, at, end)?.value;
                    continue;
                }
                _ => continue,
            }
        } else {
            at = space(bytes, value_without_children(bytes, at, end)?, end);
        }
        loop {
            match (peek(bytes, at, end), is_object & 1 == 1) {
                (Some(b'}'), true) | (Some(b']'), false) => {
                    depth -= 1;
                    is_object >>= 1;
                    if depth == 0 {
                        return Ok(at + 1);
                    }
                    at = space(bytes, at + 1, end);
                }
                (Some(b','), true) => {
                    at = key(bytes, space(bytes, at + 1, end), end)?.value;
                    break;
                }
                (Some(b','), false) => {
                    at = space(bytes, at + 1, end);
                    break;
                }
                (None, _) => return fault(end, "the record ends inside of an object or array"),
                (_, true) => return fault(at, "neither ',' nor '}' follows a value"),
                (_, false) => return fault(at, "neither ',' nor ']' follows a value"),
            }
        }
    }
}

/// The end of the scalar that begins at `at`, where no container begins.
fn value_without_children(bytes: &[u8], at: usize, end: usize) -> Scanned<usize> {
    Ok(value(bytes, at, end, MOST_DEPTH)?.next)
}

/// A key: its content, whether it holds an escape, and where its value begins.
pub(super) struct Key {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) escaped: bool,
    pub(super) value: usize,
}

/// The key that begins at `at`, with its colon.
pub(super) fn key(bytes: &[u8], at: usize, end: usize) -> Scanned<Key> {
    if peek(bytes, at, end) != Some(b'"') {
        return fault(at.min(end), "a key in quotes should stand here");
    }
    let (quote, escaped) = string(bytes, at + 1, end)?;
    let colon = space(bytes, quote + 1, end);
    if peek(bytes, colon, end) != Some(b':') {
        return fault(colon.min(end), "no ':' follows a key");
    }
    Ok(Key { start: at + 1, end: quote, escaped, value: space(bytes, colon + 1, end) })
}
