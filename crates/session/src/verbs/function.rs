//! `CREATE FUNCTION`, `DROP FUNCTION`.

use std::path::Path;

use millstream_sql::statement::{FunctionDraft, Name};
use millstream_sql::{SqlError, functions};

use crate::fault::Fault;
use crate::functions::of_draft;
use crate::reply::Reply;
use crate::session::Session;
use crate::workbook::{Change, Edit};

/// `CREATE FUNCTION`. A file is looked for in `base`, the folder of the script.
pub fn create(session: &mut Session, draft: &FunctionDraft, base: &Path) -> Result<Reply, Fault> {
    let name = &draft.name;
    if session.user_functions().get(&name.text).is_some() && !draft.or_replace {
        if draft.if_not_exists {
            return Ok(Reply::Text(format!("a function '{}' exists already", name.text)));
        }
        let error = SqlError::new("E0202", format!("a function '{}' exists already", name.text)).at(name.span);
        return Err(error.hint("CREATE OR REPLACE replaces it, IF NOT EXISTS leaves it as it is").into());
    }
    if functions::is_taken(&name.text) {
        let message = format!("SQL has a function {} of its own", name.text.to_uppercase());
        return Err(SqlError::new("E0202", message).at(name.span).into());
    }
    let function = of_draft(session, draft, base)?;
    let adopted = session.adopt(vec![function])?;
    let said: Vec<String> = adopted.iter().map(ToString::to_string).collect();
    Ok(Reply::Text(said.join("\n")))
}

/// `DROP FUNCTION`. Queries that run keep it.
pub fn drop(session: &mut Session, name: &Name, if_exists: bool) -> Result<Reply, Fault> {
    if if_exists && session.user_functions().get(&name.text).is_none() {
        return Ok(Reply::Text(format!("there is no function '{}'", name.text)));
    }
    let before = session.user_function(name)?.clone();
    let edits = vec![Edit::Function { name: before.name.clone(), before: Some(before), after: None }];
    let change = Change { what: format!("DROP FUNCTION {}", name.text), edits };
    session.workbook.make(change, &mut session.catalog);
    Ok(Reply::Text(format!("function '{}' is gone", name.text)))
}
