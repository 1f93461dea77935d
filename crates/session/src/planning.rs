//! The way from a statement to a graph: the session's catalogue and settings, handed to the planner.

use millstream_plan::{Graph, RowType, Tap};
use millstream_sql::parse::ROWTIME;
use millstream_sql::statement::{Insert, TableDraft};
use millstream_sql::types::quoted;
use millstream_sql::{Relation, SqlError, View, ast, declare, plan, reads};

use crate::session::Session;
use crate::tape::Replaying;

/// What the session says of the meaning of queries.
pub fn settings(session: &Session) -> plan::Settings {
    let now = session.replaying.as_ref().map_or_else(|| session.clock.now(), Replaying::begins);
    plan::Settings {
        zone: session.settings.zone_name().to_string(),
        now,
        functions: session.catalog.functions().clone(),
    }
}

/// The graph of a query; its rows go to whoever asked.
pub fn select(session: &Session, query: &ast::Query) -> Result<Graph, SqlError> {
    plan::plan_query(&session.catalog, &settings(session), query)
}

/// The graph of a step; its operators carry its name.
pub fn step(session: &Session, name: &str, query: &ast::Query) -> Result<Graph, SqlError> {
    let graph = plan::plan_step(&session.catalog, &settings(session), name, query);
    // The places in a step's text say nothing in the text of whoever speaks of it.
    graph.map_err(|error| SqlError { span: None, ..error })
}

/// One graph of several inserts.
pub fn inserts(session: &Session, inserts: &[Insert]) -> Result<Graph, SqlError> {
    plan::plan_statement_set(&session.catalog, &settings(session), inserts)
}

/// The tap that a declaration describes.
pub fn tap(session: &Session, draft: &TableDraft) -> Result<Tap, SqlError> {
    plan::resolve_table(draft, &settings(session))
}

/// A query in Flink's words, with the event-time column of its table where another dialect names none.
pub fn with_rowtime(session: &Session, native: &str) -> String {
    let written = format!("`{ROWTIME}`");
    if !native.contains(&written) {
        return native.to_string();
    }
    let mut open: Vec<String> =
        millstream_sql::query(native).map(|query| reads(&query)).into_iter().flatten().collect();
    let mut seen = Vec::new();
    while let Some(name) = open.pop() {
        match session.catalog.get(&name) {
            Some(Relation::Table(table)) => {
                if let Some(watermark) = &table.tap.watermark {
                    return native.replace(&written, &quoted(table.tap.columns[watermark.column].name()));
                }
            }
            Some(Relation::View(view)) if !seen.contains(&name) => {
                open.extend(reads(&view.query));
                seen.push(name);
            }
            _ => {}
        }
    }
    native.to_string()
}

/// The rows of a view, under its own names of columns.
pub fn view(session: &Session, view: &View) -> Result<RowType, SqlError> {
    declare::view_row(&session.catalog, &settings(session), view)
}
