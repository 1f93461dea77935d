//! `SELECT`, `INSERT INTO` and statement sets: a graph is planned, its doors are opened, it runs.

use std::sync::Arc;

use millstream_engine::{BadRecords, Options};
use millstream_plan::{Graph, Op};
use millstream_sql::ast;
use millstream_sql::statement::{Insert, Name, Then};

use crate::fault::Fault;
use crate::live::{Feed, Live};
use crate::reply::Reply;
use crate::session::Session;
use crate::{doors, letters, planning};

/// A query.
pub fn select(session: &mut Session, query: &ast::Query) -> Result<Reply, Fault> {
    let graph = planning::select(session, query)?;
    shown(session, graph)
}

/// One insert, or several as one job.
pub fn insert(session: &mut Session, inserts: &[Insert]) -> Result<Reply, Fault> {
    let graph = planning::inserts(session, inserts)?;
    shown(session, graph)
}

/// Starts what somebody waits for, and remembers it for `WHY`.
fn shown(session: &mut Session, graph: Graph) -> Result<Reply, Fault> {
    let started = start(session, graph);
    session.last_run = Some(match &started {
        Ok(live) => Ok(live.ran()),
        Err(fault) => Err(fault.clone()),
    });
    started.map(|live| Reply::Live(Box::new(live)))
}

/// All rows of a step, table or view.
pub fn all_of(session: &Session, name: &Name) -> Result<Graph, Fault> {
    if let Some(step) = session.workbook.step(&name.text) {
        return Ok(planning::step(session, &name.text, &step.current().view.query)?);
    }
    session.catalog.lookup(&name.text, name.span)?;
    let query = millstream_sql::query(&format!("SELECT * FROM {}", millstream_sql::types::quoted(&name.text)))?;
    // The query is ours; whatever is wrong with it is wrong with the table that was named.
    planning::select(session, &query).map_err(|error| Fault { span: Some(name.span), ..Fault::from(error) })
}

/// Starts a graph over its topics, or over the tape that is replayed.
pub fn start(session: &Session, mut graph: Graph) -> Result<Live, Fault> {
    if let Some(replaying) = &session.replaying
        && replaying.moves(session, &graph)?
    {
        let play = replaying.start(session, graph.clone())?;
        let bounded = replaying.then == Then::End;
        return Ok(Live::new(graph, bounded, Feed::Play(play), session.asides.clone()));
    }
    let_idle(session, &mut graph);
    let doors = doors::open(session, &graph)?;
    // What is written now is to be seen in the next preview.
    doors.sinks.keys().for_each(|table| session.samples.forget(table));
    let bounded = doors.sources.values().all(|source| source.bounded());
    let options = Options { dead_letters: letters::place(session)?, stop: session.stop.part(), ..options(session) };
    let run = millstream_engine::start(graph.clone(), doors, options)?;
    Ok(Live::new(graph, bounded, Feed::Run(run), session.asides.clone()))
}

/// `table.exec.source.idle-timeout` holds for every tap that does not say otherwise.
pub fn let_idle(session: &Session, graph: &mut Graph) {
    const OPTION: &str = "scan.watermark.idle-timeout";
    let settings = session.settings.options();
    let Some(timeout) =
        settings.text("table.exec.source.idle-timeout").filter(|_| settings.given("table.exec.source.idle-timeout"))
    else {
        return;
    };
    for node in &mut graph.nodes {
        if let Op::Scan { tap, .. } = &mut node.op
            && !tap.options.contains_key(OPTION)
            && tap.watermark.is_some()
        {
            Arc::make_mut(tap).options.insert(OPTION.into(), timeout.into());
        }
    }
}

/// How a run of this session behaves.
pub fn options(session: &Session) -> Options {
    let set = session.settings.options();
    let number = |name: &str| set.integer(name).and_then(|value| usize::try_from(value).ok());
    let mut options = Options { clock: session.clock.clone(), bad_records: bad_records(session), ..Options::default() };
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    options.parallelism = number("parallelism.default").unwrap_or_else(cores);
    options.batch_rows = session.settings.batch_rows();
    options.kept = number("kept-rows").unwrap_or(options.kept);
    options
}

fn bad_records(session: &Session) -> BadRecords {
    match session.settings.options().text("bad-records") {
        Some("fail") => BadRecords::Fail,
        Some("skip") => BadRecords::Skip,
        // Records that become dead letters are kept as well.
        _ => BadRecords::Keep,
    }
}
