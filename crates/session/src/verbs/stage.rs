//! Queries as they are built: a `FROM …` begins a draft, `|> …` goes on with it, `|> AS name` makes it a
//! step. Each is answered with a preview where somebody looks; in a script a query runs.

use std::sync::Arc;

use millstream_plan::Graph;
use millstream_sql::statement::{Asked, Stage, ViewDraft};
use millstream_sql::types::quoted;
use millstream_sql::{Span, SqlError, ast};

use crate::fault::{Class, Fault};
use crate::planning;
use crate::preview::{self, Dependent, Preview};
use crate::reply::Reply;
use crate::session::Session;
use crate::verbs::{create, query};
use crate::workbook::{Change, Edit, dependents};

/// A query. Where somebody looks, `FROM …` is a draft and its preview; all else runs, and can be gone on with.
pub fn query(session: &mut Session, text: &str, query: &ast::Query) -> Result<Reply, Fault> {
    if !session.manner.previews() {
        return query::select(session, query);
    }
    let from_first = text.get(..4).is_some_and(|word| word.eq_ignore_ascii_case("FROM"));
    if from_first {
        return draft(session, text.into(), query);
    }
    let reply = query::select(session, query)?;
    redraft(session, "the query that was run last", Some(text.into()));
    Ok(reply)
}

/// `|> …`.
pub fn stage(session: &mut Session, stage: &Stage) -> Result<Reply, Fault> {
    let Some(before) = session.workbook.draft().cloned() else {
        let error = SqlError::new("E0106", "there is no query to go on with");
        return Err(error.hint("begin with FROM and the name of a table; SHOW TABLES; lists them").into());
    };
    let offset = before.len() + 1;
    let text: Arc<str> = if stage.text.is_empty() { before } else { format!("{before}\n{}", stage.text).into() };
    let place = |fault: Fault| placed(fault, &text, offset);
    let query = millstream_sql::query(&text).map_err(Fault::from).map_err(place)?;
    let Some(name) = &stage.name else { return draft(session, text.clone(), &query).map_err(place) };
    let named = ViewDraft {
        name: name.clone(),
        temporary: false,
        if_not_exists: false,
        or_replace: true,
        columns: Vec::new(),
        comment: None,
        query,
        text: text.to_string(),
    };
    create::view(session, named)
}

/// A fault of the whole draft, at its place in the line that was typed if it lies there.
fn placed(mut fault: Fault, text: &Arc<str>, offset: usize) -> Fault {
    match fault.span {
        Some(span) if span.start >= offset && fault.text.is_none() => {
            fault.span = Some(Span::new(span.start - offset, span.end - offset));
            fault
        }
        Some(_) => fault.within(text, 0),
        None => fault,
    }
}

/// Makes this query the draft, if it can be planned, and shows what comes of it.
fn draft(session: &mut Session, text: Arc<str>, query: &ast::Query) -> Result<Reply, Fault> {
    let graph = planning::select(session, query)?;
    let seen = look(session, graph, None);
    let what = match text.rsplit_once('\n') {
        Some((_, last)) => last.to_string(),
        None => text.to_string(),
    };
    match seen {
        Ok(preview) => {
            redraft(session, &what, Some(text));
            session.ledgers.keep("query", &preview.accounts);
            Ok(Reply::Preview(Box::new(preview)))
        }
        // The query is right, only its topic is out of reach.
        Err(fault) if fault.class == Class::Connection => {
            redraft(session, &what, Some(text));
            Ok(Reply::Text(format!("there is no preview: {}", fault.message)))
        }
        Err(fault) => Err(fault),
    }
}

fn redraft(session: &mut Session, what: &str, after: Option<Arc<str>>) {
    let before = session.workbook.draft().cloned();
    if before != after {
        let change = Change { what: what.to_string(), edits: vec![Edit::Draft { before, after }] };
        session.workbook.make(change, &mut session.catalog);
    }
}

/// The change of the draft that goes with a new step: `|>` goes on with it.
pub fn draft_from(session: &Session, step: &str) -> Option<Edit> {
    let before = session.workbook.draft().cloned();
    session.manner.previews().then(|| Edit::Draft { before, after: Some(format!("FROM {}", plain(step)).into()) })
}

/// A name as it is typed: in back-quotes only where it must be.
pub fn plain(name: &str) -> String {
    let query = format!("FROM {name}");
    let read = millstream_sql::query(&query).map(|query| millstream_sql::reads(&query));
    if read.is_ok_and(|names| names.len() == 1 && names.contains(name)) { name.to_string() } else { quoted(name) }
}

/// `PREVIEW step` and `PREVIEW query`.
pub fn preview(session: &mut Session, asked: &Asked) -> Result<Reply, Fault> {
    let preview = match &asked.step {
        Some(name) if session.workbook.step(&name.text).is_some() => of_step(session, &name.text)?,
        _ => look(session, planning::select(session, &asked.query)?, None)?,
    };
    session.ledgers.keep(asked.step.as_ref().map_or("query", |name| &name.text), &preview.accounts);
    Ok(Reply::Preview(Box::new(preview)))
}

/// The preview of the draft as it is now.
pub fn of_draft(session: &Session, draft: &str) -> Result<Preview, Fault> {
    let query = millstream_sql::query(draft)?;
    look(session, planning::select(session, &query)?, None)
}

fn look(session: &Session, mut graph: Graph, step: Option<String>) -> Result<Preview, Fault> {
    query::let_idle(session, &mut graph);
    preview::of_graph(session, &graph, step)
}

/// The preview of a step as it is now.
fn of_step(session: &mut Session, name: &str) -> Result<Preview, Fault> {
    let Some(step) = session.workbook.step(name) else {
        return Err(SqlError::new("E0201", format!("there is no step '{name}'")).into());
    };
    let label = step.label();
    let view = step.current().view.clone();
    let preview = look(session, planning::step(session, name, &view.query)?, Some(label.clone()))?;
    session.counted.insert(label, preview.counts.sentence(preview.table.len() as u64));
    session.ledgers.keep(name, &preview.accounts);
    Ok(preview)
}

/// The preview of a step that has just changed, with those of the steps that depend on it.
pub fn changed_step(session: &mut Session, name: &str) -> Result<Preview, Fault> {
    let mut preview = of_step(session, name)?;
    preview.dependents = of_dependents(session, &[name])?;
    Ok(preview)
}

/// The steps that depend on these names, as they are now.
pub fn of_dependents(session: &mut Session, names: &[&str]) -> Result<Vec<Dependent>, Fault> {
    let mut all = Vec::new();
    for name in dependents(&session.workbook, names.iter().copied()) {
        let label = session.workbook.step(&name).map_or(name.clone(), crate::workbook::Step::label);
        let outcome = of_step(session, &name).map(Box::new);
        if let Err(fault) = &outcome
            && fault.class == Class::Interrupted
        {
            return Err(fault.clone());
        }
        all.push(Dependent { step: label, outcome });
    }
    Ok(all)
}
