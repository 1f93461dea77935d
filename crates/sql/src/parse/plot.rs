//! `PLOT step x … y … color … AS …`: what a chart shows. The words may come in any order, each once.

use datafusion::sql::sqlparser::tokenizer::Token;

use crate::error::SqlError;
use crate::parse::Cursor;
use crate::statement::{Mark, Name, Plot};

/// Reads a whole `PLOT`.
pub fn plot(cursor: &mut Cursor<'_>) -> Result<Plot, SqlError> {
    cursor.expect_words(&["PLOT"])?;
    let step = cursor.path("the name of a step")?;
    let mut plot = Plot { step, x: None, y: Vec::new(), color: None, mark: None };
    while !cursor.is_done() {
        let place = cursor.here();
        let free = if cursor.takes_word("X") {
            plot.x.replace(column(cursor)?).is_none()
        } else if cursor.takes_word("Y") {
            let free = plot.y.is_empty();
            plot.y.push(column(cursor)?);
            while cursor.takes_token(&Token::Comma) {
                plot.y.push(column(cursor)?);
            }
            free
        } else if cursor.takes_word("COLOR") {
            plot.color.replace(column(cursor)?).is_none()
        } else if cursor.takes_word("AS") {
            plot.mark.replace(mark(cursor)?).is_none()
        } else {
            return Err(cursor.unexpected("x, y, color or AS with its column"));
        };
        if !free {
            let said = place.text(cursor.text()).to_string();
            return Err(SqlError::new("E0103", format!("'{said}' is said twice")).at(place));
        }
    }
    Ok(plot)
}

fn column(cursor: &mut Cursor<'_>) -> Result<Name, SqlError> {
    cursor.name("the name of a column")
}

fn mark(cursor: &mut Cursor<'_>) -> Result<Mark, SqlError> {
    let name = cursor.name("line, bar, point or area")?;
    let known = Mark::ALL.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name.text));
    known.map(|(_, mark)| *mark).ok_or_else(|| {
        let error = SqlError::new("E0104", format!("a chart has no mark '{}'", name.text)).at(name.span);
        error.hint("there are line, bar, point and area")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Statement;

    fn read(text: &str) -> Result<Plot, SqlError> {
        match crate::parse(text)?.remove(0).value {
            Statement::Plot(plot) => Ok(plot),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_words_of_a_plot_come_in_any_order() {
        let plot = read("PLOT bars x window_end y volume, high color symbol AS area;").expect("it is right");
        let names = |names: &[Name]| names.iter().map(|name| name.text.clone()).collect::<Vec<_>>();
        assert_eq!((plot.step.text.as_str(), plot.mark), ("bars", Some(Mark::Area)));
        assert_eq!(plot.x.expect("x").text, "window_end");
        assert_eq!(names(&plot.y), ["volume", "high"]);
        let other = read("plot `my bars` Color symbol Y `größe`").expect("it is right");
        assert_eq!((other.step.text.as_str(), other.color.expect("color").text.as_str()), ("my bars", "symbol"));
        assert_eq!((names(&other.y), other.x), (vec!["größe".to_string()], None));
    }

    #[test]
    fn what_makes_no_sense_is_said_with_its_place() {
        for (text, message, part) in [
            ("PLOT", "the name of a step", ""),
            ("PLOT bars z price", "x, y, color or AS", "z"),
            ("PLOT bars x a x b", "said twice", "x"),
            ("PLOT bars y", "the name of a column", ""),
            ("PLOT bars AS pie", "no mark 'pie'", "pie"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.message.contains(message), "{text}: {}", error.message);
            assert_eq!(error.span.map(|span| span.text(text)), Some(part), "{text}");
        }
    }
}
