//! Transcripts: files of commands with what they print. `$` is a command of the shell (`·` goes on with
//! it), `|` a line of stdout, `!` a line of stderr, `=` the exit code where it is not 0. All commands of a
//! file run in one folder. `UPDATE=1` writes down what is printed now; the difference is then for a human to judge.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::program;

#[test]
fn every_transcript_is_what_the_program_prints() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let files = program::files(&here, "txt");
    assert!(files.len() >= 8, "the transcripts are gone");
    let failures: Vec<String> = files.iter().filter_map(|file| check(file)).collect();
    assert!(failures.is_empty(), "{}\nUPDATE=1 writes down what is printed now", failures.join("\n"));
}

/// Plays a file; the difference if there is one.
fn check(file: &Path) -> Option<String> {
    let written = fs::read_to_string(file).expect("text");
    let folder = program::folder();
    let mut played = String::new();
    let mut lines = written.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(command) = line.strip_prefix("$ ") else {
            if !line.starts_with(['|', '!', '=']) {
                writeln!(played, "{line}").expect("memory");
            }
            continue;
        };
        let mut command = command.to_string();
        writeln!(played, "{line}").expect("memory");
        while let Some(more) = lines.next_if(|next| next.starts_with("· ")) {
            writeln!(played, "{more}").expect("memory");
            write!(command, "\n{}", &more["· ".len()..]).expect("memory");
        }
        write_down(&mut played, &play(&command, folder.path()));
    }
    if played == written {
        return None;
    }
    if std::env::var_os("UPDATE").is_some() {
        fs::write(file, played).expect("is writable");
        return None;
    }
    let differs = written
        .lines()
        .zip(played.lines())
        .position(|(old, new)| old != new)
        .unwrap_or(written.lines().count().min(played.lines().count()));
    let near = |text: &str| text.lines().skip(differs.saturating_sub(3)).take(9).collect::<Vec<_>>().join("\n");
    Some(format!("{}:{}\n--- written\n{}\n--- printed\n{}", file.display(), differs + 1, near(&written), near(&played)))
}

/// Runs a command of the shell in a folder.
pub fn play(command: &str, folder: &Path) -> Output {
    let mut shell = Command::new("bash");
    program::clean(&mut shell, folder);
    let binary = program::binary();
    let programs = binary.parent().expect("it lies in a folder");
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
    shell.env("PATH", path).args(["-c", command]).stdin(Stdio::null());
    shell.output().expect("bash is there")
}

fn write_down(played: &mut String, output: &Output) {
    for (mark, text) in [('|', program::stdout(output)), ('!', program::stderr(output))] {
        for line in text.lines() {
            writeln!(played, "{}", format!("{mark} {}", steady(line)).trim_end()).expect("memory");
        }
    }
    if !output.status.success() {
        writeln!(played, "= {}", output.status.code().unwrap_or(-1)).expect("memory");
    }
}

/// The line without what differs from run to run: how long a query took.
pub fn steady(line: &str) -> String {
    match line.rsplit_once(" in ") {
        Some((before, time)) if time.ends_with(" s") && time.starts_with(|c: char| c.is_ascii_digit()) => {
            format!("{before} in … s")
        }
        _ => line.to_string(),
    }
}
