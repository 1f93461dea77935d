//! One file a verb. Each answers one statement.

mod advise;
mod check;
pub mod create;
mod debug;
mod describe;
mod diff;
mod explain;
pub mod function;
mod history;
mod order;
pub mod peek;
mod plot;
pub mod query;
mod record;
mod replay;
mod runs;
mod set;
mod show;
mod stage;
mod steps;
mod tap;
mod tapes;
mod topics;
mod trace;
mod watch;
pub mod why;

pub use describe::columns_of;
use std::path::Path;

use millstream_sql::statement::TapeVerb;
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
        Statement::CreateFunction(draft) => function::create(session, &draft, Path::new("")),
        Statement::Drop(drop) => create::drop(session, &drop),
        Statement::DropFunction { name, if_exists } => function::drop(session, &name, if_exists),
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
        Statement::Watch(names) => watch::watch(session, &names),
        Statement::Plot(plot) => plot::plot(session, &plot),
        Statement::Tape(verb) => tape(session, &verb),
        Statement::Why(asked) => why::why(session, asked.as_deref()),
    }
}

/// Answers a statement about tapes.
fn tape(session: &mut Session, verb: &TapeVerb) -> Result<Reply, Fault> {
    match verb {
        TapeVerb::Record(record) => record::record(session, record),
        TapeVerb::Drop { if_exists, name } => tapes::drop(session, *if_exists, name),
        TapeVerb::Replay(replay) => replay::replay(session, replay),
        TapeVerb::Live => Ok(replay::live(session)),
        TapeVerb::Pause => debug::pause(session),
        TapeVerb::Resume => debug::resume(session),
        TapeVerb::Step(count, unit) => debug::step(session, *count, *unit),
        TapeVerb::Goto(place) => debug::goto(session, place),
        TapeVerb::Back(count) => debug::back(session, *count),
        TapeVerb::Break(step, when) => debug::break_on(session, step, when.as_ref()),
        TapeVerb::BreakOff(step) => debug::break_off(session, step.as_ref()),
        TapeVerb::Diff(left, right) => diff::diff(session, left, right),
        TapeVerb::Trace(step, when, most) => trace::rows(session, step, when.as_ref(), *most),
        TapeVerb::TraceRecord { tap, partition, offset } => trace::record(session, tap, *partition, *offset),
        TapeVerb::CheckOrder(step, seeds) => order::check(session, step, *seeds),
    }
}
