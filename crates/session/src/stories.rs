//! Sessions as transcripts under `tests/stories`: what is typed behind `> `, and below it what is answered.
//! `UPDATE=1` writes them anew. The clock stands still, so that nothing in an answer depends on the machine.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use millstream_record::{ManualClock, Millis};

use crate::render::{Format, Look, to_text};
use crate::{Live, Manner, Reply, Session, SessionOptions, Step};

/// 2026-01-01 00:10:00 UTC.
const NOW: Millis = Millis(1_767_226_200_000);

fn session(folder: &std::path::Path, manner: Manner) -> Session {
    let clock = Arc::new(ManualClock::at(NOW));
    Session::new(SessionOptions { clock, ..SessionOptions::in_folder(folder).used_by(manner) }).expect("a session")
}

/// Takes a query to its end: its rows, then its ledger.
fn drained(mut live: Live) -> String {
    let columns = live.columns.clone();
    let mut rows = Vec::new();
    loop {
        match live.next(Duration::from_secs(60)) {
            Step::Rows(batch) => rows.push(batch),
            Step::Quiet => panic!("a query of a story ends by itself"),
            Step::End => break,
        }
    }
    let mut out = columns.map(|columns| to_text(Format::Csv, columns, &rows, &Look::plain())).unwrap_or_default();
    match live.finish() {
        Ok(finished) => {
            for account in &finished.accounts {
                let _ = writeln!(out, "{}", account.line());
            }
            if finished.written > 0 {
                let _ = writeln!(out, "{} written", finished.written);
            }
        }
        Err(fault) => out += &fault.render(&Look::plain()),
    }
    out
}

/// Drives a recording to its end; one without an end is over when a while nothing came.
fn recorded(mut taping: crate::Taping) -> String {
    for _ in 0..20 {
        match taping.advance(Duration::from_millis(5)) {
            Ok(true) => {}
            Ok(false) => break,
            Err(fault) => return fault.render(&Look::plain()),
        }
    }
    taping.finish().unwrap_or_else(|fault| fault.render(&Look::plain()))
}

/// The answers to a text, as they would stand in a pipe.
fn answered(session: &mut Session, text: &str) -> String {
    let mut out = String::new();
    let mut replies = session.execute(text);
    while let Some(reply) = replies.next() {
        let shown = match reply {
            Ok(Reply::Text(text) | Reply::Plan(text)) => text,
            Ok(Reply::Table(table)) => to_text(Format::Csv, table.columns, &table.rows, &Look::plain()),
            Ok(Reply::Preview(preview)) => {
                let rows = to_text(Format::Csv, preview.table.columns.clone(), &preview.table.rows, &Look::plain());
                rows + &preview.lines().join("\n")
            }
            Ok(Reply::Explained(explained)) => explained.to_string(),
            Ok(Reply::Live(live)) => drained(*live),
            Ok(Reply::Taping(taping)) => recorded(*taping),
            Ok(Reply::Watched(watched)) => watched.into_iter().map(|watched| drained(*watched.live)).collect(),
            Ok(Reply::Plotted(plotted)) => drained(*plotted.live),
            Err(fault) => fault.render(&Look::plain()),
        };
        out += shown.trim_end();
        out.push('\n');
        for note in replies.take_notes() {
            let _ = writeln!(out, "note: {note}");
        }
    }
    out
}

/// Plays a story. A line `>> MANNER` ends the session and begins another one in the same workspace.
fn play(name: &str) {
    let path = format!("{}/tests/stories/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("the stories are beside the crate");
    let folder = tempfile::tempdir().expect("a folder");
    let mut open = session(folder.path(), Manner::Prompt);
    let mut found = String::new();
    for block in text.split("\n> ").map(|block| block.trim_start_matches("> ")) {
        // What is typed goes up to the first line that does not begin with a dot.
        let mut lines = block.lines();
        let mut typed = lines.next().unwrap_or_default().to_string();
        for line in lines.map_while(|line| line.strip_prefix(". ")) {
            typed = typed + "\n" + line;
        }
        let _ = writeln!(found, "> {}", typed.replace('\n', "\n. "));
        match typed.as_str() {
            "(the session ends and another begins)" => {
                drop(open);
                open = session(folder.path(), Manner::Prompt);
                for note in open.take_notes() {
                    let _ =
                        writeln!(found, "note: {}", note.replace(&folder.path().display().to_string(), "WORKSPACE"));
                }
            }
            "(the workbook is damaged)" => {
                let file = folder.path().join("workbook.sql");
                let kept = std::fs::read_to_string(&file).expect("the workbook is there");
                std::fs::write(&file, kept.replacen("CREATE OR REPLACE VIEW", "CREATE OR REPLACE VIEWS", 1))
                    .expect("writes");
            }
            "(the file of the workbook)" => {
                found += &std::fs::read_to_string(folder.path().join("workbook.sql")).expect("the workbook is there");
            }
            typed => found += &answered(&mut open, typed),
        }
    }
    if found.trim_end() != text.trim_end() && std::env::var_os("UPDATE").is_some() {
        return std::fs::write(&path, found).expect("the story can be written");
    }
    assert_eq!(found.trim_end(), text.trim_end(), "{name} goes otherwise now (UPDATE=1 writes it)");
}

/// What the README shows can be typed.
#[test]
fn the_steps_of_the_readme_work() {
    let path = format!("{}/../../README.md", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("the README stands at the root");
    let (_, section) = text.split_once("## Step by step").expect("it has a section of steps");
    let section = section.split("\n## ").next().unwrap_or_default();
    let typed: Vec<&str> = section.lines().filter_map(|line| line.strip_prefix("    > ")).collect();
    assert!(typed.len() > 10);
    let folder = tempfile::tempdir().expect("a folder");
    let mut session = session(folder.path(), Manner::Prompt);
    for line in typed {
        let answer = answered(&mut session, line);
        assert!(!answer.contains("error["), "{line}: {answer}");
    }
}

#[test]
fn steps() {
    play("steps.txt");
}

#[test]
fn history() {
    play("history.txt");
}

#[test]
fn workbook() {
    play("workbook.txt");
}

#[test]
fn dialects() {
    play("dialects.txt");
}

#[test]
fn explain() {
    play("explain.txt");
}

#[test]
fn runs() {
    play("runs.txt");
}

#[test]
fn tapes() {
    play("tapes.txt");
}

#[test]
fn long_tapes() {
    play("long-tapes.txt");
}
