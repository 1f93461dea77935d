//! Colours while typing: words of the language, functions, texts, numbers, comments, and in red what is wrong.
//! The colours are of the sixteen that every terminal has, and readable on light and on dark.

use std::sync::Arc;

use millstream_session::{Lexeme, Lexemes, Mark, Unfinished, functions, is_keyword};
use nu_ansi_term::{Color, Style};
use reedline::{Highlighter, StyledText};

use super::review::Review;
use super::rust::Rust;

/// Colours SQL by its pieces, and by what the review found.
pub struct Colors(pub Option<Arc<Review>>, pub Rust);

impl Highlighter for Colors {
    fn highlight(&self, line: &str, cursor: usize) -> StyledText {
        let mut styled = StyledText::new();
        if self.1.is_typed() {
            styled.push((Style::new(), line.to_string()));
            return styled;
        }
        let mut marks = Mark::brackets(line);
        if let Some(review) = &self.0 {
            marks.extend(review.look(line, cursor));
        }
        for (lexeme, span) in Lexemes::of(line) {
            let text = span.text(line);
            let followed_by_bracket = line[span.end..].trim_start().starts_with('(');
            let wrong = marks.iter().any(|mark| mark.span.start <= span.start && span.end <= mark.span.end);
            let style =
                if wrong && lexeme != Lexeme::Blank { wrong_style() } else { style(lexeme, text, followed_by_bracket) };
            styled.push((style, text.to_string()));
        }
        styled
    }
}

fn wrong_style() -> Style {
    Style::new().fg(Color::Red).underline()
}

fn style(lexeme: Lexeme, text: &str, called: bool) -> Style {
    match lexeme {
        Lexeme::Word if called && is_function(text) => Style::new().fg(Color::Cyan),
        Lexeme::Word if is_keyword(text) => Style::new().fg(Color::Purple).bold(),
        Lexeme::Pipe => Style::new().fg(Color::Purple).bold(),
        Lexeme::Text | Lexeme::Unfinished(Unfinished::Text) => Style::new().fg(Color::Green),
        Lexeme::Number => Style::new().fg(Color::Cyan),
        Lexeme::Comment | Lexeme::Unfinished(Unfinished::Comment) => Style::new().dimmed(),
        _ => Style::new(),
    }
}

fn is_function(word: &str) -> bool {
    functions().binary_search_by(|function| function.name.cmp(word.to_ascii_uppercase().as_str())).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_never_change_the_text() {
        for text in ["SELECT 'it''s' -- ü\n|> `größe` 1.5e3)", "'open", "/* open", "`", "漢字 🦀", "", "a'b`c--d"]
        {
            assert_eq!(Colors(None, Rust::default()).highlight(text, 0).raw_string(), text);
        }
    }

    #[test]
    fn words_functions_and_brackets_are_told_apart() {
        let styled = Colors(None, Rust::default()).highlight("SELECT count (x), min FROM t)", 0);
        let of = |wanted: &str| {
            styled.buffer.iter().find(|(_, text)| text == wanted).map(|(style, _)| *style).expect("is there")
        };
        assert_eq!(of("SELECT"), Style::new().fg(Color::Purple).bold());
        assert_eq!(of("count"), Style::new().fg(Color::Cyan));
        assert_eq!(of("min"), Style::new(), "a name like a function is a name");
        assert_eq!(styled.buffer.last().expect("pieces").0, wrong_style(), "the last bracket closes nothing");
    }
}
