//! Colours while typing: keywords, texts, numbers, comments.

use millstream_session::KEYWORDS;
use nu_ansi_term::{Color, Style};
use reedline::{Highlighter, StyledText};

/// Colours SQL by its words, without parsing it.
pub struct Colors;

impl Highlighter for Colors {
    fn highlight(&self, line: &str, _cursor: usize) -> StyledText {
        let mut styled = StyledText::new();
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            let (length, style) = piece(rest, first);
            styled.push((style, rest[..length].to_string()));
            rest = &rest[length..];
        }
        styled
    }
}

/// The length of the next piece in bytes, and its style.
fn piece(rest: &str, first: char) -> (usize, Style) {
    let until = |end: fn(char) -> bool| rest.find(end).unwrap_or(rest.len());
    match first {
        '\'' => (quoted(rest, '\''), Style::new().fg(Color::Green)),
        '`' => (quoted(rest, '`'), Style::new().fg(Color::Cyan)),
        '-' if rest.starts_with("--") => (until(|c| c == '\n'), Style::new().fg(Color::DarkGray)),
        '/' if rest.starts_with("/*") => {
            (rest.find("*/").map_or(rest.len(), |end| end + 2), Style::new().fg(Color::DarkGray))
        }
        c if c.is_ascii_digit() => (until(|c| !c.is_ascii_digit() && c != '.'), Style::new().fg(Color::Magenta)),
        c if c.is_alphabetic() || c == '_' => {
            let length = until(|c| !c.is_alphanumeric() && c != '_' && c != '$');
            let keyword = KEYWORDS.iter().any(|word| word.eq_ignore_ascii_case(&rest[..length]));
            (length, if keyword { Style::new().fg(Color::Blue).bold() } else { Style::new() })
        }
        '|' if rest.starts_with("|>") => (2, Style::new().fg(Color::Blue).bold()),
        c => (c.len_utf8(), Style::new()),
    }
}

fn quoted(rest: &str, quote: char) -> usize {
    rest[1..].find(quote).map_or(rest.len(), |end| end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_never_change_the_text() {
        for text in ["SELECT 'it''s' -- ü\n|> `größe` 1.5e3", "'open", "/* open", "`", "漢字 🦀", "", "a'b`c--d"]
        {
            assert_eq!(Colors.highlight(text, 0).raw_string(), text);
        }
    }
}
