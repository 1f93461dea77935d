//! COMPAT.md says nothing that is not run: each of its rows heads a block in one of the transcripts `compat-*.txt`, whose
//! commands end well where the row says yes, and with an error that has a code where it says no. What it takes a
//! broker to show names the tests that show it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A block of a transcript: what stands under the line that repeats the first cell of a row.
#[derive(Debug, Default)]
struct Block {
    commands: Vec<Command>,
    held_by: Vec<String>,
}

#[derive(Debug, Default)]
struct Command {
    text: String,
    failed: bool,
    said: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The first two cells of every row of every table of the page, without the heads.
fn rows(page: &str) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    let mut head = true;
    for line in page.lines() {
        let Some(cells) = line.strip_prefix("| ") else {
            // The line under a head has no blanks; behind it come the rows.
            head = !line.starts_with("|---");
            continue;
        };
        if head {
            continue;
        }
        let mut cells = cells.split(" | ");
        let cell = |cell: Option<&str>| cell.unwrap_or_default().trim_end_matches('|').trim().to_string();
        rows.push((cell(cells.next()), cell(cells.next())));
    }
    rows
}

fn blocks() -> BTreeMap<String, Block> {
    let mut blocks = BTreeMap::<String, Block>::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    for file in fs::read_dir(folder).expect("the transcripts are there") {
        let path = file.expect("is readable").path();
        if !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("compat-")) {
            continue;
        }
        let mut row = None;
        for line in fs::read_to_string(&path).expect("text").lines() {
            if let Some(name) = line.strip_prefix("# ") {
                assert!(!blocks.contains_key(name), "'{name}' heads two blocks");
                blocks.insert(name.to_string(), Block::default());
                row = Some(name.to_string());
                continue;
            }
            let Some(block) = row.as_ref().and_then(|row| blocks.get_mut(row)) else { continue };
            read(block, line);
        }
    }
    blocks
}

fn read(block: &mut Block, line: &str) {
    if let Some(test) = line.strip_prefix("held by: ") {
        block.held_by.push(test.to_string());
    } else if let Some(command) = line.strip_prefix("$ ") {
        block.commands.push(Command { text: command.to_string(), ..Command::default() });
    } else if let Some(command) = block.commands.last_mut() {
        command.failed |= line.starts_with("= ");
        command.said.push_str(line);
    }
}

/// The names of all tests of the project.
fn tests(folder: &Path, found: &mut String) {
    for entry in fs::read_dir(folder).expect("is there").map(|entry| entry.expect("is readable").path()) {
        if entry.is_dir() && !entry.ends_with("target") {
            tests(&entry, found);
        } else if entry.extension().is_some_and(|end| end == "rs" || end == "py") {
            found.push_str(&fs::read_to_string(&entry).expect("text"));
        }
    }
}

#[test]
fn every_row_of_compat_is_run() {
    let page = fs::read_to_string(root().join("COMPAT.md")).expect("the page is there");
    let (rows, mut blocks) = (rows(&page), blocks());
    assert!(rows.len() > 50, "only {} rows found", rows.len());
    let mut code = String::new();
    ["crates", "tests", "kernel"].iter().for_each(|part| tests(&root().join(part), &mut code));
    for (row, promise) in rows {
        let block = blocks.remove(&row).unwrap_or_else(|| panic!("no block of a transcript is headed '{row}'"));
        assert!(!block.commands.is_empty() || !block.held_by.is_empty(), "nothing shows '{row}'");
        for test in &block.held_by {
            let there = ["fn", "def"].iter().any(|word| code.contains(&format!("{word} {test}(")));
            assert!(there, "'{row}' is held by {test}, and there is no such test");
        }
        for Command { text, failed, said } in &block.commands {
            match promise.as_str() {
                "yes" => assert!(!failed, "'{row}' says yes, but this fails: {text}\n{said}"),
                "no" => assert!(*failed && said.contains("error["), "'{row}' says no, but this works: {text}\n{said}"),
                _ => {}
            }
        }
    }
    assert!(blocks.is_empty(), "these blocks belong to no row: {:?}", blocks.keys());
}
