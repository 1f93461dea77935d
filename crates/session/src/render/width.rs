//! How wide text is on a terminal, and how it is cut and padded to a width.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns that the text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text, or as much of it as fits with a `…` behind it.
pub fn cut(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_string();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide + 1 > most {
            break;
        }
        out.push(c);
        used += wide;
    }
    if most > 0 {
        out.push('…');
    }
    out
}

/// The text, or as much of its end as fits with a `…` before it.
pub fn cut_front(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_string();
    }
    let turned = cut(&text.chars().rev().collect::<String>(), most);
    turned.chars().rev().collect()
}

/// The text with its lines broken between words, so that none is wider than `most` but for single words that are. What
/// follows of a line stands two columns to the right of its beginning.
pub fn wrap(text: &str, most: usize) -> Cow<'_, str> {
    if text.lines().all(|line| width(line) <= most) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            out.push('\n');
        }
        let indent = line.len() - line.trim_start_matches(' ').len();
        let mut used = indent;
        out.push_str(&line[..indent]);
        for (place, word) in line[indent..].split(' ').enumerate() {
            if place > 0 && used + 1 + width(word) > most && used > indent + 2 {
                out.push('\n');
                out.extend(std::iter::repeat_n(' ', indent + 2));
                used = indent + 2;
            } else if place > 0 {
                out.push(' ');
                used += 1;
            }
            out.push_str(word);
            used += width(word);
        }
    }
    Cow::Owned(out)
}

/// Writes the text with spaces up to `most` columns, on the left for text that stands to the right.
pub fn pad(out: &mut String, text: &str, most: usize, right: bool) {
    let spaces = most.saturating_sub(width(text));
    let blank = |out: &mut String| out.extend(std::iter::repeat_n(' ', spaces));
    if right {
        blank(out);
    }
    out.push_str(text);
    if !right {
        blank(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(wrap("short\nlines", 5), "short\nlines");
        assert_eq!(wrap("one two three four\nfive", 9), "one two\n  three\n  four\nfive");
        assert_eq!(wrap("  on it goes", 8), "  on it\n    goes");
        assert_eq!(wrap("a unbreakable-word b", 6), "a unbreakable-word\n  b");
        for most in 4..30 {
            let wrapped = wrap("  漢字 some text of é several words 🦀", most);
            assert!(wrapped.lines().all(|line| width(line) <= most.max(12)), "{wrapped}");
            assert_eq!(wrapped.split_whitespace().collect::<Vec<_>>().len(), 8);
        }
    }

    #[test]
    fn wide_characters_are_never_cut_in_half() {
        assert_eq!(cut("漢字かな", 5), "漢字…");
        assert_eq!(cut("漢字かな", 4), "漢…");
        assert_eq!(cut("漢字かな", 8), "漢字かな");
        assert_eq!(cut("abc", 1), "…");
        assert_eq!(cut("abc", 0), "");
        assert_eq!(cut_front("2026-11-21 18:41:39", 9), "…18:41:39");
        assert_eq!(cut_front("かな漢字", 5), "…漢字");
        assert_eq!(
            (cut_front("abc", 3), cut_front("abc", 1), cut_front("abc", 0)),
            ("abc".into(), "…".into(), "".into())
        );
        for most in 0..9 {
            assert!(width(&cut("a漢字é🦀", most)) <= most);
        }
    }
}
