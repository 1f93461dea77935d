//! Shows the answers to a text, one after the other: the same for the prompt, for scripts and for the tour.

use std::io;
use std::time::Instant;

use millstream_session::{Batch, Columns, Fault, Reply, RunState, Script, Session, Table, Watched};

use crate::desk::Desk;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::live;
use crate::plot;
use crate::screen::Screen;
use crate::screens;
use crate::taping;

/// How statements are gone through.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// Whether to go on behind a fault.
    pub keep_going: bool,
    /// Whether what was done is said, too ("table 't' …").
    pub chatty: bool,
}

/// Answers all statements of a text. An error of writing is one of our own output.
pub fn play(desk: &Desk, text: &str, way: Way, screen: &mut Screen, interrupt: &Interrupt) -> io::Result<Exit> {
    let mut worst = Exit::Ok;
    let mut script = Some(Script::new(text));
    while let Some(rest) = script.take().filter(|script| script.left() > 0) {
        // Between two statements Ctrl-C ends the text as it does within one.
        if interrupt.raised() {
            return Ok(Exit::Interrupted);
        }
        let began = Instant::now();
        let shown = match answer(desk, rest, screen, interrupt) {
            Ok(Answer { reply, changelog, notes, rest }) => {
                script = Some(rest);
                for note in notes {
                    screen.note(&millstream_session::gate::shown_lines(&note))?;
                }
                match reply {
                    Some(Ok(reply)) => show(reply, desk, way, changelog, screen, interrupt)?,
                    Some(Err(fault)) => Err(fault),
                    None => break,
                }
            }
            Err(fault) => Err(fault),
        };
        let exit = match shown {
            Ok(exit) => exit,
            Err(fault) => {
                screen.fault(&fault)?;
                Exit::from(&fault)
            }
        };
        if screen.timing {
            screen.aside(&format!("{:.3} s", began.elapsed().as_secs_f64()))?;
        }
        screen.flush()?;
        worst = if worst == Exit::Ok { exit } else { worst };
        if exit == Exit::Interrupted || interrupt.ended() || (exit != Exit::Ok && !way.keep_going) {
            break;
        }
    }
    Ok(worst)
}

/// The answer to the next statement of a script.
struct Answer {
    reply: Option<Result<Reply, Fault>>,
    /// Whether the settings want every change.
    changelog: bool,
    /// What there is to say besides.
    notes: Vec<String>,
    /// What is left of the script.
    rest: Script,
}

/// Has the next statement answered. After Ctrl-C the script is not gone on with.
fn answer(desk: &Desk, mut rest: Script, screen: &mut Screen, interrupt: &Interrupt) -> Result<Answer, Fault> {
    let work = move |session: &mut Session| {
        let reply = session.next(&mut rest);
        let (changelog, notes) = (session.settings().changelog(), session.take_notes());
        (Answer { reply, changelog, notes, rest }, session.settings().zone())
    };
    let (mut answer, zone) = desk.ask_or(interrupt, work, |(answer, _)| {
        // A query that nobody looks at any more does not go on.
        match answer.reply {
            Some(Ok(Reply::Live(live))) => live.stop(),
            Some(Ok(Reply::Watched(steps))) => steps.iter().for_each(|watched| watched.live.stop()),
            _ => {}
        }
    })?;
    screen.look.zone = zone;
    answer.changelog |= screen.changelog;
    Ok(answer)
}

/// Shows one answer.
fn show(
    reply: Reply,
    desk: &Desk,
    way: Way,
    changelog: bool,
    screen: &mut Screen,
    interrupt: &Interrupt,
) -> io::Result<Result<Exit, Fault>> {
    match reply {
        Reply::Text(text) if way.chatty => screen.note(&millstream_session::gate::shown_lines(&text))?,
        Reply::Text(_) => {}
        Reply::Plan(text) => {
            let text = millstream_session::gate::shown_lines(&text).into_owned();
            screen.page(|out| writeln!(out, "{text}"))?;
        }
        Reply::Explained(explained) => {
            let text = millstream_session::gate::shown_lines(&explained.to_string()).into_owned();
            screen.page(|out| writeln!(out, "{text}"))?;
        }
        Reply::Table(table) => write_table(&table, screen)?,
        Reply::Preview(preview) => {
            write_table(&preview.table, screen)?;
            for line in preview.lines() {
                screen.aside(&millstream_session::gate::shown_lines(&line))?;
            }
        }
        Reply::Live(live) => return live::watch(*live, changelog, screen, interrupt),
        Reply::Watched(steps) if screen.whole() => return screens::watch(steps, desk, screen, interrupt),
        Reply::Watched(steps) => return line_by_line(steps, screen, interrupt),
        Reply::Taping(taping) => return taping::drive(*taping, screen, interrupt),
        Reply::Plotted(plotted) => return plot::draw(plotted, screen, interrupt),
    }
    Ok(Ok(Exit::Ok))
}

/// A step that is watched where there is no screen to fill: a line a change.
fn line_by_line(
    mut steps: Vec<Watched>,
    screen: &mut Screen,
    interrupt: &Interrupt,
) -> io::Result<Result<Exit, Fault>> {
    let (Some(Watched { run, live, .. }), true) = (steps.pop(), steps.is_empty()) else {
        steps.iter().for_each(|watched| watched.live.stop());
        let fault = Fault::usage("without a terminal, one step is watched at a time");
        return Ok(Err(fault.hint("a line for each change of several steps would not say whose it is")));
    };
    let shown = live::watch(*live, true, screen, interrupt);
    run.end(RunState::Finished);
    shown
}

/// Writes a table that is known as a whole, in the format of the screen.
pub fn write_table(table: &Table, screen: &mut Screen) -> io::Result<()> {
    write_all(table.columns.clone(), &table.rows, screen)
}

/// Writes rows that are known as a whole, and keeps them for `\last`.
pub fn write_all(columns: Columns, rows: &[Batch], screen: &mut Screen) -> io::Result<()> {
    screen.last.begin(columns.clone());
    rows.iter().for_each(|batch| screen.last.keep(batch));
    write_again(columns, rows, screen)
}

/// Writes rows that are known as a whole, in the format of the screen.
pub fn write_again(columns: Columns, rows: &[Batch], screen: &mut Screen) -> io::Result<()> {
    let writer = screen.format.writer(columns, screen.look.clone());
    screen.rows(writer, rows)
}
