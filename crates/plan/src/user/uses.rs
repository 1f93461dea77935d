//! Which functions of users a graph calls: what must be there before it can be planned elsewhere, and what a run
//! that goes on still calls when a function has been replaced.

use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Expr;

use super::scalar::Scalar;
use super::{UserAggregate, UserFunction};
use crate::{AggregateCall, AggregateKind, Graph, Node, Op, Tap, TapColumn, TemporalJoin, WindowJoin};

impl Graph {
    /// The functions of users that it calls, each version once.
    pub fn user_functions(&self) -> Vec<Arc<UserFunction>> {
        let mut found: Vec<Arc<UserFunction>> = Vec::new();
        for function in self.nodes.iter().flat_map(Node::user_functions) {
            if !found.contains(&function) {
                found.push(function);
            }
        }
        found
    }
}

impl Node {
    /// The functions of users that it calls, as often as it does.
    pub fn user_functions(&self) -> Vec<Arc<UserFunction>> {
        let mut found: Vec<Arc<UserFunction>> = Vec::new();
        let mut add = |function: &Arc<UserFunction>| found.push(function.clone());
        match &self.op {
            Op::Filter(condition) => called([condition], &mut add),
            Op::Project(exprs) => called(exprs, &mut add),
            Op::Expand(lists) => called(lists.iter().flatten(), &mut add),
            Op::Values { rows } => called(rows.iter().flatten(), &mut add),
            Op::IntervalJoin(join) => called(&join.residual, &mut add),
            Op::WindowJoin(WindowJoin { join, .. })
            | Op::TemporalJoin(TemporalJoin { join, .. })
            | Op::Join(join)
            | Op::TableJoin(join) => called(&join.residual, &mut add),
            Op::GroupAggregate(group) => grouped(&group.aggregates, &mut add),
            Op::WindowAggregate(window) => grouped(&window.aggregates, &mut add),
            Op::Over(over) => over.calls.iter().for_each(|call| grouped([&call.call], &mut add)),
            Op::MatchRecognize(matches) => {
                called(matches.exprs(), &mut add);
                matches.aggregates().for_each(|call| grouped([call], &mut add));
            }
            Op::Scan { tap, .. } => called(computed(tap), &mut add),
            Op::Unnest(_)
            | Op::Union
            | Op::AssignWindow(_)
            | Op::Rank(_)
            | Op::Sort(_)
            | Op::Normalize { .. }
            | Op::CurrentWatermark
            | Op::Limit { .. } => {}
        }
        found
    }
}

fn computed(tap: &Tap) -> impl Iterator<Item = &Expr> {
    tap.columns.iter().filter_map(|column| match column {
        TapColumn::Computed(column) => Some(&column.expr),
        TapColumn::Physical(_) => None,
    })
}

fn called<'e>(exprs: impl IntoIterator<Item = &'e Expr>, add: &mut impl FnMut(&Arc<UserFunction>)) {
    for expr in exprs {
        let walked = expr.apply(|expr| {
            if let Expr::ScalarFunction(call) = expr
                && let Some(own) = call.func.inner().downcast_ref::<Scalar>()
            {
                add(own.function());
            }
            Ok(TreeNodeRecursion::Continue)
        });
        walked.expect("looking at an expression cannot fail");
    }
}

fn grouped<'c>(calls: impl IntoIterator<Item = &'c AggregateCall>, add: &mut impl FnMut(&Arc<UserFunction>)) {
    let functions = calls.into_iter().filter_map(|call| match &call.kind {
        AggregateKind::Borrowed(function) => UserAggregate::of(function),
        _ => None,
    });
    functions.for_each(add);
}
