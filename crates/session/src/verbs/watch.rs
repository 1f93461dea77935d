//! `WATCH step`: all rows of a step as they come, for a display that goes on while other statements run.

use millstream_sql::statement::Name;

use crate::fault::Fault;
use crate::reply::{Reply, Watched};
use crate::session::Session;
use crate::verbs::query;

/// `WATCH name`. Whoever watched the step before stops.
pub fn watch(session: &mut Session, name: &Name) -> Result<Reply, Fault> {
    let graph = query::all_of(session, name)?;
    let live = Box::new(query::start(session, graph)?);
    let run = session.runs.lend(&name.text, live.ran());
    Ok(Reply::Watched(Watched { run, live }))
}
