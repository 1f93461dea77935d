//! Requests that are answered at once, also while a cell runs: one file each. A request whose content makes
//! no sense is answered with an error, so that no client waits for ever.

mod complete;
mod history;
mod info;
mod inspect;
mod is_complete;

use serde_json::{Value, json};

use crate::kernel::Kernel;
use crate::wire::Message;

pub use info::kernel_info;

/// The answer to a request; `None` if there is no such request.
pub fn answer(kernel: &Kernel, request: &Message) -> Option<Value> {
    let asked = &request.content;
    Some(match request.header.msg_type() {
        "kernel_info_request" => kernel_info(),
        "complete_request" => complete::complete(&kernel.vocabulary(), asked),
        "inspect_request" => inspect::inspect(kernel, asked),
        "is_complete_request" => is_complete::is_complete(text(asked, "code")),
        "history_request" => history::history(&kernel.history, asked),
        "comm_info_request" => json!({ "status": "ok", "comms": {} }),
        _ => return None,
    })
}

/// A field that holds text; none is an empty one.
fn text<'a>(content: &'a Value, field: &str) -> &'a str {
    content.get(field).and_then(Value::as_str).unwrap_or("")
}

/// The code of a request and its cursor as a byte of it. Clients count code points; one that points behind
/// the text points to its end.
fn cursor(content: &Value) -> (&str, usize) {
    let code = text(content, "code");
    let points = content.get("cursor_pos").and_then(Value::as_u64).and_then(|at| usize::try_from(at).ok());
    let place = points.and_then(|points| code.char_indices().nth(points));
    (code, place.map_or(code.len(), |(byte, _)| byte))
}

/// The code points before a byte of a text.
fn code_points(text: &str, byte: usize) -> usize {
    text.char_indices().take_while(|(at, _)| *at < byte).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_counted_in_code_points() {
        let at = |position: Value| cursor(&json!({ "code": "a🦀漢b", "cursor_pos": position })).1;
        assert_eq!([0, 1, 2, 3, 4, 99].map(|position| at(json!(position))), [0, 1, 5, 8, 9, 9]);
        for odd in [json!(null), json!(-1), json!("2"), json!(1e300), json!(u64::MAX)] {
            assert_eq!(at(odd.clone()), 9, "{odd}");
        }
        assert_eq!(cursor(&json!({ "code": null })), ("", 0));
        assert_eq!([0, 1, 5, 8, 9].map(|byte| code_points("a🦀漢b", byte)), [0, 1, 2, 3, 4]);
    }
}
