//! The filter of a screen: words that must all stand in a row, each anywhere or, as `column:word`, in one column. Capitals
//! count in a word that has some.

use crate::render::{Cell, Head};

/// A filter, read once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter(Vec<Word>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Word {
    column: Option<usize>,
    text: String,
    exact: bool,
}

impl Filter {
    /// Reads a filter over these columns. What stands before a colon and is no column is part of the word.
    pub fn read(text: &str, heads: &[Head]) -> Filter {
        let word = |word: &str| {
            let named = word.split_once(':').and_then(|(name, rest)| {
                let column = heads.iter().position(|head| head.name.eq_ignore_ascii_case(name))?;
                Some((Some(column), rest))
            });
            let (column, text) = named.unwrap_or((None, word));
            let exact = text.chars().any(char::is_uppercase);
            Word { column, text: if exact { text.into() } else { text.to_lowercase() }, exact }
        };
        Filter(text.split_whitespace().map(word).collect())
    }

    /// Whether every row passes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a row passes.
    pub fn passes(&self, cells: &[Cell]) -> bool {
        self.0.iter().all(|word| match word.column {
            Some(column) => cells.get(column).is_some_and(|cell| word.stands_in(&cell.text)),
            None => cells.iter().any(|cell| word.stands_in(&cell.text)),
        })
    }
}

impl Word {
    fn stands_in(&self, text: &str) -> bool {
        if self.exact { text.contains(&self.text) } else { text.to_lowercase().contains(&self.text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Tone;

    fn passes(filter: &str) -> bool {
        let head = |name: &str| Head { name: name.into(), kind: String::new(), right: false };
        let cell = |text: &str| Cell { text: text.into(), tone: Tone::Plain };
        Filter::read(filter, &[head("symbol"), head("price")]).passes(&[cell("AAPL"), cell("187.2")])
    }

    #[test]
    fn words_stand_anywhere_or_in_their_column() {
        assert!(passes("") && passes("aapl 187") && passes("AAPL") && passes("price:187") && passes("SYMBOL:aa"));
        assert!(!passes("Aapl") && !passes("price:aapl") && !passes("aapl 188") && !passes("time:12"));
    }
}
