//! Running queries in a cell. One that ends by itself gives its rows at the end, with a line of progress if
//! that takes long. One over a live topic is a display that is drawn again while rows come, until the user
//! stops it; where nobody sits at the notebook it ends by itself, with its last picture in place.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use millstream_session::chart::Sketch;
use millstream_session::{
    Account, Batch, Changes, Fault, Finished, Keep, Live, Look, Pace, Plotted, RunState, Status, Step, Stop, View,
    Watched, count, gate,
};

use super::output::{Display, Output};
use super::run::{interrupted, put};
use crate::bundle::Bundle;
use crate::kernel::Kernel;

/// How long to wait for rows before looking around: the bound on how fast a stop is felt.
const LOOK: Duration = Duration::from_millis(20);
/// How long rows that are ready are still taken after a stop.
const LAST_ROWS: Duration = Duration::from_millis(40);
/// A front end follows so many tables a second without flicker, and fewer charts.
const TABLE_EVERY: Duration = Duration::from_millis(100);
const CHART_EVERY: Duration = Duration::from_millis(250);
/// A query that takes longer says how far it is.
const PATIENCE: Duration = Duration::from_millis(500);
/// Where nobody sits, a query without end gets so long.
const UNATTENDED: Duration = Duration::from_secs(10);

/// How an answer is shown.
#[derive(Clone)]
pub struct Manner {
    /// How text looks.
    pub look: Look,
    /// Whether every change is shown with its kind.
    pub changelog: bool,
    /// A query without end is stopped after so long.
    pub limit: Option<Duration>,
    /// Whether somebody sits at the notebook.
    pub attended: bool,
    /// Whether this is the last answer of the cell.
    pub last: bool,
}

impl Manner {
    /// After how long a query, or a recording, is stopped: one that is bounded never is.
    pub fn limit(&self, bounded: bool) -> Option<Duration> {
        let limit = self.limit.or((!self.attended).then_some(UNATTENDED));
        limit.filter(|_| !bounded)
    }
}

/// How a run came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Itself,
    Stopped,
    Enough,
}

/// A running query with what is to be seen of it.
struct Show {
    live: Live,
    view: Option<View>,
    sketch: Option<Sketch>,
    began: Instant,
    pace: Pace,
    look: Look,
}

/// Runs a query to its end and shows it.
pub fn show(
    live: Live,
    sketch: Option<Sketch>,
    manner: &Manner,
    stop: &Stop,
    output: &mut Output,
) -> Result<(), Fault> {
    let (bounded, inserts) = (live.bounded, live.columns.is_none());
    let mut show = Show::new(live, sketch, manner)?;
    let mut display: Option<Display> = None;
    if !bounded && !inserts {
        display = Some(output.display(&show.picture("")?));
    }
    let every = show.every();
    let ending = show.run(stop, manner.limit(bounded), every, |show| {
        match &display {
            Some(display) if bounded || inserts => display.update(&show.progress()),
            Some(display) => display.update(&show.picture("")?),
            None if show.began.elapsed() > PATIENCE => display = Some(output.display(&show.progress())),
            None => {}
        }
        Ok(())
    })?;
    if inserts || bounded {
        finish_whole(show, ending, display.as_ref(), manner, output)
    } else {
        let display = display.unwrap_or_else(|| output.display(&Bundle::text("")));
        finish_display(show, ending, &display, output)
    }
}

/// Starts a display that goes on while other cells run. Where nobody sits, it is an ordinary cell.
pub fn watch(
    kernel: &Arc<Kernel>,
    watched: Watched,
    manner: &Manner,
    stop: &Stop,
    output: &mut Output,
) -> Result<(), Fault> {
    let Watched { run, live, .. } = watched;
    let limit = manner.limit(live.bounded);
    if !manner.attended {
        let done = show(*live, None, manner, stop, output);
        run.end(RunState::Finished);
        return done;
    }
    let mut show = Show::new(*live, None, manner)?;
    let display = output.display(&show.picture("")?);
    let ended = run.stop.clone();
    let started = kernel.watches.start(&run.name(), ended, move || {
        let every = show.every();
        let ran = show.run(&run.stop, limit, every, |show| {
            let status = show.live.status();
            let picture = show.picture("")?;
            run.tell(status, show.pace.rate());
            display.update(&picture);
            Ok(())
        });
        let closed = ran.and_then(|ending| {
            let word = if ending == Ending::Itself { "ended" } else { "stopped" };
            let picture = show.picture(&format!("{word} · "))?;
            Ok((ending, picture, close(show, ending)?))
        });
        match closed {
            Ok((ending, picture, _)) => {
                display.update(&picture);
                run.end(if ending == Ending::Itself { RunState::Finished } else { RunState::Stopped });
            }
            Err(fault) => {
                display.update(&Bundle::text(&fault.render(&Look::plain())));
                run.end(RunState::Failed(fault.to_string()));
            }
        }
    });
    started.map_err(|error| {
        Fault::new(millstream_session::Class::Query, "E0604", format!("cannot start a thread: {error}"))
    })
}

impl Show {
    fn new(live: Live, sketch: Option<Sketch>, manner: &Manner) -> Result<Show, Fault> {
        let kinds = manner.changelog && sketch.is_none();
        let changes = if kinds { Changes::Append } else { live.changes };
        let room = if sketch.is_some() { Plotted::ROOM } else { manner.look.rows };
        let keep = if live.bounded && sketch.is_none() { Keep::Ends } else { Keep::Newest };
        let view = live.columns.clone().map(|columns| {
            let columns = if kinds { columns.with_kinds() } else { columns };
            View::new(columns, changes, keep, room)
        });
        Ok(Show {
            view: view.transpose()?,
            live,
            sketch,
            began: Instant::now(),
            pace: Pace::default(),
            look: manner.look.clone(),
        })
    }

    fn every(&self) -> Duration {
        if self.sketch.is_some() { CHART_EVERY } else { TABLE_EVERY }
    }

    /// Takes rows until the end, calling `draw` at most once in `every`, and less often if drawing is slow.
    fn run(
        &mut self,
        stop: &Stop,
        limit: Option<Duration>,
        every: Duration,
        mut draw: impl FnMut(&mut Show) -> Result<(), Fault>,
    ) -> Result<Ending, Fault> {
        let mut due = Instant::now() + every;
        loop {
            let enough = limit.is_some_and(|most| self.began.elapsed() >= most);
            if stop.raised() || enough {
                self.live.stop();
                self.last_rows()?;
                return Ok(if enough { Ending::Enough } else { Ending::Stopped });
            }
            match self.live.next(LOOK) {
                Step::Rows(batch) => self.take(&batch)?,
                Step::Quiet => {}
                // The run hears the stop signal too, and may end of it before it is looked at here.
                Step::End if stop.raised() => return Ok(Ending::Stopped),
                Step::End => return Ok(Ending::Itself),
            }
            if Instant::now() >= due {
                let began = Instant::now();
                draw(self)?;
                due = began + every.max(4 * began.elapsed());
            }
        }
    }

    fn last_rows(&mut self) -> Result<(), Fault> {
        let end = Instant::now() + LAST_ROWS;
        while Instant::now() < end {
            match self.live.next(LOOK) {
                Step::Rows(batch) => self.take(&batch)?,
                Step::Quiet | Step::End => break,
            }
        }
        Ok(())
    }

    fn take(&mut self, batch: &Batch) -> Result<(), Fault> {
        match &mut self.view {
            Some(view) => Ok(view.take(batch)?),
            None => Ok(()),
        }
    }

    /// What is to be seen now, with the status of the run below it.
    fn picture(&mut self, word: &str) -> Result<Bundle, Fault> {
        let status = self.live.status();
        let line = format!("{word}{}", self.pace.line(&status, self.began.elapsed(), self.look.zone));
        self.draw(&line)
    }

    fn draw(&self, below: &str) -> Result<Bundle, Fault> {
        let Some(view) = &self.view else { return Ok(Bundle::text(below)) };
        Ok(match &self.sketch {
            Some(sketch) => Bundle::chart(&sketch.chart(view, self.look.zone)?, below, &self.look),
            None => Bundle::table(&view.excerpt(&self.look)?, below, &self.look),
        })
    }

    fn progress(&mut self) -> Bundle {
        let status: Status = self.live.status();
        Bundle::text(&self.pace.line(&status, self.began.elapsed(), self.look.zone))
    }
}

/// Closes a run. One that was stopped may take its time to close connections; nobody waits for that.
fn close(show: Show, ending: Ending) -> Result<Option<Finished>, Fault> {
    let (sender, receiver) = channel();
    let live = show.live;
    std::thread::spawn(move || drop(sender.send(live.finish())));
    let closed = match ending {
        Ending::Itself => receiver.recv().ok(),
        // What fails because it was stopped has not failed.
        Ending::Stopped => return Ok(receiver.recv_timeout(LAST_ROWS).ok().and_then(Result::ok)),
        Ending::Enough => receiver.recv_timeout(LAST_ROWS).ok(),
    };
    closed.transpose()
}

/// Shows the rows of a query that came to its end, or what there is of them.
fn finish_whole(
    show: Show,
    ending: Ending,
    progress: Option<&Display>,
    manner: &Manner,
    output: &mut Output,
) -> Result<(), Fault> {
    let status = show.live.status();
    let (inserts, rows) = (show.view.is_none(), status.rows);
    let whole = (!inserts).then(|| show.draw("")).transpose()?;
    let finished = close(show, ending)?;
    if ending == Ending::Stopped {
        if let Some(whole) = &whole {
            output.show(whole);
        }
        return Err(interrupted(format!(
            "the query was stopped after {} records and {} rows",
            count(status.records),
            count(rows)
        )));
    }
    if let Some(progress) = progress {
        progress.update(&Bundle::text(&accounts(finished.as_ref())));
    }
    match whole {
        Some(whole) => put(&whole, manner, output),
        None => {
            let written = finished.as_ref().map_or(rows, |finished| finished.written);
            output.say(&format!("{} row{} written", count(written), if written == 1 { "" } else { "s" }));
        }
    }
    tell(finished.as_ref(), output);
    Ok(())
}

/// Puts the last picture in place of a query without end.
fn finish_display(mut show: Show, ending: Ending, display: &Display, output: &mut Output) -> Result<(), Fault> {
    let word = if ending == Ending::Itself { "" } else { "stopped · " };
    display.update(&show.picture(word)?);
    let status = show.live.status();
    let finished = close(show, ending)?;
    tell(finished.as_ref(), output);
    if ending == Ending::Stopped {
        let message =
            format!("the query was stopped after {} records and {} rows", count(status.records), count(status.rows));
        return Err(interrupted(message));
    }
    Ok(())
}

/// What was set aside is not to be passed over.
fn tell(finished: Option<&Finished>, output: &Output) {
    let Some(finished) = finished else { return };
    let lost = |account: &&Account| account.late > 0 || account.bad > 0;
    for account in finished.accounts.iter().filter(lost) {
        output.warn(&account.line());
    }
    for (name, number) in &finished.asides {
        output.warn(&format!("{} set aside: SELECT * FROM `{}`;", count(*number), gate::shown(name)));
    }
}

fn accounts(finished: Option<&Finished>) -> String {
    let lines = finished.into_iter().flat_map(|finished| finished.accounts.iter().map(Account::line));
    lines.collect::<Vec<_>>().join("\n")
}
