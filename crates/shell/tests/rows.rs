//! What users expect of a shell, row by row: `stories/` holds a story for each, named after it.

use std::path::{Path, PathBuf};

use crate::program::{files, folder};
use crate::stories::Story;

/// The rows.
const ROWS: [&str; 15] = [
    "completion",
    "live-validation",
    "errors",
    "multi-line",
    "history",
    "output",
    "pager-timer-progress",
    "cancel",
    "scripts",
    "colour",
    "completions-and-man-pages",
    "keys",
    "configuration",
    "first-minute",
    "live-shell",
];

fn story(row: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stories").join(row).with_extension("txt")
}

#[test]
fn every_row_has_its_story() {
    let play = |row: &'static str| move || Story::new(folder().path(), (24, 100), &[]).check(&story(row));
    let played: Vec<_> = ROWS.into_iter().map(|row| std::thread::spawn(play(row))).collect();
    let differences: Vec<String> = played.into_iter().filter_map(|story| story.join().expect("no panic")).collect();
    assert!(differences.is_empty(), "{}\nUPDATE=1 writes down what is shown now", differences.join("\n"));
    let there = files(story("x").parent().expect("a folder"), "txt").len();
    assert_eq!(there, ROWS.len(), "a story for each row, and no other");
}
