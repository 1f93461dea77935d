//! Stories of `TAP`: each file in `stories` is tapped, and what is said and declared is compared with the
//! `.sql` beside it (`UPDATE=1` writes it anew; read what it writes). A `.topic` file holds a record a line:
//! partition, timestamp, value, with `\xNN` for bytes and `-` for a tombstone.

mod look;
mod packed;
mod parquet;
mod random;

use std::path::{Path, PathBuf};

use millstream_session::topics::Record;
use millstream_session::{Format, Look, Reply, Session, SessionOptions, to_text};
use tempfile::TempDir;

/// A session in a folder of its own.
pub struct Room {
    pub session: Session,
    pub folder: TempDir,
}

pub fn room() -> Room {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = std::sync::Arc::new(millstream_record::ManualClock::at(millstream_record::Millis(1_767_225_700_000)));
    let options = SessionOptions { clock, ..SessionOptions::in_folder(folder.path().join("workspace")) };
    Room { session: Session::new(options).expect("a session"), folder }
}

/// The answers to a text, as a script would print them; a fault ends it.
pub fn said(session: &mut Session, text: &str) -> String {
    let mut out = String::new();
    for reply in session.execute(text) {
        match reply {
            Ok(Reply::Text(text) | Reply::Plan(text)) => out += &format!("{text}\n"),
            Ok(Reply::Table(table)) => out += &to_text(Format::Table, table.columns, &table.rows, &Look::plain()),
            Ok(_) => out += "something else\n",
            Err(fault) => {
                out += &fault.render(&Look::plain());
                break;
            }
        }
    }
    out
}

fn stories() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/infer/stories")
}

/// `\xNN` to bytes.
fn bytes(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut out = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        out.push(u8::from_str_radix(&part[..2], 16).expect("two digits"));
        out.extend_from_slice(&part.as_bytes()[2..]);
    }
    out
}

/// Fills a topic from a story.
fn fill(room: &Room, name: &str, story: &str) {
    let records: Vec<(u32, i64, &str)> = story
        .lines()
        .map(|line| {
            let mut parts = line.splitn(3, ' ');
            let mut next = || parts.next().expect("partition, timestamp, value");
            (next().parse().expect("a partition"), next().parse().expect("a time"), next())
        })
        .collect();
    let partitions = records.iter().map(|(partition, ..)| partition + 1).max().unwrap_or(1);
    room.session.topics().create(name, partitions).expect("new");
    let mut producer = room.session.topics().producer(name).expect("opens");
    for (partition, at, value) in records {
        let value = (value != "-").then(|| bytes(value));
        let at = Some(millstream_record::Millis(at));
        let record = Record {
            partition: Some(partition),
            timestamp: at,
            arrival: at,
            value: value.as_deref(),
            ..Record::default()
        };
        producer.send(&record).expect("sent");
    }
    producer.flush().expect("flushed");
}

/// What tapping a story says and declares, with the folder named `data`.
fn told(path: &Path) -> String {
    let mut room = room();
    let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
    let place = if path.extension().is_some_and(|end| end == "topic") {
        fill(&room, &name, &std::fs::read_to_string(path).expect("a story"));
        name.clone()
    } else {
        path.display().to_string()
    };
    let told = said(&mut room.session, &format!("TAP '{place}' AS t"));
    let declared = said(&mut room.session, "SHOW CREATE TABLE t");
    let declared = if told.starts_with("error") { String::new() } else { declared };
    assert_runs_again(&mut room.session, &declared);
    let folder = stories().display().to_string();
    // Where a fault points at the place, the length of the folder's name would show.
    let points =
        |line: &&str| line.starts_with("LINE ") || (line.contains('^') && line.trim_matches(['^', ' ']).is_empty());
    let said = told.lines().filter(|line| !points(line)).map(|line| format!("-- {line}\n")).collect::<String>();
    (said + &declared).replace(&folder, "data")
}

/// The declaration can be run as it is, and then shows itself.
fn assert_runs_again(session: &mut Session, declared: &str) {
    if declared.is_empty() {
        return;
    }
    let again = said(session, &format!("DROP TABLE t; {declared}; SHOW CREATE TABLE t"));
    assert!(again.ends_with(declared), "{again}");
}

#[test]
fn every_story_is_tapped_as_expected() {
    let mut differing = Vec::new();
    let mut count = 0;
    let mut all: Vec<PathBuf> =
        std::fs::read_dir(stories()).expect("stories").map(|entry| entry.expect("a story").path()).collect();
    all.sort();
    for path in all.iter().filter(|path| path.extension().is_none_or(|end| end != "sql")) {
        count += 1;
        let expected = path.with_extension("sql");
        let found = told(path);
        let wanted = std::fs::read_to_string(&expected).unwrap_or_default();
        if found == wanted {
            continue;
        }
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&expected, &found).expect("written");
        } else {
            differing.push(format!("{}:\n{found}\nwanted:\n{wanted}", expected.display()));
        }
    }
    assert!(count >= 40, "only {count} stories");
    assert!(differing.is_empty(), "{}", differing.join("\n----\n"));
}
