//! Performs what the protocol decides, one action after the other, and says how each went.

use std::sync::Arc;
use std::time::{Duration, Instant};

use millstream_connect::kafka::{Failed, Note, Transactions};
use millstream_engine::{Cut, Doors, EngineError, Memory, OperatorProgress, Options, Progress, Purpose, Run, resume};
use millstream_record::{Clock, Epoch, Error, Stop};
use tracing::{info, warn};

use crate::fail::{Point, fail_point};
use crate::fault::Fault;
use crate::job::Job;
use crate::protocol::{Action, Event, Exit, Failure, Marker, Sealed, State, step};
use crate::status::{Checkpoint, Status};
use crate::store::{FORMAT, Manifest, Store};
use crate::upgrade::{fit, operators, reads};

/// How often a waiting job looks around.
const LOOK: Duration = Duration::from_millis(5);
/// How often what it tells of itself is renewed.
const TELL: Duration = Duration::from_millis(250);
/// So many restarts in a row without a checkpoint between them, and the job gives up.
const MOST_RESTARTS: u32 = 5;

/// A job at work.
pub struct Work<'a> {
    job: &'a Job,
    id: String,
    run_id: u128,
    store: Store,
    transactions: Transactions,
    clock: Arc<dyn Clock>,
    stop: Stop,
    status: Arc<Status>,
    parallelism: usize,
    /// Doors that were opened to see what the job needs, for the first start.
    doors: Option<Doors>,
    run: Option<Run>,
    cut: Option<Cut>,
    sealed: Vec<Sealed>,
    due: Instant,
    asked: Instant,
    told: Instant,
    restarts: u32,
    /// The name of the savepoint that the checkpoint under way becomes.
    saving: Option<String>,
    /// Rows for which functions failed, as far as it was told.
    failures: u64,
    /// Why the graph broke last.
    broke: Option<Fault>,
    /// Which operators keep more than they may.
    over: Option<Fault>,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All its sources have ended.
    Drained,
    /// It was asked to.
    Stopped,
}

/// What a job at work is given.
pub struct Given<'a> {
    /// The job.
    pub job: &'a Job,
    /// Its id.
    pub id: String,
    /// This process.
    pub run_id: u128,
    /// Its checkpoints.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Raised when it should end.
    pub stop: Stop,
    /// Where it tells of itself.
    pub status: Arc<Status>,
}

impl<'a> Work<'a> {
    /// A job that is about to start with these doors.
    pub fn new(given: Given<'a>, doors: Doors, sealed: Vec<Sealed>) -> Work<'a> {
        let Given { job, id, run_id, store, clock, stop, status } = given;
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let now = Instant::now();
        Work {
            job,
            id,
            run_id,
            store,
            transactions: job.transactions().clone(),
            clock,
            stop,
            status,
            parallelism: job.config.parallelism.unwrap_or_else(cores),
            doors: Some(doors),
            run: None,
            cut: None,
            sealed,
            due: now + job.config.interval,
            asked: now,
            told: now,
            restarts: 0,
            saving: None,
            failures: 0,
            broke: None,
            over: None,
        }
    }

    /// Goes through the protocol to its end.
    pub fn go(&mut self, mut state: State, mut action: Action) -> Result<Ended, Fault> {
        loop {
            if let Action::Exit(exit) = action {
                return self.leave(exit);
            }
            let event = self.perform(action)?;
            (state, action) = step(&state, event);
        }
    }

    fn perform(&mut self, action: Action) -> Result<Event, Fault> {
        match action {
            Action::Look => self.look(false),
            Action::Read => self.look(true),
            Action::Fence => {
                let fenced = self.transactions.fence();
                fail_point(Point::Fenced);
                self.after(fenced, |()| Event::Fenced)
            }
            Action::Claim { marker } => {
                let claimed = self.transactions.note(&note_of(marker)).and_then(|()| self.transactions.commit());
                fail_point(Point::Claimed);
                self.after(claimed, |()| Event::Claimed)
            }
            Action::Forget { above } => {
                self.store.forget(above)?;
                self.sealed.retain(|sealed| sealed.epoch <= above);
                Ok(Event::Forgotten)
            }
            Action::Restore { epoch } => self.restore(epoch),
            Action::Wait => self.wait(),
            Action::Barrier { epoch, last } => self.barrier(epoch, last),
            Action::Seal { epoch } => self.seal(epoch),
            Action::Decide { marker } => {
                let decided = self.decide(marker);
                fail_point(Point::Committed);
                self.after(decided, |()| Event::Decided)
            }
            Action::Finish { epoch } => self.finish(epoch),
            Action::Collect { decided } => {
                let epochs: Vec<u64> = self.sealed.iter().map(|sealed| sealed.epoch).collect();
                let gone = self.store.collect(decided, &epochs)?;
                self.sealed.retain(|sealed| !gone.contains(&sealed.epoch));
                Ok(Event::Collected { kept: self.sealed.clone() })
            }
            Action::TearDown => self.tear_down(),
            Action::Exit(_) => unreachable!("the loop leaves before it performs an exit"),
        }
    }

    fn look(&mut self, settled: bool) -> Result<Event, Fault> {
        let read = self.transactions.read(settled);
        self.after(read, |note| Event::Marker(note.and_then(|note| marker_of(&note))))
    }

    /// Commits the transaction with this marker in it.
    fn decide(&self, marker: Marker) -> Result<(), Failed> {
        self.transactions.note(&note_of(marker))?;
        fail_point(Point::MarkerSent);
        self.transactions.commit()
    }

    /// The event of an attempt on the transactions.
    fn after<T>(&mut self, outcome: Result<T, Failed>, event: impl FnOnce(T) -> Event) -> Result<Event, Fault> {
        match outcome {
            Ok(value) => Ok(event(value)),
            Err(Failed::Fenced) => Ok(Event::Failed(Failure::Fenced)),
            Err(Failed::Unknown(reason)) => {
                self.try_again(Fault::new(Exit::Sink, reason))?;
                Ok(Event::Failed(Failure::Unknown))
            }
            Err(Failed::Refused(error)) => Err(error.into()),
        }
    }

    /// Counts a restart; gives up with the reason when there were too many without a checkpoint between them.
    fn try_again(&mut self, reason: Fault) -> Result<(), Fault> {
        self.restarts += 1;
        self.status.lock().restarts += 1;
        if self.restarts > MOST_RESTARTS {
            return Err(
                reason.hint(format!("given up after {MOST_RESTARTS} restarts without a checkpoint between them"))
            );
        }
        warn!(reason = %reason, attempt = self.restarts, "going back to the decided epoch");
        std::thread::sleep(Duration::from_millis(100 << self.restarts.min(6)));
        Ok(())
    }

    fn restore(&mut self, epoch: u64) -> Result<Event, Fault> {
        let (cut, ours) = if epoch == 0 { (Cut::default(), true) } else { self.load(epoch)? };
        let mut doors = match self.doors.take() {
            Some(doors) => doors,
            None => self.job.open()?,
        };
        for (name, sink) in &mut doors.sinks {
            let prepared = cut.sinks.get(name).map(|bytes| (Epoch(epoch), bytes.as_slice()));
            // What is visible since the job wrote a savepoint is visible under that job's id.
            let prepared = prepared.filter(|_| ours);
            sink.restore(&self.id, prepared).map_err(|error| named(name, error))?;
        }
        for name in cut.sinks.keys().filter(|name| !doors.sinks.contains_key(*name)) {
            warn!(sink = name, "is not written any more; what it had not shown when the job was stopped stays hidden");
        }
        if epoch > 0 {
            self.store.note(epoch)?;
        }
        fail_point(Point::Loaded);
        let config = &self.job.config;
        let options = Options {
            parallelism: self.parallelism,
            bad_records: config.bad_records,
            row_errors: config.bad_records,
            clock: self.clock.clone(),
            memory: config.state_memory.map(|limit| Arc::new(Memory::new(limit, self.store.shelf()))),
            ..Options::default()
        };
        self.run = Some(resume(self.job.graph.clone(), doors, options, &cut)?);
        self.due = Instant::now() + config.interval;
        let mut status = self.status.lock();
        (status.ready, status.epoch) = (true, epoch);
        match epoch {
            0 => info!("no epoch is decided yet: begun at the start of all sources"),
            _ => info!(epoch, because = self.because(ours), "restored the newest decided epoch"),
        }
        Ok(Event::Restored)
    }

    /// Why the epoch is the one to go on from.
    fn because(&self, ours: bool) -> &'static str {
        match (ours, self.transactions.decide()) {
            (false, _) => "the state folder began with it",
            (true, true) => "the last committed transaction in Kafka names it",
            (true, false) => "it is the newest whose manifest is durable",
        }
    }

    /// Loads a checkpoint that fits the graph; and whether it is our own, not a savepoint of another job.
    fn load(&mut self, epoch: u64) -> Result<(Cut, bool), Fault> {
        let unreadable = |error: Error| {
            Fault::new(Exit::State, error.to_string())
                .hint("restore the folder from a copy: output behind an older checkpoint is visible already")
        };
        let (manifest, mut cut) = self.store.load(epoch).map_err(unreadable)?;
        let config = &self.job.config;
        let fit = fit(&manifest, &self.job.graph, &config.drop_state).map_err(|misfits| {
            let misfits = misfits.join("; ");
            let message = format!("the query has changed since checkpoint {epoch}, and state would be lost: {misfits}");
            Fault::new(Exit::State, message)
                .hint("run the old query, or give up the state of a step with --drop-state STEP")
        })?;
        fit.apply(&mut cut);
        if let Some(changes) = fit.changes() {
            info!(epoch, "the query has changed: {changes}");
        }
        self.parallelism = config.parallelism.unwrap_or(manifest.parallelism);
        if self.parallelism != manifest.parallelism {
            info!(
                epoch,
                from = manifest.parallelism,
                to = self.parallelism,
                "state is spread over another number of lanes"
            );
        }
        Ok((cut, manifest.job == self.id))
    }

    /// Lets the graph work until a checkpoint is due.
    fn wait(&mut self) -> Result<Event, Fault> {
        loop {
            self.tell();
            let Some(run) = &self.run else { return Ok(Event::Failed(Failure::Unknown)) };
            if run.stopped() {
                return self.broken();
            }
            if self.stop.raised() || run.drained() || self.over.is_some() {
                return Ok(Event::Due { last: true });
            }
            if Instant::now() >= self.due || self.saving.is_some() || self.status.lock().savepoint.is_some() {
                return Ok(Event::Due { last: false });
            }
            std::thread::park_timeout(LOOK.min(self.due.saturating_duration_since(Instant::now())));
        }
    }

    /// The graph has broken: whether there is a point in building it anew.
    fn broken(&mut self) -> Result<Event, Fault> {
        self.status.lock().ready = false;
        let Some(run) = self.run.take() else { return Ok(Event::Failed(Failure::Unknown)) };
        let Err(error) = run.finish() else { return Ok(Event::Failed(Failure::Unknown)) };
        let passes = match &error {
            EngineError::Door { source: Error::Connection { .. }, .. } | EngineError::Panicked(_) => true,
            EngineError::Door { source, .. } if no_room(source) => {
                self.try_again(Fault::from(error).hint(MAKE_ROOM))?;
                return Ok(Event::Failed(Failure::Unknown));
            }
            // The policy said stop; no patience brings records back.
            EngineError::Door { source: Error::DataLoss { .. }, .. } => false,
            // An epoch that cannot be delivered is replayed once the producer is a new one.
            EngineError::Door { .. } => self.transactions.decide() && self.broke.is_none(),
            _ => false,
        };
        let fault = Fault::from(error);
        if !passes {
            return Err(fault);
        }
        self.broke = Some(fault.clone());
        self.try_again(fault)?;
        Ok(Event::Failed(Failure::Unknown))
    }

    fn barrier(&mut self, epoch: u64, last: bool) -> Result<Event, Fault> {
        self.asked = Instant::now();
        // One that is asked for while this checkpoint is under way becomes of the next.
        self.saving = self.saving.take().or_else(|| self.status.lock().savepoint.clone());
        let Some(run) = &mut self.run else { return Ok(Event::Failed(Failure::Unknown)) };
        let purpose = match last {
            true => Purpose::End,
            false if self.saving.is_some() => Purpose::Savepoint,
            false => Purpose::Checkpoint,
        };
        run.barrier(Epoch(epoch), purpose);
        fail_point(Point::BarrierAsked);
        loop {
            let Some(run) = &mut self.run else { return Ok(Event::Failed(Failure::Unknown)) };
            if let Some(cut) = run.cut(LOOK) {
                self.cut = Some(cut);
                fail_point(Point::CutComplete);
                return Ok(Event::Cut);
            }
            if run.stopped() {
                return self.broken();
            }
            self.tell();
        }
    }

    fn seal(&mut self, epoch: u64) -> Result<Event, Fault> {
        let Some(cut) = self.cut.take() else { return Ok(Event::Failed(Failure::Unknown)) };
        let manifest = Manifest {
            format: FORMAT,
            written_by: env!("CARGO_PKG_VERSION").into(),
            epoch,
            job: self.id.clone(),
            run: format!("{:032x}", self.run_id),
            parallelism: self.parallelism,
            operators: operators(&self.job.graph),
            reads: reads(&self.job.graph),
            sources: Default::default(),
            files: Default::default(),
            pieces: Default::default(),
        };
        let manifest = match self.store.seal(&cut, manifest) {
            Ok(manifest) => manifest,
            Err(error) => return self.unsealed(error),
        };
        let digest = manifest.digest();
        self.sealed.push(Sealed { epoch, digest });
        self.status.lock().bytes = manifest.files.values().map(|sum| sum.length).sum();
        Ok(Event::Sealed { digest })
    }

    /// A checkpoint that could not be written. Where the disk was full there is a point in trying again:
    /// nothing is decided, and somebody may make room. A sync that failed is another matter, since nobody
    /// knows what of the file is there: the process ends, and the next one reads what is.
    fn unsealed(&mut self, error: Error) -> Result<Event, Fault> {
        let full = no_room(&error);
        let fault = Fault::from(error);
        if !full {
            return Err(fault);
        }
        self.try_again(fault.hint(MAKE_ROOM))?;
        Ok(Event::Failed(Failure::Unknown))
    }

    fn finish(&mut self, epoch: u64) -> Result<Event, Fault> {
        self.store.note(epoch)?;
        fail_point(Point::Noted);
        let Some(run) = &mut self.run else { return Ok(Event::Failed(Failure::Unknown)) };
        run.decided(Epoch(epoch));
        while !run.committed(LOOK) {
            if run.stopped() {
                return self.broken();
            }
        }
        fail_point(Point::Finished);
        let took = self.asked.elapsed();
        self.due = (self.asked + self.job.config.interval).max(Instant::now());
        (self.restarts, self.broke) = (0, None);
        {
            let mut status = self.status.lock();
            let (at, took, bytes) = (self.clock.now().0, took.as_millis() as u64, status.bytes);
            status.finished(Checkpoint { epoch, at, took, bytes });
        }
        if let Some(name) = self.saving.take() {
            let path = self.store.keep_as(epoch, &name)?;
            info!(epoch, path = %path.display(), "savepoint made");
            let mut status = self.status.lock();
            (status.savepoint, status.saved) = (None, Some(path.display().to_string()));
        }
        Ok(Event::Finished)
    }

    fn tear_down(&mut self) -> Result<Event, Fault> {
        self.status.lock().ready = false;
        (self.doors, self.cut) = (None, None);
        if let Some(run) = self.run.take() {
            run.stop();
            if let Err(error) = run.finish() {
                warn!(%error, "the graph broke");
            }
        }
        self.transactions.leave();
        Ok(Event::TornDown)
    }

    /// Renews what the job tells of itself, now and then.
    fn tell(&mut self) {
        if self.told.elapsed() >= TELL
            && let Some(run) = &self.run
        {
            self.told = Instant::now();
            let progress = run.progress();
            self.over = self.job.config.state_limit.and_then(|limit| over(&progress, limit));
            self.tell_failures(&progress);
            self.status.lock().progress = Some(progress);
        }
    }

    /// Rows for which functions have failed since the last time: how many, and what was said last.
    fn tell_failures(&mut self, progress: &Progress) {
        let rows: u64 = progress.operators.iter().map(|operator| operator.bad).sum();
        if rows > self.failures {
            let last = progress.operators.iter().rev().find_map(|operator| operator.failure.as_deref());
            warn!(rows, reason = last.unwrap_or_default(), "rows are left out because a function failed for them");
        }
        self.failures = rows;
    }

    /// The end.
    fn leave(&mut self, exit: Exit) -> Result<Ended, Fault> {
        self.status.lock().ready = false;
        let drained = self.run.as_ref().is_some_and(Run::drained);
        if let Some(progress) = self.run.as_ref().map(Run::progress) {
            self.tell_failures(&progress);
        }
        if let Some(run) = self.run.take() {
            run.stop();
            let ledger = run.finish();
            self.transactions.leave();
            if exit == Exit::Done {
                ledger?.sources.iter().for_each(|account| info!("{account}"));
            }
        }
        let epoch = self.status.lock().epoch;
        if exit == Exit::Done {
            self.store.note_rest(epoch)?;
        }
        match exit {
            Exit::Done if self.over.is_some() && !drained => Err(self.over.take().expect("it has just been looked at")),
            Exit::Done if drained => {
                info!(epoch, "all sources have ended; the last checkpoint is made");
                Ok(Ended::Drained)
            }
            Exit::Done => {
                info!(epoch, "stopped; the last checkpoint is made");
                Ok(Ended::Stopped)
            }
            Exit::Fenced => Err(Fault::new(exit, "another copy of this job has taken over; it goes on, this one ends")
                .hint("copies of a state folder share one identity: give a second job a state folder of its own")),
            Exit::State => Err(Fault::new(
                exit,
                "the transaction in Kafka says that an epoch is decided which this state folder does not hold",
            )
            .hint("restore the state folder from the machine that wrote it; nothing was disturbed")),
            other => Err(self.broke.take().unwrap_or_else(|| Fault::new(other, "the job cannot go on"))),
        }
    }
}

const MAKE_ROOM: &str = "make room on the disk; the job goes on from its last checkpoint";

/// Whether a file could not grow: on a full disk, over a quota, or beyond the largest file that is allowed.
fn no_room(error: &Error) -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error, Error::Io { source, .. } if matches!(source.kind(), StorageFull | QuotaExceeded | FileTooLarge))
}

/// Whether all operators together keep more than so many bytes, in memory and on disk; the largest is named.
fn over(progress: &Progress, limit: u64) -> Option<Fault> {
    let held = |operator: &OperatorProgress| operator.state + operator.spilled.bytes;
    let bytes: u64 = progress.operators.iter().map(held).sum();
    let largest = progress.operators.iter().max_by_key(|operator| held(operator))?;
    (bytes > limit).then(|| {
        let message = format!(
            "operators keep {bytes} bytes, more than checkpoints.state-limit = {limit}; {} keeps {}",
            largest.uid,
            held(largest)
        );
        Fault::new(Exit::Limit, message)
            .hint("a last checkpoint is made: raise the limit and start again, or use more lanes on a larger machine")
            .hint("EXPLAIN says which state grows without bound, and how a window would bound it")
    })
}

fn named(name: &str, error: Error) -> Fault {
    let fault = Fault::from(error);
    Fault { message: format!("{name}: {}", fault.message), ..fault }
}

/// The marker as it stands in Kafka.
fn note_of(marker: Marker) -> Note {
    let Marker { epoch, run, generation, digest } = marker;
    Note { epoch, text: format!("v1;run={run:032x};generation={generation};digest={digest:016x}") }
}

fn marker_of(note: &Note) -> Option<Marker> {
    let mut marker = Marker { epoch: note.epoch, run: 0, generation: 0, digest: 0 };
    for part in note.text.strip_prefix("v1;")?.split(';') {
        match part.split_once('=')? {
            ("run", run) => marker.run = u128::from_str_radix(run, 16).ok()?,
            ("generation", generation) => marker.generation = generation.parse().ok()?,
            ("digest", digest) => marker.digest = u64::from_str_radix(digest, 16).ok()?,
            _ => {}
        }
    }
    Some(marker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_comes_back_from_its_note() {
        let marker = Marker { epoch: 42, run: u128::MAX - 1, generation: 3, digest: 0xdead_beef };
        assert_eq!(marker_of(&note_of(marker)), Some(marker));
        assert_eq!(marker_of(&Note { epoch: 1, text: "v2;what=ever".into() }), None);
    }
}
