//! A step that is watched: a thread takes its rows into bounded memory, and a front end asks for a picture of them
//! whenever it can draw one. So a slow screen never slows the run, and the newest picture wins.

mod ask;
mod board;
mod deck;
mod filter;
mod flow;
mod timeline;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use millstream_engine::inspect::Inspection;
use millstream_plan::Graph;
use millstream_record::{Batch, Clock, Millis, Stop};
use millstream_sql::Statement;
use millstream_sql::types::quoted;

use crate::aside::{errors, errors_name, errors_schema, late_name};
use crate::chart::Sketch;
use crate::fault::{Class, Fault};
use crate::key;
use crate::live::{Finished, Live, Ran, Step, status};
use crate::pace::Pace;
use crate::render::{Columns, Look, Zone, gate};
use crate::reply::Watched;
use crate::runs::{Lent, RunState};
use crate::status::Status;
use crate::tape::player::{Phase, Player};

pub use ask::{Aside, Ask, Fresh, Order, Page, Row, Rows, Scene, Show, State};
pub use board::ROOM;
pub use deck::{Control, Deck, part, rate_text};
pub use flow::{Figures, Flow, FlowLine, Part};
pub use timeline::{Partition, Timeline, Window};

use board::Board;
use flow::Meter;

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
    graph: Graph,
    source: Source,
    seen: Arc<Seen>,
    meter: Mutex<Meter>,
    /// What is shown while nothing is to move, and since when.
    frozen: Mutex<Option<(Millis, Board)>>,
    /// What is drawn if nobody says what; or why nothing can be.
    sketch: Result<Sketch, String>,
}

/// Where the rows of a feed come from.
enum Source {
    /// A run: a thread takes its rows.
    Run { ran: Ran, stop: Stop, thread: Option<JoinHandle<()>> },
    /// A tape: whoever moves the play-head hands them in.
    Tape { player: Player, step: String },
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
        let Watched { run, live, clock, .. } = watched;
        let (ran, stop, name) = (live.ran(), run.stop.clone(), run.name());
        let seen = Seen::new(&ran.graph, clock.now())?;
        let worker = Worker { seen: seen.clone(), run, clock: clock.clone() };
        let thread = Builder::new().name(format!("watch {name}")).spawn(move || worker.work(*live));
        let thread =
            thread.map_err(|error| Fault::new(Class::Query, "E0604", format!("cannot start a thread: {error}")))?;
        let graph = ran.graph.clone();
        Ok(Feed::new(&name, graph, Source::Run { ran, stop, thread: Some(thread) }, seen, clock, zone))
    }

    /// A step over the tape of a player, which shows what is handed in.
    fn over(player: &Player, step: &str, clock: Arc<dyn Clock>, zone: Zone) -> Result<Feed, Fault> {
        let (ran, _) = player.look_into(step).ok_or_else(crate::tape::player::nothing_replayed)?;
        let seen = Seen::new(&ran.graph, clock.now())?;
        let source = Source::Tape { player: player.clone(), step: step.into() };
        Ok(Feed::new(step, ran.graph, source, seen, clock, zone))
    }

    fn new(name: &str, graph: Graph, source: Source, seen: Arc<Seen>, clock: Arc<dyn Clock>, zone: Zone) -> Feed {
        let began = clock.now();
        let mut feed = Feed {
            name: gate::shown(name).into_owned(),
            zone,
            began,
            meter: Mutex::new(Meter::new(began)),
            frozen: Mutex::default(),
            clock,
            graph,
            source,
            seen,
            sketch: Err(String::new()),
        };
        feed.sketch = feed.sketch("").map_err(|fault| gate::shown(&fault.message).into_owned());
        feed
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
        let output = self.graph.outputs.first().expect("a query has an output").node;
        let row = &self.graph.node(output).row;
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

    /// Rows of a tape, which came at this time of it.
    fn take(&self, batch: &Batch, at: Millis) -> Result<(), ArrowError> {
        self.seen.board().take(batch, at)
    }

    /// Forgets what came: these rows stand.
    fn restart(&self, rows: &[RecordBatch]) -> Result<(), ArrowError> {
        self.seen.board().restart(rows)
    }

    /// The step as it is now.
    pub fn scene(&self, ask: &Ask) -> Result<Scene, ArrowError> {
        let now = self.clock.now();
        let look = Look { zone: ask.zone.unwrap_or(self.zone), ..Look::plain() };
        // What is new on a tape is new by the time of the tape.
        let at = match &self.source {
            Source::Run { .. } => now,
            Source::Tape { player, .. } => player.standing().at,
        };
        let page = self.page(ask, &look, at)?;
        let mut told = self.seen.told();
        if let Source::Tape { player, .. } = &self.source {
            let (ran, _) = self.inside();
            told.status = status(&ran.counters.progress(&self.graph), self.seen.board().changes());
            let records = told.status.records;
            told.pace.tell(now, records);
            told.state = if player.standing().phase == Phase::Ended { State::Ended } else { State::Runs };
        }
        Ok(Scene {
            name: self.name.clone(),
            at,
            elapsed: now.0 - self.began.0,
            state: told.state.clone(),
            status: told.status.clone(),
            rate: told.pace.rate(),
            rates: told.pace.seconds(),
            page,
        })
    }

    /// The run seen from inside. Whoever looks does not wait for a lane: what it told last time is shown.
    fn inside(&self) -> (Ran, Inspection) {
        match &self.source {
            Source::Run { ran, .. } => (ran.clone(), ran.counters.inspect(&self.graph, Duration::ZERO)),
            Source::Tape { player, step } => player.look_into(step).expect("a player keeps its steps"),
        }
    }

    fn page(&self, ask: &Ask, look: &Look, now: Millis) -> Result<Page, ArrowError> {
        Ok(match ask.show {
            Show::Table => Page::Rows(self.of_board(now, |board, now| board.table(ask, look, now))?),
            Show::Changes => Page::Rows(self.of_board(now, |board, now| board.log(ask, look, now))?),
            Show::Chart => match ask.sketch.as_ref().map_or(self.sketch.as_ref(), Ok) {
                Ok(sketch) => Page::Chart(Ok(self.of_board(now, |board, _| board.chart(sketch, look))?)),
                Err(reason) => Page::Chart(Err(reason.clone())),
            },
            Show::Flow => {
                let (ran, inside) = self.inside();
                let mut meter = self.meter.lock().unwrap_or_else(PoisonError::into_inner);
                Page::Flow(meter.flow(&self.graph, &ran.counters, &inside, self.clock.now()))
            }
            Show::Timeline => {
                let (ran, inside) = self.inside();
                Page::Timeline(timeline::of(&self.graph, &ran.counters, &inside))
            }
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
        let (ran, _) = self.inside();
        let (graph, counters) = (&self.graph, &ran.counters);
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

    /// Asks the run to stop. A tape goes on when its play-head is moved.
    pub fn stop(&self) {
        if let Source::Run { stop, .. } = &self.source {
            stop.raise();
        }
    }

    /// Stops the run and waits for its end: what became of every record; of a tape, nothing ends.
    pub fn finish(mut self) -> Option<Result<Finished, Fault>> {
        self.stop();
        let Source::Run { thread, .. } = &mut self.source else { return None };
        if let Some(thread) = thread.take() {
            // A thread that panicked has said so, and has left no end.
            let _ = thread.join();
        }
        let broken = || Err(Fault::new(Class::Query, "E0699", "the run broke off: this is a fault of the program"));
        Some(self.seen.told().end.take().unwrap_or_else(broken))
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Seen {
    /// Nothing seen yet of the result of a graph.
    fn new(graph: &Graph, now: Millis) -> Result<Arc<Seen>, ArrowError> {
        let output = graph.outputs.first().expect("a query has an output").node;
        let row = &graph.node(output).row;
        let board = Board::new(Columns::of(row.schema.clone()), row.changes, key::of(graph, output).columns, ROOM)?;
        let told = Told { status: Status::default(), pace: Pace::new(now), state: State::Runs, end: None };
        Ok(Arc::new(Seen { board: Mutex::new(board), told: Mutex::new(told) }))
    }

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
