//! The names of a query's columns as Flink gives them: the alias, the column's or the field's own name, or
//! `EXPR$n` for what was computed without one. A name that stands twice gets a number.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, LogicalPlan};

/// One name per column of the plan.
pub(super) fn of(plan: &LogicalPlan) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in raw(plan) {
        let name = super::lower::unique(&name, |name| names.iter().any(|taken| taken == name));
        names.push(name);
    }
    names
}

fn raw(plan: &LogicalPlan) -> Vec<String> {
    match plan {
        LogicalPlan::Projection(projection) => {
            projection.expr.iter().enumerate().map(|(index, expr)| name(expr, index)).collect()
        }
        LogicalPlan::Filter(filter) => raw(&filter.input),
        LogicalPlan::Limit(limit) => raw(&limit.input),
        LogicalPlan::Sort(sort) => raw(&sort.input),
        LogicalPlan::Distinct(datafusion::logical_expr::Distinct::All(input)) => raw(input),
        LogicalPlan::Union(union) => union.inputs.first().map(|input| raw(input)).unwrap_or_default(),
        other => other.schema().fields().iter().map(|field| field.name().clone()).collect(),
    }
}

fn name(expr: &Expr, index: usize) -> String {
    match expr {
        Expr::Alias(alias) => alias.name.clone(),
        Expr::Column(column) => column.name.clone(),
        Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == "get_field" => match args.last() {
            Some(Expr::Literal(ScalarValue::Utf8(Some(field)), _)) => field.clone(),
            _ => format!("EXPR${index}"),
        },
        _ => format!("EXPR${index}"),
    }
}
