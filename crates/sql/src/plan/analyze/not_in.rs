//! `x NOT IN (SELECT y …)`: a row passes if no `y` equals its `x`, and for none of them that is unknown. DataFusion flags
//! the anti join for that; here the condition says it, so that every rule behind reads the same.

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, Join, LogicalPlan};

/// Writes the flag into the condition: `x = y IS NOT FALSE` finds a row that keeps the left one out.
pub(super) fn meant(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.transform_up_with_subqueries(|plan| match plan {
        LogicalPlan::Join(join) if join.null_aware => {
            // The comparison stands before what correlates the subquery.
            let mut conditions = join.filter.iter().cloned().flat_map(split_conjunction_owned);
            let compared = conditions.next().map(|first| Expr::IsNotFalse(Box::new(first)));
            let filter = conjunction(compared.into_iter().chain(conditions));
            Ok(Transformed::yes(LogicalPlan::Join(Join { filter, null_aware: false, ..join })))
        }
        other => Ok(Transformed::no(other)),
    });
    Ok(plan?.data)
}
