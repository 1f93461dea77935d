//! The house kept in order: what each crate may import, one version of what must be one, and habits that no
//! compiler checks. An error names the file and what to do.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A crate, the crates of the house that it may import, and what it must not know.
const ROOMS: &[(&str, &[&str], &[&str])] = &[
    ("record", &[], &["datafusion", "tokio", "rdkafka", "rocksdb", "reedline", "ratatui", "clap"]),
    ("plan", &["record"], &["tokio", "rdkafka", "rocksdb", "reedline", "ratatui", "clap"]),
    ("sql", &["record", "plan"], &["tokio", "rdkafka", "rocksdb", "crossbeam-channel", "reedline", "ratatui", "clap"]),
    ("engine", &["record", "plan"], &["rdkafka", "reedline", "ratatui", "crossterm", "clap"]),
    ("connect", &["record"], &["datafusion", "reedline", "ratatui", "crossterm", "clap"]),
    ("export", &["record", "plan", "sql"], &["tokio", "rdkafka", "rocksdb", "reedline", "ratatui", "clap"]),
    (
        "session",
        &["record", "plan", "sql", "engine", "connect", "export", "runner"],
        &["reedline", "ratatui", "crossterm", "clap"],
    ),
    (
        "runner",
        &["record", "plan", "sql", "engine", "connect", "rust_functions"],
        &["reedline", "ratatui", "crossterm"],
    ),
    (
        "rust_functions",
        &["record", "plan"],
        &["datafusion", "tokio", "rdkafka", "rocksdb", "reedline", "ratatui", "crossterm", "clap"],
    ),
    (
        "rust_cells",
        &["record", "plan", "rust_functions", "session"],
        &["datafusion", "tokio", "rdkafka", "rocksdb", "reedline", "ratatui", "crossterm", "clap"],
    ),
    ("shell", &["session", "runner", "rust_functions", "rust_cells"], &["datafusion", "rdkafka", "rocksdb"]),
    (
        "kernel",
        &["session", "rust_functions", "rust_cells"],
        &["datafusion", "rdkafka", "rocksdb", "reedline", "ratatui", "crossterm"],
    ),
];

/// Crates that must stand in the lock file once: two of them would not understand each other.
const SINGLE: &[&str] =
    &["arrow", "arrow-array", "arrow-schema", "parquet", "datafusion", "tokio", "crossterm", "zstd-sys", "rdkafka-sys"];

/// Files that may contain `unsafe`, each with its reasons beside it.
const UNSAFE: &[&str] = &[
    "crates/connect/src/format/json/simd.rs",
    "crates/connect/src/kafka/queue.rs",
    "crates/connect/src/kafka/topic_id.rs",
    "crates/rust_functions/src/last_words.rs",
    "crates/rust_functions/src/library.rs",
    "crates/rust_functions/support/abi.rs",
    "crates/rust_functions/support/column.rs",
    "crates/rust_functions/support/host.rs",
    "crates/rust_functions/support/serve.rs",
    "crates/rust_functions/src/glue.rs",
    "crates/shell/tests/pty.rs",
    "tests/benches/consume.rs",
];

/// Longer files are two files.
const MOST_LINES: usize = 800;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the tests stand inside the project")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names under `[dependencies]` of a manifest.
fn dependencies(manifest: &str) -> Vec<&str> {
    let section = manifest.lines().skip_while(|line| *line != "[dependencies]").skip(1);
    let lines = section.take_while(|line| !line.starts_with('['));
    lines
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty() && *name != "#")
        .collect()
}

/// Every Rust file of the project, with its path from the root.
fn sources() -> Vec<(String, String)> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.join("crates"), root.join("kernel"), root.join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is there") {
            let path = entry.expect("it can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).expect("it is below the root").display().to_string();
                found.push((name, read(&path)));
            }
        }
    }
    assert!(found.len() > 50, "the sources were not found");
    found
}

#[test]
fn every_crate_imports_only_what_its_room_allows() {
    let root = root();
    let mut rooms: Vec<String> = fs::read_dir(root.join("crates"))
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be listed"))
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().display().to_string())
        .chain(["kernel".to_string()])
        .collect();
    rooms.sort();
    let mut known: Vec<&str> = ROOMS.iter().map(|(name, _, _)| *name).collect();
    known.sort_unstable();
    assert_eq!(rooms, known, "a new crate needs a line in ROOMS: what may it import, what must it not know?");
    for (name, allowed, unknown) in ROOMS {
        // The kernel stands at the top: it is a program of its own beside the shell.
        let folder = if *name == "kernel" { root.join(name) } else { root.join("crates").join(name) };
        let manifest = read(&folder.join("Cargo.toml"));
        assert!(manifest.contains(&format!("name = \"millstream-{name}\"")), "folder and crate name differ: {name}");
        for dependency in dependencies(&manifest) {
            if let Some(neighbour) = dependency.strip_prefix("millstream-") {
                assert!(allowed.contains(&neighbour), "{name} must not import {neighbour}");
            }
            assert!(!unknown.contains(&dependency), "{name} must not know {dependency}");
        }
    }
}

#[test]
fn what_must_be_one_is_one() {
    let lock = read(&root().join("Cargo.lock"));
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut name = "";
    for line in lock.lines() {
        if let Some(found) = line.strip_prefix("name = ") {
            name = found.trim_matches('"');
        } else if let Some(version) = line.strip_prefix("version = ") {
            versions.entry(name).or_default().push(version.trim_matches('"'));
        }
    }
    for single in SINGLE {
        assert_eq!(versions.get(single).map(Vec::len), Some(1), "{single}: {:?}", versions.get(single));
    }
}

#[test]
fn every_file_says_why_it_is_there_and_fits_the_eye() {
    for (name, text) in sources() {
        assert!(
            text.trim().is_empty() || text.starts_with("//!"),
            "{name} must open with a paragraph that says why it is there (//! …)"
        );
        let lines = text.lines().count();
        assert!(lines <= MOST_LINES, "{name} has {lines} lines; split it where its subject does");
    }
}

#[test]
fn nothing_is_left_undone_and_no_test_is_switched_off() {
    // Written in two parts, so that this file does not find itself.
    let words = [("TO", "DO"), ("FIX", "ME"), ("todo", "!("), ("unimplemented", "!("), ("dbg", "!("), ("#[ign", "ore")];
    for (name, text) in sources() {
        for (head, tail) in words {
            assert!(!text.contains(&format!("{head}{tail}")), "{name} contains {head}{tail}");
        }
    }
}

#[test]
fn only_named_files_are_unsafe() {
    let block = format!("{} {}", "unsafe", "{");
    let found: Vec<String> =
        sources().into_iter().filter(|(_, text)| text.contains(&block)).map(|(name, _)| name).collect();
    for name in &found {
        assert!(UNSAFE.contains(&name.as_str()), "{name} may not be unsafe, or belongs into UNSAFE with its reasons");
    }
}
