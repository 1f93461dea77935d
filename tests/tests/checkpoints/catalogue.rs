//! The catalogue of failures, `docs/failures.md`, held to what is there: each row names tests that exist, or
//! says why there is none.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The rows that a job and a session have to answer for.
const ROWS: [(&str, usize); 6] = [("C", 13), ("K", 12), ("S", 14), ("I", 9), ("X", 14), ("U", 5)];

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("it is there") {
        let path = entry.expect("listed").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            rust_files(&path, found);
        } else if name.ends_with(".rs") || name.ends_with(".py") {
            found.push(path);
        }
    }
}

/// The names of all functions, and of the tests of the kernel, which are Python's.
fn functions() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    ["crates", "kernel", "tests"].iter().for_each(|folder| rust_files(&root.join(folder), &mut files));
    let name = |line: &str| {
        let rest = line.trim_start().strip_prefix("fn ").or(line.trim_start().strip_prefix("def "))?;
        Some(rest.split(['(', '<']).next()?.to_string())
    };
    let texts = files.iter().map(|path| fs::read_to_string(path).expect("text"));
    texts.flat_map(|text| text.lines().filter_map(name).collect::<Vec<_>>()).collect()
}

#[test]
fn every_failure_has_a_test_that_exists_or_a_reason() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/failures.md");
    let text = fs::read_to_string(path).expect("the catalogue is there");
    let functions = functions();
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    for (letter, count) in ROWS {
        for number in 1..=count {
            let id = format!("{letter}{number}");
            let row = rows.iter().find(|row| row[0] == id).unwrap_or_else(|| panic!("row {id} is missing"));
            assert_eq!(row.len(), 4, "{id}: number, failure, what happens, tests");
            let tests: Vec<&str> = row[3].split('`').skip(1).step_by(2).collect();
            assert!(!tests.is_empty() || row[3].starts_with("none: "), "{id} has neither a test nor a reason");
            for test in tests.into_iter().filter(|_| !row[3].starts_with("none: ")) {
                assert!(functions.contains(test), "{id} names `{test}`, which does not exist");
            }
        }
    }
}
