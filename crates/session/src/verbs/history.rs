//! `UNDO` and `REDO`: the workbook as it was one change before, or after.

use millstream_sql::SqlError;

use crate::fault::Fault;
use crate::reply::Reply;
use crate::session::Session;
use crate::verbs::stage;
use crate::workbook::{Change, Edit};

/// `UNDO`.
pub fn undo(session: &mut Session) -> Result<Reply, Fault> {
    match session.workbook.undo(&mut session.catalog) {
        Some(change) => shown(session, &change, "undone"),
        None => Err(SqlError::new("E0107", "there is nothing to undo").into()),
    }
}

/// `REDO`.
pub fn redo(session: &mut Session) -> Result<Reply, Fault> {
    match session.workbook.redo(&mut session.catalog) {
        Some(change) => shown(session, &change, "done again"),
        None => Err(SqlError::new("E0107", "there is nothing to do again")
            .hint("REDO makes again what UNDO took back last")
            .into()),
    }
}

/// Says what was done, with the preview of what it touched.
fn shown(session: &mut Session, change: &Change, done: &str) -> Result<Reply, Fault> {
    let said = format!("{done}: {}", change.what);
    for edit in &change.edits {
        if let Edit::Table { name, .. } = edit {
            session.samples.forget(name);
        }
    }
    if !session.manner.previews() {
        return Ok(Reply::Text(said));
    }
    let names: Vec<&str> = change.names().collect();
    let step = names.iter().find(|name| session.workbook.step(name).is_some());
    // The change stands, whatever becomes of its preview.
    let preview = match (step, session.workbook.draft().cloned()) {
        (Some(step), _) => stage::changed_step(session, step),
        (None, Some(draft)) if names.is_empty() => stage::of_draft(session, &draft),
        _ => return Ok(Reply::Text(with_dependents(session, said, &names)?)),
    };
    match preview {
        Ok(preview) => {
            session.notes.push(said);
            Ok(Reply::Preview(Box::new(preview)))
        }
        Err(fault) => Ok(Reply::Text(format!("{said} · there is no preview: {}", fault.message))),
    }
}

/// What was done to tables, and how the steps that read them are doing.
fn with_dependents(session: &mut Session, said: String, names: &[&str]) -> Result<String, Fault> {
    let dependents = stage::of_dependents(session, names)?;
    Ok(dependents.iter().fold(said, |said, dependent| said + "\n" + &dependent.line()))
}
