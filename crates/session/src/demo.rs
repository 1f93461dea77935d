//! The demo taps: `demo.bids` and its sisters can be asked without declaring anything. Each is an
//! ordinary table of the connector `demo`, so `SHOW CREATE TABLE demo.bids` shows how one declares it.

use millstream_connect::generate::{Demo, demos};
use millstream_sql::types::{literal, quoted};
use millstream_sql::{SqlError, Statement};

use crate::fault::Fault;
use crate::session::Session;
use crate::verbs;

/// Puts the demo taps into the catalogue.
pub fn register(session: &mut Session) -> Result<(), Fault> {
    for demo in demos() {
        let text = declaration(demo);
        for statement in millstream_sql::parse(&text)? {
            match statement.value {
                Statement::CreateTable(draft) => verbs::create::table(session, *draft)?,
                _ => return Err(SqlError::new("E0101", "a demo is declared by CREATE TABLE").into()),
            };
        }
    }
    Ok(())
}

/// The declaration of a demo tap. It runs at the pace of the clock, from now on.
fn declaration(demo: &Demo) -> String {
    let columns = demo.columns.iter().map(|(name, kind)| format!("  {} {kind}", quoted(name)));
    let columns: Vec<String> = columns.collect();
    format!(
        "CREATE TEMPORARY TABLE {} (\n{},\n  WATERMARK FOR {} AS {}\n) COMMENT {} WITH ('connector' = 'demo', 'topic' = '{}', 'start-time' = 'now')",
        quoted(&demo.name()),
        columns.join(",\n"),
        quoted(demo.time_column),
        demo.watermark,
        literal(demo.doc),
        demo.topic
    )
}
