//! What a session at a prompt finds of the one before: settings, tables, steps and the draft, from the
//! workbook in the workspace. What cannot be read is set aside and named; the session begins all the same.

use std::path::Path;
use std::sync::Arc;

use millstream_sql::catalog::Table;
use millstream_sql::statement::ViewDraft;
use millstream_sql::{Statement, View};

use crate::functions;
use crate::planning;
use crate::session::Session;
use crate::workbook::{self, Change, Edit, Entry, Step, Version};

/// Takes up the workbook of the workspace.
pub fn recall(session: &mut Session) {
    let text = match session.store.read() {
        Ok(Some(text)) => text,
        Ok(None) => return,
        Err(error) => return set_aside(session, error.to_string()),
    };
    let mut broken = Vec::new();
    for entry in workbook::read(&text) {
        let taken = match entry {
            Ok(Entry::Draft(draft)) => {
                put(session, Edit::Draft { before: None, after: Some(draft.into()) });
                Ok(())
            }
            Ok(Entry::Statement { statement, version }) => take(session, *statement, version),
            Err(reason) => Err(reason),
        };
        broken.extend(taken.err());
    }
    session.workbook.begin();
    if broken.is_empty() {
        session.stored = (session.workbook.changes(), session.settings.here().clone());
    } else {
        set_aside(session, broken.join("; "));
    }
}

fn set_aside(session: &mut Session, reason: String) {
    let note = match session.store.set_aside(reason) {
        Ok(damage) => format!(
            "the workbook could not be read as a whole and is set aside as {}: {}",
            damage.path.display(),
            damage.reason
        ),
        Err(error) => format!("the workbook {} cannot be read: {error}", session.store.path().display()),
    };
    session.notes.push(note);
}

fn put(session: &mut Session, edit: Edit) {
    session.workbook.make(Change { what: String::new(), edits: vec![edit] }, &mut session.catalog);
}

fn take(session: &mut Session, statement: Statement, version: Option<u32>) -> Result<(), String> {
    match statement {
        Statement::Set { key, value } => {
            session.settings.set(&key, &value).map_err(|fault| fault.message)?;
        }
        Statement::CreateTable(draft) => {
            let tap =
                planning::tap(session, &draft).map_err(|error| format!("table '{}': {error}", draft.name.text))?;
            let name = draft.name.text.clone();
            let table = Table { tap: Arc::new(tap), draft: draft.into() };
            put(session, Edit::Table { name, before: None, after: Some(table) });
        }
        Statement::CreateView(draft) => {
            let name = draft.name.text.clone();
            let view = view(*draft).map_err(|error| format!("step '{name}': {error}"))?;
            let before = session.workbook.step(&name).cloned();
            let number = version.unwrap_or_else(|| before.as_ref().map_or(1, |step| step.current().number + 1));
            let version = Version { number, view: Arc::new(view) };
            let after = match &before {
                Some(step) => step.numbered(version),
                None => Step::starting_at(version),
            };
            put(session, Edit::Step { name, before, after: Some(after) });
        }
        Statement::CreateFunction(draft) => {
            let name = draft.name.text.clone();
            let function = functions::of_draft(session, &draft, Path::new(""));
            let function = function.map_err(|fault| format!("function '{name}': {}", fault.message))?;
            put(session, Edit::Function { name: function.name.clone(), before: None, after: Some(Arc::new(function)) });
        }
        _ => return Err("a workbook holds SET, CREATE TABLE, CREATE FUNCTION and CREATE VIEW only".into()),
    }
    Ok(())
}

/// The view as it was declared. It was planned when it was made; now it is only read, so that a start is fast.
fn view(draft: ViewDraft) -> Result<View, millstream_sql::SqlError> {
    Ok(View {
        name: draft.name.text,
        columns: draft.columns.into_iter().map(|column| column.text).collect(),
        query: millstream_sql::query(&draft.text)?,
        text: draft.text,
        temporary: draft.temporary,
        comment: draft.comment,
    })
}

/// Keeps the workbook if it has changed since it was kept last.
pub fn keep(session: &mut Session) {
    let now = (session.workbook.changes(), session.settings.here().clone());
    if now == session.stored {
        return;
    }
    let text = workbook::write(&session.workbook, &session.catalog, session.settings.here());
    match session.store.write(&text) {
        Ok(()) => session.stored = now,
        Err(error) => session.notes.push(format!(
            "the workbook {} cannot be written, it will be gone with the session: {error}",
            session.store.path().display()
        )),
    }
}
