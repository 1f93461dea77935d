//! `INSERT INTO`: the query's columns in the order and types of the sink. Only casts that lose nothing are
//! put in silently; a null that the sink forbids ends the run with a sentence instead of a broken table.

use std::sync::Arc;

use arrow::datatypes::Field;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Cast, Expr, LogicalPlan, Projection};
use millstream_plan::{Changes, Graph, Output, Tap, TapChanges, TapColumn, Target};

use super::analyze::{analyze, is_implicit};
use super::lower::Lowering;
use super::provider::Provider;
use super::{Settings, fault, processing_time};
use crate::SqlError;
use crate::catalog::{Catalog, Relation, Table};
use crate::error::Span;
use crate::functions::not_null;
use crate::statement::{ColumnKind, Insert};
use crate::types::SqlType;

/// The graph of an insert.
pub fn plan_insert(catalog: &Catalog, settings: &Settings, insert: &Insert) -> Result<Graph, SqlError> {
    plan_statement_set(catalog, settings, std::slice::from_ref(insert))
}

/// One graph for several inserts, which run as one job.
pub fn plan_statement_set(catalog: &Catalog, settings: &Settings, inserts: &[Insert]) -> Result<Graph, SqlError> {
    let mut graph = Graph::default();
    for insert in inserts {
        add(&mut graph, catalog, settings, insert)?;
    }
    Ok(graph)
}

fn add(graph: &mut Graph, catalog: &Catalog, settings: &Settings, insert: &Insert) -> Result<(), SqlError> {
    let name = &insert.table;
    let table = match catalog.lookup(&name.text, name.span)? {
        Relation::Table(table) => table,
        Relation::View(_) => {
            return Err(
                SqlError::new("E0420", format!("'{}' is a view; only a table takes rows", name.text)).at(name.span)
            );
        }
    };
    let tap = with_options(table, insert);
    let query = Provider::new(catalog, settings).plan(&insert.query)?;
    let plan = aligned(query, table, insert)?;
    let plan = analyze(plan, settings)?;
    processing_time::refuse(&plan, &insert.query)?;
    let names: Vec<String> = tap.physical().into_iter().map(|column| column.name).collect();
    let node = Lowering::new(graph, &name.text).finish(&plan, &names)?;
    takes_changes(&tap, graph.node(node).row.changes, name.span)?;
    graph.outputs.push(Output { node, target: Target::Sink(tap) });
    Ok(())
}

/// The tap with the options of `/*+ OPTIONS(…) */`.
fn with_options(table: &Table, insert: &Insert) -> Arc<Tap> {
    if insert.options.is_empty() {
        return Arc::clone(&table.tap);
    }
    let mut tap = table.tap.as_ref().clone();
    tap.options.extend(insert.options.iter().map(|option| (option.key.clone(), option.value.clone())));
    Arc::new(tap)
}

/// The query as a projection on the sink's physical columns, in their order.
fn aligned(query: LogicalPlan, table: &Table, insert: &Insert) -> Result<LogicalPlan, SqlError> {
    let tap = &table.tap;
    let writable: Vec<usize> = (0..tap.columns.len()).filter(|&column| is_writable(table, column)).collect();
    let targets = targets(tap, &writable, insert)?;
    let place = Span::of(insert.query.as_ref());
    let given = query.schema().fields().len();
    if given != targets.len() {
        let message = format!("the query has {given} columns, '{}' takes {}", tap.name, targets.len());
        let wanted: Vec<&str> = targets.iter().map(|&column| tap.columns[column].name()).collect();
        return Err(SqlError::new("E0421", message).at(place).hint(format!("it takes {}", wanted.join(", "))));
    }
    let mut exprs = Vec::new();
    for (index, column) in tap.columns.iter().enumerate() {
        let TapColumn::Physical(_) = column else { continue };
        let field = column.field();
        let value = match targets.iter().position(|&target| target == index) {
            Some(source) => fitted(&query, source, &field, place)?,
            None if field.is_nullable() || !writable.contains(&index) => null(&field)?,
            None => {
                let message = format!("'{}' of '{}' cannot be null and is not filled", field.name(), tap.name);
                return Err(SqlError::new("E0422", message).at(place));
            }
        };
        exprs.push(value.alias(field.name()));
    }
    Projection::try_new(exprs, Arc::new(query)).map(LogicalPlan::Projection).map_err(fault::from_datafusion)
}

/// Not the computed columns, nor metadata that can only be read.
fn is_writable(table: &Table, column: usize) -> bool {
    let name = table.tap.columns[column].name();
    let draft = table.draft.columns.iter().find(|draft| draft.name.text == name);
    let read_only = draft.is_some_and(|draft| matches!(draft.kind, ColumnKind::Metadata { read_only: true, .. }));
    matches!(table.tap.columns[column], TapColumn::Physical(_)) && !read_only
}

fn targets(tap: &Tap, writable: &[usize], insert: &Insert) -> Result<Vec<usize>, SqlError> {
    if insert.columns.is_empty() {
        return Ok(writable.to_vec());
    }
    let mut targets = Vec::with_capacity(insert.columns.len());
    for name in &insert.columns {
        let names = || writable.iter().map(|&column| tap.columns[column].name());
        let found = tap.column(&name.text).filter(|column| writable.contains(column)).ok_or_else(|| {
            SqlError::new("E0204", format!("'{}' has no column '{}' that can be written", tap.name, name.text))
                .at(name.span)
                .did_you_mean(&name.text, names())
        })?;
        if targets.contains(&found) {
            return Err(SqlError::new("E0421", format!("the column '{}' is named twice", name.text)).at(name.span));
        }
        targets.push(found);
    }
    Ok(targets)
}

/// A column of the query as a column of the sink.
fn fitted(query: &LogicalPlan, source: usize, target: &Field, place: Option<Span>) -> Result<Expr, SqlError> {
    let (from, field) = (query.schema().columns(), query.schema().field(source));
    let expr = Expr::Column(from[source].clone());
    let narrow_literal = is_small_literal(query, source, target);
    if !narrow_literal && !is_implicit(field.data_type(), target.data_type()) {
        let shown = |field: &Field| {
            SqlType::from_arrow(field.data_type(), true)
                .map_or_else(|_| field.data_type().to_string(), |t| t.to_string())
        };
        let (is, wanted) = (shown(field), shown(target));
        let message =
            format!("column {} of the query is {is}, '{}' of the sink is {wanted}", source + 1, target.name());
        return Err(SqlError::new("E0423", message).at(place).hint(format!("write CAST(… AS {wanted})")));
    }
    let expr = match field.data_type() == target.data_type() {
        true => expr,
        false => Expr::Cast(Cast::new(Box::new(expr), target.data_type().clone())),
    };
    Ok(if field.is_nullable() && !target.is_nullable() { not_null(target.name()).call(vec![expr]) } else { expr })
}

/// A whole number that was written out has the type of where it goes.
fn is_small_literal(query: &LogicalPlan, source: usize, target: &Field) -> bool {
    target.data_type().is_numeric() && is_written_out(query, source)
}

/// Whether a column is a whole number in every row, as typed.
fn is_written_out(query: &LogicalPlan, source: usize) -> bool {
    let number = |expr: &Expr| match expr {
        Expr::Literal(value, _) => value.is_null() || matches!(value, ScalarValue::Int64(_)),
        Expr::Negative(inner) => matches!(**inner, Expr::Literal(ScalarValue::Int64(_), _)),
        _ => false,
    };
    match query {
        LogicalPlan::Values(values) => values.values.iter().all(|row| row.get(source).is_some_and(number)),
        LogicalPlan::SubqueryAlias(alias) => is_written_out(&alias.input, source),
        LogicalPlan::Projection(projection) => match projection.expr.get(source).map(|expr| expr.clone().unalias()) {
            Some(Expr::Column(column)) => projection
                .input
                .schema()
                .maybe_index_of_column(&column)
                .is_some_and(|place| is_written_out(&projection.input, place)),
            Some(expr) => number(&expr),
            None => false,
        },
        _ => false,
    }
}

fn null(field: &Field) -> Result<Expr, SqlError> {
    let null = ScalarValue::try_new_null(field.data_type()).map_err(fault::from_datafusion)?;
    Ok(Expr::Literal(null, None))
}

/// Whether the sink can take back rows, if the query does.
fn takes_changes(tap: &Tap, changes: Changes, span: Span) -> Result<(), SqlError> {
    let shows_all = matches!(tap.connector.as_str(), "print" | "blackhole");
    let takes = shows_all || tap.changes != TapChanges::Append || !tap.primary_key.is_empty();
    if changes == Changes::Append || takes {
        return Ok(());
    }
    let message = format!("the query takes rows back (-U, -D), but '{}' only takes new rows", tap.name);
    Err(SqlError::new("E0424", message)
        .at(span)
        .hint("group by a window, so that every result is final")
        .hint("or write to a table with a PRIMARY KEY, or with a format that carries changes (debezium-json)"))
}
