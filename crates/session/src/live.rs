//! A query that has been started: its rows are taken here, it is stopped here, and here it says at the
//! end what became of every record.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use millstream_engine::{Counters, Event, Ledger, Progress, Run};
use millstream_plan::{Changes, Graph, NodeId, RowType, Target};
use millstream_record::{Batch, Millis, Rejected};

use crate::aside::{Asides, CONNECTOR, errors_name, late_name};
use crate::fault::Fault;
use crate::render::Columns;
use crate::status::{Account, Status};
use crate::tape::Play;

/// A running query.
pub struct Live {
    /// The columns of its result; `None` for an `INSERT`.
    pub columns: Option<Columns>,
    /// Whether rows are ever taken back.
    pub changes: Changes,
    /// Whether the query ends by itself.
    pub bounded: bool,
    graph: Graph,
    run: Feed,
    rows: u64,
    asides: Arc<Mutex<Asides>>,
}

/// What can be looked into of a run, also when it is over.
#[derive(Clone)]
pub struct Ran {
    /// Its operators.
    pub graph: Graph,
    /// What they counted, and where they tell of themselves.
    pub counters: Counters,
}

/// What a running query says.
pub enum Step {
    /// Rows.
    Rows(Batch),
    /// Nothing within the wait.
    Quiet,
    /// All rows have been taken.
    End,
}

/// The end of a query.
pub struct Finished {
    /// What became of the records of each tap.
    pub accounts: Vec<Account>,
    /// Tables that hold what was set aside, with how many rows there were of it.
    pub asides: Vec<(String, u64)>,
    /// Rows that went into tables.
    pub written: u64,
}

/// Where the rows come from.
pub enum Feed {
    /// Topics, on threads.
    Run(Run),
    /// A tape.
    Play(Play),
}

impl Feed {
    fn recv(&self, wait: Duration) -> Event {
        match self {
            Feed::Run(run) => run.recv(wait),
            Feed::Play(play) => play.recv(wait),
        }
    }

    fn progress(&self) -> Progress {
        match self {
            Feed::Run(run) => run.progress(),
            Feed::Play(play) => play.progress(),
        }
    }

    fn counters(&self) -> Counters {
        match self {
            Feed::Run(run) => run.counters().clone(),
            Feed::Play(play) => play.counters(),
        }
    }

    fn stop(&self) {
        match self {
            Feed::Run(run) => run.stop(),
            Feed::Play(play) => play.stop(),
        }
    }

    fn finish(self) -> Result<Ledger, Fault> {
        match self {
            Feed::Run(run) => Ok(run.finish()?),
            Feed::Play(play) => play.finish(),
        }
    }
}

impl Live {
    pub(crate) fn new(graph: Graph, bounded: bool, run: Feed, asides: Arc<Mutex<Asides>>) -> Live {
        let result = graph.outputs.iter().find(|output| matches!(output.target, Target::Result));
        let row: Option<&RowType> = result.map(|output| &graph.node(output.node).row);
        Live {
            columns: row.map(|row| Columns::of(row.schema.clone())),
            changes: row.map_or(Changes::Append, |row| row.changes),
            bounded,
            graph,
            run,
            rows: 0,
            asides,
        }
    }

    /// The next rows. Waits for them at most `wait`.
    pub fn next(&mut self, wait: Duration) -> Step {
        match self.run.recv(wait) {
            Event::Batch(batch) => {
                self.rows += batch.len() as u64;
                Step::Rows(batch)
            }
            Event::Quiet => Step::Quiet,
            Event::End => Step::End,
        }
    }

    /// How many rows have been taken.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// How far the query has come.
    pub fn status(&self) -> Status {
        let status = status(&self.run.progress(), self.rows);
        match &self.run {
            Feed::Run(_) => Status { ends: self.bounded, ..status },
            Feed::Play(play) => Status { ends: self.bounded, lag: Some(play.left()), ..status },
        }
    }

    /// What can be looked into of it.
    pub(crate) fn ran(&self) -> Ran {
        Ran { graph: self.graph.clone(), counters: self.run.counters() }
    }

    /// Asks the query to stop. Rows that are ready can still be taken.
    pub fn stop(&self) {
        self.run.stop();
    }

    /// Waits for the end, and keeps what the run set aside. The error of a run that failed is given here;
    /// what it had set aside before is kept all the same.
    pub fn finish(self) -> Result<Finished, Fault> {
        let Live { graph, run, asides, .. } = self;
        let counters = run.counters();
        let ledger = run.finish();
        let mut asides = asides.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = keep(&mut asides, &graph, &counters);
        let accounts = accounts(&graph, ledger?);
        let operators = counters.operators();
        let sinks = graph.outputs.iter().filter(|output| matches!(output.target, Target::Sink(_)));
        let written = sinks.map(|output| operators[output.node.0].rows_out).sum();
        Ok(Finished { accounts, asides: kept, written })
    }
}

impl Ran {
    /// What became of the records of each tap so far.
    pub fn accounts(&self) -> Vec<Account> {
        accounts(&self.graph, Ledger::of(&self.graph, &self.counters))
    }
}

/// What became of the records of each tap. What the session itself has kept is left out: that was accounted
/// for when it was set aside.
pub fn accounts(graph: &Graph, ledger: Ledger) -> Vec<Account> {
    let own = |name: &str| graph.scans().any(|(_, tap, _)| tap.name == name && tap.connector == CONNECTOR);
    let account = |account: millstream_engine::Account| Account {
        tap: account.tap,
        records: account.records,
        used: account.used,
        late: account.late,
        bad: account.bad,
        filtered: account.filtered,
        duplicate_keys: account.duplicate_keys,
    };
    ledger.sources.into_iter().filter(|account| !own(&account.tap)).map(account).collect()
}

/// The figures of a run, of which so many rows have been taken.
pub fn status(progress: &Progress, rows: u64) -> Status {
    let sources = &progress.sources;
    let watermark = sources.iter().filter_map(|source| source.watermark).filter(|at| *at != Millis::MIN).min();
    let lags = sources.iter().map(|source| source.lag);
    Status {
        records: sources.iter().map(|source| source.records).sum(),
        bytes: sources.iter().map(|source| source.bytes).sum(),
        rows,
        lag: lags.sum(),
        ends: false,
        watermark,
        late: progress.operators.iter().map(|operator| operator.late).sum(),
        bad: sources.iter().map(|source| source.bad).sum(),
        stalled: sources.iter().find_map(|source| source.stalled.clone()),
    }
}

/// Puts unreadable records and late rows where they can be asked for; says how many there were of each.
pub fn keep(asides: &mut Asides, graph: &Graph, counters: &Counters) -> Vec<(String, u64)> {
    let mut counts = Vec::new();
    let mut errors: BTreeMap<String, (u64, Vec<Rejected>)> = BTreeMap::new();
    for (scan, ..) in graph.scans() {
        let source = counters.source(scan);
        let (tap, rejected) = source.kept();
        let all = errors.entry(tap).or_default();
        all.0 += source.progress().bad;
        all.1.extend(rejected);
    }
    for (tap, (count, rejected)) in errors {
        asides.keep_errors(&tap, &rejected);
        counts.extend((count > 0 && !rejected.is_empty()).then(|| (errors_name(&tap), count)));
    }
    let operators = counters.operators();
    let mut of_step: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        let late = operators[index].late;
        let rows = counters.late_rows(NodeId(index));
        let step = node.uid.split('/').next().unwrap_or(&node.uid);
        if late == 0 || rows.is_empty() {
            continue;
        }
        let number = of_step.entry(step).and_modify(|number| *number += 1).or_insert(1);
        let name = late_name(step, *number);
        asides.keep_late(&name, rows[0].schema(), rows);
        counts.push((name, late));
    }
    counts
}
