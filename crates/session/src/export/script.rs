//! `millstream export script.sql`: the declarations of a script are made, its inserts become one job.

use std::path::Path;
use std::sync::Arc;

use millstream_sql::statement::Insert;
use millstream_sql::{SqlError, Statement};

use super::{Request, Ways};
use crate::fault::Fault;
use crate::reply::Reply;
use crate::session::Session;
use crate::verbs;

/// Exports a script that stands in the folder `base`.
pub fn export(session: &mut Session, text: &str, base: &Path, folder: &Path, ways: Ways) -> Result<Reply, Fault> {
    let whole: Arc<str> = text.into();
    let mut inserts: Vec<Insert> = Vec::new();
    for span in millstream_sql::split(text) {
        let own = span.text(text);
        let here = |fault: Fault| fault.within(&whole, span.start);
        for statement in millstream_sql::parse(own).map_err(|error| here(error.into()))? {
            let place = statement.span;
            let done = match statement.value {
                Statement::Insert(insert) => take(session, &mut inserts, vec![*insert]),
                Statement::StatementSet(set) => take(session, &mut inserts, set),
                Statement::CreateTable(_) | Statement::CreateView(_) | Statement::Set { .. } | Statement::Tap(_) => {
                    verbs::answer(session, own, statement).map(drop)
                }
                Statement::CreateFunction(draft) => verbs::function::create(session, &draft, base).map(drop),
                _ => {
                    let error =
                        SqlError::new("E0430", "a job only declares tables, views and functions, sets, and inserts");
                    Err(error.hint("questions are asked with: millstream -f FILE").into())
                }
            };
            done.map_err(|fault: Fault| here(fault.or_at(Some(place))))?;
        }
    }
    if inserts.is_empty() {
        return Err(SqlError::new("E0430", "the script inserts nothing").hint("add INSERT INTO … SELECT …").into());
    }
    let catalog = session.catalog.clone();
    super::export(session, Request { inserts, catalog: &catalog, target: folder.to_path_buf(), ways })
}

/// Takes inserts that can be planned, so that what is wrong is told with its place.
fn take(session: &Session, all: &mut Vec<Insert>, new: Vec<Insert>) -> Result<(), Fault> {
    crate::planning::inserts(session, &new)?;
    all.extend(new);
    Ok(())
}
