//! `WHY`: why nothing comes out of a step, a query, or what ran last. Here is only found out what to look at;
//! the causes are the business of `crate::why`.

use std::time::Duration;

use millstream_engine::inspect::Inspection;
use millstream_plan::{Fingerprint, Graph};
use millstream_sql::SqlError;
use millstream_sql::statement::Asked;

use crate::fault::Fault;
use crate::live::Ran;
use crate::planning;
use crate::preview::{Fed, fed};
use crate::reply::Reply;
use crate::session::Session;
use crate::verbs::query;
use crate::why::{Scene, explain, moment, words};

/// So long a busy lane may let us wait for its answer.
const ANSWER: Duration = Duration::from_millis(500);

/// What ran last in the foreground, or why it could not.
pub type LastRun = Option<Result<Ran, Fault>>;

/// What the answer is read from.
struct Seen {
    graph: Graph,
    inside: Inspection,
    /// What was looked at, as the answer begins.
    basis: String,
    /// Whether that is a sample.
    sample: bool,
}

/// `WHY …`.
pub fn why(session: &mut Session, asked: Option<&Asked>) -> Result<Reply, Fault> {
    let Seen { graph, inside, basis, sample } = &match asked {
        None => last(session)?,
        Some(asked) => of(session, asked)?,
    };
    let scene = Scene { graph, inside, now: session.clock.now(), zone: session.settings.zone(), sample: *sample };
    Ok(Reply::Plan(explain(scene).text(&scene, basis)))
}

/// The run of the last query.
fn last(session: &Session) -> Result<Seen, Fault> {
    match &session.last_run {
        Some(Ok(ran)) => Ok(ran.look("the last query", "the query that is running")),
        Some(Err(fault)) => Err(fault.clone()),
        None => {
            let error = SqlError::new("E0511", "no query has run yet that WHY could look into");
            Err(error.hint("name a step or a query: WHY step; or WHY SELECT …;").into())
        }
    }
}

/// The background run of a step, or the last run if it was one of the same query, or else a preview over the
/// samples of its tables.
fn of(session: &Session, asked: &Asked) -> Result<Seen, Fault> {
    let name = asked.step.as_ref().map(|name| name.text.as_str());
    if let Some(ran) = name.and_then(|name| session.runs.ran(name)) {
        let run = words::table(name.unwrap_or_default());
        return Ok(ran.look(&format!("{run}, as it ran in the background"), &format!("{run}, running")));
    }
    let shown = name.map_or_else(|| "the query".to_string(), words::table);
    let mut graph = match name.and_then(|name| Some((name, session.workbook.step(name)?))) {
        Some((name, step)) => planning::step(session, name, &step.current().view.query)?,
        None => planning::select(session, &asked.query)?,
    };
    query::let_idle(session, &mut graph);
    if let Some(Ok(ran)) = &session.last_run
        && Fingerprint::of(&ran.graph) == Fingerprint::of(&graph)
    {
        return Ok(ran.look(&format!("{shown}, as it ran last"), &format!("{shown}, running")));
    }
    let Fed { mut replay, .. } = fed(session, &graph)?;
    let inside = replay.inspect();
    let records = moment::counted(inside.sources.iter().map(|source| source.records).sum(), "record");
    Ok(Seen { graph, inside, basis: format!("{shown}, over a sample of {records}"), sample: true })
}

impl Ran {
    fn look(&self, over: &str, running: &str) -> Seen {
        let inside = self.counters.inspect(&self.graph, ANSWER);
        let basis = if inside.ended { over } else { running }.to_string();
        Seen { graph: self.graph.clone(), inside, basis, sample: false }
    }
}
