//! A query over a tape, for whoever takes its rows: a thread moves the play-head as fast as the rate allows
//! and hands the rows over. At the end of the tape the query ends, begins again, or goes on with its topics
//! where the tape ends.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, SendTimeoutError, Sender, bounded};
use millstream_engine::{Counters, Event, Ledger, Progress};
use millstream_plan::Graph;
use millstream_record::{Batch, Clock, Error, Poll, Positions, Reader, Scan, Source, Stop};
use millstream_sql::statement::{Rate, Then};

use super::head::Head;
use super::pace::Pace;
use crate::fault::Fault;

/// So many rows of a live topic are taken at a time.
const BATCH: usize = 8192;
/// One wait for time to go by.
const NAP: Duration = Duration::from_millis(10);
/// One look at a live topic.
const LOOK: Duration = Duration::from_millis(5);

/// A query over a tape that has been started.
pub struct Play {
    results: Receiver<Batch>,
    counters: Arc<Mutex<Counters>>,
    left: Arc<AtomicU64>,
    graph: Graph,
    stop: Stop,
    thread: JoinHandle<Result<(), Fault>>,
}

/// How a tape is played.
pub struct Manner {
    /// How fast.
    pub rate: Rate,
    /// What follows at its end.
    pub then: Then,
    /// The taps themselves, if they follow, with the positions behind the tape.
    pub live: BTreeMap<String, (Arc<dyn Source>, Positions)>,
    /// The machine's clock.
    pub clock: Arc<dyn Clock>,
    /// Raised when nobody wants the rows any more.
    pub stop: Stop,
}

impl Play {
    /// Starts to play.
    pub fn start(mut head: Head, manner: Manner) -> std::io::Result<Play> {
        let (sender, results) = bounded(4);
        let counters = Arc::new(Mutex::new(head.replay().counters().clone()));
        let (graph, stop) = (head.graph().clone(), manner.stop.clone());
        let left = Arc::new(AtomicU64::new(head.end().saturating_sub(head.position())));
        let player = Player { head, manner, sender, counters: counters.clone(), left: left.clone() };
        let thread = std::thread::Builder::new().name("ms replay".into()).spawn(move || player.work())?;
        Ok(Play { results, counters, left, graph, stop, thread })
    }

    /// The next rows. Waits for them at most `wait`.
    pub fn recv(&self, wait: Duration) -> Event {
        match self.results.recv_timeout(wait) {
            Ok(batch) => Event::Batch(batch),
            Err(RecvTimeoutError::Timeout) => Event::Quiet,
            Err(RecvTimeoutError::Disconnected) => Event::End,
        }
    }

    /// What is counted; of a tape that is played again and again, since it began last.
    pub fn counters(&self) -> Counters {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Records of the tape that are still to be played.
    pub fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        self.counters().progress(&self.graph)
    }

    /// Asks it to stop; returns at once.
    pub fn stop(&self) {
        self.stop.raise();
    }

    /// Waits for the end and tells what became of every record.
    pub fn finish(self) -> Result<Ledger, Fault> {
        let counters = self.counters();
        drop(self.results);
        match self.thread.join() {
            Ok(Ok(())) => Ok(Ledger::of(&self.graph, &counters)),
            // Whoever stopped it does not want to hear that it was stopped.
            Ok(Err(_)) if self.stop.raised() => Ok(Ledger::of(&self.graph, &counters)),
            Ok(Err(fault)) => Err(fault),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// What the thread works with.
struct Player {
    head: Head,
    manner: Manner,
    sender: Sender<Batch>,
    counters: Arc<Mutex<Counters>>,
    left: Arc<AtomicU64>,
}

impl Player {
    fn work(mut self) -> Result<(), Fault> {
        self.manner.stop.attend();
        loop {
            self.tape()?;
            match self.manner.then {
                Then::End => {
                    let (sender, stop) = (self.sender.clone(), self.manner.stop.clone());
                    return self.head.finish(&mut |_, batch| hand_over(&sender, batch, &stop));
                }
                Then::Live => return self.live(),
                Then::Loop => {
                    self.head.rewind()?;
                    let counters = self.head.replay().counters().clone();
                    *self.counters.lock().unwrap_or_else(PoisonError::into_inner) = counters;
                }
            }
        }
    }

    /// Plays the tape to the end of its stretch.
    fn tape(&mut self) -> Result<(), Fault> {
        let Player { head, manner, sender, left, .. } = self;
        let pace = Pace::new(manner.rate, manner.clock.now(), head.clock().now());
        let end = head.end();
        while head.position() < end {
            if manner.stop.raised() {
                return Err(Error::Stopped.into());
            }
            let due = head.due(pace.due(manner.clock.now())).min(end);
            if due <= head.position() {
                std::thread::sleep(NAP);
                continue;
            }
            // Between two chunks it looks at the clock, and whether to stop.
            let to = due.min(head.scene_end());
            head.play(to, &mut |_, batch| hand_over(sender, batch, &manner.stop))?;
            left.store(end.saturating_sub(head.position()), Ordering::Relaxed);
        }
        Ok(())
    }

    /// Goes on with the topics behind the tape, each in turn.
    fn live(&mut self) -> Result<(), Fault> {
        let Player { head, manner, sender, .. } = self;
        head.clock().go_live(manner.clock.clone());
        let mut readers: Vec<(String, Box<dyn Reader>)> = Vec::new();
        for (tap, (source, positions)) in &manner.live {
            let columns = (0..source.schema().fields().len()).collect();
            let resume = Some(positions.clone());
            let scan = Scan { columns, resume, batch_rows: BATCH, stop: manner.stop.clone() };
            readers.push((tap.clone(), source.open(scan)?));
        }
        let mut take = |_: usize, batch: Batch| {
            hand_over(sender, batch, &manner.stop).map_err(|_| millstream_engine::EngineError::Compute(GONE.into()))
        };
        while !readers.is_empty() && !manner.stop.raised() {
            let replay = head.replay();
            let mut going = Vec::with_capacity(readers.len());
            for (tap, mut reader) in readers {
                match reader.poll(LOOK)? {
                    Poll::Partition(partition) => replay.partition(&tap, &partition),
                    Poll::Rows(fetched) => replay.feed(&tap, &fetched, &mut take)?,
                    Poll::PartitionEnd(partition) => replay.partition_ended(&tap, &partition, &mut take)?,
                    Poll::Nothing | Poll::Stalled(_) => {}
                    Poll::End => {
                        replay.end_tap(&tap, &mut take)?;
                        continue;
                    }
                }
                going.push((tap, reader));
            }
            readers = going;
            replay.silence(&mut take)?;
        }
        Ok(())
    }
}

const GONE: &str = "nobody takes the rows any more";

/// Hands rows over as soon as there is room for them.
fn hand_over(sender: &Sender<Batch>, batch: Batch, stop: &Stop) -> Result<(), Fault> {
    let mut batch = batch;
    loop {
        match sender.send_timeout(batch, NAP) {
            Ok(()) => return Ok(()),
            Err(SendTimeoutError::Timeout(unsent)) if !stop.raised() => batch = unsent,
            Err(_) => return Err(Error::Stopped.into()),
        }
    }
}
