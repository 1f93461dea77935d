//! One file a verb. Each answers one statement.

mod advise;
mod check;
pub mod create;
mod describe;
mod explain;
mod history;
mod peek;
mod plot;
pub mod query;
mod runs;
mod set;
mod show;
mod stage;
mod steps;
mod tap;
mod topics;
mod watch;
pub mod why;

pub use describe::columns_of;
use millstream_sql::{Spanned, Statement};

use crate::export;
use crate::fault::Fault;
use crate::reply::Reply;
use crate::session::Session;

/// Answers a statement, whose text is `text`.
pub fn answer(session: &mut Session, text: &str, statement: Spanned<Statement>) -> Result<Reply, Fault> {
    match statement.value {
        Statement::CreateTable(draft) => create::table(session, *draft),
        Statement::CreateView(draft) => create::view(session, *draft),
        Statement::Drop(drop) => create::drop(session, &drop),
        Statement::Query(query) => stage::query(session, text, &query),
        Statement::Insert(insert) => query::insert(session, std::slice::from_ref(&*insert)),
        Statement::StatementSet(inserts) => query::insert(session, &inserts),
        Statement::Explain(explain) => explain::explain(session, &explain),
        Statement::Export(wanted) => export::step(session, &wanted),
        Statement::Check(what) => check::check(session, &what),
        Statement::Show(show) => show::show(session, &show),
        Statement::Describe(name) => describe::describe(session, &name),
        Statement::Set { key, value } => set::set(session, &key, &value),
        Statement::SetList => set::list(session),
        Statement::Reset(key) => set::reset(session, key.as_deref()),
        Statement::Stage(stage) => stage::stage(session, &stage),
        Statement::Undo => history::undo(session),
        Statement::Redo => history::redo(session),
        Statement::Preview(asked) => stage::preview(session, &asked),
        Statement::Start(start) => runs::start(session, &start),
        Statement::Stop(name) => runs::stop(session, name.as_ref()),
        Statement::Tap(tap) => tap::tap(session, &tap),
        Statement::Peek(peek) => peek::peek(session, &peek),
        Statement::AdviseWatermark(name) => advise::watermark(session, &name),
        Statement::Use(name) => Err(set::only_one(&name)),
        Statement::Watch(name) => watch::watch(session, &name),
        Statement::Plot(plot) => plot::plot(session, &plot),
        Statement::Why(asked) => why::why(session, asked.as_deref()),
    }
}
