//! Which names fit what was typed, and in which order: names that begin so first, then names that hold the
//! letters in order, by the score of a fuzzy match.

use nucleo_matcher::{Config, Matcher, Utf32Str, Utf32String};

/// How well a name fits; less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// It begins so.
    Begins,
    /// It holds the letters in order; the number is smaller for a better match.
    Holds(u32),
}

/// Compares names with what was typed.
pub struct Ranker {
    word: String,
    needle: Utf32String,
    matcher: Matcher,
    letters: Vec<char>,
}

impl Ranker {
    /// A comparison with this word, case aside.
    pub fn new(word: &str) -> Ranker {
        let word = word.to_lowercase();
        Ranker {
            needle: Utf32String::from(word.as_str()),
            word,
            matcher: Matcher::new(Config::DEFAULT),
            letters: Vec::new(),
        }
    }

    /// Whether and how well a name fits. Any name fits no word.
    pub fn fit(&mut self, name: &str) -> Option<Fit> {
        if begins(name, &self.word) {
            return Some(Fit::Begins);
        }
        // One letter is in nearly every name.
        self.word.chars().nth(1)?;
        let score = self.matcher.fuzzy_match(Utf32Str::new(name, &mut self.letters), self.needle.slice(..))?;
        // Letters strewn over a long name are no match that a human would see.
        let least = 10 * u32::try_from(self.needle.len()).unwrap_or(u32::MAX);
        let score = u32::from(score);
        (score >= least).then(|| Fit::Holds(u32::MAX - score))
    }

    /// Whether a name begins with the word.
    pub fn begins(&self, name: &str) -> bool {
        begins(name, &self.word)
    }
}

/// `word` is in lower case.
fn begins(name: &str, word: &str) -> bool {
    let mut letters = name.chars().flat_map(char::to_lowercase);
    word.chars().all(|wanted| letters.next() == Some(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_come_before_letters_in_order() {
        let mut ranker = Ranker::new("wend");
        assert_eq!(ranker.fit("Wendy"), Some(Fit::Begins));
        assert!(matches!(ranker.fit("window_end"), Some(Fit::Holds(_))));
        assert_eq!(ranker.fit("price"), None);
        let mut ranker = Ranker::new("usr");
        let (near, far) = (ranker.fit("user_name").expect("fits"), ranker.fit("u_set_of_colours"));
        assert!(far.is_none_or(|far| near < far), "{near:?} {far:?}");
        assert_eq!(Ranker::new("").fit("anything"), Some(Fit::Begins));
        assert_eq!(Ranker::new("GR").fit("größe"), Some(Fit::Begins));
    }
}
