//! `GROUPING` gives a `BIGINT` in Flink. DataFusion takes it out of the number of the grouping set and casts
//! it to 32 bits; the cast is widened before types are settled.

use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::{Aggregate, Cast, Expr, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

#[derive(Debug)]
pub(super) struct WideGrouping;

impl AnalyzerRule for WideGrouping {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let plan = plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Projection(_) => plan.map_expressions(|expr| expr.transform_up(|expr| Ok(widened(expr)))),
            other => Ok(Transformed::no(other)),
        })?;
        if !plan.transformed {
            return Ok(plan.data);
        }
        plan.data
            .transform_up_with_subqueries(|plan| plan.recompute_schema().map(Transformed::yes))
            .map(|plan| plan.data)
    }

    fn name(&self) -> &str {
        "wide_grouping"
    }
}

fn widened(expr: Expr) -> Transformed<Expr> {
    match expr {
        Expr::Cast(cast) if *cast.field.data_type() == DataType::Int32 && reads_number(&cast.expr) => {
            Transformed::yes(Expr::Cast(Cast::new(cast.expr, DataType::Int64)))
        }
        other => Transformed::no(other),
    }
}

fn reads_number(expr: &Expr) -> bool {
    expr.column_refs().iter().any(|column| column.name == Aggregate::INTERNAL_GROUPING_ID)
}
