//! The one gate through which untrusted text reaches a screen. Payloads, keys, topic names and messages
//! that quote them may hold anything: terminal commands, text that runs backwards, characters without
//! width. Each of those is written as what it is, `\x1b` or `\u{202e}`, so that nobody but us moves the
//! cursor, and two texts that look alike are alike.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a character must not reach a terminal as it is: a control of C0, C1 or DEL, a bidi control, a
/// character without width or shape, a separator of lines.
pub fn is_hostile(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f' | '\x7f'..='\u{9f}'
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..='\u{10ffff}')
}

/// The text as it may be shown on one line.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    text.chars().for_each(|c| push(&mut out, c));
    Cow::Owned(out)
}

/// The text as it may be shown on several lines: as [`shown`], but lines stay lines.
pub fn shown_lines(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| is_hostile(c) && c != '\n') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.split('\n').map(shown).collect::<Vec<_>>().join("\n"))
}

/// Bytes as they may be shown on one line: text where they are text, `\xNN` where they are not.
pub fn shown_bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|c| push(&mut out, c));
        chunk.invalid().iter().for_each(|byte| escape_byte(&mut out, *byte));
    }
    out
}

fn push(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\t' => out.push_str("\\t"),
        '\r' => out.push_str("\\r"),
        '\0'..='\x1f' | '\x7f' => escape_byte(out, c as u8),
        c if is_hostile(c) => write!(out, "\\u{{{:x}}}", u32::from(c)).expect("a string takes everything"),
        c => out.push(c),
    }
}

fn escape_byte(out: &mut String, byte: u8) {
    write!(out, "\\x{byte:02x}").expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_act_is_spelt_out() {
        assert_eq!(shown("plain ünïcode 漢字 🦀"), "plain ünïcode 漢字 🦀");
        assert_eq!(shown("\x1b]0;title\x07"), "\\x1b]0;title\\x07");
        assert_eq!(shown("a\u{9b}31mb\u{7f}"), "a\\u{9b}31mb\\x7f");
        assert_eq!(shown("pay\u{202e}cod.exe"), "pay\\u{202e}cod.exe");
        assert_eq!(shown("zero\u{200b}width\u{feff}"), "zero\\u{200b}width\\u{feff}");
        assert_eq!(shown("two\nlines\tand a tab\r"), "two\\nlines\\tand a tab\\r");
        assert_eq!(shown_lines("two\nlines\x1b"), "two\nlines\\x1b");
    }

    #[test]
    fn bytes_are_text_where_they_can_be() {
        assert_eq!(shown_bytes(b"{\"a\": \xff\x00}"), "{\"a\": \\xff\\x00}");
    }

    #[test]
    fn no_character_passes_that_has_no_shape() {
        for c in '\0'..=char::MAX {
            let text = c.to_string();
            let out = shown(&text);
            assert!(!out.chars().any(is_hostile), "{:x}", u32::from(c));
            if unicode_width::UnicodeWidthChar::width(c).is_none() {
                assert_ne!(out, text, "{:x} is a control", u32::from(c));
            }
        }
    }
}
