//! Shows the answers to a text, one after the other: the same for the prompt, for scripts and for the tour.

use std::io;
use std::time::Instant;

use millstream_session::{Batch, Columns, Fault, Reply, Session, Table, Watched};

use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::live;
use crate::plot;
use crate::screen::Screen;

/// How statements are gone through.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// Whether to go on behind a fault.
    pub keep_going: bool,
    /// Whether what was done is said, too ("table 't' …").
    pub chatty: bool,
}

/// Answers all statements of a text. An error of writing is one of our own output.
pub fn play(
    session: &mut Session,
    text: &str,
    way: Way,
    screen: &mut Screen,
    interrupt: &Interrupt,
) -> io::Result<Exit> {
    let mut worst = Exit::Ok;
    let mut replies = session.execute(text);
    loop {
        interrupt.clear();
        let began = Instant::now();
        let Some(reply) = replies.next() else { break };
        for note in replies.take_notes() {
            screen.note(&millstream_session::gate::shown_lines(&note))?;
        }
        screen.look.zone = replies.session().settings().zone();
        let changelog = screen.changelog || replies.session().settings().changelog();
        let shown = match reply {
            Ok(reply) => show(reply, way, changelog, screen, interrupt)?,
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

/// Shows one answer.
fn show(
    reply: Reply,
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
            io::Write::write_all(screen.results()?, format!("{text}\n").as_bytes())?;
        }
        Reply::Explained(explained) => {
            let text = explained.to_string();
            let text = millstream_session::gate::shown_lines(&text);
            io::Write::write_all(screen.results()?, format!("{text}\n").as_bytes())?;
        }
        Reply::Table(table) => write_table(&table, screen)?,
        Reply::Preview(preview) => {
            write_table(&preview.table, screen)?;
            for line in preview.lines() {
                screen.aside(&millstream_session::gate::shown_lines(&line))?;
            }
        }
        Reply::Live(live) | Reply::Watched(Watched { live, .. }) => {
            return live::watch(*live, changelog, screen, interrupt);
        }
        Reply::Plotted(plotted) => return plot::draw(plotted, screen, interrupt),
    }
    Ok(Ok(Exit::Ok))
}

/// Writes a table that is known as a whole, in the format of the screen.
pub fn write_table(table: &Table, screen: &mut Screen) -> io::Result<()> {
    write_all(table.columns.clone(), &table.rows, screen)
}

/// Writes rows that are known as a whole.
pub fn write_all(columns: Columns, rows: &[Batch], screen: &mut Screen) -> io::Result<()> {
    let mut writer = screen.format.writer(columns, screen.look.clone());
    let out = screen.results()?;
    for batch in rows {
        writer.rows(out, batch)?;
    }
    writer.end(out)
}
