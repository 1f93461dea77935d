//! `CREATE TABLE`, `CREATE VIEW`, `DROP`. A declaration is checked as a whole when it is made: its types,
//! its expressions, its connector's options.

use std::sync::Arc;

use millstream_plan::{Tap, TapColumn};
use millstream_record::{Options, Origin};
use millstream_sql::catalog::Table;
use millstream_sql::statement::{Drop, TableDraft, TableOption, ViewDraft};
use millstream_sql::{Relation, SqlError, View, ddl};

use crate::doors::TAP_OPTIONS;
use crate::fault::Fault;
use crate::reply::Reply;
use crate::session::Session;
use crate::verbs::stage;
use crate::workbook::{Change, Edit, Step, base, dependents, is_version};
use crate::{aside, doors, planning};

/// `CREATE TABLE`. Without `'connector'` it is an embedded topic of the table's name, in JSON.
pub fn table(session: &mut Session, draft: TableDraft) -> Result<Reply, Fault> {
    let name = draft.name.clone();
    if draft.if_not_exists && session.catalog.contains(&name.text) {
        return Ok(Reply::Text(format!("'{}' exists already", name.text)));
    }
    let draft = with_default_connector(like(session, draft)?);
    let tap = planning::tap(session, &draft)?;
    check_outside(session, &draft, &tap)?;
    let said = format!("table '{}' on connector '{}'", name.text, tap.connector);
    let replace = draft.or_replace;
    if is_version(&name.text) {
        return Err(SqlError::new("E0202", format!("'{}' is the name of a version", name.text)).at(name.span).into());
    }
    let table = Table { tap: Arc::new(tap), draft: Arc::new(draft) };
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

/// `LIKE other`: what the other table declares is worked in.
fn like(session: &Session, draft: TableDraft) -> Result<TableDraft, SqlError> {
    let Some(like) = &draft.like else { return Ok(draft) };
    match session.catalog.lookup(&like.table.text, like.table.span)? {
        Relation::Table(other) => ddl::apply_like(&draft, &other.draft),
        Relation::View(_) => {
            let message = format!("'{}' is a view; LIKE takes the declaration of a table", like.table.text);
            Err(SqlError::new("E0301", message).at(like.table.span))
        }
    }
}

fn with_default_connector(mut draft: TableDraft) -> TableDraft {
    let given = |draft: &TableDraft, key: &str| draft.options.iter().any(|option| option.key == key);
    if !given(&draft, "connector") {
        let span = draft.name.span;
        let mut add = |key: &str, value: &str| {
            draft.options.push(TableOption { key: key.to_string(), value: value.to_string(), span });
        };
        add("connector", "topic");
        if !given(&draft, "format") && !given(&draft, "value.format") {
            draft.options.push(TableOption { key: "format".into(), value: "json".into(), span });
        }
        if !given(&draft, "partitions") {
            draft.options.push(TableOption { key: "partitions".into(), value: "1".into(), span });
        }
    }
    draft
}

/// Options and metadata columns against what the connector knows, with the place in the declaration.
fn check_outside(session: &Session, draft: &TableDraft, tap: &Tap) -> Result<(), SqlError> {
    let place = |key: &str| draft.options.iter().find(|option| option.key == key).map(|option| option.span);
    let connector = session.outside.connector(&tap.connector).map_err(|error| error.at(place("connector")))?;
    let typed = tap.options.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    if let Err(error) = Options::check(typed, &[connector.options(), TAP_OPTIONS]) {
        let at = doors::option_of(&error).and_then(place).unwrap_or(draft.name.span);
        return Err(doors::wrong_option(&tap.connector, &error).at(at));
    }
    let known = connector.metadata();
    for (column, declared) in tap.columns.iter().zip(&draft.columns) {
        if let TapColumn::Physical(column) = column
            && let Origin::Metadata(key) = &column.origin
            && !known.iter().any(|(name, _)| name == key)
        {
            let message = format!("connector '{}' has no metadata '{key}'", tap.connector);
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            let error = SqlError::new("E0303", message).at(declared.name.span).did_you_mean(key, names.iter().copied());
            return Err(error.hint(format!("it knows {}", names.join(", "))));
        }
    }
    Ok(())
}

/// `CREATE VIEW`: planned once, so that what is wrong is said now and not when it is read.
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
    planning::select(session, &draft.query)?;
    let view = View {
        name: draft.name.text,
        columns: draft.columns.into_iter().map(|column| column.text).collect(),
        query: millstream_sql::query(&draft.text)?,
        text: draft.text,
        temporary: draft.temporary,
        comment: draft.comment,
    };
    let columns = planning::view(session, &view)?.schema.fields().len();
    if !view.columns.is_empty() && view.columns.len() != columns {
        let message = format!("the view names {} columns, its query has {columns}", view.columns.len());
        return Err(SqlError::new("E0204", message).at(name.span).into());
    }
    Ok(Arc::new(view))
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
