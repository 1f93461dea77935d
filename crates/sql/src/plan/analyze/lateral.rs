//! `left CROSS JOIN UNNEST(left.list) AS t(x)` as one relation over the left side. DataFusion plans it as a
//! join with a correlated subquery; the two meet here, before any rule looks at columns.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchemaRef, DataFusionError, JoinType, Result, ScalarValue};
use datafusion::logical_expr::expr_rewriter::strip_outer_reference;
use datafusion::logical_expr::{Expr, Filter, LogicalPlan, LogicalPlanBuilder};

use crate::SqlError;
use crate::plan::fault::{self, outside};
use crate::plan::node::{LateralList, UnnestNode};
use crate::plan::refuse::unsupported;

/// Joins every lateral list with its rows.
pub(super) fn join(plan: LogicalPlan) -> Result<LogicalPlan, SqlError> {
    plan.transform_up_with_subqueries(|plan| match plan {
        LogicalPlan::Join(join) if list_of(&join.right).is_some() => {
            let on = join.filter.clone().filter(|filter| !is_true(filter));
            unfolded(&join.left, &join.right, join.join_type, on).map(Transformed::yes)
        }
        other => Ok(Transformed::no(other)),
    })
    .and_then(|plan| alone(plan.data))
    .map_err(fault::from_datafusion)
}

/// A list that nobody joined: `SELECT * FROM UNNEST(ARRAY[1, 2])`.
fn alone(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.transform_down_with_subqueries(|plan| match &plan {
        LogicalPlan::Extension(extension) => match extension.node.as_any().downcast_ref::<LateralList>() {
            Some(list) if list.list.any_column_refs() || list.list.contains_outer() => {
                Err(outside(unsupported("lateral", "a lateral list in this place", None)))
            }
            Some(list) => {
                let one_row = LogicalPlanBuilder::empty(true).build()?;
                let element = Arc::clone(plan.schema());
                UnnestNode::plan(one_row, list.list.clone(), list.ordinality, false, element).map(Transformed::yes)
            }
            None => Ok(Transformed::no(plan)),
        },
        _ => Ok(Transformed::no(plan)),
    });
    Ok(plan?.data)
}

fn unfolded(left: &LogicalPlan, right: &LogicalPlan, kind: JoinType, on: Option<Expr>) -> Result<LogicalPlan> {
    let list = list_of(right).ok_or_else(|| DataFusionError::Internal("the right side is a lateral list".into()))?;
    let outer = match (kind, &on) {
        (JoinType::Inner, _) => false,
        (JoinType::Left, None) => true,
        _ => return Err(outside(unsupported("lateral", "LEFT JOIN UNNEST with a condition other than TRUE", None))),
    };
    let element: DFSchemaRef = Arc::clone(right.schema());
    let plan =
        UnnestNode::plan(left.clone(), strip_outer_reference(list.list.clone()), list.ordinality, outer, element)?;
    match on {
        Some(on) => Ok(LogicalPlan::Filter(Filter::try_new(on, Arc::new(plan))?)),
        None => Ok(plan),
    }
}

fn is_true(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(ScalarValue::Boolean(Some(true)), _))
}

/// The lateral list below aliases that only rename its columns in order.
fn list_of(plan: &LogicalPlan) -> Option<&LateralList> {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => list_of(&alias.input),
        LogicalPlan::Subquery(subquery) => list_of(&subquery.subquery),
        LogicalPlan::Projection(projection) => {
            let in_order = projection.expr.iter().zip(projection.input.schema().columns()).all(|(expr, column)| {
                let inner = expr.clone().unalias();
                matches!(inner, Expr::Column(found) if found == column)
            });
            let whole = projection.expr.len() == projection.input.schema().fields().len();
            (in_order && whole).then(|| list_of(&projection.input))?
        }
        LogicalPlan::Extension(extension) => extension.node.as_any().downcast_ref::<LateralList>(),
        _ => None,
    }
}
