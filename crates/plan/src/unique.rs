//! Which columns tell the rows of a node apart: the primary key of the tap they come from, or what they were grouped or
//! made distinct by. A join with versions needs it, since a version replaces the one before with the same key.

use datafusion::logical_expr::Expr;

use crate::{Graph, NodeId, Op};

impl Graph {
    /// Columns of a node of whose values no two rows have the same at once; `None` if none are known.
    pub fn unique_key(&self, id: NodeId) -> Option<Vec<usize>> {
        let node = self.node(id);
        let below = || self.unique_key(*node.inputs.first()?);
        match &node.op {
            Op::Scan { tap, columns } => {
                let place = |key: &usize| columns.iter().position(|column| column == key);
                tap.primary_key.iter().map(place).collect::<Option<Vec<_>>>().filter(|key| !key.is_empty())
            }
            Op::Normalize { key } => Some(key.clone()),
            // Of each partition one row is there.
            Op::Rank(rank) if rank.first == 1 && rank.last == 1 => Some(rank.partition.clone()),
            Op::GroupAggregate(group) => Some((0..group.keys.len()).collect()),
            Op::Filter(_) | Op::Sort(_) | Op::Limit { .. } | Op::CurrentWatermark => below(),
            Op::Project(exprs) => {
                let input = &self.node(node.inputs[0]).row.schema;
                let place = |key: &usize| exprs.iter().position(|expr| is_column(expr, input.field(*key).name()));
                below()?.iter().map(place).collect()
            }
            _ => None,
        }
    }

    /// Whether rows that change pass a filter on their way from where they begin to change to this node: of an update
    /// then only one half may pass.
    pub fn filters_changes(&self, id: NodeId) -> bool {
        let node = self.node(id);
        match (&node.op, node.inputs.first()) {
            (_, Some(&input)) if self.node(input).row.changes == crate::Changes::Append => false,
            (Op::Filter(_), _) => true,
            (_, Some(&input)) => self.filters_changes(input),
            (_, None) => false,
        }
    }
}

fn is_column(expr: &Expr, name: &str) -> bool {
    match expr {
        Expr::Column(column) => column.name == name,
        Expr::Alias(alias) => is_column(&alias.expr, name),
        _ => false,
    }
}
