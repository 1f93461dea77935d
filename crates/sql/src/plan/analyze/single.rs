//! A subquery that stands for a value gives one row at most. Where that is not certain from its text, it is aggregated so
//! that a second row is an error, as in Flink; a join with it would silently give rows twice.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Subquery};

use crate::SqlError;
use crate::functions::single_value;
use crate::plan::fault;

/// Makes every subquery as a value one of a single row.
pub(super) fn values(plan: LogicalPlan) -> Result<LogicalPlan, SqlError> {
    let plan = plan.transform_down_with_subqueries(|plan| {
        plan.map_expressions(|expr| {
            expr.transform_down(|expr| match expr {
                Expr::ScalarSubquery(subquery) if subquery.subquery.max_rows().is_none_or(|rows| rows > 1) => {
                    Ok(Transformed::yes(Expr::ScalarSubquery(single(subquery)?)))
                }
                other => Ok(Transformed::no(other)),
            })
        })
    });
    plan.map(|plan| plan.data).map_err(fault::from_datafusion)
}

fn single(subquery: Subquery) -> Result<Subquery> {
    let rows = LogicalPlanBuilder::from(subquery.subquery.as_ref().clone());
    let column = rows.schema().columns().into_iter().next();
    let value = column.map(|column| single_value().call(vec![Expr::Column(column)]));
    let plan = rows.aggregate(Vec::<Expr>::new(), value)?.build()?;
    Ok(Subquery { subquery: Arc::new(plan), ..subquery })
}
