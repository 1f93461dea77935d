//! `EXPORT`: a step and the sink that it is to fill, as a job in a folder.

use crate::error::SqlError;
use crate::parse::{Cursor, look};
use crate::statement::Export;

/// Reads `EXPORT [OR REPLACE] step INTO place [KEYED BY (column, …)] AS JOB 'folder' [FLINK] [VERIFY] [ON tape]`.
pub fn export(cursor: &mut Cursor<'_>) -> Result<Export, SqlError> {
    cursor.expect_words(&["EXPORT"])?;
    let replace = cursor.takes(&["OR", "REPLACE"]);
    let step = cursor.path("the name of a step")?;
    cursor.expect_words(&["INTO"])?;
    let into = look::place(cursor)?;
    let keyed_by = if cursor.takes(&["KEYED", "BY"]) { cursor.names("a column of the key")? } else { Vec::new() };
    cursor.expect_words(&["AS", "JOB"])?;
    let span = cursor.here();
    let folder = cursor.string("a folder in quotes")?;
    let mut export = Export { step, into, keyed_by, folder, span, replace, flink: false, verify: false, tape: None };
    while !cursor.is_done() {
        if !export.flink && cursor.takes_word("FLINK") {
            export.flink = true;
        } else if !export.verify && cursor.takes_word("VERIFY") {
            export.verify = true;
        } else if export.tape.is_none() && cursor.takes_word("ON") {
            export.tape = Some(cursor.path("the name of a tape")?);
        } else {
            return Err(cursor.unexpected("FLINK, VERIFY, ON tape or the end of the statement"));
        }
    }
    Ok(export)
}
