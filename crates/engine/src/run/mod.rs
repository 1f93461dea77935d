//! A live run: every lane and every sink on a thread of its own, sources read until they end or the run is
//! stopped.
//!
//! Inboxes are unbounded, so that two workers who send rows to each other can never block each other; what
//! bounds them is the gate: sources wait while too much is under way. A slow taker of results, or a slow
//! sink, keeps the gate closed, which holds the sources. Barriers pass the gate, so a checkpoint is never
//! stuck behind back-pressure for longer than what is under way takes.

mod cut;
mod enough;
mod hub;
mod sink;

pub use cut::{Cut, Purpose, Standing, watermarks_key};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use millstream_plan::{Graph, NodeId, Target};
use millstream_record::{Batch, Epoch, Scan, Sink, Source, Stop};

use crate::align::Alignment;
use crate::doors::{Doors, Options};
use crate::error::{EngineError, Result};
use crate::feed::Feed;
use crate::gate::Gate;
use crate::inspect::Inspection;
use crate::intake::Intake;
use crate::lane::Lane;
use crate::layout::Layout;
use crate::ledger::Ledger;
use crate::opening::{Ends, first, open};
use crate::progress::{Counters, Progress};
use crate::spread::spread;
use crate::values::values;
use cut::{Gathering, Part, Wanted};
use enough::Enough;
use hub::{Hub, Job, Spring};
use sink::{Order, Outflow};

/// How long anything waits before it looks whether the run was stopped.
const LOOK: Duration = Duration::from_millis(20);
/// How many envelopes may be under way per worker and sink before sources wait.
const UNDER_WAY: usize = 8;
/// A sink is flushed when it has been silent for so long, and at least this often.
const FLUSH_MS: i64 = 200;

/// A running graph.
pub struct Run {
    results: Receiver<Batch>,
    threads: Vec<(String, JoinHandle<()>)>,
    shared: Arc<Shared>,
    graph: Graph,
    parts: Receiver<Part>,
    gathering: Gathering,
    /// How many parts a cut has, and how many sinks commit it.
    expected: Expected,
    /// How many sinks have yet to commit the decided epoch.
    awaited: usize,
    decisions: Vec<Sender<Epoch>>,
    commits: Receiver<()>,
}

#[derive(Clone, Copy)]
struct Expected {
    parts: usize,
    sinks: usize,
}

/// What a taker of results hears.
#[derive(Debug)]
pub enum Event {
    /// Rows, in order.
    Batch(Batch),
    /// Nothing came within the wait.
    Quiet,
    /// Nothing follows: all sources ended, or the run was stopped, or it failed; `finish` tells.
    End,
}

/// What all threads of a run share.
struct Shared {
    stop: Stop,
    gate: Gate,
    counters: Counters,
    failure: Mutex<Option<EngineError>>,
    options: Options,
    /// Whether the run waits for checkpoints: it then ends when it is stopped, not when its sources end.
    checkpoints: bool,
    wanted: Wanted,
    /// Which sources must have ended before a source begins, and which have.
    first: BTreeMap<NodeId, BTreeSet<NodeId>>,
    ends: Ends,
    /// Which sources need not be read on.
    enough: Enough,
    inboxes: Vec<Sender<Job>>,
    sinks: Vec<Sender<Order>>,
    parts: Sender<Part>,
    commits: Sender<()>,
}

impl Shared {
    /// One envelope is no longer under way. In a plain run the last one ends the run.
    fn left(&self) {
        if self.gate.leave() && !self.checkpoints {
            self.quit();
        }
    }

    /// Waits a while for the tables that a source's rows are looked up in; whether the source may begin.
    fn may_begin(&self, source: NodeId) -> bool {
        self.first.get(&source).is_none_or(|first| self.ends.wait(first, LOOK))
    }

    fn source_ended(&self, source: NodeId) {
        self.ends.ended(source);
        if self.gate.source_ended() && !self.checkpoints {
            self.quit();
        }
    }

    fn quit(&self) {
        // Whoever is gone already needs no telling.
        self.inboxes.iter().for_each(|inbox| drop(inbox.send(Job::Quit)));
        self.sinks.iter().for_each(|inbox| drop(inbox.send(Order::Quit)));
    }

    /// Runs a thread's work. If it fails or panics, the run stops and tells.
    fn guard(&self, work: impl FnOnce() -> Result<()>) {
        let failed = match std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(_) => EngineError::Panicked(std::thread::current().name().unwrap_or("a thread").into()),
        };
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failed);
        self.stop.raise();
        self.quit();
    }

    fn has_failed(&self) -> bool {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn report(&self, part: Part) {
        // Nobody gathers any more when the run is torn down.
        drop(self.parts.send(part));
    }

    fn committed(&self) {
        let _ = self.commits.send(());
    }
}

/// Starts a graph.
pub fn start(graph: Graph, doors: Doors, options: Options) -> Result<Run> {
    launch(graph, doors, options, None)
}

/// Starts a graph that takes part in checkpoints, at a cut or from the beginning. The cut must be one of
/// the same graph; over another number of lanes its state is spread anew.
pub fn resume(graph: Graph, doors: Doors, options: Options, from: &Cut) -> Result<Run> {
    launch(graph, doors, options, Some(from))
}

fn launch(graph: Graph, doors: Doors, options: Options, from: Option<&Cut>) -> Result<Run> {
    let counters = Counters::new(&graph, options.kept).with_row_errors(options.row_errors);
    counters.start(options.clock.now());
    let layout = Layout::of(&graph, options.parallelism);
    let stop = options.stop.clone();
    let Doors { sources, sinks } = doors;
    let sources = sources.into_iter().map(|(name, source)| (name, Arc::from(source))).collect();
    let springs = springs(&graph, &sources, &options, &counters, &stop, from)?;
    let taps = sink_taps(&graph);
    let (inboxes, outboxes): (Vec<_>, Vec<_>) = (0..layout.workers()).map(|_| unbounded()).unzip();
    let (orders_in, orders): (Vec<_>, Vec<_>) = taps.iter().map(|_| unbounded()).unzip();
    let (decisions, decided): (Vec<_>, Vec<_>) = taps.iter().map(|_| unbounded()).unzip();
    let ((parts_in, parts), (commits_in, commits)) = (unbounded(), unbounded());
    let room = UNDER_WAY * (layout.workers() + taps.len());
    let shared = Arc::new(Shared {
        stop,
        gate: Gate::new(room, springs.len()),
        counters,
        failure: Mutex::default(),
        options,
        checkpoints: from.is_some(),
        wanted: Wanted::default(),
        first: first(&graph),
        ends: Ends::default(),
        enough: Enough::new(&graph),
        inboxes,
        sinks: orders_in,
        parts: parts_in,
        commits: commits_in,
    });
    let (results_in, results) = bounded(4);
    let ways = ways(&graph, &layout, &taps, results_in.clone());
    let mut threads = Threads { shared: shared.clone(), started: Vec::new() };
    let mut outflows = Vec::new();
    let mut opened: BTreeMap<String, Box<dyn Sink>> = sinks;
    for ((name, inbox), decided) in taps.iter().zip(orders).zip(decided) {
        let sink = opened.remove(name).ok_or_else(|| missing(name))?;
        let alignment = Alignment::new(ways.inputs(name));
        let _open = results_in.clone();
        outflows.push(Outflow { name: name.clone(), sink, alignment, inbox, decided, _open });
    }
    drop(results_in);
    let memory = shared.options.memory.as_ref();
    let state = from.map(|cut| spread(&graph, &cut.state, layout.workers(), memory.map(Arc::as_ref))).transpose()?;
    let build = |lane: usize| -> Result<Hub> {
        let mut lane = Lane::build(&graph, &layout, lane, &shared.counters, memory)?;
        if let Some(state) = &state {
            lane.load(state)?;
        }
        Ok(Hub::new(lane, ways.outlets.clone(), shared.clone()))
    };
    let workers = side_by_side(layout.workers(), &build)?;
    let sources: Vec<_> = springs
        .into_iter()
        .map(|spring| Ok((build(layout.lanes_of(spring.scan).start)?, spring)))
        .collect::<Result<_>>()?;
    let with_state = workers.iter().filter(|hub| hub.has_state()).count();
    let expected = Expected { parts: sources.len() + with_state + taps.len(), sinks: taps.len() };
    for mut outflow in outflows {
        threads.start(outflow.name.clone(), move |shared| outflow.work(shared))?;
    }
    for ((number, mut hub), outbox) in workers.into_iter().enumerate().zip(outboxes) {
        threads.start(format!("worker {number}"), move |_| hub.work(&outbox))?;
    }
    for (mut hub, spring) in sources {
        threads.start(spring.name.clone(), move |_| hub.read(spring))?;
    }
    let gathering = Gathering::new(expected.parts);
    let threads = threads.started;
    Ok(Run { results, threads, shared, graph, parts, gathering, expected, awaited: 0, decisions, commits })
}

/// Builds all workers at once: taking back much state is much work.
fn side_by_side(workers: usize, build: &(impl Fn(usize) -> Result<Hub> + Sync)) -> Result<Vec<Hub>> {
    if workers == 1 {
        return Ok(vec![build(0)?]);
    }
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|lane| scope.spawn(move || build(lane))).collect();
        let built = threads.into_iter().enumerate().map(|(lane, thread)| match thread.join() {
            Ok(built) => built,
            Err(_) => Err(EngineError::Panicked(format!("worker {lane}"))),
        });
        built.collect()
    })
}

/// The threads of a run as they are started.
struct Threads {
    shared: Arc<Shared>,
    started: Vec<(String, JoinHandle<()>)>,
}

impl Threads {
    fn start(&mut self, name: String, work: impl FnOnce(&Shared) -> Result<()> + Send + 'static) -> Result<()> {
        let shared = self.shared.clone();
        let job = move || {
            shared.stop.attend();
            shared.guard(|| work(&shared));
        };
        let thread = std::thread::Builder::new().name(format!("ms {name}")).spawn(job);
        let thread = thread.map_err(|error| {
            self.shared.stop.raise();
            EngineError::Compute(format!("cannot start a thread for {name}: {error}"))
        })?;
        self.started.push((name, thread));
        Ok(())
    }
}

/// The names of all taps that a graph writes, each once.
fn sink_taps(graph: &Graph) -> Vec<String> {
    let mut taps: Vec<String> = Vec::new();
    for output in &graph.outputs {
        if let Target::Sink(tap) = &output.target
            && !taps.contains(&tap.name)
        {
            taps.push(tap.name.clone());
        }
    }
    taps
}

/// Where the rows of each output go.
struct Ways {
    outlets: Arc<Vec<hub::Way>>,
    inputs: BTreeMap<String, usize>,
}

impl Ways {
    fn inputs(&self, tap: &str) -> usize {
        self.inputs.get(tap).copied().unwrap_or_default()
    }
}

/// Outputs that write to one tap share its sink: each lane of each of them is an input of it.
fn ways(graph: &Graph, layout: &Layout, taps: &[String], results: Sender<Batch>) -> Ways {
    let mut inputs = BTreeMap::new();
    let way = |output: &millstream_plan::Output| match &output.target {
        Target::Result => hub::Way::Result(results.clone()),
        Target::Sink(tap) => {
            let lanes = layout.lanes_of(output.node);
            let count = inputs.entry(tap.name.clone()).or_insert(0);
            let first_input = *count;
            *count += lanes.len();
            let sink = taps.iter().position(|name| *name == tap.name).expect("every target is among the taps");
            hub::Way::Sink { sink, first_lane: lanes.start, first_input }
        }
    };
    let outlets = graph.outputs.iter().map(way).collect();
    Ways { outlets: Arc::new(outlets), inputs }
}

/// Opens every source, at the cut if there is one.
fn springs(
    graph: &Graph,
    sources: &BTreeMap<String, Arc<dyn Source>>,
    options: &Options,
    counters: &Counters,
    stop: &Stop,
    from: Option<&Cut>,
) -> Result<Vec<Spring>> {
    let mut springs = Vec::new();
    for (name, mut feed) in feeds(graph, options, counters)? {
        let uid = graph.node(feed.scan).uid.clone();
        let standing = from.and_then(|cut| cut.sources.get(&uid)).cloned();
        if let Some(cut) = from {
            feed.load(&cut.state, &uid)?;
        }
        let source = sources.get(&name).ok_or_else(|| missing(&name))?;
        let ended = standing.as_ref().is_some_and(|standing| standing.ended);
        let scan = Scan {
            columns: feed.intake().columns().to_vec(),
            resume: standing.as_ref().map(|standing| standing.positions.clone()),
            batch_rows: options.batch_rows,
            stop: stop.clone(),
        };
        let reader = if ended { None } else { Some(open(&name, source.clone(), scan, stop)?) };
        let standing = standing.unwrap_or_default();
        springs.push(Spring { scan: feed.scan, name, uid, standing, water: hub::Water::Read(Box::new(feed), reader) });
    }
    for id in (0..graph.nodes.len()).map(NodeId) {
        let Some(rows) = values(graph.node(id)) else { continue };
        let uid = graph.node(id).uid.clone();
        let standing = from.and_then(|cut| cut.sources.get(&uid)).cloned().unwrap_or_default();
        let water = hub::Water::Recite((!standing.ended).then_some(rows?));
        springs.push(Spring { scan: id, name: "values".into(), uid, standing, water });
    }
    Ok(springs)
}

fn missing(name: &str) -> EngineError {
    let source = millstream_record::Error::Invalid("it was not opened for this run".into());
    EngineError::Door { name: name.into(), source }
}

/// A feed for every scan of a graph, with the name of its tap.
pub(crate) fn feeds(graph: &Graph, options: &Options, counters: &Counters) -> Result<Vec<(String, Feed)>> {
    let feed = |(scan, tap, columns): (NodeId, &Arc<millstream_plan::Tap>, &[usize])| {
        let intake = Intake::new(tap, columns, options.timing(tap)).map_err(|error| error.within(&tap.name))?;
        Ok((tap.name.clone(), Feed::new(scan, &tap.name, intake, options, counters.source(scan))))
    };
    graph.scans().map(feed).collect()
}

impl Run {
    /// The next rows of the query, in order.
    pub fn recv(&self, wait: Duration) -> Event {
        match self.results.recv_timeout(wait) {
            Ok(batch) => Event::Batch(batch),
            Err(RecvTimeoutError::Timeout) => Event::Quiet,
            Err(RecvTimeoutError::Disconnected) => Event::End,
        }
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        self.shared.counters.progress(&self.graph)
    }

    /// The run seen from inside. Waits at most `wait` for lanes that are busy.
    pub fn inspect(&self, wait: Duration) -> Inspection {
        self.shared.counters.inspect(&self.graph, wait)
    }

    /// The counters, which also keep late rows and unreadable records.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Asks it to stop; returns at once. Open windows stay open.
    pub fn stop(&self) {
        self.shared.stop.raise();
    }

    /// Whether it was stopped, or has failed.
    pub fn stopped(&self) -> bool {
        self.shared.stop.raised()
    }

    /// Whether all sources have ended and all their rows have gone through. A run with checkpoints then
    /// waits for its last one.
    pub fn drained(&self) -> bool {
        self.shared.gate.drained()
    }

    /// Asks all sources for the barrier of an epoch, which must be above the one before. One epoch at a
    /// time: the next may be asked for when this one is committed.
    pub fn barrier(&mut self, epoch: Epoch, purpose: Purpose) {
        self.gathering = Gathering::new(self.expected.parts);
        self.shared.wanted.ask(epoch, purpose);
    }

    /// The cut at the barrier that was asked for, once all parts of it are in; `None` if that does not
    /// happen within the wait.
    pub fn cut(&mut self, wait: Duration) -> Option<Cut> {
        let deadline = Instant::now() + wait;
        loop {
            let part = self.parts.recv_deadline(deadline).ok()?;
            if let Some(cut) = self.gathering.take(part) {
                return Some(cut);
            }
        }
    }

    /// Tells all sinks that the epoch is decided: they commit it and read on.
    pub fn decided(&mut self, epoch: Epoch) {
        self.awaited = self.expected.sinks;
        // A sink that is gone has failed, and the run with it.
        for sink in &self.decisions {
            let _ = sink.send(epoch);
        }
    }

    /// Whether all sinks have committed what was decided last. Waits for them at most `wait`.
    pub fn committed(&mut self, wait: Duration) -> bool {
        let deadline = Instant::now() + wait;
        while self.awaited > 0 && self.commits.recv_deadline(deadline).is_ok() {
            self.awaited -= 1;
        }
        self.awaited == 0
    }

    /// Waits for the end and tells what became of every record.
    pub fn finish(self) -> Result<Ledger> {
        drop(self.results);
        let mut broken = None;
        for (name, thread) in self.threads {
            if thread.join().is_err() {
                broken.get_or_insert(EngineError::Panicked(name));
            }
        }
        let failure = self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        match failure.or(broken) {
            Some(error) => Err(error),
            None => Ok(Ledger::of(&self.graph, &self.shared.counters)),
        }
    }
}
