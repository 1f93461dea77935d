//! A chart on the screen, as text: of all rows when they end by themselves, of those that have come when the
//! user stops the query.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use millstream_session::{Fault, Keep, Pace, Plotted, Step, View};

use crate::desk;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::screen::Screen;

/// How long to wait for rows before looking around: the bound on how fast Ctrl-C is felt.
const LOOK: Duration = Duration::from_millis(10);

/// Draws the rows of a step.
pub fn draw(plotted: Plotted, screen: &mut Screen, interrupt: &Interrupt) -> io::Result<Result<Exit, Fault>> {
    let Plotted { sketch, mut live } = plotted;
    screen.measure();
    let columns = live.columns.clone().expect("a step has columns");
    let view = View::new(columns, live.changes, Keep::Newest, Plotted::ROOM);
    let mut view = match view {
        Ok(view) => view,
        Err(error) => return Ok(Err(error.into())),
    };
    let (began, mut pace) = (Instant::now(), Pace::default());
    let stopped = loop {
        let enough = !live.bounded && screen.stop_after.is_some_and(|most| began.elapsed() >= most);
        if interrupt.raised() || enough {
            live.stop();
            break interrupt.raised();
        }
        match live.next(LOOK) {
            Step::Rows(batch) => {
                if let Err(error) = view.take(&batch) {
                    return Ok(Err(error.into()));
                }
            }
            Step::Quiet => {}
            Step::End => break false,
        }
        if screen.wants_status() {
            let line = pace.line(&live.status(), began.elapsed(), screen.look.zone);
            screen.draw_status(&line)?;
        }
    };
    // A chart says nothing of the ledger, so nothing is told of an end that comes later.
    let ended = desk::aside(interrupt, screen.later.clone(), move || live.finish(), |_| String::new())?;
    if let Err(fault) = ended.and_then(Option::transpose) {
        return Ok(Err(fault));
    }
    match sketch.chart(&view, screen.look.zone) {
        Ok(chart) => {
            let text = chart.text(&screen.look.clone());
            screen.results()?.write_all(text.as_bytes())?;
        }
        Err(error) => return Ok(Err(error.into())),
    }
    Ok(Ok(if stopped { Exit::Interrupted } else { Exit::Ok }))
}
