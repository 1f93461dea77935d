//! Queries that run in the background: `START`, `STOP`, `SHOW RUNS`. Each has a thread that takes its rows,
//! keeps its figures, and puts what there is to say into a queue from which a front end takes it.

mod notices;
mod worker;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use millstream_plan::UserFunction;
use millstream_record::{Clock, Millis, Stop};

use crate::fault::{Class, Fault};
use crate::ledgers::Ledgers;
use crate::live::{Live, Ran};
use crate::status::Status;

pub use notices::{Notice, Notices, Said};

/// All runs of a session.
pub struct Runs {
    runs: BTreeMap<String, Running>,
    notices: Notices,
    clock: Arc<dyn Clock>,
}

struct Running {
    stop: Stop,
    report: Arc<Mutex<RunReport>>,
    ran: Ran,
    thread: Option<JoinHandle<()>>,
}

/// How a run is doing.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// The name of the run: that of its step, if it has one.
    pub name: String,
    /// The table that takes its rows, if one does.
    pub into: Option<String>,
    /// Where it stands.
    pub state: RunState,
    /// When it was started.
    pub started: Millis,
    /// Its figures.
    pub status: Status,
    /// Records per second, just now.
    pub rate: f64,
}

/// A run whose rows a front end takes itself. The session lists it and can stop it.
pub struct Lent {
    /// Raised when it is to end.
    pub stop: Stop,
    report: Arc<Mutex<RunReport>>,
}

impl Lent {
    /// The name of the run.
    pub fn name(&self) -> String {
        self.report().name.clone()
    }

    /// Says how the run is doing.
    pub fn tell(&self, status: Status, rate: f64) {
        let mut report = self.report();
        (report.status, report.rate) = (status, rate);
    }

    /// Says what became of the run; that it was stopped stays said.
    pub fn end(&self, state: RunState) {
        let mut report = self.report();
        if report.state == RunState::Running {
            report.state = state;
        }
    }

    fn report(&self) -> MutexGuard<'_, RunReport> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunState {
    /// It runs.
    Running,
    /// Somebody stopped it.
    Stopped,
    /// It came to its end.
    Finished,
    /// It failed, for this reason.
    Failed(String),
}

impl RunState {
    /// A word for it.
    pub fn word(&self) -> &'static str {
        match self {
            RunState::Running => "running",
            RunState::Stopped => "stopped",
            RunState::Finished => "finished",
            RunState::Failed(_) => "failed",
        }
    }
}

impl Runs {
    /// No run yet.
    pub fn new(clock: Arc<dyn Clock>) -> Runs {
        Runs { runs: BTreeMap::new(), notices: Notices::default(), clock }
    }

    /// The queue of what the runs have to say.
    pub fn notices(&self) -> Notices {
        self.notices.clone()
    }

    /// How each of them is doing, by name.
    pub fn reports(&self) -> Vec<RunReport> {
        self.runs.values().map(|run| run.report.lock().unwrap_or_else(PoisonError::into_inner).clone()).collect()
    }

    /// Takes a query that has been started, under this name or the next one that is free.
    pub fn adopt(&mut self, live: Live, name: &str, into: Option<String>, ledgers: &Ledgers) -> Result<String, Fault> {
        let name = self.free(name);
        let report = self.report(&name, into);
        let (stop, ran) = (Stop::default(), live.ran());
        let worker = worker::Worker {
            report: report.clone(),
            stop: stop.clone(),
            notices: self.notices.clone(),
            clock: self.clock.clone(),
            ledgers: ledgers.clone(),
        };
        let thread = std::thread::Builder::new().name(format!("ms run {name}")).spawn(move || worker.work(live));
        let thread = thread.map_err(|error| {
            Fault::new(Class::Query, "E0604", format!("cannot start a thread for the run '{name}': {error}"))
        })?;
        self.runs.insert(name.clone(), Running { stop, report, ran, thread: Some(thread) });
        Ok(name)
    }

    /// Lists a run whose rows somebody else takes. One of that name that was lent before is stopped.
    pub fn lend(&mut self, name: &str, ran: Ran) -> Lent {
        if self.runs.get(name).is_some_and(|run| run.thread.is_none()) {
            self.stop(name);
        }
        let name = self.free(name);
        let (stop, report) = (Stop::default(), self.report(&name, None));
        self.runs.insert(name, Running { stop: stop.clone(), report: report.clone(), ran, thread: None });
        Lent { stop, report }
    }

    fn report(&self, name: &str, into: Option<String>) -> Arc<Mutex<RunReport>> {
        Arc::new(Mutex::new(RunReport {
            name: name.to_string(),
            into,
            state: RunState::Running,
            started: self.clock.now(),
            status: Status::default(),
            rate: 0.0,
        }))
    }

    /// `bars`, or `bars-2` while a run of that name goes on. One that is over makes room.
    fn free(&self, name: &str) -> String {
        let taken = |name: &str| self.runs.get(name).is_some_and(Running::goes_on);
        let numbered = (2u32..).map(|number| format!("{name}-{number}"));
        std::iter::once(name.to_string()).chain(numbered).find(|name| !taken(name)).expect("numbers do not end")
    }

    /// Stops a run and waits for it; what became of it.
    pub fn stop(&mut self, name: &str) -> Option<RunReport> {
        let run = self.runs.get_mut(name)?;
        run.end();
        Some(run.report.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// What can be looked into of a run, over or not.
    pub fn ran(&self, name: &str) -> Option<&Ran> {
        self.runs.get(name).map(|run| &run.ran)
    }

    /// The names of the runs that go on.
    pub fn running(&self) -> Vec<String> {
        self.runs.iter().filter(|(_, run)| run.goes_on()).map(|(name, _)| name.clone()).collect()
    }

    /// The names of the runs that go on and call this version of a function.
    pub fn calling(&self, function: &UserFunction) -> Vec<String> {
        let calls = |run: &Running| run.ran.graph.user_functions().iter().any(|called| **called == *function);
        self.runs.iter().filter(|(_, run)| run.goes_on() && calls(run)).map(|(name, _)| name.clone()).collect()
    }

    /// The names of all runs, over or not.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.runs.keys().map(String::as_str)
    }
}

impl Running {
    fn goes_on(&self) -> bool {
        self.report.lock().unwrap_or_else(PoisonError::into_inner).state == RunState::Running
    }

    fn end(&mut self) {
        self.stop.raise();
        match self.thread.take() {
            // A thread that panicked has said so in its report.
            Some(thread) => drop(thread.join()),
            // Whoever has its rows sees the stop within a moment.
            None if self.goes_on() => {
                self.report.lock().unwrap_or_else(PoisonError::into_inner).state = RunState::Stopped;
            }
            None => {}
        }
    }
}

impl Drop for Runs {
    fn drop(&mut self) {
        self.runs.values().for_each(|run| run.stop.raise());
        self.runs.values_mut().for_each(Running::end);
    }
}

#[cfg(test)]
mod tests;
