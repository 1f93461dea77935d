//! A call of an aggregate function: which one, over which columns, with which result.

use arrow::datatypes::{DataType, Field};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Expr, ExprSchemable};
use millstream_plan::{AggregateCall, AggregateKind};

use super::place;
use crate::SqlError;
use crate::plan::fault;
use crate::plan::refuse::unsupported;

/// Lowers a call. `column` computes an expression below the aggregation and says where; `global` is an
/// aggregation without keys, whose result may be null even where no argument is.
pub(super) fn lower(
    expr: &Expr,
    field: &Field,
    schema: &DFSchema,
    global: bool,
    column: &mut dyn FnMut(&Expr, &Field) -> Result<usize, SqlError>,
) -> Result<AggregateCall, SqlError> {
    let (function, name) = parts(expr, field)?;
    let params = &function.params;
    if !params.order_by.is_empty() {
        let sentence = format!("{}(… ORDER BY …)", function.func.name().to_uppercase());
        return Err(unsupported("aggregate-order-by", &sentence, place([expr])));
    }
    let (kind, args) = kind(function)?;
    let mut nullable_args = false;
    let mut columns = Vec::with_capacity(args.len());
    for arg in args {
        let (_, argument) = arg.to_field(schema).map_err(fault::from_datafusion)?;
        nullable_args |= argument.is_nullable();
        columns.push(column(arg, &argument)?);
    }
    let filter = match &params.filter {
        Some(filter) => Some(column(filter, &Field::new("filter", DataType::Boolean, true))?),
        None => None,
    };
    let always = global || filter.is_some() || nullable_args || matches!(kind, AggregateKind::Borrowed(_));
    let distinct = params.distinct && !matches!(kind, AggregateKind::Min | AggregateKind::Max);
    Ok(AggregateCall {
        nullable: field.is_nullable() && always,
        data_type: field.data_type().clone(),
        args: columns,
        distinct,
        filter,
        kind,
        name,
    })
}

fn parts<'e>(expr: &'e Expr, field: &Field) -> Result<(&'e AggregateFunction, String), SqlError> {
    match expr {
        Expr::AggregateFunction(function) => Ok((function, field.name().clone())),
        Expr::Alias(alias) => parts(&alias.expr, field),
        other => Err(SqlError::new("E0414", format!("{other} is not an aggregate function"))),
    }
}

fn kind(function: &AggregateFunction) -> Result<(AggregateKind, &[Expr]), SqlError> {
    let args = function.params.args.as_slice();
    let kind = match function.func.name() {
        "count" if counts_rows(function) => return Ok((AggregateKind::Count, &[])),
        "count" => AggregateKind::Count,
        "sum" => AggregateKind::Sum,
        "avg" => AggregateKind::Avg,
        "min" => AggregateKind::Min,
        "max" => AggregateKind::Max,
        "first_value" => AggregateKind::First,
        "last_value" => AggregateKind::Last,
        "single_value" => AggregateKind::Single,
        "listagg" => return listagg(args),
        _ => AggregateKind::Borrowed(function.func.clone()),
    };
    Ok((kind, args))
}

/// `COUNT(*)`, `COUNT(1)`: every row counts.
fn counts_rows(function: &AggregateFunction) -> bool {
    let constant = |arg: &Expr| matches!(arg, Expr::Literal(value, _) if !value.is_null());
    !function.params.distinct && function.params.args.iter().all(constant)
}

fn listagg(args: &[Expr]) -> Result<(AggregateKind, &[Expr]), SqlError> {
    let separator = match args.get(1) {
        None => ",".to_string(),
        Some(Expr::Literal(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)), _)) => text.clone(),
        Some(_) => {
            let error = SqlError::new("E0414", "the separator of LISTAGG must be a text that is written out");
            return Err(error.at(place(args)));
        }
    };
    Ok((AggregateKind::ListAgg { separator }, &args[..1]))
}
