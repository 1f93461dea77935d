//! Top-N and deduplication, which Flink knows by their shape: a filter on the `ROW_NUMBER()` of the query
//! below, or an order with a limit. And rows in order of time.

use arrow::datatypes::{DataType, Field};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::expr::Sort as SortExpr;
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{
    Between, BinaryExpr, Expr, ExprSchemable, Filter, LogicalPlan, Operator, Sort as SortPlan, Window, lit,
};
use millstream_plan::{Changes, Emits, Op, Order, Rank, RowType, Sort};

use super::columns::{self, Columns};
use super::over::function;
use super::rows::{Rows, Slot};
use super::{Lowering, place};
use crate::SqlError;
use crate::plan::fault;
use crate::plan::refuse::unsupported;

/// Row numbers that a filter lets through, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bounds {
    first: u64,
    last: Option<u64>,
}

/// What a rank is made of, resolved to columns of its input.
struct Ranked {
    input: Rows,
    node: millstream_plan::NodeId,
    partition: Vec<usize>,
    order: Vec<Order>,
}

impl Lowering<'_> {
    /// `WHERE rn <= n` over `ROW_NUMBER() OVER (…) AS rn`; `None` if the filter is another.
    pub(super) fn ranked(&mut self, filter: &Filter) -> Result<Option<Rows>, SqlError> {
        let Some((window, picked)) = numbered(&filter.input) else { return Ok(None) };
        let [only] = window.window_expr.as_slice() else { return Ok(None) };
        let called = function(only)?;
        let schema = filter.input.schema();
        let Some(number) = picked.iter().position(|&column| column + 1 == window.schema.fields().len()) else {
            return Ok(None);
        };
        let conditions = split_conjunction(&filter.predicate);
        let bounds: Vec<Option<Bounds>> =
            conditions.iter().map(|condition| bounds(schema, number, condition)).collect();
        if bounds.iter().all(Option::is_none) {
            return Ok(None);
        }
        let at = place([&filter.predicate]);
        if called.fun.name() != "row_number" {
            let name = called.fun.name().to_uppercase();
            return Err(unsupported("top-n", &format!("a Top-N by {name}"), at).hint("write it with ROW_NUMBER"));
        }
        let first = bounds.iter().flatten().map(|bounds| bounds.first).max().unwrap_or(1);
        let Some(last) = bounds.iter().flatten().filter_map(|bounds| bounds.last).min() else {
            return Err(unsupported("top-n", "a Top-N without an upper bound of its row number", at));
        };
        let rest = conditions.iter().zip(&bounds).filter(|(_, bounds)| bounds.is_none());
        let rest = conjunction(rest.map(|(condition, _)| (*condition).clone()));
        let rows = self.top(window, first, last)?;
        let rows = Rows { slots: picked.iter().map(|&column| rows.slots[column]).collect(), ..rows };
        Ok(Some(match rest {
            None => rows,
            Some(rest) => {
                let row = self.row(&rows).clone();
                let predicate = rows.resolve(schema, &row, &rest)?;
                let node = self.add(Op::Filter(predicate), vec![rows.node], row);
                Rows { node, ..rows }
            }
        }))
    }

    /// The rows of a window definition with these numbers, and the number behind their columns.
    fn top(&mut self, window: &Window, first: u64, last: u64) -> Result<Rows, SqlError> {
        let params = &function(&window.window_expr[0])?.params;
        let ranked = self.resolved(&window.input, &params.partition_by, &params.order_by)?;
        let emits = self.emits(&ranked, (first, last));
        let constant = first == last;
        let rows = self.rank(ranked, first, last, !constant, emits)?;
        if !constant {
            return Ok(rows);
        }
        // The number says nothing that is not known: it is put there for whoever asks.
        let row = self.row(&rows).clone();
        let mut columns = Columns::all(&row);
        let place = columns.push(lit(first as i64), &Field::new("rn", DataType::Int64, false), "rn");
        let node = self.project(rows.node, columns);
        let slots = rows.slots.iter().copied().chain([Slot::Column(place)]).collect();
        Ok(Rows { node, slots, ..rows })
    }

    /// Adds the operator. With `number` the row number stands behind the input's columns.
    fn rank(&mut self, ranked: Ranked, first: u64, last: u64, number: bool, emits: Emits) -> Result<Rows, SqlError> {
        let Ranked { input, node, partition, order } = ranked;
        let below = self.graph.node(node).row.clone();
        let width = below.schema.fields().len();
        let own = number.then(|| Field::new("row_number", DataType::Int64, false));
        let fields = below.schema.fields().iter().map(|field| field.as_ref().clone()).chain(own);
        let (times, changes, attached) = match &emits {
            Emits::Changes => (Vec::new(), Changes::Retract, None),
            Emits::Newest => (below.times.clone(), Changes::Retract, None),
            Emits::Earliest { .. } => (below.times.clone(), Changes::Append, input.attached),
            Emits::Window { .. } => (below.times.clone(), Changes::Append, input.attached),
        };
        let edge = columns::row(fields, times, changes);
        let mut slots = input.slots;
        slots.extend(number.then_some(Slot::Column(width)));
        let node = self.add(Op::Rank(Rank { partition, order, first, last, number, emits }), vec![node], edge);
        Ok(Rows { node, slots, pending: None, attached })
    }

    /// When the rows of a rank come out.
    fn emits(&self, ranked: &Ranked, (first, last): (u64, u64)) -> Emits {
        let row = &self.graph.node(ranked.node).row;
        let by_time = match ranked.order.as_slice() {
            [only] if first == 1 && last == 1 && row.is_time(only.column) => Some(*only),
            _ => None,
        };
        let newest = by_time.is_some_and(|order| order.descending);
        let in_partition = |columns: &[usize]| columns.iter().find(|column| ranked.partition.contains(column)).copied();
        if let Some(attached) = &ranked.input.attached
            && row.changes == Changes::Append
            && let (Some(_), Some(end)) = (in_partition(&attached.starts), in_partition(&attached.ends))
        {
            return Emits::Window { end, zone: attached.zone.clone(), newest };
        }
        match by_time {
            Some(order) if row.changes == Changes::Append && !order.descending => {
                Emits::Earliest { time: order.column }
            }
            Some(order) if order.descending => Emits::Newest,
            _ => Emits::Changes,
        }
    }

    /// Partition and order as columns; what is computed for them stands behind the input's columns.
    fn resolved(&mut self, plan: &LogicalPlan, by: &[Expr], order: &[SortExpr]) -> Result<Ranked, SqlError> {
        let input = self.lower(plan)?;
        let input = self.with_window(input);
        let row = self.row(&input).clone();
        let mut columns = Columns::all(&row);
        let mut column = |expr: &Expr| key(&input, plan.schema(), &row, &mut columns, expr);
        let partition = by.iter().map(&mut column).collect::<Result<Vec<_>, _>>()?;
        let order = order.iter().map(|sort| {
            Ok(Order { column: column(&sort.expr)?, descending: !sort.asc, nulls_first: sort.nulls_first })
        });
        let order = order.collect::<Result<Vec<_>, SqlError>>()?;
        let node = if columns.is_identity(&row) { input.node } else { self.project(input.node, columns) };
        Ok(Ranked { input, node, partition, order })
    }

    /// `ORDER BY`: with a limit the first rows in that order, which change; without one only by time.
    pub(super) fn sort(&mut self, sort: &SortPlan) -> Result<Rows, SqlError> {
        let limit = self.limit.take();
        let ranked = self.resolved(&sort.input, &[], &sort.expr)?;
        if let Some((skip, fetch)) = limit {
            let (first, last) = (skip as u64 + 1, (skip as u64).saturating_add(fetch as u64));
            return self.rank(ranked, first, last, false, Emits::Changes);
        }
        let row = self.graph.node(ranked.node).row.clone();
        let at = place(sort.expr.iter().map(|sort| &sort.expr));
        match ranked.order.split_first() {
            Some((first, then)) if row.is_time(first.column) && !first.descending && row.changes == Changes::Append => {
                let op = Op::Sort(Sort { time: first.column, then: then.to_vec() });
                let node = self.add(op, vec![ranked.node], row);
                Ok(Rows { node, pending: None, ..ranked.input })
            }
            _ => Err(unsupported("sort", "ORDER BY in another order than event time ascending", at)
                .hint("add LIMIT n: the first n rows can be kept up to date in any order")),
        }
    }

    /// Drops the row number of a rank that was added last, if nobody asks for it.
    pub(super) fn drop_number(&mut self, input: &Rows, asked: &[Expr], schema: &DFSchema) {
        let node = &mut self.graph.nodes[input.node.0];
        let Op::Rank(rank) = &mut node.op else { return };
        if !rank.number {
            return;
        }
        let number = node.row.schema.fields().len() - 1;
        let asks = |expr: &Expr| {
            let mut columns = expr.column_refs().into_iter().filter_map(|column| schema.index_of_column(column).ok());
            columns.any(|column| input.slots[column] == Slot::Column(number))
        };
        if !asked.iter().any(asks) {
            rank.number = false;
            let fields = node.row.schema.fields().iter().take(number).cloned().collect::<Vec<_>>();
            node.row.schema = std::sync::Arc::new(arrow::datatypes::Schema::new(fields));
        }
    }
}

/// A window definition, and which of its columns a projection of plain columns picks from it.
fn numbered(plan: &LogicalPlan) -> Option<(&Window, Vec<usize>)> {
    match plan {
        LogicalPlan::Window(window) => Some((window, (0..window.schema.fields().len()).collect())),
        LogicalPlan::Projection(projection) => {
            let LogicalPlan::Window(window) = projection.input.as_ref() else { return None };
            let column = |expr: &Expr| match expr {
                Expr::Column(column) => window.schema.index_of_column(column).ok(),
                _ => None,
            };
            Some((window, projection.expr.iter().map(column).collect::<Option<_>>()?))
        }
        _ => None,
    }
}

fn key(input: &Rows, schema: &DFSchema, row: &RowType, columns: &mut Columns, expr: &Expr) -> Result<usize, SqlError> {
    if let Some(slot) = input.plain(schema, expr)? {
        return Ok(slot.column());
    }
    let (_, field) = expr.to_field(schema).map_err(fault::from_datafusion)?;
    Ok(columns.add(input.resolve(schema, row, expr)?, &field))
}

/// What a condition says of the row number; `None` if it speaks of something else.
fn bounds(schema: &DFSchema, number: usize, condition: &Expr) -> Option<Bounds> {
    let is_number = |expr: &Expr| {
        let expr = match expr {
            Expr::Cast(cast) => cast.expr.as_ref(),
            other => other,
        };
        matches!(expr, Expr::Column(column) if schema.index_of_column(column).ok() == Some(number))
    };
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_number(left) => compare(*op, whole(right)?),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_number(right) => compare(op.swap()?, whole(left)?),
        Expr::Between(Between { expr, negated: false, low, high }) if is_number(expr) => {
            let (from, to) = (compare(Operator::GtEq, whole(low)?)?, compare(Operator::LtEq, whole(high)?)?);
            Some(Bounds { first: from.first, last: to.last })
        }
        _ => None,
    }
}

fn compare(op: Operator, value: i64) -> Option<Bounds> {
    let from = |value: i64| Bounds { first: value.max(1) as u64, last: None };
    let to = |value: i64| Bounds { first: 1, last: Some(value.max(0) as u64) };
    Some(match op {
        Operator::Eq => Bounds { first: value.max(1) as u64, last: Some(value.max(0) as u64) },
        Operator::LtEq => to(value),
        Operator::Lt => to(value.saturating_sub(1)),
        Operator::GtEq => from(value),
        Operator::Gt => from(value.saturating_add(1)),
        _ => return None,
    })
}

fn whole(expr: &Expr) -> Option<i64> {
    let Expr::Literal(value, _) = expr else { return None };
    match value.cast_to(&DataType::Int64).ok()? {
        ScalarValue::Int64(whole) => whole,
        _ => None,
    }
}
