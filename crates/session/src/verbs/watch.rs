//! `WATCH step, …`: all rows of steps as they come, for displays that go on while other statements run.

use millstream_sql::statement::Name;

use crate::fault::Fault;
use crate::reply::{Reply, Watched};
use crate::session::Session;
use crate::verbs::query;

/// `WATCH name, …`. Whoever watched one of the steps before stops. If one cannot be started, none is.
pub fn watch(session: &mut Session, names: &[Name]) -> Result<Reply, Fault> {
    let graphs = names.iter().map(|name| query::all_of(session, name)).collect::<Result<Vec<_>, _>>()?;
    let started = graphs.into_iter().map(|graph| query::start(session, graph)).collect::<Result<Vec<_>, _>>()?;
    session.watched = names.iter().map(|name| name.text.clone()).collect();
    let watched = names.iter().zip(started).map(|(name, live)| Watched {
        step: name.text.clone(),
        run: session.runs.lend(&name.text, live.ran()),
        live: Box::new(live),
        clock: session.clock.clone(),
    });
    Ok(Reply::Watched(watched.collect()))
}
