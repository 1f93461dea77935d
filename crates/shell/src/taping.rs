//! A recording on the screen: a line with a bar while it goes on; Ctrl-C ends it and keeps what is there.

use std::io;
use std::time::{Duration, Instant};

use millstream_session::{Fault, Taping, gate};

use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::screen::Screen;

/// How long to wait for records before looking around: the bound on how fast Ctrl-C is felt.
const LOOK: Duration = Duration::from_millis(25);

/// Records to the end, or to Ctrl-C.
pub fn drive(mut taping: Taping, screen: &mut Screen, interrupt: &Interrupt) -> io::Result<Result<Exit, Fault>> {
    screen.measure();
    let began = Instant::now();
    loop {
        let enough = screen.stop_after.is_some_and(|most| taping.share().is_none() && began.elapsed() >= most);
        if interrupt.raised() || enough {
            break;
        }
        match taping.advance(LOOK) {
            Ok(true) => {}
            Ok(false) => break,
            Err(fault) => {
                screen.clear_status()?;
                return Ok(Err(fault));
            }
        }
        if screen.wants_status() {
            let line = taping.line(screen.err_look.ascii);
            screen.draw_status(&line)?;
        }
    }
    screen.clear_status()?;
    match taping.finish() {
        Ok(said) => screen.note(&gate::shown_lines(&said))?,
        Err(fault) => return Ok(Err(fault)),
    }
    // To end a recording with Ctrl-C is how one without an end is meant to end.
    Ok(Ok(Exit::Ok))
}
