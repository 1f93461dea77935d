//! Statements that declare and remove tables, views and functions, as Flink writes them.

mod function;
mod like;
mod table;
#[cfg(test)]
mod tests;
mod view;

use crate::error::SqlError;
use crate::parse::Cursor;
use crate::statement::{Drop, Statement};

pub use like::apply_like;
pub use table::check;

/// Reads `CREATE …`; says also whether a view's query was written in a foreign spelling.
pub(crate) fn create(cursor: &mut Cursor<'_>) -> Result<(Statement, bool), SqlError> {
    cursor.expect_words(&["CREATE"])?;
    let or_replace = cursor.takes(&["OR", "REPLACE"]);
    let temporary = cursor.takes_word("TEMPORARY") || cursor.takes_word("TEMP");
    if cursor.takes_word("TABLE") {
        return Ok((Statement::CreateTable(Box::new(table::create(cursor, or_replace, temporary)?)), false));
    }
    if cursor.takes_word("VIEW") {
        let (view, foreign) = view::create(cursor, or_replace, temporary)?;
        return Ok((Statement::CreateView(Box::new(view)), foreign));
    }
    if cursor.takes_word("FUNCTION") {
        return Ok((Statement::CreateFunction(Box::new(function::create(cursor, or_replace, temporary)?)), false));
    }
    Err(not_created(cursor))
}

/// Says why this cannot be created.
fn not_created(cursor: &Cursor<'_>) -> SqlError {
    let later = ["SYSTEM", "CATALOG", "DATABASE", "MODEL", "CONNECTION"];
    if let Some(what) = later.iter().find(|what| cursor.sees(&[what])) {
        return SqlError::new("E0501", format!("CREATE {what} is not supported yet")).at(cursor.here());
    }
    if cursor.sees(&["MATERIALIZED"]) {
        let error = SqlError::new("E0501", "materialized views and tables are not supported").at(cursor.here());
        return error.hint("CREATE VIEW names a query, INSERT INTO keeps its rows in a table");
    }
    if let Some(what) = ["STREAM", "SOURCE", "SINK"].iter().find(|what| cursor.sees(&[what])) {
        let error =
            SqlError::new("E0503", format!("CREATE {what} is the spelling of another database")).at(cursor.here());
        return error.hint("the native form is CREATE TABLE name (columns) WITH ('connector' = '…')");
    }
    cursor.unexpected("TABLE, VIEW or FUNCTION")
}

/// Reads `DROP [TEMPORARY] TABLE|VIEW|STEP|FUNCTION [IF EXISTS] name`; a step is a view.
pub(crate) fn drop(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    cursor.expect_words(&["DROP"])?;
    let temporary = cursor.takes_word("TEMPORARY");
    let function = cursor.takes_word("FUNCTION");
    let view = cursor.takes_word("VIEW") || cursor.takes_word("STEP");
    if !function && !view && !cursor.takes_word("TABLE") {
        return Err(cursor.unexpected("TABLE, VIEW, STEP or FUNCTION"));
    }
    let if_exists = cursor.takes(&["IF", "EXISTS"]);
    let name = cursor.path("a name")?;
    Ok(match function {
        true => Statement::DropFunction { name, if_exists },
        false => Statement::Drop(Drop { view, temporary, if_exists, name }),
    })
}
