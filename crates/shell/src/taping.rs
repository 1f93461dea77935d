//! A recording on the screen: a line with a bar while it goes on; Ctrl-C ends it and keeps what is there.

use std::io;
use std::time::{Duration, Instant};

use millstream_session::{Fault, Taping, gate};

use crate::desk;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::screen::Screen;

/// How long to wait for records before looking around: the bound on how fast Ctrl-C is felt.
const LOOK: Duration = Duration::from_millis(10);

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
    // The last records go to the disk, which may take its time.
    let sealed = desk::aside(interrupt, screen.later.clone(), move || taping.finish(), told)?;
    match sealed.and_then(Option::transpose) {
        Ok(Some(said)) => screen.note(&gate::shown_lines(&said))?,
        Ok(None) => screen.note("the recording is being put away")?,
        Err(fault) => return Ok(Err(fault)),
    }
    // To end a recording with Ctrl-C is how one without an end is meant to end.
    Ok(Ok(Exit::Ok))
}

/// What came of a recording, when the prompt is back already.
fn told(sealed: Result<String, Fault>) -> String {
    let said = sealed.unwrap_or_else(|fault| format!("the recording: {}", fault.message));
    gate::shown_lines(&said).into_owned()
}
