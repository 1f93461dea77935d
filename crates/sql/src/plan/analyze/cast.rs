//! Casts as Flink means them, and whole numbers that do not wrap. Texts of times, numbers and booleans are Java's, and a wall clock becomes an
//! instant by the session's zone; DataFusion's casts know neither. What both mean alike stays a cast.

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator};

use crate::functions::{cast_function, checked};
use crate::plan::Settings;

/// The plan with every cast that Flink means otherwise as a call.
pub(super) fn as_in_flink(plan: LogicalPlan, settings: &Settings) -> Result<LogicalPlan> {
    let plan = plan.transform_up_with_subqueries(|plan| {
        let schema = merge_schema(&plan.inputs());
        let names = NamePreserver::new(&plan);
        let plan = plan.map_expressions(|expr| {
            let name = names.save(&expr);
            Ok(expression(expr, &schema, settings)?.update_data(|expr| name.restore(expr)))
        })?;
        if plan.transformed { plan.map_data(LogicalPlan::recompute_schema) } else { Ok(plan) }
    });
    Ok(plan?.data)
}

/// Whole numbers first, from the top: the type of a chain of operators is found quickly, that of a chain of
/// calls is not.
fn expression(expr: Expr, schema: &DFSchema, settings: &Settings) -> Result<Transformed<Expr>> {
    let expr = expr.transform_down(|expr| match &expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_arithmetic(*op) => {
            Ok(match checked(*op, &left.get_type(schema)?, &right.get_type(schema)?) {
                Some(operation) => Transformed::yes(operation.call(left.as_ref().clone(), right.as_ref().clone())),
                None => Transformed::no(expr),
            })
        }
        _ => Ok(Transformed::no(expr)),
    })?;
    expr.transform_data(|expr| casts(expr, schema, settings))
}

fn casts(expr: Expr, schema: &DFSchema, settings: &Settings) -> Result<Transformed<Expr>> {
    expr.transform_up(|expr| {
        let (inner, target, lenient) = match &expr {
            Expr::Cast(cast) => (&cast.expr, cast.field.data_type(), false),
            Expr::TryCast(cast) => (&cast.expr, cast.field.data_type(), true),
            _ => return Ok(Transformed::no(expr)),
        };
        let source = inner.get_type(schema)?;
        match cast_function(&source, target, lenient, &settings.zone) {
            Some(function) => {
                let inner = inner.as_ref().clone();
                Ok(Transformed::yes(function.call(vec![inner])))
            }
            None => Ok(Transformed::no(expr)),
        }
    })
}

fn is_arithmetic(op: Operator) -> bool {
    use Operator::{Divide, Minus, Modulo, Multiply, Plus};
    matches!(op, Plus | Minus | Multiply | Divide | Modulo)
}

/// Whether a value of one type may stand in a column of another without a cast in the text, as Flink's
/// `INSERT` allows it.
pub(crate) fn is_implicit(from: &DataType, to: &DataType) -> bool {
    use DataType::{Decimal128, Float32, Float64, Int8, Int16, Int32, Int64, Null, Timestamp};
    let integer = |data_type: &DataType| match data_type {
        Int8 => Some(3),
        Int16 => Some(5),
        Int32 => Some(10),
        Int64 => Some(19),
        _ => None,
    };
    match (from, to) {
        _ if from == to => true,
        (Null, _) => true,
        (Timestamp(_, from), Timestamp(_, to)) => from.is_some() == to.is_some(),
        (Float32, Float64) => true,
        (Decimal128(_, _), Decimal128(_, _)) => true,
        (_, Float32 | Float64) => integer(from).is_some() || matches!(from, Decimal128(_, _)),
        (_, Decimal128(precision, scale)) => {
            integer(from).is_some_and(|digits| digits <= i16::from(*precision) - i16::from(*scale))
        }
        _ => match (integer(from), integer(to)) {
            (Some(from), Some(to)) => from <= to,
            _ => from.equals_datatype(to),
        },
    }
}
