//! From a node of the plan to the operator that does its work. The one place that names them all.

use std::collections::BTreeSet;
use std::sync::Arc;

use millstream_plan::{Graph, Node, NodeId, Op, Window, WindowInput};

use crate::error::{EngineError, Result};
use crate::expression::Expression;
use crate::operator::Operator;
use crate::operators::{
    CurrentWatermarkOperator, GroupAggregateOperator, IntervalJoinOperator, JoinOperator, LimitOperator,
    MatchRecognizeOperator, NormalizeOperator, OverOperator, SessionAggregateOperator, SessionRowsOperator,
    SortOperator, TableJoinOperator, TemporalJoinOperator, WindowAggregateOperator, WindowJoinOperator, rank,
};
use crate::spill::{Memory, SpillingOperator};
use crate::stage::{AssignWindow, Expand, Filter, Project, Stage, Unnest};

/// What sits in a seat of a lane.
pub enum Work {
    /// Rows enter here.
    Scan,
    /// A step without state.
    Stage(Box<dyn Stage>),
    /// Rows of all inputs, as they come.
    Union,
    /// A step with state.
    Operator(Box<dyn Operator>),
}

/// Builds what a node does; an operator with keys puts state away when memory runs short.
pub fn spilling(graph: &Arc<Graph>, id: NodeId, memory: &Arc<Memory>) -> Result<Work> {
    let node = graph.node(id);
    let has_keys = node.op.partition(0).is_some_and(|key| !key.is_empty());
    match build(graph, node)? {
        Work::Operator(_) if has_keys => {
            let inputs: Vec<_> = node.inputs.iter().map(|&input| graph.node(input).row.schema.clone()).collect();
            let shared = graph.clone();
            let make = move || match build(&shared, shared.node(id))? {
                Work::Operator(operator) => Ok(operator),
                _ => Err(EngineError::Compute("an operator with keys has become a stage".into())),
            };
            Ok(Work::Operator(Box::new(SpillingOperator::new(&node.op, &inputs, Box::new(make), memory)?)))
        }
        other => Ok(other),
    }
}

/// Builds what a node does.
pub fn build(graph: &Graph, node: &Node) -> Result<Work> {
    let input = |port: usize| &graph.node(node.inputs[port]).row;
    let schema = node.row.schema.clone();
    let stage = |stage: Box<dyn Stage>| Ok(Work::Stage(stage));
    let operator = |operator: Box<dyn Operator>| Ok(Work::Operator(operator));
    match &node.op {
        Op::Scan { .. } | Op::Values { .. } => Ok(Work::Scan),
        Op::Filter(condition) => stage(Box::new(Filter::new(condition, &input(0).schema)?)),
        Op::Project(exprs) => stage(Box::new(Project::new(Expression::bind_all(exprs, &input(0).schema)?, schema))),
        Op::Expand(lists) => {
            let bind = |list: &Vec<_>| Expression::bind_all(list, &input(0).schema);
            stage(Box::new(Expand::new(lists.iter().map(bind).collect::<Result<_>>()?, schema)))
        }
        Op::Unnest(plan) => stage(Box::new(Unnest::new(plan.clone(), read_columns(graph, node), schema))),
        Op::Union => Ok(Work::Union),
        Op::AssignWindow(plan) => match plan.window {
            Window::Session { gap } => operator(Box::new(SessionRowsOperator::new(plan, gap, input(0), schema)?)),
            _ => stage(Box::new(AssignWindow::new(plan, schema)?)),
        },
        Op::GroupAggregate(plan) => operator(Box::new(GroupAggregateOperator::new(plan, input(0), schema)?)),
        Op::WindowAggregate(plan) => match &plan.input {
            WindowInput::Time { window: Window::Session { .. }, .. } => {
                operator(Box::new(SessionAggregateOperator::new(plan, input(0), schema)?))
            }
            _ => operator(Box::new(WindowAggregateOperator::new(plan, input(0), schema)?)),
        },
        Op::Over(plan) => operator(Box::new(OverOperator::new(plan, input(0), schema)?)),
        Op::Rank(plan) => operator(rank(plan, input(0), schema)?),
        Op::Sort(plan) => operator(Box::new(SortOperator::new(plan, input(0))?)),
        Op::MatchRecognize(plan) => operator(Box::new(MatchRecognizeOperator::new(plan, input(0), schema)?)),
        Op::Normalize { key } => operator(Box::new(NormalizeOperator::new(key, input(0))?)),
        Op::IntervalJoin(plan) => operator(Box::new(IntervalJoinOperator::new(plan, input(0), input(1), schema)?)),
        Op::WindowJoin(plan) => operator(Box::new(WindowJoinOperator::new(plan, input(0), input(1), schema)?)),
        Op::TemporalJoin(plan) => operator(Box::new(TemporalJoinOperator::new(plan, input(0), input(1), schema)?)),
        Op::Join(plan) => operator(Box::new(JoinOperator::new(plan, input(0), input(1), schema)?)),
        Op::TableJoin(plan) => operator(Box::new(TableJoinOperator::new(plan, input(0), input(1), schema)?)),
        Op::CurrentWatermark => operator(Box::new(CurrentWatermarkOperator::new(schema))),
        Op::Limit { skip, fetch } => operator(Box::new(LimitOperator::new(*skip, *fetch, input(0))?)),
    }
}

/// Which of the columns of a node's input are read behind the node, where the input's columns come first in
/// its rows. Only projections and filters are looked at; whatever else reads a column may read all.
fn read_columns(graph: &Graph, node: &Node) -> Vec<bool> {
    let width = graph.node(node.inputs[0]).row.schema.fields().len();
    let found = graph.nodes.iter().position(|other| std::ptr::eq(other, node));
    let mut names = BTreeSet::new();
    let all = found.is_none_or(|id| !collect_reads(graph, NodeId(id), &mut names));
    let fields = node.row.schema.fields().iter().take(width);
    fields.map(|field| all || names.contains(field.name())).collect()
}

/// Adds the names of the columns of a node that are read behind it; false if that cannot be told.
fn collect_reads(graph: &Graph, id: NodeId, names: &mut BTreeSet<String>) -> bool {
    let mut add = |expr: &datafusion::logical_expr::Expr| {
        names.extend(expr.column_refs().into_iter().map(|column| column.name.clone()));
    };
    let mut filters = Vec::new();
    for (reader, _) in graph.readers(id) {
        match &graph.node(reader).op {
            Op::Project(exprs) => exprs.iter().for_each(&mut add),
            Op::Filter(condition) => {
                add(condition);
                filters.push(reader);
            }
            _ => return false,
        }
    }
    !graph.outputs.iter().any(|output| output.node == id)
        && filters.into_iter().all(|filter| collect_reads(graph, filter, names))
}
