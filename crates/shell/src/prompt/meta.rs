//! Commands of the prompt itself: `\help` and its kin. One list feeds parsing, help and completion.

use std::io;
use std::time::Instant;

use millstream_session::{Candidate, Format, Session};

use super::After;
use crate::interrupt::Interrupt;
use crate::play::{self, Way};
use crate::screen::Screen;

/// A command with its arguments and meaning.
struct Command {
    name: &'static str,
    short: Option<&'static str>,
    argument: &'static str,
    doc: &'static str,
}

const fn command_of(
    name: &'static str,
    short: Option<&'static str>,
    argument: &'static str,
    doc: &'static str,
) -> Command {
    Command { name, short, argument, doc }
}

const COMMANDS: &[Command] = &[
    command_of("help", Some("?"), "", "this page"),
    command_of("quit", Some("q"), "", "leave; so does Ctrl-D"),
    command_of("output", None, "[FORMAT]", "table, csv, tsv, json, ndjson, markdown, vertical; alone: which one it is"),
    command_of("vertical", Some("x"), "", "a line a column instead of a table, and back"),
    command_of("changelog", None, "[on|off]", "every change with its kind (+I -U +U -D) instead of final rows"),
    command_of("timing", None, "[on|off]", "how long each statement takes"),
    command_of("rows", None, "N", "how many rows of a table are shown"),
    command_of("tables", Some("d"), "[NAME]", "all tables and views, or the columns of one"),
    command_of("read", Some("i"), "FILE", "run a script"),
];

/// The command that a text is, without its backslash.
pub fn command(text: &str) -> Option<&str> {
    let line = text.trim();
    match line.trim_end_matches(';').trim().to_ascii_lowercase().as_str() {
        "help" | "quit" | "exit" => Some(line.trim_end_matches(';').trim()),
        _ => line.strip_prefix('\\').map(|command| command.trim_end_matches(';').trim()),
    }
}

/// What may be typed behind a backslash.
pub fn candidates(typed: &str) -> Vec<Candidate> {
    let all = COMMANDS.iter().map(|command| Candidate { text: format!("\\{}", command.name), doc: command.doc.into() });
    let formats =
        Format::ALL.iter().map(|(name, _)| Candidate { text: format!("\\output {name}"), doc: "format".into() });
    let shown = all.chain(formats.filter(|_| typed.starts_with("\\output ")));
    shown.filter(|candidate| candidate.text.starts_with(typed)).collect()
}

/// Runs a command.
pub fn run(session: &mut Session, command: &str, screen: &mut Screen, interrupt: &Interrupt) -> io::Result<After> {
    let (word, argument) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    let (word, argument) = (if word == "exit" { "quit" } else { word }, argument.trim());
    let known = COMMANDS.iter().find(|known| known.name.eq_ignore_ascii_case(word) || known.short == Some(word));
    match known.map(|known| known.name) {
        Some("help") => help(screen)?,
        Some("quit") => return Ok(After::Leave),
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
        Some("tables") => {
            let text = if argument.is_empty() { "SHOW TABLES;".to_string() } else { format!("DESCRIBE {argument};") };
            play::play(session, &text, Way { keep_going: false, chatty: true }, screen, interrupt)?;
        }
        Some("read") => read(session, argument, screen, interrupt)?,
        _ => screen
            .note(&format!("there is no command \\{}: \\help lists all", millstream_session::gate::shown(word)))?,
    }
    Ok(After::GoOn)
}

fn help(screen: &mut Screen) -> io::Result<()> {
    screen
        .note("SQL ends with ';' and may go over several lines. Start with: SHOW TABLES; SELECT * FROM demo.bids;")?;
    screen.note("Ctrl-C stops a query, Ctrl-D leaves, Tab completes, Ctrl-R searches what was typed before.\n")?;
    for Command { name, short, argument, doc } in COMMANDS {
        let short = short.map(|short| format!(", \\{short}")).unwrap_or_default();
        screen.note(&format!("  {:<24} {doc}", format!("\\{name}{short} {argument}")))?;
    }
    Ok(())
}

fn output(argument: &str, screen: &mut Screen) -> io::Result<()> {
    match Format::parse(argument) {
        Some(format) => screen.format = format,
        None if argument.is_empty() => {}
        None => screen.note(&format!("there is no format '{}'", millstream_session::gate::shown(argument)))?,
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

fn read(session: &mut Session, path: &str, screen: &mut Screen, interrupt: &Interrupt) -> io::Result<()> {
    let began = Instant::now();
    match std::fs::read_to_string(path) {
        Ok(text) => {
            play::play(session, &text, Way { keep_going: false, chatty: true }, screen, interrupt)?;
            if screen.timing {
                screen.aside(&format!("{path}: {:.3} s", began.elapsed().as_secs_f64()))?;
            }
            Ok(())
        }
        Err(error) => screen.note(&format!("cannot read {}: {error}", millstream_session::gate::shown(path))),
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
        assert!(candidates("\\ou").iter().any(|candidate| candidate.text == "\\output"));
    }
}
