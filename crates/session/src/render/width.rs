//! How wide text is on a terminal, and how it is cut and padded to a width.

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
    fn wide_characters_are_never_cut_in_half() {
        assert_eq!(cut("漢字かな", 5), "漢字…");
        assert_eq!(cut("漢字かな", 4), "漢…");
        assert_eq!(cut("漢字かな", 8), "漢字かな");
        assert_eq!(cut("abc", 1), "…");
        assert_eq!(cut("abc", 0), "");
        for most in 0..9 {
            assert!(width(&cut("a漢字é🦀", most)) <= most);
        }
    }
}
