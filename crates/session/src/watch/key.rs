//! Which columns of a result tell its rows apart: the keys of the aggregation, ranking or table that they come from,
//! followed to where they stand in the result.

use datafusion::logical_expr::Expr;
use millstream_plan::{Graph, NodeId, Op, TapChanges};

/// The key columns of what a node gives; none where no operator says.
pub fn of(graph: &Graph, id: NodeId) -> Vec<usize> {
    let node = graph.node(id);
    let below = || node.inputs.first().map(|input| of(graph, *input)).unwrap_or_default();
    match &node.op {
        Op::GroupAggregate(group) => (0..group.keys.len()).collect(),
        Op::WindowAggregate(aggregate) => {
            let (keys, calls) = (aggregate.keys.len(), aggregate.aggregates.len());
            (0..keys).chain([keys + calls, keys + calls + 1]).collect()
        }
        Op::Normalize { key } => key.clone(),
        Op::Scan { tap, columns } if tap.changes != TapChanges::Append => {
            let place = |key: &usize| columns.iter().position(|column| column == key);
            tap.primary_key.iter().map(place).collect::<Option<_>>().unwrap_or_default()
        }
        Op::Filter(_) | Op::Sort(_) | Op::CurrentWatermark | Op::Limit { .. } => below(),
        Op::Project(list) => {
            let key = below();
            let schema = &graph.node(node.inputs[0]).row.schema;
            let shown = |column: &usize| list.iter().position(|expr| plain(expr) == Some(schema.field(*column).name()));
            // A key of which a part is not shown tells nothing apart; what is left of it still tells most.
            key.iter().filter_map(shown).collect()
        }
        _ => Vec::new(),
    }
}

/// The name of the column that an expression only passes on.
fn plain(expr: &Expr) -> Option<&String> {
    match expr {
        Expr::Column(column) => Some(&column.name),
        Expr::Alias(alias) => plain(&alias.expr),
        _ => None,
    }
}
