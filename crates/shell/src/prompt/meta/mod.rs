//! Commands of the prompt itself: `\help` and its kin. One list feeds parsing, help, completion and the reference.

mod pages;
mod save;

use std::io;
use std::sync::Arc;
use std::time::Instant;

use millstream_rust_cells::rows::Exchange;
use millstream_session::{CODES, Candidate, CandidateKind, Format, STATEMENTS, gate};

use super::{After, Rust};
use crate::desk::{self, Desk};
use crate::interrupt::Interrupt;
use crate::pager::Pager;
use crate::play::{self, Way};
use crate::screen::Screen;

/// A command with its arguments and meaning.
pub struct Command {
    /// Its name, without the backslash.
    pub name: &'static str,
    /// Other names.
    pub short: &'static [&'static str],
    /// What stands behind it.
    pub argument: &'static str,
    /// What it does.
    pub doc: &'static str,
}

const fn command_of(
    name: &'static str,
    short: &'static [&'static str],
    argument: &'static str,
    doc: &'static str,
) -> Command {
    Command { name, short, argument, doc }
}

/// All commands, in the order of the help.
pub const COMMANDS: &[Command] = &[
    command_of("help", &["?", "h"], "[STATEMENT]", "this page, or how a statement is written"),
    command_of("quit", &["q", "exit"], "", "leave; so does Ctrl-D"),
    command_of("keys", &[], "", "what the keys do"),
    command_of("explain", &[], "CODE", "what the code of an error means: \\explain E0204"),
    command_of("tables", &["d"], "[NAME]", "all tables and views, or the columns of one"),
    command_of("functions", &["df"], "[NAME]", "all functions, or those whose names begin so"),
    command_of("output", &["format", "o"], "[FORMAT]", "how results look; alone: which format it is"),
    command_of("vertical", &["x"], "", "a line a column instead of a table, and back"),
    command_of("changelog", &[], "[on|off]", "every change with its kind (+I -U +U -D) instead of final rows"),
    command_of("timing", &[], "[on|off]", "how long each statement takes"),
    command_of("rows", &[], "N", "how many rows of a table are shown"),
    command_of("last", &[], "[FORMAT]", "the newest result again"),
    command_of("save", &[], "FILE", "the newest result into a file; its ending says the format: csv, json, parquet, …"),
    command_of("pager", &[], "[off|COMMAND]", "what shows results that are higher than the screen"),
    command_of(
        "rust",
        &[],
        "[CODE]",
        "run a piece of Rust; alone, or with 'from step into table', what is typed is Rust from now on",
    ),
    command_of("sql", &[], "", "what is typed is SQL again"),
    command_of("read", &["i"], "FILE", "run a script"),
];

/// The command that a text is, without its backslash.
pub fn command(text: &str) -> Option<&str> {
    let line = text.trim();
    match line.trim_end_matches(';').trim().to_ascii_lowercase().as_str() {
        "help" | "quit" | "exit" => Some(line.trim_end_matches(';').trim()),
        _ => line.strip_prefix('\\').map(|command| command.trim_end_matches(';').trim()),
    }
}

/// What may be typed behind a backslash: where the word begins that it replaces, and the candidates.
pub fn candidates(typed: &str) -> (usize, Vec<Candidate>) {
    let Some((word, argument)) = typed.split_once(' ') else {
        let all = COMMANDS.iter().map(|command| {
            let doc = format!("\\{} {}\n{}", command.name, command.argument, command.doc);
            Candidate::new(format!("\\{}", command.name), CandidateKind::Keyword, doc)
        });
        return (0, all.filter(|candidate| candidate.text.starts_with(typed)).collect());
    };
    let value = |text: &str, doc: &str| Candidate::new(text, CandidateKind::Value, doc);
    let all: Vec<Candidate> = match find(word.trim_start_matches('\\')).map(|command| command.name) {
        Some("output" | "last") => Format::ALL.iter().map(|(name, format)| value(name, format.doc())).collect(),
        Some("explain") => CODES.iter().map(|code| value(code.code, code.title)).collect(),
        Some("help") => STATEMENTS.iter().map(|statement| value(statement.verb, statement.doc)).collect(),
        Some("timing" | "changelog") => vec![value("on", ""), value("off", "")],
        _ => Vec::new(),
    };
    let begins = |candidate: &Candidate| candidate.text.to_lowercase().starts_with(&argument.to_lowercase());
    (word.len() + 1, all.into_iter().filter(begins).collect())
}

fn find(word: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|known| known.name.eq_ignore_ascii_case(word) || known.short.contains(&word))
}

/// Runs a command.
pub fn run(desk: &Desk, rust: &Rust, command: &str, screen: &mut Screen, interrupt: &Interrupt) -> io::Result<After> {
    let (word, argument) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    let argument = argument.trim();
    let sql = |text: String, screen: &mut Screen| {
        play::play(desk, &text, Way { keep_going: false, chatty: true }, screen, interrupt).map(drop)
    };
    match find(word).map(|known| known.name) {
        Some("quit") => return Ok(After::Leave),
        Some("help") => pages::help(argument, screen)?,
        Some("keys") => pages::keys(screen)?,
        Some("explain") => pages::explain(argument, screen)?,
        Some("tables") if argument.is_empty() => sql("SHOW TABLES;".into(), screen)?,
        Some("tables") => sql(format!("DESCRIBE {argument};"), screen)?,
        Some("functions") if argument.is_empty() => sql("SHOW FUNCTIONS;".into(), screen)?,
        Some("functions") => {
            sql(format!("SHOW FUNCTIONS LIKE '{}%';", argument.to_uppercase().replace('\'', "''")), screen)?;
        }
        Some("output") => output(argument, screen)?,
        Some("vertical") => {
            let format = if screen.format == Format::Vertical { Format::Table } else { Format::Vertical };
            output(format.name(), screen)?;
        }
        Some("changelog") => screen.changelog = switch(screen.changelog, argument, "changelog", screen)?,
        Some("timing") => screen.timing = switch(screen.timing, argument, "timing", screen)?,
        Some("rows") => match argument.parse() {
            Ok(rows) if rows >= 2 => screen.look.rows = rows,
            _ => screen.note("\\rows takes a number from 2 on")?,
        },
        Some("last") => save::last(argument, screen)?,
        Some("save") => save::save(argument, screen, interrupt)?,
        Some("pager") => {
            if !argument.is_empty() {
                screen.pager = Pager::new(Some(argument));
            }
            screen.note(&format!("pager is {}", gate::shown(screen.pager.name())))?;
        }
        Some("rust") if Exchange::read(argument).is_some() => rust.begin(desk, argument, screen, interrupt)?,
        Some("rust") => drop(rust.answer(desk, argument, screen, interrupt)?),
        Some("sql") => rust.end(),
        Some("read") => read(desk, argument, screen, interrupt)?,
        _ => unknown(word, screen)?,
    }
    Ok(After::GoOn)
}

fn unknown(word: &str, screen: &mut Screen) -> io::Result<()> {
    let near = millstream_session::nearest(word, COMMANDS.iter().map(|command| command.name));
    let hint = near.map_or("\\help lists all".to_string(), |near| format!("did you mean \\{near}?"));
    screen.note(&format!("there is no command \\{}: {hint}", gate::shown(word)))
}

fn output(argument: &str, screen: &mut Screen) -> io::Result<()> {
    match Format::parse(argument) {
        Some(format) => (screen.format, screen.formatted) = (format, true),
        None if argument.is_empty() => {}
        None => {
            let near = millstream_session::nearest(argument, Format::ALL.iter().map(|(name, _)| *name));
            let hint = near.map(|near| format!(": did you mean {near}?")).unwrap_or_default();
            screen.note(&format!("there is no format '{}'{hint}", gate::shown(argument)))?;
        }
    }
    screen.note(&format!("output is {}", screen.format.name()))
}

/// The new state of a switch; without an argument it changes over.
fn switch(now: bool, argument: &str, name: &str, screen: &mut Screen) -> io::Result<bool> {
    let state = match argument.to_ascii_lowercase().as_str() {
        "on" => true,
        "off" => false,
        "" => !now,
        _ => now,
    };
    screen.note(&format!("{name} is {}", if state { "on" } else { "off" }))?;
    Ok(state)
}

fn read(desk: &Desk, path: &str, screen: &mut Screen, interrupt: &Interrupt) -> io::Result<()> {
    let began = Instant::now();
    // What stands there may be a pipe that nobody writes to, or a disk far away.
    let file = path.to_string();
    let text = desk::aside(interrupt, Some(Arc::new(drop)), move || std::fs::read_to_string(file), |_| String::new())?;
    let text = match text {
        Ok(Some(text)) => text,
        Ok(None) => return screen.fault(&desk::left()),
        Err(fault) => return screen.fault(&fault),
    };
    match text {
        Ok(text) => {
            play::play(desk, &text, Way { keep_going: false, chatty: true }, screen, interrupt)?;
            if screen.timing {
                screen.aside(&format!("{}: {:.3} s", gate::shown(path), began.elapsed().as_secs_f64()))?;
            }
            Ok(())
        }
        Err(error) => screen.note(&format!("cannot read {}: {error}", gate::shown(path))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_from_sql() {
        assert_eq!(command("\\output csv"), Some("output csv"));
        assert_eq!(command(" quit; "), Some("quit"));
        assert_eq!(command("SELECT '\\help';"), None);
    }

    #[test]
    fn commands_and_their_arguments_are_completed() {
        let texts = |typed: &str| {
            let (start, found) = candidates(typed);
            (start, found.into_iter().map(|candidate| candidate.text).collect::<Vec<_>>())
        };
        assert_eq!(texts("\\ou"), (0, vec!["\\output".to_string()]));
        assert_eq!(texts("\\output nd"), (8, vec!["ndjson".to_string()]));
        assert_eq!(texts("\\explain e020").1.len(), 9);
        assert_eq!(texts("\\help sho").1, ["SHOW"]);
    }

    #[test]
    fn no_name_means_two_commands() {
        let mut names: Vec<&str> =
            COMMANDS.iter().flat_map(|command| command.short.iter().chain([&command.name])).copied().collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
