//! What went wrong, as every front end shows it: a code, one sentence, the place in the text, ways out.
//! Errors of the other crates become faults here and nowhere else.

use std::fmt;
use std::sync::Arc;

use arrow::error::ArrowError;
use millstream_engine::EngineError;
use millstream_record::{Error, OptionError};
use millstream_sql::{Span, SqlError};

use crate::render::{Look, Tone, gate, string, width};

/// The kinds of failure that callers tell apart: each is an exit code of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The statement is wrong or its query failed.
    Query,
    /// What was asked for makes no sense as a command.
    Usage,
    /// The other side cannot be reached.
    Connection,
    /// A comparison found a difference.
    Comparison,
    /// The user stopped it.
    Interrupted,
}

/// A failure.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Which kind of failure.
    pub class: Class,
    /// A stable code: `E01xx` … `E05xx` are the planner's, `E06xx` a run's, `E07xx` the outside world's.
    pub code: &'static str,
    /// One sentence.
    pub message: String,
    /// The place, as bytes of `text`.
    pub span: Option<Span>,
    /// Ways out, a sentence each.
    pub hints: Vec<String>,
    /// The text that `span` speaks of.
    pub text: Option<Arc<str>>,
}

impl std::error::Error for Fault {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&gate::shown_lines(&self.message))
    }
}

impl Fault {
    /// A fault without a place.
    pub fn new(class: Class, code: &'static str, message: impl Into<String>) -> Fault {
        Fault { class, code, message: message.into(), span: None, hints: Vec::new(), text: None }
    }

    /// A command that makes no sense.
    pub fn usage(message: impl Into<String>) -> Fault {
        Fault::new(Class::Usage, "E0001", message)
    }

    /// Adds a way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Fault {
        self.hints.push(hint.into());
        self
    }

    /// Says in which text the place is, and where the part that was parsed begins in it.
    #[must_use]
    pub fn within(mut self, text: &Arc<str>, start: usize) -> Fault {
        if self.text.is_none() {
            self.span = self.span.map(|span| Span::new(span.start + start, span.end + start));
            self.text = Some(text.clone());
        }
        self
    }

    /// The fault at a place, if it has none yet.
    #[must_use]
    pub fn or_at(mut self, span: Option<Span>) -> Fault {
        self.span = self.span.or(span);
        self
    }

    /// The fault as lines of text: the sentence, the line with a caret, the hints.
    pub fn render(&self, look: &Look) -> String {
        let mut out = String::new();
        Tone::Gone.paint(&mut out, &format!("error[{}]", self.code), look);
        out.push_str(": ");
        out.push_str(&gate::shown_lines(&self.message));
        out.push('\n');
        if let (Some(span), Some(text)) = (self.span, &self.text) {
            caret(&mut out, text, span, look);
        }
        for hint in &self.hints {
            Tone::Fresh.paint(&mut out, "hint", look);
            out.extend([": ", &gate::shown_lines(hint), "\n"]);
        }
        out
    }
}

impl Fault {
    /// The fault as one JSON object: code, message, hints, and where it is known line and column (from 1, in
    /// characters) and the bytes of the place.
    pub fn json(&self) -> String {
        let mut out = format!("{{\"error\":{{\"code\":\"{}\",\"message\":", self.code);
        string(&mut out, &self.message);
        out.push_str(",\"hints\":[");
        for (number, hint) in self.hints.iter().enumerate() {
            out.push_str(if number > 0 { "," } else { "" });
            string(&mut out, hint);
        }
        out.push(']');
        if let (Some(span), Some(text)) = (self.span, &self.text) {
            let (line, column) = millstream_sql::error::line_column(text, span.start);
            let place = format!(",\"line\":{line},\"column\":{column},\"bytes\":[{},{}]", span.start, span.end);
            out.push_str(&place);
        }
        out + "}}"
    }
}

/// Draws the line of the place with carets below it. Of a long line, the part around the place.
fn caret(out: &mut String, text: &str, span: Span, look: &Look) {
    let start = floor(text, span.start.min(text.len()));
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |length| start + length);
    let end = floor(text, span.end.clamp(start, line_end));
    let number = text[..start].matches('\n').count() + 1;
    let label = format!("LINE {number}: ");
    let room = look.width.unwrap_or(120).saturating_sub(label.len() + 2).max(20);
    let before = gate::shown(&text[line_start..start]).into_owned();
    let marked = gate::shown(&text[start..end]).into_owned();
    let after = gate::shown(&text[end..line_end]).into_owned();
    let before = keep_end(&before, room / 2);
    let marked = width::cut(&marked, room / 2);
    let after = width::cut(&after, room.saturating_sub(width::width(&before) + width::width(&marked)));
    Tone::Dim.paint(out, &label, look);
    out.extend([before.as_str(), marked.as_str(), after.as_str(), "\n"]);
    out.extend(std::iter::repeat_n(' ', label.len() + width::width(&before)));
    Tone::Gone.paint(out, &"^".repeat(width::width(&marked).max(1)), look);
    out.push('\n');
}

/// The end of a text, with a `…` before it if something is missing.
fn keep_end(text: &str, most: usize) -> String {
    if width::width(text) <= most {
        return text.to_string();
    }
    let mut start = text.len();
    for (index, _) in text.char_indices().rev() {
        if width::width(&text[index..]) + 1 > most {
            break;
        }
        start = index;
    }
    format!("…{}", &text[start..])
}

fn floor(text: &str, mut index: usize) -> usize {
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

impl From<SqlError> for Fault {
    fn from(error: SqlError) -> Self {
        let SqlError { code, message, span, hints } = error;
        Fault { class: Class::Query, code, message, span, hints, text: None }
    }
}

impl From<OptionError> for Fault {
    fn from(error: OptionError) -> Self {
        Fault::new(Class::Query, "E0704", error.to_string())
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let (class, code) = match &error {
            Error::Connection { .. } => (Class::Connection, "E0701"),
            Error::Io { .. } => (Class::Query, "E0702"),
            Error::Invalid(_) => (Class::Query, "E0703"),
            Error::Option(_) => (Class::Query, "E0704"),
            Error::DataLoss { .. } => (Class::Query, "E0705"),
            Error::Unreadable { .. } => (Class::Query, "E0706"),
            Error::Interrupted => (Class::Interrupted, "E0708"),
            Error::Arrow(_) => (Class::Query, "E0707"),
            Error::Stopped => (Class::Interrupted, "E0708"),
        };
        let fault = Fault::new(class, code, error.to_string());
        match &error {
            Error::Connection { reason, .. } if hung_up(reason) => fault.hint(HUNG_UP),
            _ => fault,
        }
    }
}

/// Whether the other side took the connection and then hung up: that is how a broker answers who speaks plainly where it
/// wants TLS or a login.
fn hung_up(reason: &str) -> bool {
    ["Broken pipe", "reset by peer", "isconnected"].iter().any(|sign| reason.contains(sign))
}

const HUNG_UP: &str = "a broker that wants TLS or a login hangs up on whoever brings none: give it a name in config.toml, \
                       with security.protocol and what belongs to it, and say 'kafka://NAME'";

impl From<ArrowError> for Fault {
    fn from(error: ArrowError) -> Self {
        Fault::new(Class::Query, "E0707", error.to_string())
    }
}

impl From<EngineError> for Fault {
    fn from(error: EngineError) -> Self {
        let message = error.to_string().replace("Execution error: ", "");
        match error {
            EngineError::Door { source, .. } => Fault { message, ..Fault::from(source) },
            EngineError::Operator { .. } | EngineError::Compute(_) | EngineError::Row(_) => {
                Fault::new(Class::Query, "E0601", message)
            }
            EngineError::Unreadable { .. } => Fault::new(Class::Query, "E0602", message)
                .hint("SET 'bad-records' = 'keep' (or --on-bad-record keep) sets such records aside and goes on"),
            EngineError::State { .. } => Fault::new(Class::Query, "E0603", message),
            EngineError::Panicked(_) => Fault::new(Class::Query, "E0699", message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(text: &str, part: &str, width: Option<usize>) -> String {
        let start = text.find(part).expect("is there");
        let error = SqlError::new("E0201", "there is no table 'x'").at(Span::new(start, start + part.len()));
        Fault::from(error).hint("did you mean 'y'?").within(&text.into(), 0).render(&Look { width, ..Look::plain() })
    }

    #[test]
    fn who_is_hung_up_on_is_told_of_logins() {
        let said = |reason: &str| {
            let error = Error::Connection { address: "broker:9092".into(), reason: reason.into() };
            Fault::from(error).hints.len()
        };
        assert_eq!(said("Send failed: Broken pipe"), 1);
        assert_eq!(said("Disconnected while requesting ApiVersion"), 1);
        assert_eq!(said("Connect to 127.0.0.1:9999 failed: Connection refused"), 0);
    }

    #[test]
    fn the_caret_stands_below_the_place() {
        assert_eq!(
            drawn("SELECT 1;\nSELECT '漢字' FROM bidz WHERE a", "bidz", None),
            "error[E0201]: there is no table 'x'\nLINE 2: SELECT '漢字' FROM bidz WHERE a\n                           ^^^^\nhint: did you mean 'y'?\n"
        );
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let long = format!("SELECT {}, bidz, {}", "a".repeat(300), "b".repeat(300));
        let drawn = drawn(&long, "bidz", Some(60));
        assert!(drawn.lines().all(|line| width::width(line) <= 60), "{drawn}");
        let (line, carets) = (drawn.lines().nth(1).expect("line"), drawn.lines().nth(2).expect("carets"));
        let at = carets.find('^').expect("a caret");
        let column: String = line.chars().skip(at).take(4).collect();
        assert_eq!((column.as_str(), &carets[at..]), ("bidz", "^^^^"));
    }

    #[test]
    fn a_fault_is_json_for_programs() {
        let text: Arc<str> = "SELECT 1,\n  ä + bidz".into();
        let error = SqlError::new("E0204", "there is no column 'bidz\u{1b}'")
            .at(Span::new(17, 21))
            .hint("did you mean \"bids\"?");
        let json = Fault::from(error).within(&text, 0).json();
        assert!(!json.contains('\u{1b}'));
        let read: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(
            read,
            serde_json::json!({"error": {"code": "E0204", "message": "there is no column 'bidz\u{1b}'",
                "hints": ["did you mean \"bids\"?"], "line": 2, "column": 7, "bytes": [17, 21]}})
        );
    }

    #[test]
    fn a_place_outside_the_text_or_inside_a_character_is_no_panic() {
        let text: Arc<str> = "SELECT '漢'\u{1b}[31m".into();
        for start in 0..30 {
            for end in 0..30 {
                let error = SqlError::new("E0101", "no").at(Span::new(start, end));
                let drawn = Fault::from(error).within(&text, 0).render(&Look::plain());
                assert!(!drawn.contains('\u{1b}'));
            }
        }
    }
}
