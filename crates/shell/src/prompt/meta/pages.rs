//! The pages of help: commands, statements, keys, codes. All of them are made from the lists that are used.

use std::fmt::Write;
use std::io;

use millstream_session::{STATEMENTS, STEPS, code, gate, statement, width};

use super::COMMANDS;
use crate::prompt::keys;
use crate::screen::Screen;
use crate::screens::keys::MOUSE;

/// `\help`, `\help SELECT`.
pub fn help(argument: &str, screen: &mut Screen) -> io::Result<()> {
    if argument.is_empty() {
        return show(&overview(columns(screen)), screen);
    }
    let step = || STEPS.iter().find(|step| step.verb.eq_ignore_ascii_case(argument));
    match statement(argument).or_else(step) {
        Some(known) => show(&format!("{}\n  {}\n", known.form, known.doc), screen),
        None => {
            let near = millstream_session::nearest(argument, STATEMENTS.iter().map(|known| known.verb));
            let hint = near.map_or("\\help lists all".into(), |near| format!("did you mean {near}?"));
            screen.note(&format!("no statement begins with '{}': {hint}", gate::shown(argument)))
        }
    }
}

fn overview(columns: usize) -> String {
    let mut page = String::from(
        "SQL ends with ';' and may go over several lines. Start with: SHOW TABLES; SELECT * FROM demo.bids;\n\
         Ctrl-C stops a query, Ctrl-D leaves, Tab completes, Ctrl-R searches what was typed before.\n\n",
    );
    let commands = COMMANDS.iter().map(|command| {
        let names =
            [command.name].iter().chain(command.short).map(|name| format!("\\{name}")).collect::<Vec<_>>().join(", ");
        (format!("{names} {}", command.argument), command.doc)
    });
    lines(&mut page, commands, columns);
    page.push_str("\nStatements; \\help and the first word says more:\n\n");
    lines(&mut page, STATEMENTS.iter().map(|known| (known.verb.to_string(), known.doc)), columns);
    page
}

/// `\keys`.
pub fn keys(screen: &mut Screen) -> io::Result<()> {
    let mut page = String::new();
    lines(&mut page, keys::page(), columns(screen));
    page.push_str("\nWhile steps are watched (WATCH):\n\n");
    let mouse = MOUSE.iter().map(|(what, meaning)| (what.to_string(), *meaning));
    lines(&mut page, screen.keys.page().chain(mouse), columns(screen));
    show(&page, screen)
}

/// `\explain E0204`.
pub fn explain(argument: &str, screen: &mut Screen) -> io::Result<()> {
    match code(argument) {
        Some(known) => show(&format!("{}: {}\n  {}\n", known.code, known.title, known.text), screen),
        None => screen.note(&format!("there is no code '{}': \\explain takes one like E0204", gate::shown(argument))),
    }
}

/// How wide a page may be.
fn columns(screen: &Screen) -> usize {
    screen.look.width.unwrap_or(usize::MAX)
}

/// Less room than this is none for a text beside another.
const NARROW: usize = 20;

/// Two columns, the first as wide as it must be; the second is broken between words where the screen ends.
fn lines<'a>(page: &mut String, lines: impl IntoIterator<Item = (String, &'a str)>, columns: usize) {
    let lines: Vec<_> = lines.into_iter().collect();
    let widest = lines.iter().map(|(left, _)| width::width(left)).filter(|wide| *wide <= 40).max().unwrap_or(0);
    for (left, right) in &lines {
        let gap = " ".repeat(widest.saturating_sub(width::width(left)));
        let room = columns.saturating_sub(widest + 4).max(NARROW);
        let right = width::wrap(right, room).replace('\n', &format!("\n{}", " ".repeat(widest + 4)));
        writeln!(page, "  {left}{gap}  {right}").expect("a string takes everything");
    }
}

fn show(page: &str, screen: &mut Screen) -> io::Result<()> {
    let page = width::wrap(page, columns(screen)).into_owned();
    screen.page(|out| out.write_all(page.as_bytes()))
}
