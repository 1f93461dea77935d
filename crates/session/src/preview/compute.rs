//! Runs a graph over the samples of its tables, on this thread: first the samples side by side, then, after
//! all has been counted, the end of everything, which tells what is still open.

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_engine::{Ledger, Replay};
use millstream_plan::{Changes, Graph, RowType};
use millstream_record::{Clock, Error, ManualClock, Millis};

use super::decoded::Columns;
use super::rows::{First, Rows};
use super::{Counts, Kind, Preview};
use crate::fault::Fault;
use crate::fold::Fold;
use crate::judge::{badge, warnings};
use crate::live::{accounts, keep};
use crate::session::Session;
use crate::verbs::query::options;

/// What comes of a graph; `step` is the label that it is shown under.
pub fn of_graph(session: &Session, graph: &Graph, step: Option<String>) -> Result<Preview, Fault> {
    let began = session.clock.now();
    let Fed { mut replay, mut rows, samples } = fed(session, graph)?;
    let row = output(graph);
    // What is counted is counted before the end: an end that has not come makes nothing late.
    let ledger = Ledger::of(graph, replay.counters());
    let late = replay.counters().operators().iter().map(|operator| operator.late).sum();
    let bad = ledger.sources.iter().map(|account| account.bad).sum();
    {
        let mut asides = session.asides.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        keep(&mut asides, graph, replay.counters());
    }
    if row.changes == Changes::Append {
        replay.end(&mut |_, batch| Ok(rows.take(&batch, true)?))?;
    }
    let (total, changes, open) = rows.totals();
    let records = ledger.sources.iter().map(|account| account.records).sum();
    Ok(Preview {
        step,
        table: rows.table(&row.schema)?,
        counts: Counts { kind: Kind::of(graph), records, rows: total, changes, open, late, bad },
        accounts: accounts(graph, ledger),
        took: Millis(session.clock.now().0 - began.0),
        warnings: empty(&samples).into_iter().chain(warnings(graph)).collect(),
        badge: badge(graph).to_string(),
        dependents: Vec::new(),
    })
}

/// A graph that was fed the samples of its tables, with all that is open still open.
pub struct Fed {
    /// The run, to look into and to end.
    pub replay: Replay,
    /// What came out.
    pub rows: Rows,
    samples: Sampled,
}

/// Feeds a graph the samples of its tables.
pub fn fed(session: &Session, graph: &Graph) -> Result<Fed, Fault> {
    let samples = samples(session, graph)?;
    let row = output(graph);
    let mut rows = match row.changes {
        Changes::Append => Rows::Appended { closed: First::default(), open: First::default() },
        Changes::Retract => Rows::Folded { fold: Box::new(Fold::new(row.schema.clone())?), changes: 0 },
    };
    // The samples end now: so a partition that was silent at their end is idle as it would be in a live run.
    let clock = Arc::new(ManualClock::at(session.clock.now()));
    let options = millstream_engine::Options { parallelism: 1, clock: clock.clone(), ..options(session) };
    let mut replay = Replay::new(graph, &options)?;
    feed(session, &mut replay, &clock, &samples, &mut rows)?;
    Ok(Fed { replay, rows, samples })
}

fn output(graph: &Graph) -> &RowType {
    let output = graph.outputs.first().expect("a query has an output");
    &graph.node(output.node).row
}

type Sampled = BTreeMap<String, Arc<Columns>>;

fn samples(session: &Session, graph: &Graph) -> Result<Sampled, Fault> {
    let mut all = Sampled::new();
    for (_, tap, _) in graph.scans() {
        if !all.contains_key(&tap.name) {
            all.insert(tap.name.clone(), session.decoded.of(session, tap)?);
        }
    }
    Ok(all)
}

/// Feeds the samples: tables that are there as a whole first and to their end, since a join reads them
/// first; the others side by side, each piece when its share of its sample is due.
fn feed(
    session: &Session,
    replay: &mut Replay,
    clock: &ManualClock,
    samples: &Sampled,
    rows: &mut Rows,
) -> Result<(), Fault> {
    let mut emit = |_: usize, batch| Ok(rows.take(&batch, false)?);
    let end = clock.now();
    replay.literals(&mut emit)?;
    for (name, sample) in samples {
        clock.set(sample.began(end));
        sample.partitions.iter().for_each(|partition| replay.partition(name, partition));
    }
    let mut order = Vec::new();
    for (name, sample) in samples {
        let share = |piece: usize| if sample.whole { 0.0 } else { sample.share(piece) };
        order.extend((0..sample.pieces.len()).map(|piece| (share(piece), name, piece)));
    }
    order.sort_by(|left, right| left.0.total_cmp(&right.0));
    for (share, name, piece) in order {
        if session.stop.raised() {
            return Err(Error::Stopped.into());
        }
        if share > 0.0 {
            end_whole(replay, samples, &mut emit)?;
        }
        clock.set(samples[name].came(piece, end));
        replay.feed(name, &samples[name].pieces[piece], &mut emit)?;
    }
    end_whole(replay, samples, &mut emit)?;
    clock.set(end);
    Ok(replay.silence(&mut emit)?)
}

/// Ends the tables that are there as a whole, if they have not ended yet.
fn end_whole(replay: &mut Replay, samples: &Sampled, emit: millstream_engine::Emit<'_>) -> Result<(), Fault> {
    for (name, _) in samples.iter().filter(|(_, sample)| sample.whole) {
        replay.end_tap(name, emit)?;
    }
    Ok(())
}

/// Tables of which there is nothing yet.
fn empty(samples: &Sampled) -> Vec<String> {
    let empty = samples.iter().filter(|(_, sample)| sample.records == 0);
    empty.map(|(name, _)| format!("there are no records in {name}")).collect()
}
