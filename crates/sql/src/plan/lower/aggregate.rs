//! Aggregations. Whether one is per window is seen from its keys: with both `window_start` and
//! `window_end` among them it emits each window once, when the watermark passes its end; without them its
//! result changes with every row.

use arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::logical_expr::{Aggregate, Distinct, Expr};
use millstream_plan::{AggregateCall, Changes, GroupAggregate, Op, Window, WindowAggregate, WindowInput};

use super::columns::{self, Columns};
use super::grouping::{self, Sets};
use super::rows::{Attached, Pending, Rows, Slot};
use super::{Lowering, call};
use crate::SqlError;
use crate::plan::node::WINDOW_COLUMNS;
use crate::plan::provider::WALL_CLOCK;

/// What a key of an aggregation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Start,
    End,
    Time,
    /// Any other: its place among those.
    Other(usize),
}

/// The keys of an aggregation, sorted out.
struct Keys {
    /// In the order of the plan.
    kinds: Vec<Key>,
    others: Vec<Expr>,
}

impl Keys {
    fn of(rows: &Rows, schema: &DFSchema, exprs: &[Expr]) -> Result<Keys, SqlError> {
        let mut keys = Keys { kinds: Vec::with_capacity(exprs.len()), others: Vec::new() };
        for expr in exprs {
            let attached = |pick: fn(&Attached) -> &Vec<usize>, column: usize| {
                rows.attached.as_ref().is_some_and(|attached| pick(attached).contains(&column))
            };
            let kind = match rows.plain(schema, expr)? {
                Some(Slot::Start) => Key::Start,
                Some(Slot::End) => Key::End,
                Some(Slot::Time) => Key::Time,
                Some(Slot::Column(column)) if attached(|a| &a.starts, column) => Key::Start,
                Some(Slot::Column(column)) if attached(|a| &a.ends, column) => Key::End,
                Some(Slot::Column(column)) if attached(|a| &a.times, column) => Key::Time,
                _ => Key::Other(keys.others.len()),
            };
            if let Key::Other(_) = kind {
                keys.others.push(expr.clone());
            }
            keys.kinds.push(kind);
        }
        Ok(keys)
    }

    /// Whether the window is among them, and in every grouping set.
    fn has_window(&self, sets: Option<&Sets>) -> bool {
        let everywhere = |index: usize| sets.is_none_or(|sets| sets.everywhere(index));
        let has = |wanted: Key| self.kinds.iter().enumerate().any(|(at, kind)| *kind == wanted && everywhere(at));
        has(Key::Start)
            && has(Key::End)
            && (0..self.kinds.len()).all(|at| matches!(self.kinds[at], Key::Other(_)) || everywhere(at))
    }
}

impl Lowering<'_> {
    /// `GROUP BY`, with or without a window.
    pub(super) fn aggregate(&mut self, aggregate: &Aggregate) -> Result<Rows, SqlError> {
        let schema = aggregate.input.schema();
        let sets = grouping::sets(&aggregate.group_expr)?;
        let exprs = sets.as_ref().map_or_else(|| aggregate.group_expr.clone(), |sets| sets.exprs.clone());
        let mut input = self.lower(&aggregate.input)?;
        let mut keys = Keys::of(&input, schema, &exprs)?;
        if input.pending.is_some() && !cuts_itself(&input, schema, &keys, sets.as_ref(), &aggregate.aggr_expr) {
            input = self.with_window(input);
            keys = Keys::of(&input, schema, &exprs)?;
        }
        let windowed = keys.has_window(sets.as_ref());
        if !windowed {
            input.attached = None;
            keys = Keys::of(&input, schema, &exprs)?;
        }
        Grouping { lowering: self, aggregate, input, keys, sets, windowed }.lower()
    }

    /// `SELECT DISTINCT`: an aggregation by every column that computes nothing.
    pub(super) fn distinct(&mut self, distinct: &Distinct) -> Result<Rows, SqlError> {
        let Distinct::All(plan) = distinct else {
            return Err(super::unsupported("distinct-on", "DISTINCT ON", None));
        };
        let input = self.lower(plan)?;
        let input = self.with_window(input);
        let row = self.row(&input).clone();
        let keys: Vec<usize> = input.slots.iter().map(|slot| slot.column()).collect();
        let fields = keys.iter().map(|&key| row.schema.field(key).clone());
        let edge = columns::row(fields, Vec::new(), row.changes);
        let width = keys.len();
        let op = Op::GroupAggregate(GroupAggregate { keys, aggregates: Vec::new() });
        Ok(Rows::whole(self.add(op, vec![input.node], edge), width))
    }
}

/// Whether the aggregation may cut the pending window itself, in slices. A session's keys are those of the
/// aggregation then, so the two must be the same.
fn cuts_itself(input: &Rows, schema: &DFSchema, keys: &Keys, sets: Option<&Sets>, calls: &[Expr]) -> bool {
    let Some(pending) = &input.pending else { return false };
    let reads = |expr: &Expr| input.reads_window(schema, expr);
    if !keys.has_window(sets) || keys.others.iter().any(reads) || calls.iter().any(reads) {
        return false;
    }
    if !matches!(pending.window, Window::Session { .. }) {
        return true;
    }
    let column = |expr: &Expr| match input.plain(schema, expr) {
        Ok(Some(Slot::Column(column))) => Some(column),
        _ => None,
    };
    let Some(mut others) = keys.others.iter().map(column).collect::<Option<Vec<usize>>>() else { return false };
    let mut partition = pending.partition.clone();
    for list in [&mut others, &mut partition] {
        list.sort_unstable();
        list.dedup();
    }
    sets.is_none() && others == partition
}

/// One aggregation on its way into the graph.
struct Grouping<'l, 'g, 'p> {
    lowering: &'l mut Lowering<'g>,
    aggregate: &'p Aggregate,
    input: Rows,
    keys: Keys,
    sets: Option<Sets>,
    windowed: bool,
}

impl Grouping<'_, '_, '_> {
    fn lower(mut self) -> Result<Rows, SqlError> {
        let schema = self.aggregate.input.schema();
        let row = self.lowering.row(&self.input).clone();
        let mut columns = Columns::default();
        let mut keys = Vec::new();
        let mut key_fields = Vec::new();
        for (index, kind) in self.keys.kinds.iter().enumerate() {
            let Key::Other(other) = *kind else { continue };
            let field = self.aggregate.schema.field(index);
            let expr = self.input.resolve(schema, &row, &self.keys.others[other])?;
            keys.push(columns.push(expr, field, field.name()));
            key_fields.push(field.as_ref().clone());
        }
        let first_call = self.aggregate.schema.fields().len() - self.aggregate.aggr_expr.len();
        let mut calls = Vec::with_capacity(self.aggregate.aggr_expr.len());
        for (index, expr) in self.aggregate.aggr_expr.iter().enumerate() {
            let field = self.aggregate.schema.field(first_call + index);
            let mut resolve =
                |expr: &Expr, field: &Field| Ok(columns.add(self.input.resolve(schema, &row, expr)?, field));
            calls.push(call::lower(expr, field, schema, keys.is_empty(), &mut resolve)?);
        }
        let window = match self.windowed {
            true => Some(self.window(&mut columns, &row)?),
            false => None,
        };
        let (source, keys, key_fields) = self.feed(columns, keys, key_fields, &row);
        Ok(self.emit(source, keys, key_fields, calls, window))
    }

    /// Where the windows come from, with its columns kept.
    fn window(&self, columns: &mut Columns, row: &millstream_plan::RowType) -> Result<WindowInput, SqlError> {
        if let Some(pending) = &self.input.pending {
            let checked = if pending.legacy { pending.window.check() } else { pending.window.check_aggregate() };
            checked.map_err(|error| SqlError::new("E0410", error.to_string()).at(pending.place))?;
            let Pending { window, zone, .. } = pending.clone();
            return Ok(WindowInput::Time { window, time: columns.keep(row, pending.time), zone });
        }
        let missing = || SqlError::new("E0411", "the window of these rows has been lost");
        let attached = self.input.attached.as_ref().ok_or_else(missing)?;
        let (start, end) = attached.starts.first().zip(attached.ends.first()).ok_or_else(missing)?;
        Ok(WindowInput::Attached {
            start: columns.keep(row, *start),
            end: columns.keep(row, *end),
            zone: attached.zone.clone(),
        })
    }

    /// The node that feeds the aggregation: the input itself if its columns will do, a projection, or an
    /// expansion into grouping sets.
    fn feed(
        &mut self,
        columns: Columns,
        mut keys: Vec<usize>,
        mut key_fields: Vec<Field>,
        row: &millstream_plan::RowType,
    ) -> (millstream_plan::NodeId, Vec<usize>, Vec<Field>) {
        let Some(sets) = &self.sets else {
            if columns.len() == 0 || columns.is_identity(row) {
                return (self.input.node, keys, key_fields);
            }
            return (self.lowering.project(self.input.node, columns), keys, key_fields);
        };
        let places: Vec<Option<usize>> = self
            .keys
            .kinds
            .iter()
            .map(|kind| match kind {
                Key::Other(other) => Some(keys[*other]),
                _ => None,
            })
            .collect();
        let id = self.aggregate.schema.field(self.keys.kinds.len()).as_ref().clone();
        let (lists, edge) = sets.expand(columns, &places, &id, row.changes);
        keys.push(edge.schema.fields().len() - 1);
        key_fields.push(id);
        (self.lowering.add(Op::Expand(lists), vec![self.input.node], edge), keys, key_fields)
    }

    /// Adds the aggregation and says where the plan's columns stand behind it.
    fn emit(
        self,
        source: millstream_plan::NodeId,
        keys: Vec<usize>,
        key_fields: Vec<Field>,
        calls: Vec<AggregateCall>,
        window: Option<WindowInput>,
    ) -> Rows {
        let (width, count) = (keys.len(), calls.len());
        let start = width + count;
        let results = calls.iter().map(|call| Field::new(&call.name, call.data_type.clone(), call.nullable));
        let mut fields: Vec<Field> = key_fields.into_iter().chain(results).collect();
        let distinct = calls.is_empty();
        let changes = self.lowering.graph.node(source).row.changes;
        let (op, times, changes, attached) = match window {
            Some(input) => {
                let zone = zone(&input);
                fields.extend(window_fields(zone.is_some()));
                let attached = Attached { starts: vec![start], ends: vec![start + 1], times: vec![start + 2], zone };
                let op = Op::WindowAggregate(WindowAggregate { input, keys, aggregates: calls });
                (op, vec![start + 2], Changes::Append, Some(attached))
            }
            None => {
                let changes = if distinct && !keys.is_empty() { changes } else { Changes::Retract };
                (Op::GroupAggregate(GroupAggregate { keys, aggregates: calls }), Vec::new(), changes, None)
            }
        };
        let edge = columns::row(fields, times, changes);
        let node = self.lowering.add(op, vec![source], edge);
        let key = |kind: &Key| match kind {
            Key::Start => Slot::Column(start),
            Key::End => Slot::Column(start + 1),
            Key::Time => Slot::Column(start + 2),
            Key::Other(other) => Slot::Column(*other),
        };
        let mut slots: Vec<Slot> = self.keys.kinds.iter().map(key).collect();
        if self.sets.is_some() {
            slots.push(Slot::Column(width - 1));
        }
        slots.extend((width..start).map(Slot::Column));
        Rows { node, slots, pending: None, attached }
    }
}

fn zone(input: &WindowInput) -> Option<String> {
    match input {
        WindowInput::Time { zone, .. } | WindowInput::Attached { zone, .. } => zone.clone(),
    }
}

fn window_fields(instant: bool) -> impl Iterator<Item = Field> {
    let zone = instant.then(|| crate::types::INSTANT_ZONE.into());
    let types = [WALL_CLOCK, WALL_CLOCK, DataType::Timestamp(TimeUnit::Millisecond, zone)];
    WINDOW_COLUMNS.iter().zip(types).map(|(name, data_type)| Field::new(*name, data_type, false))
}
