//! `OVER` in order of event time. The functions of one window definition become one operator.

use arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{AggregateFunction, Sort, WindowFunction};
use datafusion::logical_expr::{
    Expr, ExprSchemable, Window, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowFunctionDefinition,
};
use millstream_plan::{AggregateCall, AggregateKind, Changes, Frame, Op, Over, OverCall, Reads, RowType};

use super::columns::{self, Columns};
use super::rows::{Rows, Slot};
use super::{Lowering, call, place};
use crate::SqlError;
use crate::plan::fault;
use crate::plan::refuse::unsupported;

impl Lowering<'_> {
    /// Functions `OVER (PARTITION BY … ORDER BY time …)`.
    pub(super) fn over(&mut self, window: &Window) -> Result<Rows, SqlError> {
        let input = self.lower(&window.input)?;
        let input = self.with_window(input);
        let row = self.row(&input).clone();
        let schema = window.input.schema();
        let functions = window.window_expr.iter().map(function).collect::<Result<Vec<_>, _>>()?;
        let definition = definition(&functions)?;
        if row.changes == Changes::Retract {
            return Err(unsupported("over-changes", "OVER over rows that are taken back", place(&window.window_expr)));
        }
        let mut columns = Columns::all(&row);
        let time = self.time_order(&input, schema, &row, &definition.params.order_by)?;
        let mut column = |expr: &Expr, field: &Field| Ok(columns.add(input.resolve(schema, &row, expr)?, field));
        let mut partition = Vec::new();
        for expr in &definition.params.partition_by {
            let (_, field) = expr.to_field(schema.as_ref()).map_err(fault::from_datafusion)?;
            partition.push(column(expr, &field)?);
        }
        let width = schema.fields().len();
        let mut calls = Vec::with_capacity(functions.len());
        for (index, function) in functions.iter().enumerate() {
            let field = window.schema.field(width + index);
            calls.push(over_call(function, &window.window_expr[index], field, schema, &mut column)?);
        }
        let frame = frame(definition, &calls)?;
        let node = if columns.is_identity(&row) { input.node } else { self.project(input.node, columns) };
        let below = self.graph.node(node).row.clone();
        let results =
            calls.iter().map(|over| Field::new(&over.call.name, over.call.data_type.clone(), over.call.nullable));
        let fields = below.schema.fields().iter().map(|field| field.as_ref().clone()).chain(results);
        let edge = columns::row(fields, below.times.clone(), Changes::Append);
        let first = below.schema.fields().len();
        let slots = input.slots.iter().copied().chain((first..first + calls.len()).map(Slot::Column)).collect();
        let node = self.add(Op::Over(Over { partition, time, frame, calls }), vec![node], edge);
        Ok(Rows { node, slots, pending: None, attached: input.attached })
    }

    /// The event-time column by which rows are ordered, ascending.
    fn time_order(
        &self,
        input: &Rows,
        schema: &datafusion::common::DFSchema,
        row: &RowType,
        order: &[Sort],
    ) -> Result<usize, SqlError> {
        let at = place(order.iter().map(|sort| &sort.expr));
        let [only] = order else {
            return Err(unsupported("over", "OVER without ORDER BY one event-time column", at));
        };
        match input.plain(schema, &only.expr)? {
            Some(slot) if only.asc && row.is_time(slot.column()) => Ok(slot.column()),
            _ => Err(unsupported("over", "OVER in another order than event time ascending", at)
                .hint("a Top-N may have any order: WHERE rn <= n around a query with ROW_NUMBER() OVER (…) AS rn")),
        }
    }
}

/// The window function in an expression.
pub(super) fn function(expr: &Expr) -> Result<&WindowFunction, SqlError> {
    match expr {
        Expr::WindowFunction(function) => Ok(function),
        Expr::Alias(alias) => function(&alias.expr),
        other => Err(SqlError::new("E0414", format!("{other} is not a window function"))),
    }
}

/// The one definition that all functions have.
fn definition<'f>(functions: &[&'f WindowFunction]) -> Result<&'f WindowFunction, SqlError> {
    let first = functions.first().ok_or_else(|| SqlError::new("E0414", "OVER without a function"))?;
    let frames = |function: &&WindowFunction| !is_numbering(function);
    let framed = functions.iter().find(|function| frames(function)).unwrap_or(first);
    let same = |other: &&WindowFunction| {
        let (ours, theirs) = (&framed.params, &other.params);
        let ordered = ours.partition_by == theirs.partition_by && ours.order_by == theirs.order_by;
        ordered && (!frames(other) || ours.window_frame == theirs.window_frame)
    };
    if functions.iter().all(same) {
        return Ok(framed);
    }
    let at = place(functions.iter().flat_map(|function| &function.params.args));
    Err(unsupported("over", "more than one window definition in one SELECT", at)
        .hint("compute the second one in a query around the first"))
}

fn is_numbering(function: &WindowFunction) -> bool {
    matches!(function.fun.name(), "row_number" | "rank" | "dense_rank")
}

fn frame(function: &WindowFunction, calls: &[OverCall]) -> Result<Frame, SqlError> {
    let WindowFrame { units, start_bound, end_bound, .. } = &function.params.window_frame;
    let at = place(&function.params.args);
    if is_numbering(function) || function.fun.name() == "lag" {
        return Ok(if calls.iter().all(|call| call.reads == Reads::Row) {
            Frame::Rows(None)
        } else {
            Frame::Range(None)
        });
    }
    if *end_bound != WindowFrameBound::CurrentRow {
        return Err(unsupported("over", "a frame that does not end at the CURRENT ROW", at));
    }
    let unbounded = matches!(start_bound, WindowFrameBound::Preceding(value) if value.is_null());
    match (units, start_bound) {
        (WindowFrameUnits::Rows, _) if unbounded => Ok(Frame::Rows(None)),
        (WindowFrameUnits::Range, _) if unbounded => Ok(Frame::Range(None)),
        (WindowFrameUnits::Rows, WindowFrameBound::CurrentRow) => Ok(Frame::Rows(Some(0))),
        (WindowFrameUnits::Range, WindowFrameBound::CurrentRow) => Ok(Frame::Range(Some(0))),
        (WindowFrameUnits::Rows, WindowFrameBound::Preceding(ScalarValue::UInt64(Some(rows)))) => {
            Ok(Frame::Rows(Some(*rows)))
        }
        (WindowFrameUnits::Range, WindowFrameBound::Preceding(value)) => match milliseconds(value) {
            Some(ms) => Ok(Frame::Range(Some(ms))),
            None => Err(unsupported("over", "a RANGE that is not an interval of days to seconds", at)),
        },
        _ => Err(unsupported("over", "this frame", at)),
    }
}

fn milliseconds(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::IntervalMonthDayNano(Some(value)) if value.months == 0 => {
            i64::from(value.days).checked_mul(86_400_000)?.checked_add(value.nanoseconds / 1_000_000)
        }
        ScalarValue::IntervalDayTime(Some(value)) => {
            i64::from(value.days).checked_mul(86_400_000)?.checked_add(i64::from(value.milliseconds))
        }
        _ => None,
    }
}

fn over_call(
    function: &WindowFunction,
    expr: &Expr,
    field: &Field,
    schema: &datafusion::common::DFSchema,
    column: &mut dyn FnMut(&Expr, &Field) -> Result<usize, SqlError>,
) -> Result<OverCall, SqlError> {
    let params = &function.params;
    let reads = match params.window_frame.units {
        WindowFrameUnits::Rows => Reads::Row,
        _ => Reads::Peers,
    };
    match (&function.fun, function.fun.name()) {
        (_, "row_number") => Ok(OverCall { call: rows_call(field), reads: Reads::Row }),
        (_, "rank") => Ok(OverCall { call: rows_call(field), reads: Reads::Rank }),
        (_, "lag") => Ok(OverCall { call: lag(function, field, schema, column)?, reads: Reads::Peers }),
        (WindowFunctionDefinition::AggregateUDF(udf), _) => {
            // COUNT(*) counts rows, so it has no argument.
            #[expect(deprecated, reason = "the planner still writes the star of COUNT(*) in this form")]
            let args = params.args.iter().filter(|arg| !matches!(arg, Expr::Wildcard { .. })).cloned().collect();
            let filter = params.filter.clone();
            let call = AggregateFunction::new_udf(udf.clone(), args, params.distinct, filter, vec![], None);
            let call = call::lower(&Expr::AggregateFunction(call), field, schema, true, column)?;
            Ok(OverCall { call, reads })
        }
        (_, name) => Err(unsupported("over", &format!("{} … OVER", name.to_uppercase()), place([expr]))),
    }
}

/// `COUNT(*)` under the name of a row number.
fn rows_call(field: &Field) -> AggregateCall {
    AggregateCall {
        kind: AggregateKind::Count,
        args: Vec::new(),
        distinct: false,
        filter: None,
        name: field.name().clone(),
        data_type: DataType::Int64,
        nullable: false,
    }
}

fn lag(
    function: &WindowFunction,
    field: &Field,
    schema: &datafusion::common::DFSchema,
    column: &mut dyn FnMut(&Expr, &Field) -> Result<usize, SqlError>,
) -> Result<AggregateCall, SqlError> {
    let args = &function.params.args;
    let offset = match args.get(1) {
        None => Some(1),
        Some(Expr::Literal(value, _)) => value.cast_to(&DataType::Int64).ok().and_then(|value| match value {
            ScalarValue::Int64(Some(offset)) => usize::try_from(offset).ok(),
            _ => None,
        }),
        Some(_) => None,
    };
    let offset = offset.ok_or_else(|| {
        SqlError::new("E0414", "the second argument of LAG must be a whole number that is written out").at(place(args))
    })?;
    let mut columns = Vec::new();
    for arg in args.iter().take(1).chain(args.get(2)) {
        let (_, argument) = arg.to_field(schema).map_err(fault::from_datafusion)?;
        columns.push(column(arg, &argument)?);
    }
    Ok(AggregateCall {
        kind: AggregateKind::Lag { offset },
        args: columns,
        distinct: false,
        filter: None,
        name: field.name().clone(),
        data_type: field.data_type().clone(),
        nullable: true,
    })
}
