//! Why code was not evaluated, as a session says it: one sentence, the place in the code as bytes, and what rustc
//! advises.

use evcxr::{CompilationError, Error};
use serde_json::{Value, json};

/// A failure of this code.
pub fn of(code: &str, error: &Error) -> Value {
    match error {
        Error::CompilationErrors(errors) => compilation(code, errors),
        Error::SubprocessTerminated(how) => json!({
            "message": format!("the process in which Rust runs has ended: {}", how.trim()),
            "place": null,
            "hints": ["functions, structs and imports are still there; variables are gone"],
        }),
        other => json!({ "message": other.to_string(), "place": null, "hints": [] }),
    }
}

fn compilation(code: &str, errors: &[CompilationError]) -> Value {
    let real: Vec<&CompilationError> = errors.iter().filter(|error| error.level() == "error").collect();
    let first = real.iter().find(|error| error.is_from_user_code()).or(real.first()).copied().or(errors.first());
    let Some(first) = first else {
        return json!({ "message": "rustc failed and does not say why", "place": null, "hints": [] });
    };
    let mut hints: Vec<String> = first.help().iter().map(|help| help.replace("\n\n", ": ")).collect();
    hints.extend(first.evcxr_extra_hint().map(str::to_string));
    let others = real.iter().filter(|error| !std::ptr::eq(**error, first));
    hints.extend(others.map(|error| format!("also: {}", sentence(error))));
    json!({ "message": sentence(first), "place": place(code, first), "hints": hints })
}

/// `mismatched types [E0308]: expected `i64`, found `&str``
fn sentence(error: &CompilationError) -> String {
    let number = error.code().map(|code| format!(" [{code}]")).unwrap_or_default();
    let label = error.primary_spanned_message().map(|said| said.label.as_str()).filter(|label| !label.is_empty());
    let label =
        label.filter(|label| !label.starts_with("error:")).map(|label| format!(": {label}")).unwrap_or_default();
    format!("{}{number}{label}", error.message())
}

fn place(code: &str, error: &CompilationError) -> Option<[usize; 2]> {
    let span = error.primary_spanned_message()?.span?;
    Some([byte(code, span.start_line, span.start_column)?, byte(code, span.end_line, span.end_column)?])
}

/// The byte at a line and a column, both from 1 and in characters.
fn byte(code: &str, line: usize, column: usize) -> Option<usize> {
    let start = code.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum::<usize>();
    let rest = code.get(start..)?;
    Some(start + rest.char_indices().nth(column.checked_sub(1)?).map_or(rest.len(), |(at, _)| at))
}
