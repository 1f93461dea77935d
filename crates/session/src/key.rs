//! Which columns of a result tell its rows apart: the keys of the aggregation, ranking or table that they come from,
//! followed to where they stand in the result.

use datafusion::logical_expr::Expr;
use millstream_plan::{Graph, NodeId, Op, TapChanges};

/// The columns that tell rows apart, as far as they are known and shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Key {
    /// Their places in the row.
    pub columns: Vec<usize>,
    /// Whether they tell all rows apart. Of a key of which a part is not shown, what is left still tells most.
    pub whole: bool,
}

/// The key of what a node gives; an empty one where no operator says.
pub fn of(graph: &Graph, id: NodeId) -> Key {
    let node = graph.node(id);
    let whole = |columns: Vec<usize>| Key { columns, whole: true };
    match &node.op {
        Op::GroupAggregate(group) => whole((0..group.keys.len()).collect()),
        Op::WindowAggregate(aggregate) => {
            let (keys, calls) = (aggregate.keys.len(), aggregate.aggregates.len());
            whole((0..keys).chain([keys + calls, keys + calls + 1]).collect())
        }
        Op::Normalize { key } => whole(key.clone()),
        Op::Scan { tap, columns } if tap.changes != TapChanges::Append => {
            let place = |key: &usize| columns.iter().position(|column| column == key);
            tap.primary_key.iter().map(place).collect::<Option<_>>().map(whole).unwrap_or_default()
        }
        Op::Filter(_) | Op::Sort(_) | Op::CurrentWatermark | Op::Limit { .. } => {
            node.inputs.first().map(|input| of(graph, *input)).unwrap_or_default()
        }
        Op::Project(list) => {
            let below = of(graph, node.inputs[0]);
            let schema = &graph.node(node.inputs[0]).row.schema;
            shown(&below, list, |column| schema.field(column).name())
        }
        _ => Key::default(),
    }
}

/// What is left of a key behind a projection. Of start and end of a window one is enough.
fn shown<'a>(below: &Key, list: &[Expr], name: impl Fn(usize) -> &'a String) -> Key {
    let place = |column: &usize| list.iter().position(|expr| plain(expr) == Some(name(*column)));
    let (window, others): (Vec<usize>, Vec<usize>) =
        below.columns.iter().copied().partition(|column| name(*column).starts_with("window_"));
    let has = |columns: &[usize]| columns.iter().filter(|column| place(column).is_some()).count();
    let whole = below.whole && has(&others) == others.len() && (window.is_empty() || has(&window) > 0);
    Key { columns: below.columns.iter().filter_map(place).collect(), whole }
}

/// The name of the column that an expression only passes on.
fn plain(expr: &Expr) -> Option<&String> {
    match expr {
        Expr::Column(column) => Some(&column.name),
        Expr::Alias(alias) => plain(&alias.expr),
        _ => None,
    }
}
