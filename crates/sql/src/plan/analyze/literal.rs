//! The types of numbers as written: a whole number is an `INT`, or a `BIGINT` if it is too large for one.
//! DataFusion reads them all as 64 bits, which would make every `v + 1` a `BIGINT`.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};

/// The plan with every literal at its own width.
pub(super) fn retype(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.transform_up_with_subqueries(|plan| match plan {
        LogicalPlan::Limit(_) => Ok(Transformed::no(plan)),
        LogicalPlan::Values(values) => {
            let rows = values.values.into_iter().map(|row| row.into_iter().map(narrowed).collect::<Result<Vec<_>>>());
            let plan = LogicalPlanBuilder::values(rows.collect::<Result<Vec<_>>>()?)?.build()?;
            Ok(Transformed::yes(plan))
        }
        plan => {
            let names = NamePreserver::new(&plan);
            let plan = plan.map_expressions(|expr| {
                let name = names.save(&expr);
                Ok(Transformed::yes(name.restore(narrowed(expr)?)))
            })?;
            plan.map_data(LogicalPlan::recompute_schema)
        }
    });
    Ok(plan?.data)
}

fn narrowed(expr: Expr) -> Result<Expr> {
    let expr = expr.transform_up(|expr| match expr {
        Expr::Literal(ScalarValue::Int64(Some(number)), metadata) => match i32::try_from(number) {
            Ok(number) => Ok(Transformed::yes(Expr::Literal(ScalarValue::Int32(Some(number)), metadata))),
            Err(_) => Ok(Transformed::no(Expr::Literal(ScalarValue::Int64(Some(number)), metadata))),
        },
        other => Ok(Transformed::no(other)),
    });
    Ok(expr?.data)
}
