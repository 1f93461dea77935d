//! `EXPLAIN`: the graph that would run, from each output back to its taps, what each edge carries, what may
//! go wrong, and how it exports. `EXPLAIN JSON_EXECUTION_PLAN` says the same for machines.

use millstream_plan::{Changes, Edge, Exchange, Explanation, Fingerprint, Graph};
use millstream_sql::SqlError;
use millstream_sql::statement::{Explain, Statement};
use serde_json::{Value, json};

use crate::fault::Fault;
use crate::judge::{badge, warnings};
use crate::planning;
use crate::reply::{Explained, Reply};
use crate::session::Session;

/// `EXPLAIN statement`, `EXPLAIN step`.
pub fn explain(session: &mut Session, explain: &Explain) -> Result<Reply, Fault> {
    let step = explain.step.as_ref().and_then(|name| Some((&name.text, session.workbook.step(&name.text)?)));
    let graph: Graph = match (&explain.statement, step) {
        (_, Some((name, step))) => planning::step(session, name, &step.current().view.query)?,
        (Statement::Query(query), None) => planning::select(session, query)?,
        (Statement::Insert(insert), None) => planning::inserts(session, std::slice::from_ref(&**insert))?,
        (Statement::StatementSet(inserts), None) => planning::inserts(session, inserts)?,
        _ => {
            return Err(SqlError::new("E0401", "EXPLAIN takes a step, a query, an INSERT or a statement set").into());
        }
    };
    let explained = Explained {
        graph: Explanation::of(&graph),
        warnings: warnings(&graph),
        badge: badge(&graph).to_string(),
        fingerprint: Fingerprint::of(&graph).to_string(),
    };
    if explain.details.iter().any(|detail| detail == "JSON_EXECUTION_PLAN") {
        return Ok(Reply::Plan(machine(&explained).to_string()));
    }
    Ok(Reply::Explained(Box::new(explained)))
}

/// The explanation for machines.
fn machine(explained: &Explained) -> Value {
    let edge = |edge: &Edge| {
        json!({
            "from": edge.from,
            "changes": if edge.changes == Changes::Append { "append" } else { "changes" },
            "columns": edge.columns,
            "spread": match &edge.exchange {
                Exchange::Stay => json!("stay"),
                Exchange::One => json!("one place"),
                Exchange::Hash(key) => json!(key.iter().map(|&column| &edge.columns[column]).collect::<Vec<_>>()),
            },
            "times": edge.times,
            "watermarks": edge.watermarks,
        })
    };
    let operators = explained.graph.operators.iter().enumerate().map(|(id, operator)| {
        let inputs: Vec<Value> = operator.inputs.iter().map(edge).collect();
        json!({ "id": id, "uid": operator.uid, "text": operator.text, "inputs": inputs })
    });
    let outputs = explained.graph.outputs.iter().map(|(name, input)| json!({ "name": name, "input": edge(input) }));
    json!({
        "operators": operators.collect::<Vec<_>>(),
        "outputs": outputs.collect::<Vec<_>>(),
        "warnings": explained.warnings,
        "badge": explained.badge,
        "fingerprint": explained.fingerprint,
    })
}
