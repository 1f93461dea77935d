//! An expression without a query: computed columns, watermarks, and whatever a front end evaluates over
//! rows that it has. It goes the same way as an expression of a query, so it means the same.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::planner::PlannerContext;
use datafusion::sql::sqlparser::ast;

use super::provider::Provider;
use super::source::Columns;
use super::{Settings, analyze, fault, rewrite};
use crate::SqlError;
use crate::catalog::Catalog;

/// Binds an expression to these columns: the result refers to them by name, is coerced and simplified.
/// Functions of rows only; an aggregate is refused.
pub fn bind_expression(schema: &Schema, settings: &Settings, expr: &ast::Expr) -> Result<Expr, SqlError> {
    bind(schema, settings, expr, |expr, _| Ok(expr))
}

/// Binds and lets `adapt` see the expression before it is analysed, with its columns.
pub(super) fn bind(
    schema: &Schema,
    settings: &Settings,
    expr: &ast::Expr,
    adapt: impl FnOnce(Expr, &DFSchema) -> Result<Expr, SqlError>,
) -> Result<Expr, SqlError> {
    let catalog = Catalog::new();
    let provider = Provider::new(&catalog, settings);
    let table: SchemaRef = Arc::new(schema.clone());
    let scan = LogicalPlanBuilder::scan("row", Arc::new(Columns(table)), None).map_err(fault::from_datafusion)?;
    let rewritten = rewrite::expression(expr)?;
    let bound = provider
        .planner()
        .sql_to_expr(rewritten, scan.schema(), &mut PlannerContext::new())
        .map_err(fault::from_datafusion)?;
    let bound = adapt(bound, scan.schema())?;
    let plan = scan.project([bound.alias("value")]).and_then(LogicalPlanBuilder::build);
    let plan = analyze::analyze(plan.map_err(fault::from_datafusion)?, settings)?;
    match plan {
        LogicalPlan::Projection(mut projection) if projection.expr.len() == 1 => {
            unqualified(projection.expr.remove(0).unalias())
        }
        other => match other.schema().columns().first() {
            Some(column) => unqualified(Expr::Column(column.clone())),
            None => Err(SqlError::new("E0401", "the expression has no value")),
        },
    }
}

/// The type of a bound expression over its columns, and whether it can be null.
pub(super) fn type_of(expr: &Expr, schema: &Schema) -> Result<arrow::datatypes::FieldRef, SqlError> {
    let schema = DFSchema::try_from(schema.clone()).map_err(fault::from_datafusion)?;
    expr.to_field(&schema).map(|(_, field)| field).map_err(fault::from_datafusion)
}

/// Binds a call of an aggregate function over these columns; the call, and the type of its result.
pub(super) fn bind_aggregate(
    schema: &Schema,
    settings: &Settings,
    call: &ast::Expr,
) -> Result<(Expr, arrow::datatypes::FieldRef), SqlError> {
    let catalog = Catalog::new();
    let provider = Provider::new(&catalog, settings);
    let table: SchemaRef = Arc::new(schema.clone());
    let scan = LogicalPlanBuilder::scan("row", Arc::new(Columns(table)), None).map_err(fault::from_datafusion)?;
    let bound = provider
        .planner()
        .sql_to_expr(rewrite::expression(call)?, scan.schema(), &mut PlannerContext::new())
        .map_err(fault::from_datafusion)?;
    let plan = scan.aggregate(Vec::<Expr>::new(), [bound]).and_then(LogicalPlanBuilder::build);
    let plan = analyze::analyze(plan.map_err(fault::from_datafusion)?, settings)?;
    let mut found = None;
    let walk = plan.apply(|plan| {
        if let LogicalPlan::Aggregate(aggregate) = plan {
            let call = aggregate.aggr_expr.first().cloned();
            found = call.zip(aggregate.schema.fields().first().cloned());
        }
        Ok(TreeNodeRecursion::Continue)
    });
    walk.map_err(fault::from_datafusion)?;
    let (call, field) = found.ok_or_else(|| SqlError::new("E0414", format!("{call} is not an aggregate function")))?;
    Ok((unqualified(call)?, field))
}

fn unqualified(expr: Expr) -> Result<Expr, SqlError> {
    let expr = expr.transform(|expr| match expr {
        Expr::Column(column) => Ok(Transformed::yes(Expr::Column(Column::new_unqualified(column.name)))),
        other => Ok(Transformed::no(other)),
    });
    expr.map(|expr| expr.data).map_err(fault::from_datafusion)
}
