//! Completion as a menu: what the session offers, in the line editor's words.

use std::sync::{Arc, Mutex, PoisonError};

use millstream_session::{Candidate, Vocabulary};
use reedline::{Completer, CompletionResult, Span, Suggestion};

use super::meta;

/// Offers the names of the session and the commands of the prompt.
pub struct Completion(pub Arc<Mutex<Vocabulary>>);

impl Completer for Completion {
    fn complete(&mut self, line: &str, pos: usize) -> CompletionResult {
        let (start, candidates) = if line.starts_with('\\') {
            (0, meta::candidates(line.get(..pos).unwrap_or(line)))
        } else {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).complete(line, pos)
        };
        let suggestion = |Candidate { text, doc }| Suggestion {
            append_whitespace: !text.ends_with('('),
            value: text,
            description: Some(doc),
            span: Span::new(start, pos.max(start)),
            ..Suggestion::default()
        };
        CompletionResult::fresh(candidates.into_iter().map(suggestion).collect::<Vec<_>>())
    }
}
