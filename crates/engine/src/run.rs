//! A live run: every lane on a thread of its own, sources read until they end or the run is stopped.
//!
//! Workers have unbounded inboxes, so that two workers who send rows to each other can never block each
//! other; what bounds them is the gate: sources wait while too much is under way. A slow taker of results,
//! or a slow sink, holds the workers, which keeps the gate closed, which holds the sources.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use millstream_plan::{Graph, NodeId, Target};
use millstream_record::{Batch, Message, Poll, Reader, Scan, Sink, Stop};

use crate::doors::{Doors, Options};
use crate::error::{EngineError, Result};
use crate::feed::Feed;
use crate::gate::Gate;
use crate::inspect::Inspection;
use crate::intake::Intake;
use crate::lane::{Envelope, Lane};
use crate::layout::Layout;
use crate::ledger::Ledger;
use crate::progress::{Counters, Progress};
use crate::values::values;

/// How long anything waits before it looks whether the run was stopped.
const LOOK: Duration = Duration::from_millis(20);
/// How many envelopes may be under way per worker before sources wait.
const UNDER_WAY: usize = 8;
/// A sink is flushed when it has been silent for so long, and at least this often.
const FLUSH_MS: i64 = 200;

/// A running graph.
pub struct Run {
    results: Receiver<Batch>,
    threads: Vec<(String, JoinHandle<()>)>,
    shared: Arc<Shared>,
    graph: Graph,
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

/// A sink that several threads write to, one at a time.
type SharedSink = Arc<Mutex<Box<dyn Sink>>>;

struct Shared {
    stop: Stop,
    gate: Gate,
    counters: Counters,
    failure: Mutex<Option<EngineError>>,
    /// By output; outputs that write to one tap share its sink.
    sinks: Vec<Option<SharedSink>>,
    targets: Vec<Target>,
    options: Options,
}

enum Job {
    Work(Envelope),
    Quit,
}

/// Starts a graph.
pub fn start(graph: Graph, doors: Doors, options: Options) -> Result<Run> {
    let counters = Counters::new(&graph, options.kept);
    counters.start(options.clock.now());
    let layout = Layout::of(&graph, options.parallelism);
    let mut feeds = feeds(&graph, &options, &counters)?;
    let opened: BTreeMap<_, _> =
        doors.sinks.into_iter().map(|(name, sink)| (name, Arc::new(Mutex::new(sink)))).collect();
    let mut sinks = Vec::new();
    for output in &graph.outputs {
        sinks.push(match &output.target {
            Target::Result => None,
            Target::Sink(tap) => Some(opened.get(&tap.name).cloned().ok_or_else(|| missing(&tap.name))?),
        });
    }
    let stop = Stop::default();
    let mut readers = Vec::new();
    for (name, feed) in &mut feeds {
        let source = doors.sources.get(name).ok_or_else(|| missing(name))?;
        let scan = Scan {
            columns: feed.intake().columns().to_vec(),
            resume: None,
            batch_rows: options.batch_rows,
            stop: stop.clone(),
        };
        readers.push(source.open(scan).map_err(|source| EngineError::Door { name: name.clone(), source })?);
    }
    let literals = (0..graph.nodes.len()).map(NodeId).filter_map(|id| Some((id, values(graph.node(id))?)));
    let literals = literals.map(|(id, rows)| Ok((id, rows?))).collect::<Result<Vec<_>>>()?;
    let targets = graph.outputs.iter().map(|output| output.target.clone()).collect();
    let sources = feeds.len() + literals.len();
    let gate = Gate::new(UNDER_WAY * layout.workers(), sources);
    let shared = Arc::new(Shared { stop, gate, counters, failure: Mutex::default(), sinks, targets, options });
    spawn(graph, &layout, shared, feeds.into_iter().zip(readers).collect(), literals)
}

type ReadFeed = ((String, Feed), Box<dyn Reader>);

fn spawn(
    graph: Graph,
    layout: &Layout,
    shared: Arc<Shared>,
    feeds: Vec<ReadFeed>,
    literals: Vec<(NodeId, Batch)>,
) -> Result<Run> {
    let (results_in, results) = bounded(4);
    let (inboxes, outboxes): (Vec<Sender<Job>>, Vec<Receiver<Job>>) =
        (0..layout.workers()).map(|_| unbounded()).unzip();
    let hub = |lane: usize| -> Result<Hub> {
        let lane = Lane::build(&graph, layout, lane, &shared.counters)?;
        Ok(Hub { lane, inboxes: inboxes.clone(), results: results_in.clone(), shared: shared.clone() })
    };
    let mut jobs: Vec<(String, Box<dyn FnOnce() + Send>)> = Vec::new();
    for (number, outbox) in outboxes.into_iter().enumerate() {
        let hub = hub(number)?;
        jobs.push((format!("worker {number}"), Box::new(move || hub.guard(|hub| hub.work(&outbox)))));
    }
    for ((name, feed), reader) in feeds {
        let hub = hub(layout.lanes_of(feed.scan).start)?;
        let place = name.clone();
        jobs.push((name.clone(), Box::new(move || hub.guard(|hub| hub.read(&place, feed, reader)))));
    }
    for (scan, rows) in literals {
        let hub = hub(layout.lanes_of(scan).start)?;
        jobs.push(("values".into(), Box::new(move || hub.guard(|hub| hub.recite(scan, rows)))));
    }
    let mut threads = Vec::new();
    for (name, job) in jobs {
        let thread = std::thread::Builder::new().name(format!("ms {name}")).spawn(job);
        threads.push((
            name.clone(),
            thread.map_err(|error| EngineError::Compute(format!("cannot start a thread for {name}: {error}")))?,
        ));
    }
    Ok(Run { results, threads, shared, graph })
}

fn missing(name: &str) -> EngineError {
    let source = millstream_record::Error::Invalid("it was not opened for this run".into());
    EngineError::Door { name: name.into(), source }
}

/// A feed for every scan of a graph, with the name of its tap.
pub(crate) fn feeds(graph: &Graph, options: &Options, counters: &Counters) -> Result<Vec<(String, Feed)>> {
    let feed = |(scan, tap, columns): (NodeId, &Arc<millstream_plan::Tap>, &[usize])| {
        let intake = Intake::new(tap, columns, options.timing(tap)).map_err(|error| error.within(&tap.name))?;
        Ok((tap.name.clone(), Feed::new(scan, &tap.name, intake, options.bad_records, counters.source(scan))))
    };
    graph.scans().map(feed).collect()
}

/// One thread's part of a run.
struct Hub {
    lane: Lane,
    inboxes: Vec<Sender<Job>>,
    results: Sender<Batch>,
    shared: Arc<Shared>,
}

impl Hub {
    /// Runs a thread's work. If it fails or panics, the run stops and tells.
    fn guard(mut self, work: impl FnOnce(&mut Hub) -> Result<()>) {
        let shared = self.shared.clone();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&mut self)));
        let failed = match outcome {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(_) => EngineError::Panicked(std::thread::current().name().unwrap_or("a thread").into()),
        };
        shared.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failed);
        shared.stop.raise();
        self.quit();
    }

    fn quit(&self) {
        // A worker that is gone already needs no telling.
        self.inboxes.iter().for_each(|inbox| drop(inbox.send(Job::Quit)));
    }

    /// Takes a message and all that follows from it here; sends the rest on.
    fn take(&mut self, envelope: Envelope) -> Result<()> {
        let (inboxes, shared, results) = (&self.inboxes, &self.shared, &self.results);
        let mut send = |envelope: Envelope| {
            shared.gate.enter();
            // A closed inbox means that the run is being stopped: what is lost is not wanted any more.
            let lane = envelope.lane;
            drop(inboxes[lane].send(Job::Work(envelope)));
            Ok(())
        };
        let mut emit = |output: usize, batch: Batch| {
            let (counters, rows) = (shared.counters.output(output), batch.len());
            counters.offer(shared.options.clock.now());
            if shared.emit(output, batch, results)? {
                counters.taken(rows, shared.options.clock.now());
            }
            Ok(())
        };
        self.lane.take(envelope, &mut send, &mut emit)
    }

    /// The life of a worker.
    fn work(&mut self, outbox: &Receiver<Job>) -> Result<()> {
        let mut flushed = self.shared.options.clock.now();
        let mut dirty = false;
        loop {
            if self.shared.stop.raised() {
                return Ok(());
            }
            self.lane.answer();
            match outbox.recv_timeout(LOOK) {
                Ok(Job::Work(envelope)) => {
                    dirty = true;
                    self.take(envelope)?;
                    if self.shared.gate.leave() {
                        self.shared.flush()?;
                        self.quit();
                        return Ok(());
                    }
                }
                Ok(Job::Quit) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = self.shared.options.clock.now();
            if dirty && now.0 - flushed.0 >= FLUSH_MS {
                self.shared.flush()?;
                (flushed, dirty) = (now, false);
            }
        }
    }

    /// The life of a source.
    fn read(&mut self, name: &str, mut feed: Feed, mut reader: Box<dyn Reader>) -> Result<()> {
        let lane = self.lane.number();
        let scan = feed.scan;
        let counters = self.shared.counters.source(scan);
        let at_scan = |message| Envelope { lane, node: scan, port: 0, from: lane, message };
        while !self.shared.stop.raised() {
            self.lane.answer();
            let room = self.shared.gate.wait(LOOK);
            counters.held(!room, self.shared.options.clock.now());
            if !room {
                continue;
            }
            let said = reader.poll(LOOK).map_err(|source| EngineError::Door { name: name.into(), source })?;
            let now = self.shared.options.clock.now();
            if !matches!(said, Poll::Stalled(_)) {
                counters.stalled(None, now);
            }
            let messages = match said {
                Poll::Partition(partition) => {
                    feed.partition(&partition, now);
                    Vec::new()
                }
                Poll::Rows(fetched) => vec![feed.rows(fetched, now)?],
                Poll::PartitionEnd(partition) => feed.partition_ended(&partition).into_iter().collect(),
                Poll::Nothing => feed.silence(now),
                Poll::Stalled(reason) => {
                    counters.stalled(Some(reason), now);
                    feed.silence(now)
                }
                Poll::End => {
                    counters.ended();
                    self.take(at_scan(Message::End))?;
                    return self.source_ended();
                }
            };
            counters.lag(reader.lag());
            messages.into_iter().try_for_each(|message| self.take(at_scan(message)))?;
        }
        Ok(())
    }

    /// The life of a `VALUES`.
    fn recite(&mut self, scan: NodeId, rows: Batch) -> Result<()> {
        let lane = self.lane.number();
        for message in [Message::Batch(rows), Message::End] {
            self.take(Envelope { lane, node: scan, port: 0, from: lane, message })?;
        }
        self.source_ended()
    }

    fn source_ended(&self) -> Result<()> {
        if self.shared.gate.source_ended() {
            self.shared.flush()?;
            self.quit();
        }
        Ok(())
    }
}

impl Shared {
    /// Hands rows to whoever takes them. Waits while they are slow. Whether they were taken: nobody takes the
    /// rows of a run that is being stopped.
    fn emit(&self, output: usize, batch: Batch, results: &Sender<Batch>) -> Result<bool> {
        match (&self.targets[output], &self.sinks[output]) {
            (Target::Sink(tap), Some(sink)) => {
                let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
                sink.write(&batch).map_err(|source| EngineError::Door { name: tap.name.clone(), source })?;
                Ok(true)
            }
            _ => {
                let mut batch = batch;
                while !self.stop.raised() {
                    match results.send_timeout(batch, LOOK) {
                        Ok(()) => return Ok(true),
                        Err(crossbeam_channel::SendTimeoutError::Timeout(back)) => batch = back,
                        Err(crossbeam_channel::SendTimeoutError::Disconnected(_)) => {
                            self.stop.raise();
                            return Ok(false);
                        }
                    }
                }
                Ok(false)
            }
        }
    }

    fn flush(&self) -> Result<()> {
        for (target, sink) in self.targets.iter().zip(&self.sinks) {
            if let (Target::Sink(tap), Some(sink)) = (target, sink) {
                let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
                sink.flush().map_err(|source| EngineError::Door { name: tap.name.clone(), source })?;
            }
        }
        Ok(())
    }
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
            None => {
                if self.shared.stop.raised() {
                    self.shared.flush()?;
                }
                Ok(Ledger::of(&self.graph, &self.shared.counters))
            }
        }
    }
}
