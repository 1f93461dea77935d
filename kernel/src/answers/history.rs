//! `history`: cells that were run before. Clients leave out fields; what is missing has a sensible default.

use serde_json::{Value, json};

use super::text;
use crate::history::{Entry, History, Wanted};

/// Entries of a tail that does not say how many.
const TAIL: u64 = 1000;

/// The answer to `history_request`.
pub fn history(history: &History, asked: &Value) -> Value {
    let number = |field: &str| asked.get(field).and_then(Value::as_u64);
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let wanted = match text(asked, "hist_access_type") {
        "range" => Wanted::Range {
            session: asked.get("session").and_then(Value::as_i64).unwrap_or(0),
            start: number("start").unwrap_or(0),
            stop: number("stop"),
        },
        "search" => Wanted::Search {
            pattern: asked.get("pattern").and_then(Value::as_str).unwrap_or("*").to_string(),
            most: number("n").map(count),
            unique: asked.get("unique").and_then(Value::as_bool).unwrap_or(false),
        },
        _ => Wanted::Tail(count(number("n").unwrap_or(TAIL))),
    };
    let output = asked.get("output").and_then(Value::as_bool).unwrap_or(false);
    let line = |entry: Entry| match output {
        true => json!([entry.session, entry.line, [entry.input, entry.output]]),
        false => json!([entry.session, entry.line, entry.input]),
    };
    json!({ "status": "ok", "history": history.find(&wanted).into_iter().map(line).collect::<Vec<_>>() })
}
