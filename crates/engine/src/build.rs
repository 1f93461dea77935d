//! From a node of the plan to the operator that does its work. The one place that names them all.

use millstream_plan::{Graph, Node, Op, Window, WindowInput};

use crate::error::{EngineError, Result};
use crate::expression::Expression;
use crate::operator::Operator;
use crate::operators::{GroupAggregateOperator, SessionAggregateOperator, WindowAggregateOperator};
use crate::stage::{Filter, Project, Stage};

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

/// Builds what a node does.
pub fn build(graph: &Graph, node: &Node) -> Result<Work> {
    let input = |port: usize| &graph.node(node.inputs[port]).row;
    let schema = node.row.schema.clone();
    let stage = |stage: Box<dyn Stage>| Ok(Work::Stage(stage));
    let operator = |operator: Box<dyn Operator>| Ok(Work::Operator(operator));
    match &node.op {
        Op::Scan { .. } | Op::Values { .. } => Ok(Work::Scan),
        Op::Filter(condition) => stage(Box::new(Filter::new(Expression::bind(condition, &input(0).schema)?))),
        Op::Project(exprs) => stage(Box::new(Project::new(Expression::bind_all(exprs, &input(0).schema)?, schema))),
        Op::Union => Ok(Work::Union),
        Op::GroupAggregate(plan) => operator(Box::new(GroupAggregateOperator::new(plan, input(0), schema)?)),
        Op::WindowAggregate(plan) => match &plan.input {
            WindowInput::Time { window: Window::Session { .. }, .. } => {
                operator(Box::new(SessionAggregateOperator::new(plan, input(0), schema)?))
            }
            _ => operator(Box::new(WindowAggregateOperator::new(plan, input(0), schema)?)),
        },
        op => Err(EngineError::Compute(format!("the engine cannot run {} yet", op.name()))),
    }
}
