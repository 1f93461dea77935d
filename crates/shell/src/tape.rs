//! `millstream tape …`: tapes without SQL.

use std::io;

use millstream_session::{Fault, Reply, Session, gate};

use crate::args::TapeVerb;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::play;
use crate::screen::Screen;

/// Runs one of the commands.
pub fn run(session: &Session, verb: TapeVerb, screen: &mut Screen, interrupt: &Interrupt) -> io::Result<Exit> {
    let done = match verb {
        TapeVerb::List => list(session, screen)?,
        TapeVerb::Export { name, file } => session.export_tape(&name, &file, &interrupt.stop()).map(Some),
        TapeVerb::Import { file, name } => {
            let stem = || file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            session.import_tape(&name.unwrap_or_else(stem), &file, &interrupt.stop()).map(Some)
        }
    };
    match done {
        Ok(said) => {
            said.map_or(Ok(()), |said| screen.note(&gate::shown_lines(&said)))?;
            Ok(Exit::Ok)
        }
        Err(fault) => {
            screen.fault(&fault)?;
            Ok(Exit::from(&fault))
        }
    }
}

fn list(session: &Session, screen: &mut Screen) -> io::Result<Result<Option<String>, Fault>> {
    match session.list_tapes() {
        Ok(Reply::Table(table)) => play::write_table(&table, screen).map(|()| Ok(None)),
        Ok(_) => Ok(Ok(None)),
        Err(fault) => Ok(Err(fault)),
    }
}
