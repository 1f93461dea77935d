//! What a piece of the workbook means to a session: the edit that makes it so.

use std::path::Path;
use std::sync::Arc;

use millstream_sql::catalog::Table;
use millstream_sql::statement::ViewDraft;
use millstream_sql::{Relation, SqlError, Statement, View};

use crate::session::Session;
use crate::workbook::{Edit, Entry, Key, Step, Version};
use crate::{functions, planning};

/// The edit that makes a piece so, from its statements; without any, the one that makes it go. A setting is set at
/// once. What cannot be taken is added to `broken`, a sentence each.
pub fn edit(session: &mut Session, key: &Key, entries: Vec<Entry>, broken: &mut Vec<String>) -> Option<Edit> {
    if let (Key::Table(name) | Key::Step(name), Some(there)) = (key, relation(session, key)) {
        broken.push(format!("'{name}' is a {there} here"));
        return None;
    }
    let mut edit = gone(session, key);
    for entry in entries {
        match taken(session, key, entry, &edit) {
            Ok(None) => {}
            Ok(after) => edit = after,
            Err(reason) => broken.push(reason),
        }
    }
    edit.filter(|edit| !is_nothing(edit))
}

/// What stands under the name of a piece, if that is something else and not a piece.
fn relation(session: &Session, key: &Key) -> Option<String> {
    let (Key::Table(name) | Key::Step(name)) = key else { return None };
    let there = session.catalog.get(name)?;
    let (same, temporary) = match there {
        Relation::Table(table) => (matches!(key, Key::Table(_)), table.draft.temporary),
        Relation::View(view) => (matches!(key, Key::Step(_)), view.temporary),
    };
    (!same || temporary).then(|| format!("{}{}", if temporary { "temporary " } else { "" }, there.kind()))
}

fn gone(session: &Session, key: &Key) -> Option<Edit> {
    Some(match key {
        Key::Setting(_) => return None,
        Key::Function(name) => {
            let before = session.catalog.functions().get(name).cloned();
            Edit::Function { name: name.clone(), before, after: None }
        }
        Key::Table(name) => {
            let before = match session.catalog.get(name) {
                Some(Relation::Table(table)) => Some(table.clone()),
                _ => None,
            };
            Edit::Table { name: name.clone(), before, after: None }
        }
        Key::Step(name) => Edit::Step { name: name.clone(), before: session.workbook.step(name).cloned(), after: None },
        Key::Draft => Edit::Draft { before: session.workbook.draft().cloned(), after: None },
    })
}

fn is_nothing(edit: &Edit) -> bool {
    match edit {
        Edit::Table { before, after, .. } => before.is_none() && after.is_none(),
        Edit::Step { before, after, .. } => before.is_none() && after.is_none(),
        Edit::Function { before, after, .. } => before.is_none() && after.is_none(),
        Edit::Draft { before, after } => before.is_none() && after.is_none(),
    }
}

/// The edit with one statement more.
fn taken(session: &mut Session, key: &Key, entry: Entry, so_far: &Option<Edit>) -> Result<Option<Edit>, String> {
    let (statement, version) = match (entry, so_far) {
        (Entry::Draft(draft), Some(Edit::Draft { before, .. })) => {
            return Ok(Some(Edit::Draft { before: before.clone(), after: Some(draft.into()) }));
        }
        (Entry::Draft(_), _) => return Ok(None),
        (Entry::Statement { statement, version }, _) => (*statement, version),
    };
    let mut edit = so_far.clone();
    match (statement, &mut edit) {
        (Statement::Set { key, value }, _) => {
            session.settings.set(&key, &value).map_err(|fault| fault.message)?;
        }
        (Statement::CreateTable(draft), Some(Edit::Table { name, after, .. })) => {
            let tap = planning::tap(session, &draft).map_err(|error| format!("table '{name}': {error}"))?;
            *after = Some(Table { tap: Arc::new(tap), draft: draft.into() });
        }
        (Statement::CreateView(draft), Some(Edit::Step { name, after, .. })) => {
            let view = view(*draft).map_err(|error| format!("step '{name}': {error}"))?;
            let number = version.unwrap_or_else(|| after.as_ref().map_or(1, |step| step.current().number + 1));
            let version = Version { number, view: Arc::new(view) };
            *after = Some(match after {
                Some(step) => step.numbered(version),
                None => Step::starting_at(version),
            });
        }
        (Statement::CreateFunction(draft), Some(Edit::Function { name, after, .. })) => {
            let function = functions::of_draft(session, &draft, Path::new(""));
            let function = function.map_err(|fault| format!("function '{name}': {}", fault.message))?;
            (*name, *after) = (function.name.clone(), Some(Arc::new(function)));
        }
        _ => return Err(format!("{} is declared by a statement of another kind", said(key))),
    }
    Ok(edit)
}

/// The view as it was declared. It was planned when it was made; now it is only read, so that a start is fast.
fn view(draft: ViewDraft) -> Result<View, SqlError> {
    Ok(View {
        name: draft.name.text,
        columns: draft.columns.into_iter().map(|column| column.text).collect(),
        query: millstream_sql::query(&draft.text)?,
        text: draft.text,
        temporary: draft.temporary,
        comment: draft.comment,
    })
}

/// What a piece is about, in words.
fn said(key: &Key) -> String {
    match key {
        Key::Setting(name) => format!("setting '{name}'"),
        Key::Function(name) => format!("function '{name}'"),
        Key::Table(name) => format!("table '{name}'"),
        Key::Step(name) => format!("step '{name}'"),
        Key::Draft => "the draft".into(),
    }
}

/// What an edit does, in words.
pub fn what(edit: &Edit) -> String {
    match edit {
        Edit::Table { name, after: None, .. } => format!("table {name} is gone"),
        Edit::Table { name, .. } => format!("table {name}"),
        Edit::Step { name, after: None, .. } => format!("step {name} is gone"),
        Edit::Step { after: Some(step), .. } => format!("step {}", step.label()),
        Edit::Function { name, after: None, .. } => format!("function {name} is gone"),
        Edit::Function { name, .. } => format!("function {name}"),
        Edit::Draft { .. } => "the draft".into(),
    }
}
