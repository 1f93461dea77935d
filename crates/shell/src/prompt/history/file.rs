//! The file of the history: one JSON object a line, with time, duration and outcome. Only its owner can read it.
//! A line that cannot be read is passed over: a history that was cut short or written by something else never
//! keeps the prompt from starting.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::time::Duration;

use millstream_session::gate;
use serde_json::{Value, json};

/// How many texts are kept.
pub const MOST: usize = 10_000;

/// What was typed once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The text.
    pub text: String,
    /// When it was handed in, in milliseconds since 1970.
    pub at: i64,
    /// How long the answer took, once it was there.
    pub took: Option<Duration>,
    /// The exit code that the answer would have had.
    pub status: Option<i64>,
}

/// `$XDG_STATE_HOME/millstream`.
pub fn folder() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let state = folder("XDG_STATE_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("millstream"))
}

/// Opens the history of the user to be written on, made if there is none, and reads what is in it.
pub fn open() -> io::Result<(File, Vec<Entry>)> {
    let folder = folder().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "there is no home directory"))?;
    DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    let path = folder.join("history");
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    let (entries, lines) = read(&String::from_utf8_lossy(&fs::read(&path)?));
    if lines > 2 * MOST {
        return Ok((shorten(&path, &entries)?, entries));
    }
    Ok((file, entries))
}

/// Writes the newest entries into a new file that takes the place of the old one.
fn shorten(path: &std::path::Path, entries: &[Entry]) -> io::Result<File> {
    let next = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = OpenOptions::new().create_new(true).append(true).mode(0o600).open(&next)?;
    for entry in entries {
        write(&mut file, entry)?;
    }
    fs::rename(&next, path)?;
    Ok(file)
}

/// The newest entries of a file, the oldest first, and how many lines it has.
fn read(text: &str) -> (Vec<Entry>, usize) {
    let mut entries: Vec<Entry> = Vec::new();
    let mut places: HashMap<(i64, String), usize> = HashMap::new();
    let mut lines = 0;
    for entry in text.lines().inspect(|_| lines += 1).filter_map(parse) {
        let key = (entry.at, entry.text.clone());
        // A text is written when it is handed in, and again when its answer is there.
        match places.get(&key) {
            Some(&place) => entries[place] = entry,
            None => {
                places.insert(key, entries.len());
                entries.push(entry);
            }
        }
    }
    entries.drain(..entries.len().saturating_sub(MOST));
    (entries, lines)
}

fn parse(line: &str) -> Option<Entry> {
    let value: Value = serde_json::from_str(line).ok()?;
    let text = value.get("text")?.as_str()?;
    // What would move the cursor was not typed here.
    if text.is_empty() || text.chars().any(|c| gate::is_hostile(c) && !matches!(c, '\n' | '\t')) {
        return None;
    }
    let milliseconds = value.get("ms").and_then(Value::as_u64);
    Some(Entry {
        text: text.to_string(),
        at: value.get("at")?.as_i64()?,
        took: milliseconds.map(Duration::from_millis),
        status: value.get("status").and_then(Value::as_i64),
    })
}

/// Writes an entry as one line, in one piece: several prompts may write at once.
pub fn write(file: &mut File, entry: &Entry) -> io::Result<()> {
    let mut line = json!({ "at": entry.at, "text": entry.text });
    if let Some(took) = entry.took {
        line["ms"] = json!(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    }
    if let Some(status) = entry.status {
        line["status"] = json!(status);
    }
    file.write_all(format!("{line}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back_with_its_answer() {
        let folder = tempfile::tempdir().expect("there is room");
        let path = folder.path().join("history");
        let mut file = OpenOptions::new().create(true).append(true).open(&path).expect("opens");
        let begun = Entry { text: "SELECT\n'漢字';".into(), at: 7, took: None, status: None };
        let done = Entry { took: Some(Duration::from_millis(12)), status: Some(1), ..begun.clone() };
        for entry in [&begun, &done, &Entry { at: 8, ..begun.clone() }] {
            write(&mut file, entry).expect("writes");
        }
        let (entries, lines) = read(&fs::read_to_string(&path).expect("text"));
        assert_eq!((entries, lines), (vec![done, Entry { at: 8, ..begun }], 3));
    }

    #[test]
    fn what_cannot_be_read_is_passed_over() {
        let text = "no json\n{\"at\":1}\n{\"at\":1,\"text\":\"\\u001b]0;owned\\u0007\"}\n\n[]\n{\"at\":1,\"text\":\"SELECT 1;\"}\n{\"at\":2,\"te";
        let (entries, _) = read(text);
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].text, "SELECT 1;");
    }

    #[test]
    fn the_newest_are_kept() {
        let text: String = (0..MOST + 5).map(|at| format!("{{\"at\":{at},\"text\":\"SELECT {at};\"}}\n")).collect();
        let (entries, _) = read(&text);
        assert_eq!((entries.len(), entries[0].at), (MOST, 5));
    }
}
