//! A relation read as of a time: `rates FOR SYSTEM_TIME AS OF o.ts`. In SQL it is the right side of a join, and marked
//! as such until the join is found; then both are one node, because no filter may pass into the right side: a version
//! that is filtered out below the join would let the one before it hold on.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchemaRef, JoinConstraint, JoinType, NullEquality, Result, plan_datafusion_err};
use datafusion::logical_expr::utils::{conjunction, find_valid_equijoin_key_pair, split_conjunction};
use datafusion::logical_expr::{
    BinaryExpr, Expr, Extension, Join, LogicalPlan, Operator, UserDefinedLogicalNodeCore, build_join_schema,
};

use crate::error::Span;

/// A relation whose version at a time is asked for, until the join that asks is found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct VersionedNode {
    pub(crate) input: LogicalPlan,
    /// The time: a column of the left side.
    pub(crate) at: Column,
    /// Where the time stands in the text.
    pub(crate) place: Option<Span>,
}

impl VersionedNode {
    /// The plan of a relation as of a column.
    pub(crate) fn plan(input: LogicalPlan, at: Column, place: Option<Span>) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(VersionedNode { input, at, place }) })
    }

    /// The node that a plan is, if it is one.
    pub(crate) fn of(plan: &LogicalPlan) -> Option<&VersionedNode> {
        match plan {
            LogicalPlan::Extension(extension) => extension.node.as_any().downcast_ref(),
            _ => None,
        }
    }
}

impl PartialOrd for VersionedNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for VersionedNode {
    fn name(&self) -> &str {
        "Versions"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Versions as of {}", self.at)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        let input = inputs.pop().ok_or_else(|| plan_datafusion_err!("versions have one input"))?;
        Ok(VersionedNode { input, ..self.clone() })
    }
}

/// Rows joined with the version of others at their time. Columns out: left ++ right.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TemporalJoinNode {
    pub(crate) left: LogicalPlan,
    pub(crate) right: LogicalPlan,
    /// `Inner` or `Left`.
    pub(crate) kind: JoinType,
    /// The whole condition.
    pub(crate) condition: Expr,
    /// The left side's column with the time; `None` for the time of processing.
    pub(crate) at: Option<Expr>,
    /// Where the time stands in the text.
    pub(crate) place: Option<Span>,
    schema: DFSchemaRef,
}

impl TemporalJoinNode {
    /// The plan of a join of `left` with the versions of `right`.
    pub(crate) fn plan(
        (left, right): (LogicalPlan, LogicalPlan),
        kind: JoinType,
        condition: Expr,
        at: Option<Expr>,
        place: Option<Span>,
    ) -> Result<LogicalPlan> {
        let schema = Arc::new(build_join_schema(left.schema(), right.schema(), &kind)?);
        let node = TemporalJoinNode { left, right, kind, condition, at, place, schema };
        Ok(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
    }

    /// The node that a plan is, if it is one.
    pub(crate) fn of(plan: &LogicalPlan) -> Option<&TemporalJoinNode> {
        match plan {
            LogicalPlan::Extension(extension) => extension.node.as_any().downcast_ref(),
            _ => None,
        }
    }

    /// The same without the time, with its condition taken apart as joins have it.
    pub(crate) fn as_join(&self) -> Result<Join> {
        let (left, right) = (self.left.schema(), self.right.schema());
        let (mut on, mut rest) = (Vec::new(), Vec::new());
        for condition in split_conjunction(&self.condition) {
            let pair = match condition {
                Expr::BinaryExpr(BinaryExpr { left: one, op: Operator::Eq, right: other }) => {
                    find_valid_equijoin_key_pair(one, other, left, right)?
                }
                _ => None,
            };
            match pair {
                Some(pair) => on.push(pair),
                None => rest.push(condition.clone()),
            }
        }
        let sides = (Arc::new(self.left.clone()), Arc::new(self.right.clone()));
        let strict = NullEquality::NullEqualsNothing;
        Join::try_new(sides.0, sides.1, on, conjunction(rest), self.kind, JoinConstraint::On, strict, false)
    }
}

impl PartialOrd for TemporalJoinNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for TemporalJoinNode {
    fn name(&self) -> &str {
        "TemporalJoin"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.left, &self.right]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        std::iter::once(self.condition.clone()).chain(self.at.clone()).collect()
    }

    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        self.schema.fields().iter().map(|field| field.name().clone()).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TemporalJoin {} on {}", self.kind, self.condition)
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let wrong = || plan_datafusion_err!("a join with versions has two inputs and a condition");
        let [left, right] = <[LogicalPlan; 2]>::try_from(inputs).map_err(|_| wrong())?;
        let mut exprs = exprs.into_iter();
        let (condition, at) = (exprs.next().ok_or_else(wrong)?, exprs.next());
        let schema = Arc::new(build_join_schema(left.schema(), right.schema(), &self.kind)?);
        Ok(TemporalJoinNode { left, right, condition, at, schema, ..self.clone() })
    }

    /// What is asked for, and of the right side every time: which of them is its event time shows only later.
    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let width = self.left.schema().fields().len();
        let fields = self.right.schema().fields().iter().enumerate();
        let times = fields.filter(|(_, field)| matches!(field.data_type(), DataType::Timestamp(..)));
        let (left, right): (Vec<usize>, Vec<usize>) = output_columns.iter().partition(|&&column| column < width);
        let mut right: Vec<usize> = right.iter().map(|column| column - width).chain(times.map(|(at, _)| at)).collect();
        right.sort_unstable();
        right.dedup();
        Some(vec![left, right])
    }
}
