//! `EXPLAIN`: the graph that would run, from each output back to its taps.

use millstream_plan::{Fingerprint, Graph};
use millstream_sql::SqlError;
use millstream_sql::statement::{Explain, Statement};

use crate::fault::Fault;
use crate::planning;
use crate::reply::Reply;
use crate::session::Session;

/// `EXPLAIN statement`.
pub fn explain(session: &mut Session, explain: &Explain) -> Result<Reply, Fault> {
    let graph: Graph = match &explain.statement {
        Statement::Query(query) => planning::select(session, query)?,
        Statement::Insert(insert) => planning::inserts(session, std::slice::from_ref(&**insert))?,
        Statement::StatementSet(inserts) => planning::inserts(session, inserts)?,
        _ => return Err(SqlError::new("E0401", "EXPLAIN takes a query, an INSERT or a statement set").into()),
    };
    Ok(Reply::Plan(format!("{}\nfingerprint {}", graph.to_string().trim_end(), Fingerprint::of(&graph))))
}
