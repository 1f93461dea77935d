//! `CREATE TABLE`, `CREATE VIEW`, `DROP`. A declaration is checked as a whole when it is made: its types,
//! its expressions, its connector's options.

use std::sync::Arc;

use millstream_sql::catalog::Table;
use millstream_sql::statement::{Drop, TableDraft, ViewDraft};
use millstream_sql::{Relation, SqlError, View, declare};

use crate::fault::Fault;
use crate::reply::Reply;
use crate::session::Session;
use crate::verbs::stage;
use crate::workbook::{Change, Edit, Step, base, dependents, is_version};
use crate::{aside, planning};

/// `CREATE TABLE`. Without `'connector'` it is an embedded topic of the table's name, in JSON.
pub fn table(session: &mut Session, mut draft: TableDraft) -> Result<Reply, Fault> {
    let name = draft.name.clone();
    if draft.if_not_exists && session.catalog.contains(&name.text) {
        return Ok(Reply::Text(format!("'{}' exists already", name.text)));
    }
    let replace = draft.or_replace;
    if is_version(&name.text) {
        return Err(SqlError::new("E0202", format!("'{}' is the name of a version", name.text)).at(name.span).into());
    }
    session.config.put_into(&mut draft)?;
    let settings = planning::settings(session);
    let table = declare::table(&session.catalog, &settings, session.outside.connectors(), draft)?;
    let said = format!("table '{}' on connector '{}'", name.text, table.tap.connector);
    session.catalog.admits(&Relation::Table(table.clone()), replace, name.span)?;
    let before = table_of(session, &name.text);
    let edits = vec![Edit::Table { name: name.text.clone(), before, after: Some(table) }];
    session.workbook.make(Change { what: format!("table {}", name.text), edits }, &mut session.catalog);
    session.forget_asides(&name.text);
    // Whoever declares a table anew may want to give another password.
    session.outside.secrets().forget();
    session.samples.forget(&name.text);
    Ok(Reply::Text(said))
}

fn table_of(session: &Session, name: &str) -> Option<Table> {
    match session.catalog.get(name) {
        Some(Relation::Table(table)) => Some(table.clone()),
        _ => None,
    }
}

/// `CREATE VIEW`.
pub fn view(session: &mut Session, draft: ViewDraft) -> Result<Reply, Fault> {
    let name = draft.name.clone();
    if draft.if_not_exists && session.catalog.contains(&name.text) {
        return Ok(Reply::Text(format!("'{}' exists already", name.text)));
    }
    let replace = draft.or_replace;
    let view = checked_view(session, draft)?;
    session.catalog.admits(&Relation::View(view.clone()), replace, name.span)?;
    let before = session.workbook.step(&name.text).cloned();
    let after = session.workbook.next(view);
    let label = after.label();
    if before.as_ref() == Some(&after) {
        return Ok(Reply::Text(format!("'{}' has not changed", name.text)));
    }
    let mut edits = vec![Edit::Step { name: name.text.clone(), before, after: Some(after) }];
    edits.extend(stage::draft_from(session, &name.text));
    session.workbook.make(Change { what: format!("step {label}"), edits }, &mut session.catalog);
    if !session.manner.previews() {
        return Ok(Reply::Text(format!("view '{}'", name.text)));
    }
    // The step stands, whatever becomes of its preview.
    Ok(match stage::changed_step(session, &name.text) {
        Ok(preview) => Reply::Preview(Box::new(preview)),
        Err(fault) => Reply::Text(format!("step {label} · there is no preview: {}", fault.message)),
    })
}

/// The view that a statement declares, if it can be planned and stands on nothing that stands on it.
fn checked_view(session: &Session, draft: ViewDraft) -> Result<Arc<View>, Fault> {
    let name = draft.name.clone();
    if is_version(&name.text) {
        let error = SqlError::new("E0202", format!("'{}' is the name of a version", name.text)).at(name.span);
        return Err(error.hint(format!("CREATE OR REPLACE VIEW {} makes the next one", base(&name.text))).into());
    }
    let above = dependents(&session.workbook, [name.text.as_str()]);
    let reads = millstream_sql::reads(&draft.query);
    if let Some(read) = reads.iter().find(|read| **read == name.text || above.contains(read)) {
        let error = SqlError::new("E0402", format!("'{}' would read itself through '{read}'", name.text)).at(name.span);
        let version = session.workbook.step(read).map(Step::label);
        return Err(match version {
            Some(version) => error.hint(format!("FROM {version} reads it as it is now")).into(),
            None => error.into(),
        });
    }
    Ok(Arc::new(declare::view(&session.catalog, &planning::settings(session), draft)?))
}

/// `DROP TABLE`, `DROP VIEW`. The topic behind a table stays.
pub fn drop(session: &mut Session, drop: &Drop) -> Result<Reply, Fault> {
    let wanted = if drop.view { "view" } else { "table" };
    let name = &drop.name;
    if drop.if_exists && !session.catalog.contains(&name.text) {
        return Ok(Reply::Text(format!("there is no {wanted} '{}'", name.text)));
    }
    let relation = session.catalog.lookup(&name.text, name.span)?;
    if relation.kind() != wanted {
        let message = format!("'{}' is a {}, not a {wanted}", name.text, relation.kind());
        let hint = format!("DROP {} {};", relation.kind().to_uppercase(), name.text);
        return Err(SqlError::new("E0201", message).at(name.span).hint(hint).into());
    }
    if matches!(relation, Relation::Table(table) if table.tap.connector == aside::CONNECTOR) {
        let message = format!("'{}' is kept by the session and goes with its table", name.text);
        return Err(SqlError::new("E0202", message).at(name.span).into());
    }
    if is_version(&name.text) {
        let message = format!("'{}' is a version of '{}' and goes with it", name.text, base(&name.text));
        return Err(SqlError::new("E0202", message).at(name.span).into());
    }
    let edit = match session.workbook.step(&name.text).cloned() {
        Some(step) => Edit::Step { name: name.text.clone(), before: Some(step), after: None },
        None => Edit::Table { name: name.text.clone(), before: table_of(session, &name.text), after: None },
    };
    let change = Change { what: format!("DROP {} {}", wanted.to_uppercase(), name.text), edits: vec![edit] };
    session.workbook.make(change, &mut session.catalog);
    session.forget_asides(&name.text);
    session.samples.forget(&name.text);
    let mut said = format!("{wanted} '{}' is gone", name.text);
    let readers = dependents(&session.workbook, [name.text.as_str()]);
    if !readers.is_empty() {
        said += &format!("; {} can no longer be read", readers.join(", "));
    }
    Ok(Reply::Text(said))
}
