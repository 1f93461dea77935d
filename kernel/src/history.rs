//! What was run before, in this kernel and in those before it: a line of JSON per cell in the workspace, for
//! the eyes of its owner. Cells that hold a password are not written down, and a damaged line costs only
//! itself.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// Entries that are known; older ones are forgotten.
const MOST: usize = 10_000;
/// Bytes of the file that are read at the start.
const READ: u64 = 16 << 20;

/// A cell that was run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The number of its session; 0 for the line that reserves a number.
    pub session: u64,
    /// Its number in the session.
    pub line: u64,
    /// What was typed.
    pub input: String,
    /// What came out, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

/// What was run before.
pub struct History {
    session: u64,
    kept: Mutex<Kept>,
}

struct Kept {
    entries: Vec<Entry>,
    file: Option<File>,
}

/// A part of the history that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The last entries.
    Tail(usize),
    /// Lines `start` to before `stop` of a session; 0 is this one, -1 the one before.
    Range {
        /// The session.
        session: i64,
        /// The first line.
        start: u64,
        /// Behind the last line; all, if it is not said.
        stop: Option<u64>,
    },
    /// The last entries that fit a pattern of `*` and `?`.
    Search {
        /// The pattern.
        pattern: String,
        /// At most so many.
        most: Option<usize>,
        /// Each text once.
        unique: bool,
    },
}

impl History {
    /// The history in this file; where it cannot be read or written, one that lives as long as the kernel.
    pub fn open(path: &Path) -> History {
        let opened = open(path).and_then(|mut file| {
            // Two kernels on one workspace must not take the same number.
            file.lock()?;
            let entries = read(&mut file)?;
            let session = entries.iter().map(|entry| entry.session).max().unwrap_or(0) + 1;
            append(&mut file, &Entry { session, line: 0, input: String::new(), output: None })?;
            file.unlock()?;
            Ok((file, entries, session))
        });
        match opened {
            Ok((file, mut entries, session)) => {
                entries.retain(|entry| entry.line > 0);
                let surplus = entries.len().saturating_sub(MOST);
                entries.drain(..surplus);
                History { session, kept: Mutex::new(Kept { entries, file: Some(file) }) }
            }
            Err(_) => History { session: 1, kept: Mutex::new(Kept { entries: Vec::new(), file: None }) },
        }
    }

    /// Keeps a cell. A password is for nobody's eyes: a cell that has one is known to this kernel only.
    pub fn keep(&self, line: u64, input: &str, output: Option<String>) {
        let entry = Entry { session: self.session, line, input: input.to_string(), output };
        let mut kept = self.lock();
        let secret = input.split(|c: char| c.is_whitespace() || c == '=').any(millstream_session::sounds_secret);
        if let Some(file) = kept.file.as_mut().filter(|_| !secret) {
            // A full disk costs the history of this cell, not the cell.
            drop(append(file, &entry));
        }
        if kept.entries.len() >= MOST {
            kept.entries.remove(0);
        }
        kept.entries.push(entry);
    }

    /// The entries that are asked for, the oldest first.
    pub fn find(&self, wanted: &Wanted) -> Vec<Entry> {
        let kept = self.lock();
        match wanted {
            Wanted::Tail(most) => kept.entries[kept.entries.len().saturating_sub(*most)..].to_vec(),
            Wanted::Range { session, start, stop } => {
                let of = u64::try_from(*session).ok().filter(|session| *session > 0);
                let of = of.or_else(|| self.session.checked_sub(session.unsigned_abs()));
                let inside = |entry: &&Entry| {
                    Some(entry.session) == of && entry.line >= *start && stop.is_none_or(|stop| entry.line < stop)
                };
                kept.entries.iter().filter(inside).cloned().collect()
            }
            Wanted::Search { pattern, most, unique } => search(&kept.entries, pattern, *most, *unique),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn search(entries: &[Entry], pattern: &str, most: Option<usize>, unique: bool) -> Vec<Entry> {
    let pattern: Vec<char> = pattern.chars().collect();
    let mut last: HashMap<&str, usize> = HashMap::new();
    for (place, entry) in entries.iter().enumerate() {
        last.insert(&entry.input, place);
    }
    let newest = |(place, entry): &(usize, &Entry)| !unique || last.get(entry.input.as_str()) == Some(place);
    let fits = entries.iter().enumerate().filter(newest).filter(|(_, entry)| fits(&pattern, &entry.input));
    let found: Vec<Entry> = fits.map(|(_, entry)| entry.clone()).collect();
    found[found.len().saturating_sub(most.unwrap_or(usize::MAX))..].to_vec()
}

/// Whether a text fits a pattern: `*` is any text, `?` any character. Takes time of both lengths multiplied.
fn fits(pattern: &[char], text: &str) -> bool {
    let mut reached = vec![false; pattern.len() + 1];
    reached[0] = true;
    let skip_stars = |reached: &mut Vec<bool>| {
        for place in 0..pattern.len() {
            reached[place + 1] |= reached[place] && pattern[place] == '*';
        }
    };
    skip_stars(&mut reached);
    for c in text.chars() {
        let mut next = vec![false; pattern.len() + 1];
        for (place, &sign) in pattern.iter().enumerate().filter(|(place, _)| reached[*place]) {
            match sign {
                '*' => next[place] = true,
                '?' => next[place + 1] = true,
                sign => next[place + 1] |= sign == c,
            }
        }
        skip_stars(&mut next);
        reached = next;
    }
    reached[pattern.len()]
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}

fn read(file: &mut File) -> io::Result<Vec<Entry>> {
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(READ)))?;
    let lines = BufReader::new(file).split(b'\n');
    Ok(lines.map_while(Result::ok).filter_map(|line| serde_json::from_slice(&line).ok()).collect())
}

fn append(file: &mut File, entry: &Entry) -> io::Result<()> {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    file.write_all(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_new_folder(test: impl FnOnce(&Path)) {
        let folder = std::env::temp_dir().join(format!("millstream-{}", uuid::Uuid::new_v4()));
        test(&folder.join("deep/history"));
        std::fs::remove_dir_all(&folder).expect("gone");
    }

    fn inputs(history: &History, wanted: Wanted) -> Vec<String> {
        history.find(&wanted).into_iter().map(|entry| entry.input).collect()
    }

    #[test]
    fn cells_are_found_by_tail_range_and_pattern() {
        in_new_folder(|path| {
            let first = History::open(path);
            first.keep(1, "SELECT 1", Some("1".into()));
            first.keep(2, "SHOW TABLES", None);
            let second = History::open(path);
            ["SELECT 2", "SELECT 1", "größe 🦀"]
                .iter()
                .zip(1..)
                .for_each(|(input, line)| second.keep(line, input, None));
            assert_eq!(inputs(&second, Wanted::Tail(2)), ["SELECT 1", "größe 🦀"]);
            assert_eq!(inputs(&second, Wanted::Tail(99)).len(), 5);
            let range = |session, start, stop| inputs(&second, Wanted::Range { session, start, stop });
            assert_eq!(range(0, 1, Some(3)), ["SELECT 2", "SELECT 1"]);
            assert_eq!(range(-1, 0, None), ["SELECT 1", "SHOW TABLES"]);
            assert_eq!(range(1, 2, None), ["SHOW TABLES"]);
            assert_eq!(range(-9, 0, None), Vec::<String>::new());
            let search =
                |pattern: &str, most, unique| inputs(&second, Wanted::Search { pattern: pattern.into(), most, unique });
            assert_eq!(search("SELECT*", None, false), ["SELECT 1", "SELECT 2", "SELECT 1"]);
            assert_eq!(search("SELECT*", None, true), ["SELECT 2", "SELECT 1"]);
            assert_eq!(search("SELECT ?", Some(1), false), ["SELECT 1"]);
            assert_eq!(search("gr??e*", None, false), ["größe 🦀"]);
        });
    }

    #[test]
    fn what_is_written_is_private_bounded_and_survives_damage() {
        in_new_folder(|path| {
            let history = History::open(path);
            history.keep(1, "SELECT 1", None);
            history.keep(2, "CREATE TABLE t WITH ('properties.sasl.password' = 'hunter2')", None);
            assert_eq!(inputs(&history, Wanted::Tail(9)).len(), 2, "this kernel still knows it");
            let text = std::fs::read_to_string(path).expect("it is there");
            assert!(text.contains("SELECT 1") && !text.contains("hunter2"), "{text}");
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777, 0o600);
            std::fs::write(
                path,
                b"{\"session\":3,\"li\xff\nnonsense\n{\"session\":7,\"line\":1,\"input\":\"kept\"}\n{",
            )
            .expect("damaged");
            let after = History::open(path);
            assert_eq!((after.session, inputs(&after, Wanted::Tail(9))), (8, vec!["kept".to_string()]));
        });
    }

    #[test]
    fn a_pattern_with_many_stars_takes_no_time() {
        let pattern: Vec<char> = "*a".repeat(200).chars().collect();
        assert!(!fits(&pattern, &"b".repeat(2_000)));
        assert!(fits(&pattern, &"a".repeat(2_000)));
    }
}
