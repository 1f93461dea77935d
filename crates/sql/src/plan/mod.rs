//! From the tree of a query to a graph of operators. DataFusion reads the tree, types it and moves filters
//! and columns; what is Flink's (windows, casts, arithmetic, lateral lists) is put in before, and the
//! lowering finds an operator for each relation, or refuses with the place in the text.

mod analyze;
mod bind;
mod bounded;
mod expression;
mod fault;
mod hinted;
mod insert;
mod json;
mod lower;
mod names;
mod node;
mod pattern;
mod processing_time;
mod provider;
mod refuse;
mod relation;
mod rewrite;
mod settings;
mod source;
mod table;

use datafusion::sql::sqlparser::ast;
use millstream_plan::{Graph, Output, Target};

pub use self::bind::bind_expression;
pub use self::bounded::is_bounded;
pub use self::insert::{plan_insert, plan_statement_set};
pub use self::refuse::{NOT_SUPPORTED, construct};
pub(crate) use self::rewrite::call;
pub use self::settings::Settings;
pub use self::table::resolve_table;

use self::lower::Lowering;
use self::provider::Provider;
use crate::SqlError;
use crate::catalog::Catalog;

/// The name under which the nodes of a query without a name keep their state.
const QUERY: &str = "query";

/// The graph of a query whose rows go to whoever asked.
pub fn plan_query(catalog: &Catalog, settings: &Settings, query: &ast::Query) -> Result<Graph, SqlError> {
    plan_step(catalog, settings, QUERY, query)
}

/// The same of a step, whose name its operators carry in their uids.
pub fn plan_step(catalog: &Catalog, settings: &Settings, step: &str, query: &ast::Query) -> Result<Graph, SqlError> {
    let provider = Provider::new(catalog, settings);
    let plan = provider.plan(query)?;
    let names = names::of(&plan);
    let plan = analyze::analyze(plan, settings)?;
    processing_time::refuse(&plan, query)?;
    let mut graph = Graph::default();
    let node = Lowering::new(&mut graph, step).finish(&plan, &names)?;
    graph.outputs.push(Output { node, target: Target::Result });
    Ok(graph)
}

#[cfg(test)]
mod tests;
