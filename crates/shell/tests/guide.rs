//! The guide is true: every `$` command of `docs/guide` prints what stands below it, every `>` line is answered at a real
//! prompt with what stands below it, and a key in angle brackets is pressed. `UPDATE=1` writes down what `$` commands print now.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use crate::program;
use crate::pty::Terminal;
use crate::transcripts::{play, steady};

const INDENT: &str = "    ";

fn chapters() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide");
    let files = program::files(&here, "md");
    assert!(files.len() >= 3, "{files:?}");
    files
}

#[test]
fn every_command_of_the_guide_prints_what_stands_below_it() {
    let differ: Vec<String> = chapters().iter().filter_map(|file| check(file)).collect();
    assert!(differ.is_empty(), "{}\nUPDATE=1 writes down what is printed now", differ.join("\n"));
}

fn check(file: &Path) -> Option<String> {
    let written = fs::read_to_string(file).expect("text");
    let folder = program::folder();
    let mut played = String::new();
    let mut lines = written.lines().peekable();
    while let Some(line) = lines.next() {
        writeln!(played, "{line}").expect("memory");
        let Some(command) = line.strip_prefix("    $ ") else { continue };
        let mut command = command.to_string();
        while let Some(more) = lines.next_if(|next| next.starts_with("    · ")) {
            writeln!(played, "{more}").expect("memory");
            write!(command, "\n{}", &more["    · ".len()..]).expect("memory");
        }
        for _ in 0..answer_lines(lines.clone()) {
            lines.next();
        }
        let output = play(&command, folder.path());
        let printed = format!("{}{}", program::stdout(&output), program::stderr(&output));
        for line in printed.lines() {
            writeln!(played, "{}", format!("{INDENT}{}", steady(line)).trim_end()).expect("memory");
        }
    }
    if played == written {
        return None;
    }
    if std::env::var_os("UPDATE").is_some() {
        fs::write(file, played).expect("is writable");
        return None;
    }
    let differs = written.lines().zip(played.lines()).find(|(old, new)| old != new);
    Some(format!("{}: {differs:?}", file.display()))
}

/// How many lines the written answer of a command has: all that are indented, and the empty ones between them.
fn answer_lines<'a>(lines: impl Iterator<Item = &'a str>) -> usize {
    let answer = lines.take_while(|line| line.is_empty() || (line.starts_with(INDENT) && !line.starts_with("    $ ")));
    answer.enumerate().filter(|(_, line)| !line.is_empty()).last().map_or(0, |(last, _)| last + 1)
}

#[test]
fn every_line_of_the_guide_is_answered_at_the_prompt() {
    let mut asked = 0;
    for file in chapters() {
        let text = fs::read_to_string(&file).expect("text");
        let lines: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(INDENT)).collect();
        if !lines.iter().any(|line| line.starts_with("> ")) {
            continue;
        }
        let folder = program::folder();
        let mut terminal = Terminal::start(folder.path(), &[], 200, 140, "xterm-256color");
        terminal.wait_for_prompt();
        for line in lines {
            let pressed = line.strip_prefix('<').and_then(|line| line.strip_suffix('>'));
            match (line.strip_prefix("> "), pressed) {
                (Some(typed), _) => {
                    terminal.wait_for_prompt();
                    terminal.keys(typed);
                    // Only when it stands there, a prompt without text is that of the next line.
                    terminal.wait_until(typed, |shown| typed_last(shown, typed));
                    terminal.keys("\r");
                    asked += 1;
                }
                (None, Some(key)) => terminal.keys(if key == "Enter" { "\r" } else { key }),
                (None, None) => {
                    let parts: Vec<&str> = line.split('…').map(str::trim).filter(|part| !part.is_empty()).collect();
                    terminal.wait_until(line, |shown| shown.lines().any(|shown| in_order(shown, &parts)));
                }
            }
        }
        terminal.wait_for_prompt();
        terminal.leave();
        assert_eq!(terminal.exit_code(), Some(0), "{}", terminal.shown());
    }
    assert!(asked >= 8, "{asked}");
}

/// Whether the end of this text stands on the last line.
fn typed_last(shown: &str, typed: &str) -> bool {
    let skipped = typed.chars().count().saturating_sub(20);
    let end: String = typed.chars().skip(skipped).collect();
    shown.trim_end().lines().last().is_some_and(|line| line.contains(end.trim_end()))
}

/// Whether a line holds these parts, one behind the other.
fn in_order(line: &str, parts: &[&str]) -> bool {
    let mut rest = line;
    parts.iter().all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}
