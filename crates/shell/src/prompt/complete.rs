//! Completion as a menu: what the session offers, in the line editor's words.

use std::sync::Arc;

use millstream_session::{Candidate, CandidateKind, gate};
use reedline::{Completer, CompletionResult, Span, Suggestion};

use super::meta;
use super::names::Names;
use super::rust::Rust;

/// Offers the names of the session and the commands of the prompt.
pub struct Completion(pub Arc<Names>, pub Rust);

impl Completer for Completion {
    fn complete(&mut self, line: &str, pos: usize) -> CompletionResult {
        let (start, candidates) = if line.starts_with('\\') {
            meta::candidates(line.get(..pos).unwrap_or(line))
        } else if self.1.is_typed() {
            (pos, Vec::new())
        } else {
            self.0.now().complete(line, pos)
        };
        let all = candidates.into_iter().map(|candidate| suggestion(candidate, start, pos));
        CompletionResult::fresh(all.collect::<Vec<_>>())
    }
}

fn suggestion(Candidate { text, kind, doc }: Candidate, start: usize, pos: usize) -> Suggestion {
    Suggestion {
        // Behind a word of the language another word follows; a name may go on with a dot, a comma, a bracket.
        append_whitespace: kind == CandidateKind::Keyword && !text.ends_with(['(', '<']),
        description: Some(format!("{}\n{}", kind.name(), gate::shown_lines(&doc))),
        value: text,
        span: Span::new(start, pos.max(start)),
        ..Suggestion::default()
    }
}
