//! `is_complete`: whether a console should run what was typed or wait for another line. A statement ends with
//! its semicolon, as at the prompt.

use millstream_session::{Completeness, check_syntax, is_complete as completeness};
use serde_json::{Value, json};

/// The answer to `is_complete_request`.
pub fn is_complete(code: &str) -> Value {
    // A line that begins so is for the notebook and not for the session.
    if code.trim_start().starts_with('\\') {
        return json!({ "status": "complete" });
    }
    if let Some(open) = millstream_rust_cells::open_brackets(code) {
        let status = if open == 0 { "complete" } else { "incomplete" };
        return json!({ "status": status, "indent": "    ".repeat(open) });
    }
    match completeness(code) {
        Completeness::Empty => json!({ "status": "complete" }),
        Completeness::Complete if check_syntax(code).is_ok() => json!({ "status": "complete" }),
        Completeness::Complete => json!({ "status": "invalid" }),
        Completeness::Incomplete(_) => json!({ "status": "incomplete", "indent": indent(code) }),
    }
}

/// The blanks before the next line: two more than the last line has while a bracket is open.
fn indent(code: &str) -> String {
    let last = code.lines().last().unwrap_or("");
    let blanks: String = last.chars().take_while(|c| c.is_whitespace()).collect();
    let opened = last.matches('(').count() > last.matches(')').count();
    if opened { blanks + "  " } else { blanks }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_console_waits_where_something_is_missing() {
        for (code, status) in [
            ("", "complete"),
            ("SELECT 1;", "complete"),
            ("-- nothing", "complete"),
            ("\\help", "complete"),
            ("SELECT 1", "incomplete"),
            ("SELECT (1;", "incomplete"),
            ("SELECT 'a;", "incomplete"),
            ("SELEKT 1;", "invalid"),
            ("SELECT FROM WHERE;", "invalid"),
        ] {
            assert_eq!(is_complete(code)["status"], status, "{code}");
        }
        assert_eq!(is_complete("CREATE TABLE t (")["indent"], "  ");
        assert_eq!(is_complete("CREATE TABLE t (\n  a INT,")["indent"], "  ");
    }
}
