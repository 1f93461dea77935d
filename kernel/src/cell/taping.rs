//! A recording in a cell: a line that is drawn again while it goes on. The stop button ends it and keeps what
//! is there; where nobody sits, one without an end is over after the time that a query would get.

use std::time::{Duration, Instant};

use millstream_session::{Fault, Stop, Taping, gate};

use super::live::Manner;
use super::output::Output;
use crate::bundle::Bundle;

/// How long to wait for records before looking around: the bound on how fast a stop is felt.
const LOOK: Duration = Duration::from_millis(20);
/// How often the line is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(250);

/// Records to the end, or until somebody stops it.
pub fn drive(mut taping: Taping, manner: &Manner, stop: &Stop, output: &Output) -> Result<(), Fault> {
    let limit = manner.limit(taping.share().is_some());
    let (began, mut drawn) = (Instant::now(), Instant::now());
    let display = output.display(&Bundle::text(&taping.line(false)));
    while !stop.raised() && limit.is_none_or(|most| began.elapsed() < most) && taping.advance(LOOK)? {
        if drawn.elapsed() >= DRAW_EVERY {
            display.update(&Bundle::text(&taping.line(false)));
            drawn = Instant::now();
        }
    }
    display.update(&Bundle::text(&gate::shown_lines(&taping.finish()?)));
    Ok(())
}
