//! Ctrl-R: what was typed before, found by its letters in order, the newest first; beside each how long ago it
//! was, how long it took and how it ended.

use std::collections::HashSet;
use std::sync::PoisonError;
use std::time::Duration;

use millstream_session::{Fit, Ranker, width};
use reedline::{Completer, CompletionResult, Span, Suggestion};

use super::file::Entry;
use super::{Entries, now};

/// So many are shown.
const MOST: usize = 100;
/// Of a long text so much is shown.
const WIDEST: usize = 90;

/// Finds texts of the history.
pub struct Search(pub Entries);

impl Completer for Search {
    fn complete(&mut self, line: &str, pos: usize) -> CompletionResult {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = found(&entries, line.get(..pos).unwrap_or(line));
        let now = now();
        let suggestion = |entry: &Entry| Suggestion {
            value: entry.text.clone(),
            display_override: Some(width::cut(&entry.text.split_whitespace().collect::<Vec<_>>().join(" "), WIDEST)),
            description: Some(told(entry, now)),
            span: Span::new(0, pos),
            ..Suggestion::default()
        };
        CompletionResult::fresh(found.into_iter().map(suggestion).collect::<Vec<_>>())
    }
}

/// Texts that hold what was typed, those that hold it as it stands first, each once, the newest first.
fn found<'a>(entries: &'a [Entry], typed: &str) -> Vec<&'a Entry> {
    let typed = typed.trim();
    let mut ranker = Ranker::new(typed);
    let mut seen = HashSet::new();
    let newest = entries.iter().rev().filter(|entry| seen.insert(entry.text.as_str()));
    let rank = |entry: &'a Entry| {
        let whole = entry.text.to_lowercase().contains(&typed.to_lowercase());
        let fit = if whole { Some(Fit::Begins) } else { ranker.fit(&entry.text) };
        Some((fit?, entry))
    };
    let mut ranked: Vec<(Fit, &Entry)> = newest.filter_map(rank).collect();
    ranked.sort_by_key(|(fit, _)| *fit);
    ranked.into_iter().take(MOST).map(|(_, entry)| entry).collect()
}

/// `3 min ago · 0.12 s · failed`.
fn told(entry: &Entry, now: i64) -> String {
    let ago = Duration::from_millis(u64::try_from(now - entry.at).unwrap_or(0)).as_secs();
    let ago = match ago {
        0..60 => "just now".to_string(),
        60..3600 => format!("{} min ago", ago / 60),
        3600..86_400 => format!("{} h ago", ago / 3600),
        _ => format!("{} d ago", ago / 86_400),
    };
    let took = entry.took.map(|took| format!("{:.2} s", took.as_secs_f64()));
    let ended = entry.status.map(|status| match status {
        0 => "ok".to_string(),
        130 => "stopped".into(),
        _ => "failed".into(),
    });
    [Some(ago), took, ended].into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str, at: i64) -> Entry {
        Entry { text: text.into(), at, took: None, status: None }
    }

    #[test]
    fn the_newest_that_holds_the_letters_comes_first() {
        let entries = [
            entry("SELECT price FROM bids;", 1),
            entry("SHOW TABLES;", 2),
            entry("SELECT price FROM bids;", 3),
            entry("select PRICE;", 4),
        ];
        let texts = |typed: &str| found(&entries, typed).iter().map(|entry| entry.text.as_str()).collect::<Vec<_>>();
        assert_eq!(texts("price"), ["select PRICE;", "SELECT price FROM bids;"]);
        assert_eq!(texts("shtab"), ["SHOW TABLES;"]);
        assert_eq!(texts("").len(), 3);
        assert_eq!(texts("zzz"), Vec::<&str>::new());
    }

    #[test]
    fn beside_a_text_stands_what_became_of_it() {
        let old = Entry { took: Some(Duration::from_millis(120)), status: Some(1), ..entry("x", 0) };
        assert_eq!(told(&old, 7_200_000), "2 h ago · 0.12 s · failed");
        assert_eq!(told(&entry("x", 5), 0), "just now");
    }
}
