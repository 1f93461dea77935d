//! Which rows of an operator were made of which of its input's rows: worked out from what the operator means,
//! not from how it runs. Rows are compared by their bytes in one order ([`arrow::row`]).

use std::collections::{BTreeMap, HashMap};

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use arrow::row::{RowConverter, Rows, SortField};
use chrono::TimeZone;
use millstream_plan::{
    Frame, Graph, JoinKind, NodeId, Op, Over, TemporalJoin, Window, WindowAggregate, WindowInput, WindowJoin,
};

use super::log::Log;
use crate::fault::Fault;

/// Rows of a log that are looked at.
type Chosen<'a> = (&'a Log, &'a [usize]);
/// A row of the input, and a row that it had a part in.
pub type Pair = (usize, usize);

/// Which of these rows of a node were made of which of these rows of its input.
pub fn edges(
    graph: &Graph,
    node: NodeId,
    port: usize,
    input: Chosen<'_>,
    output: Chosen<'_>,
) -> Result<Vec<Pair>, Fault> {
    let op = &graph.node(node).op;
    let (ins, outs) = (input.0.rows().num_columns(), output.0.rows().num_columns());
    let all: Vec<usize> = (0..ins).collect();
    match op {
        Op::Scan { .. } | Op::Values { .. } => Ok(Vec::new()),
        Op::Project(_) => Ok(in_step(input, output, 1)),
        Op::Expand(lists) => Ok(in_step(input, output, lists.len())),
        Op::AssignWindow(assign) if matches!(assign.window, Window::Session { .. }) => {
            equal(input, output, &all, &all, before)
        }
        // Their rows are those of the input, with columns behind them.
        Op::Filter(_) | Op::Union | Op::Unnest(_) | Op::AssignWindow(_) | Op::CurrentWatermark => {
            equal(input, output, &all, &all, together)
        }
        Op::Rank(_) | Op::Sort(_) | Op::Limit { .. } => equal(input, output, &all, &all, before),
        Op::Normalize { .. } => equal(input, output, &all, &all, before),
        Op::GroupAggregate(aggregate) => {
            let own: Vec<usize> = (0..aggregate.keys.len()).collect();
            equal(input, output, &aggregate.keys, &own, before)
        }
        Op::WindowAggregate(aggregate) => windows(aggregate, input, output),
        Op::Over(over) => frames(over, input, output),
        // Which rows of its partition a match took is not to be seen from outside.
        Op::MatchRecognize(matches) => {
            let own: Vec<usize> = (0..matches.partition.len()).collect();
            equal(input, output, &matches.partition, &own, before)
        }
        Op::IntervalJoin(join) => joined(join.kind, port, ins, outs, input, output),
        Op::WindowJoin(WindowJoin { join, .. })
        | Op::TemporalJoin(TemporalJoin { join, .. })
        | Op::Join(join)
        | Op::TableJoin(join) => joined(join.kind, port, ins, outs, input, output),
    }
}

/// Made by the same record.
fn together(input: u64, output: u64) -> bool {
    input == output
}

/// Made by a record that was there.
fn before(input: u64, output: u64) -> bool {
    input <= output
}

/// Each row of the input became so many rows of the output, one behind the other.
fn in_step((input, ins): Chosen<'_>, (output, outs): Chosen<'_>, each: usize) -> Vec<Pair> {
    let wanted: std::collections::BTreeSet<usize> = outs.iter().copied().collect();
    let pairs = ins.iter().flat_map(|&row| (row * each..(row + 1) * each).map(move |made| (row, made)));
    pairs.filter(|(row, made)| wanted.contains(made) && input.record(*row) == output.record(*made)).collect()
}

/// Rows whose columns are equal, and whose records stand to each other as they should.
fn equal(
    input: Chosen<'_>,
    output: Chosen<'_>,
    of_input: &[usize],
    of_output: &[usize],
    fits: fn(u64, u64) -> bool,
) -> Result<Vec<Pair>, Fault> {
    let groups = Groups::of(input, output, of_input, of_output)?;
    Ok(groups.pairs(|from, to| fits(input.0.record(from), output.0.record(to))))
}

/// Rows of the input and of the output with equal columns.
struct Groups(Vec<(Vec<usize>, Vec<usize>)>);

impl Groups {
    fn of(
        (input, ins): Chosen<'_>,
        (output, outs): Chosen<'_>,
        of_input: &[usize],
        of_output: &[usize],
    ) -> Result<Groups, Fault> {
        if of_input.is_empty() {
            return Ok(Groups(vec![(ins.to_vec(), outs.to_vec())]));
        }
        let columns = |log: &Log, of: &[usize]| of.iter().map(|&column| log.column(column).clone()).collect::<Vec<_>>();
        let (left, right) = (columns(input, of_input), columns(output, of_output));
        // An aggregate may widen its keys; they are compared in the type of the output.
        let left: Vec<ArrayRef> =
            left.iter()
                .zip(&right)
                .map(|(left, right)| {
                    if left.data_type() == right.data_type() { Ok(left.clone()) } else { cast(left, right.data_type()) }
                })
                .collect::<Result<_, _>>()?;
        let fields = right.iter().map(|column| SortField::new(column.data_type().clone())).collect();
        let converter = RowConverter::new(fields)?;
        let (left, right): (Rows, Rows) = (converter.convert_columns(&left)?, converter.convert_columns(&right)?);
        let mut groups: HashMap<&[u8], (Vec<usize>, Vec<usize>)> = HashMap::new();
        for &row in outs {
            groups.entry(right.row(row).data()).or_default().1.push(row);
        }
        for &row in ins {
            if let Some(group) = groups.get_mut(left.row(row).data()) {
                group.0.push(row);
            }
        }
        Ok(Groups(groups.into_values().collect()))
    }

    fn pairs(&self, fits: impl Fn(usize, usize) -> bool) -> Vec<Pair> {
        let mut pairs = Vec::new();
        for (ins, outs) in &self.0 {
            pairs.extend(
                ins.iter()
                    .flat_map(|&from| outs.iter().map(move |&to| (from, to)))
                    .filter(|&(from, to)| fits(from, to)),
            );
        }
        pairs
    }
}

/// Milliseconds, whatever the unit of the column; null where there is none.
fn millis(column: &ArrayRef) -> Result<Int64Array, Fault> {
    let zone = match column.data_type() {
        DataType::Timestamp(_, zone) => zone.clone(),
        _ => None,
    };
    let times = cast(column, &DataType::Timestamp(TimeUnit::Millisecond, zone))?;
    Ok(cast(&times, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
}

/// The same times as a clock in this zone shows them.
fn on_wall(times: Int64Array, zone: Option<&str>) -> Int64Array {
    let Some(zone) = zone.and_then(|zone| zone.parse::<chrono_tz::Tz>().ok()) else { return times };
    let local = |time: i64| match zone.timestamp_millis_opt(time).single() {
        Some(at) => at.naive_local().and_utc().timestamp_millis(),
        None => time,
    };
    times.iter().map(|time| time.map(local)).collect()
}

/// Rows of a window and key, and the rows that lie in it and came in time.
fn windows(aggregate: &WindowAggregate, input: Chosen<'_>, output: Chosen<'_>) -> Result<Vec<Pair>, Fault> {
    let behind = aggregate.keys.len() + aggregate.aggregates.len();
    let own: Vec<usize> = (0..aggregate.keys.len()).collect();
    let in_time = |from: usize, to: usize| {
        let record = input.0.record(from);
        record <= output.0.record(to) && !output.0.is_late(record)
    };
    match &aggregate.input {
        WindowInput::Attached { start, end, .. } => {
            let of_input: Vec<usize> = aggregate.keys.iter().copied().chain([*start, *end]).collect();
            let of_output: Vec<usize> = own.into_iter().chain([behind, behind + 1]).collect();
            Ok(Groups::of(input, output, &of_input, &of_output)?.pairs(in_time))
        }
        WindowInput::Time { time, zone, .. } => {
            let times = on_wall(millis(input.0.column(*time))?, zone.as_deref());
            let (starts, ends) = (millis(output.0.column(behind))?, millis(output.0.column(behind + 1))?);
            let inside = |from: usize, to: usize| {
                times.is_valid(from)
                    && (starts.value(to)..ends.value(to)).contains(&times.value(from))
                    && in_time(from, to)
            };
            Ok(Groups::of(input, output, &aggregate.keys, &own)?.pairs(inside))
        }
    }
}

/// A row of `OVER`, and the rows of its partition that its frame holds.
fn frames(over: &Over, input: Chosen<'_>, output: Chosen<'_>) -> Result<Vec<Pair>, Fault> {
    let (times, own) = (millis(input.0.column(over.time))?, millis(output.0.column(over.time))?);
    let groups = Groups::of(input, output, &over.partition, &over.partition)?;
    let mut by_row: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let inside = |from: usize, to: usize| {
        let (time, at) = (times.value(from), own.value(to));
        let record = input.0.record(from);
        let recent = match over.frame {
            Frame::Range(Some(range)) => time >= at.saturating_sub(range),
            Frame::Range(None) | Frame::Rows(_) => true,
        };
        time <= at && recent && record <= output.0.record(to) && !output.0.is_late(record)
    };
    for (from, to) in groups.pairs(inside) {
        by_row.entry(to).or_default().push(from);
    }
    let last = |(to, mut from): (usize, Vec<usize>)| {
        from.sort_by_key(|&row| (times.value(row), input.0.record(row), row));
        let most = match over.frame {
            Frame::Rows(Some(rows)) => usize::try_from(rows).unwrap_or(usize::MAX).saturating_add(1),
            Frame::Rows(None) | Frame::Range(_) => usize::MAX,
        };
        let first = from.len().saturating_sub(most);
        from.split_off(first).into_iter().map(move |from| (from, to)).collect::<Vec<_>>()
    };
    Ok(by_row.into_iter().flat_map(last).collect())
}

/// A joined row, and the row of one side that it holds.
fn joined(
    kind: JoinKind,
    port: usize,
    ins: usize,
    outs: usize,
    input: Chosen<'_>,
    output: Chosen<'_>,
) -> Result<Vec<Pair>, Fault> {
    let whole = !kind.is_half();
    if port == 1 && !whole {
        // The right side decides and leaves nothing behind in the row.
        return Ok(Vec::new());
    }
    let of_input: Vec<usize> = (0..ins).collect();
    let of_output: Vec<usize> = if port == 0 { (0..ins).collect() } else { (outs - ins..outs).collect() };
    equal(input, output, &of_input, &of_output, before)
}
