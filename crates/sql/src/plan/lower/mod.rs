//! From DataFusion's logical plan to the graph of operators, one file per construct. A relation of the
//! plan becomes a node and a table of slots that says where each of its columns stands on the node's edge:
//! so renaming and picking columns cost nothing, and a window stays a wish until somebody needs its columns.

mod aggregate;
mod call;
mod columns;
mod grouping;
mod interval;
mod join;
mod matches;
mod not_in;
mod over;
mod plain;
mod rank;
mod regular_join;
mod rows;
mod scan;
mod table_join;
mod temporal_join;
mod union;
mod unnest;
mod values;
mod watermark;
mod window;
mod window_join;

use datafusion::logical_expr::{Expr, LogicalPlan};
use millstream_plan::{Graph, NodeId, Op, RowType};

use self::columns::Columns;
pub(super) use self::columns::unique;
pub(super) use self::rows::{Rows, Slot};
use super::node::{MatchNode, TemporalJoinNode, UnnestNode, WindowNode};
use super::refuse::unsupported;
use crate::SqlError;
use crate::error::Span;

/// A graph under construction.
pub(super) struct Lowering<'a> {
    pub(super) graph: &'a mut Graph,
    /// The name under which the nodes keep their state.
    step: &'a str,
    /// `LIMIT` and `OFFSET` above an order that has yet to be lowered: rows to leave out, rows to keep.
    limit: Option<(usize, usize)>,
}

impl<'a> Lowering<'a> {
    /// Adds nodes of `step` to a graph.
    pub(super) fn new(graph: &'a mut Graph, step: &'a str) -> Self {
        Lowering { graph, step, limit: None }
    }

    /// The node whose edge has exactly the plan's columns, in order, under these names.
    pub(super) fn finish(&mut self, plan: &LogicalPlan, names: &[String]) -> Result<NodeId, SqlError> {
        let rows = self.lower(plan)?;
        let rows = self.with_window(rows);
        let row = self.row(&rows);
        let in_place = rows.slots.iter().enumerate().all(|(index, slot)| *slot == Slot::Column(index));
        let named = row.schema.fields().iter().map(|field| field.name()).eq(names.iter());
        if in_place && named {
            return Ok(rows.node);
        }
        let mut columns = Columns::default();
        for (slot, name) in rows.slots.iter().zip(names) {
            columns.push_named(row, slot.column(), name);
        }
        Ok(self.refined(rows.node, columns))
    }

    /// A projection that picks columns of a node. Picked from a projection that was added last, they are
    /// computed there.
    fn refined(&mut self, node: NodeId, columns: Columns) -> NodeId {
        let last = node.0 + 1 == self.graph.nodes.len();
        let Op::Project(below) = &self.graph.node(node).op else { return self.project(node, columns) };
        if !last {
            return self.project(node, columns);
        }
        let fields = self.graph.node(node).row.schema.fields().clone();
        let (picks, row) = columns.into_row(self.graph.node(node).row.changes);
        let source = |pick: &Expr| match pick {
            Expr::Column(column) => {
                fields.iter().position(|field| *field.name() == column.name).map(|at| below[at].clone())
            }
            _ => None,
        };
        let exprs = picks.iter().map(source).collect::<Option<Vec<Expr>>>();
        let top = &mut self.graph.nodes[node.0];
        if let Some(exprs) = exprs {
            top.op = Op::Project(exprs);
            top.row = row;
            return node;
        }
        self.add(Op::Project(picks), vec![node], row)
    }

    fn lower(&mut self, plan: &LogicalPlan) -> Result<Rows, SqlError> {
        match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan),
            LogicalPlan::SubqueryAlias(alias) => self.lower(&alias.input),
            LogicalPlan::Projection(projection) => self.projection(projection),
            LogicalPlan::Filter(filter) => self.filter(filter),
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate),
            LogicalPlan::Distinct(distinct) => self.distinct(distinct),
            LogicalPlan::Join(join) => self.join(join),
            LogicalPlan::Union(union) => self.union(union),
            LogicalPlan::Limit(limit) => self.limit(limit),
            LogicalPlan::EmptyRelation(empty) => Ok(self.one_row(empty.produce_one_row)),
            LogicalPlan::Values(values) => self.values(values),
            LogicalPlan::Extension(extension) => {
                if let Some(window) = extension.node.as_any().downcast_ref::<WindowNode>() {
                    self.window(window)
                } else if let Some(unnest) = extension.node.as_any().downcast_ref::<UnnestNode>() {
                    self.unnest(unnest)
                } else if let Some(node) = TemporalJoinNode::of(plan) {
                    self.temporal_join(node)
                } else if let Some(matches) = extension.node.as_any().downcast_ref::<MatchNode>() {
                    self.matches(matches)
                } else {
                    Err(unsupported("relation", extension.node.name(), None))
                }
            }
            LogicalPlan::Sort(sort) => self.sort(sort),
            LogicalPlan::Window(window) => self.over(window),
            LogicalPlan::RecursiveQuery(_) => Err(unsupported("recursion", "WITH RECURSIVE", None)),
            LogicalPlan::Unnest(_) => Err(unsupported("unnest", "UNNEST in the SELECT list", None)
                .hint("write it behind FROM: CROSS JOIN UNNEST(list) AS t(element)")),
            LogicalPlan::Subquery(_) => Err(unsupported("subquery", "a correlated subquery", None)),
            other => Err(unsupported("relation", &first_word(other), None)),
        }
    }

    fn row(&self, rows: &Rows) -> &RowType {
        &self.graph.node(rows.node).row
    }

    fn add(&mut self, op: Op, inputs: Vec<NodeId>, row: RowType) -> NodeId {
        self.graph.add(op, inputs, row, self.step)
    }

    /// Adds a projection of a node.
    fn project(&mut self, input: NodeId, columns: Columns) -> NodeId {
        let changes = self.graph.node(input).row.changes;
        let (exprs, row) = columns.into_row(changes);
        self.add(Op::Project(exprs), vec![input], row)
    }
}

fn first_word(plan: &LogicalPlan) -> String {
    let text = plan.display().to_string();
    text.split([':', ' ']).next().unwrap_or_default().to_string()
}

/// The first place in the text that an expression remembers.
fn place<'e>(exprs: impl IntoIterator<Item = &'e datafusion::logical_expr::Expr>) -> Option<Span> {
    let columns = exprs.into_iter().flat_map(|expr| expr.column_refs().into_iter().cloned().collect::<Vec<_>>());
    let places = columns.filter_map(|column| column.spans.first().and_then(super::fault::span));
    places.reduce(Span::to)
}
