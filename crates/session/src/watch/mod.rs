//! A step that is watched: a thread takes its rows into bounded memory, and a front end asks for a picture of them
//! whenever it can draw one. So a slow screen never slows the run, and the newest picture wins.

mod ask;
mod board;
mod filter;
mod flow;
mod key;
mod pace;
mod timeline;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use arrow::error::ArrowError;
use millstream_record::{Clock, Millis, Stop};
use millstream_sql::Statement;
use millstream_sql::types::quoted;

use crate::aside::{errors, errors_name, errors_schema, late_name};
use crate::chart::Sketch;
use crate::fault::{Class, Fault};
use crate::live::{Finished, Live, Ran, Step};
use crate::render::{Look, Zone, gate};
use crate::reply::Watched;
use crate::runs::{Lent, RunState};
use crate::status::Status;

pub use ask::{Aside, Ask, Fresh, Order, Page, Row, Rows, Scene, Show, State};
pub use board::ROOM;
pub use flow::{Figures, Flow, FlowLine, Part};
pub use timeline::{Partition, Timeline, Window};

use board::Board;
use flow::Meter;
use pace::Pace;

/// How long rows are waited for before the thread looks around.
const LOOK: Duration = Duration::from_millis(20);
/// Figures are taken so often, in milliseconds.
const FIGURES: i64 = 100;
/// So many rows of each table of what was set aside are shown.
const SHOWN_ASIDE: usize = 200;

/// A step that is watched.
pub struct Feed {
    name: String,
    zone: Zone,
    clock: Arc<dyn Clock>,
    began: Millis,
    ran: Ran,
    stop: Stop,
    seen: Arc<Seen>,
    meter: Mutex<Meter>,
    /// What is shown while nothing is to move, and since when.
    frozen: Mutex<Option<(Millis, Board)>>,
    /// What is drawn if nobody says what; or why nothing can be.
    sketch: Result<Sketch, String>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread of a feed has seen.
struct Seen {
    board: Mutex<Board>,
    told: Mutex<Told>,
}

struct Told {
    status: Status,
    pace: Pace,
    state: State,
    end: Option<Result<Finished, Fault>>,
}

impl Feed {
    /// Starts to take the rows of a watched step. Instants are shown in `zone`.
    pub fn start(watched: Watched, zone: Zone) -> Result<Feed, Fault> {
        let Watched { run, live, clock } = watched;
        let (ran, stop, began) = (live.ran(), run.stop.clone(), clock.now());
        let columns = live.columns.clone().expect("a step has columns");
        let output = ran.graph.outputs.first().expect("a query has an output").node;
        let board = Board::new(columns, live.changes, key::of(&ran.graph, output), ROOM)?;
        let told = Told { status: Status::default(), pace: Pace::new(began), state: State::Runs, end: None };
        let seen = Arc::new(Seen { board: Mutex::new(board), told: Mutex::new(told) });
        let name = gate::shown(&run.name()).into_owned();
        let worker = Worker { seen: seen.clone(), run, clock: clock.clone() };
        let thread = Builder::new().name(format!("watch {name}")).spawn(move || worker.work(*live));
        let thread =
            thread.map_err(|error| Fault::new(Class::Query, "E0604", format!("cannot start a thread: {error}")))?;
        let mut feed = Feed {
            name,
            zone,
            began,
            meter: Mutex::new(Meter::new(began)),
            frozen: Mutex::default(),
            clock,
            ran,
            stop,
            seen,
            sketch: Err(String::new()),
            thread: Some(thread),
        };
        feed.sketch = feed.sketch("").map_err(|fault| gate::shown(&fault.message).into_owned());
        Ok(feed)
    }

    /// The name of the step.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a chart is to show: `x window_end y volume color symbol AS bar`, as behind `PLOT step`.
    pub fn sketch(&self, words: &str) -> Result<Sketch, Fault> {
        let text = format!("PLOT {} {words}", quoted(&self.name));
        let mut read = millstream_sql::parse(&text)?;
        let Some(Statement::Plot(plot)) = read.pop().map(|statement| statement.value) else {
            return Err(Fault::usage("a chart takes x, y, color and AS with their columns"));
        };
        let output = self.ran.graph.outputs.first().expect("a query has an output").node;
        let row = &self.ran.graph.node(output).row;
        Ok(Sketch::of(&plot, &row.schema, |column| row.is_time(column))?)
    }

    /// From now on the rows are shown as they are now, whatever comes; or as they come again.
    pub fn freeze(&self, freeze: bool) -> Result<(), ArrowError> {
        let frozen = if freeze { Some((self.clock.now(), self.seen.board().frozen()?)) } else { None };
        *self.frozen() = frozen;
        Ok(())
    }

    fn frozen(&self) -> MutexGuard<'_, Option<(Millis, Board)>> {
        self.frozen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The step as it is now.
    pub fn scene(&self, ask: &Ask) -> Result<Scene, ArrowError> {
        let now = self.clock.now();
        let look = Look { zone: ask.zone.unwrap_or(self.zone), ..Look::plain() };
        let page = self.page(ask, &look, now)?;
        let told = self.seen.told();
        Ok(Scene {
            name: self.name.clone(),
            at: now,
            elapsed: now.0 - self.began.0,
            state: told.state.clone(),
            status: told.status.clone(),
            rate: told.pace.rate(),
            rates: told.pace.seconds(),
            page,
        })
    }

    fn page(&self, ask: &Ask, look: &Look, now: Millis) -> Result<Page, ArrowError> {
        let (graph, counters) = (&self.ran.graph, &self.ran.counters);
        Ok(match ask.show {
            Show::Table => Page::Rows(self.of_board(now, |board, now| board.table(ask, look, now))?),
            Show::Changes => Page::Rows(self.of_board(now, |board, now| board.log(ask, look, now))?),
            Show::Chart => match ask.sketch.as_ref().map_or(self.sketch.as_ref(), Ok) {
                Ok(sketch) => Page::Chart(Ok(self.of_board(now, |board, _| board.chart(sketch, look))?)),
                Err(reason) => Page::Chart(Err(reason.clone())),
            },
            Show::Flow => {
                let mut meter = self.meter.lock().unwrap_or_else(PoisonError::into_inner);
                Page::Flow(meter.flow(graph, counters, now))
            }
            Show::Timeline => Page::Timeline(timeline::of(graph, counters, &counters.inspect(graph, Duration::ZERO))),
            Show::Aside => Page::Aside(self.set_aside(look)),
        })
    }

    /// Asks the board: the frozen one, at the moment at which it was frozen, or the one that takes rows.
    fn of_board<T>(&self, now: Millis, ask: impl FnOnce(&Board, Millis) -> T) -> T {
        match &*self.frozen() {
            Some((then, board)) => ask(board, *then),
            None => ask(&self.seen.board(), now),
        }
    }

    /// Late rows by operator and unreadable records by tap, as far as they were kept.
    fn set_aside(&self, look: &Look) -> Vec<Aside> {
        let (graph, counters) = (&self.ran.graph, &self.ran.counters);
        let mut all = Vec::new();
        for (id, operator) in counters.operators().iter().enumerate().filter(|(_, operator)| operator.late > 0) {
            let step = operator.uid.split('/').next().unwrap_or(&operator.uid);
            let rows = counters.late_rows(millstream_plan::NodeId(id));
            all.push(aside(&late_name(step, 1), operator.late, &rows, look));
        }
        for (scan, ..) in graph.scans() {
            let source = counters.source(scan);
            let (tap, rejected) = source.kept();
            let bad = source.progress().bad;
            if bad > 0 {
                let newest = rejected.len().saturating_sub(SHOWN_ASIDE);
                let rows = errors(&errors_schema(), &rejected[newest..]);
                all.push(aside(&errors_name(&tap), bad, &[rows], look));
            }
        }
        all
    }

    /// Asks the run to stop.
    pub fn stop(&self) {
        self.stop.raise();
    }

    /// Stops the run and waits for its end: what became of every record.
    pub fn finish(mut self) -> Result<Finished, Fault> {
        self.stop.raise();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so, and has left no end.
            let _ = thread.join();
        }
        let end = self.seen.told().end.take();
        end.unwrap_or_else(|| {
            Err(Fault::new(Class::Query, "E0699", "the run broke off: this is a fault of the program"))
        })
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.stop.raise();
    }
}

impl Seen {
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn aside(name: &str, count: u64, rows: &[arrow::array::RecordBatch], look: &Look) -> Aside {
    let (columns, rows) = board::newest(rows, SHOWN_ASIDE, look);
    Aside { name: gate::shown(name).into_owned(), count, heads: columns.heads(), rows }
}

/// What the thread of a feed needs.
struct Worker {
    seen: Arc<Seen>,
    run: Lent,
    clock: Arc<dyn Clock>,
}

impl Worker {
    fn work(self, mut live: Live) {
        let mut figures = Millis::MIN;
        let mut failed = None;
        loop {
            if self.run.stop.raised() {
                live.stop();
            }
            let now = self.clock.now();
            match live.next(LOOK) {
                Step::Rows(batch) => {
                    if let Err(error) = self.seen.board().take(&batch, now) {
                        failed = Some(Fault::from(error));
                        self.run.stop.raise();
                    }
                }
                Step::Quiet => {}
                Step::End => break,
            }
            if now.0.saturating_sub(figures.0) >= FIGURES {
                figures = now;
                self.tell(&live, now);
            }
        }
        self.tell(&live, self.clock.now());
        let end = failed.map_or_else(|| live.finish(), Err);
        let (state, run) = match &end {
            Ok(_) => (State::Ended, RunState::Finished),
            Err(fault) => {
                (State::Failed(gate::shown(&fault.message).into_owned()), RunState::Failed(fault.message.clone()))
            }
        };
        self.run.end(run);
        let mut told = self.seen.told();
        (told.state, told.end) = (state, Some(end));
    }

    fn tell(&self, live: &Live, now: Millis) {
        let mut told = self.seen.told();
        told.status = live.status();
        let records = told.status.records;
        told.pace.tell(now, records);
        self.run.tell(told.status.clone(), told.pace.rate());
    }
}
