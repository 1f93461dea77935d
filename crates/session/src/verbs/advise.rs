//! `ADVISE WATERMARK`: what each bound would cost, over the sample that is kept of a table: how many rows
//! it leaves late, and by how much it holds results back.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit, TimestampMillisecondType};
use datafusion::common::DFSchema;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::physical_expr::create_physical_expr;
use millstream_plan::{Tap, TapColumn, Watermark};
use millstream_record::{PartitionId, Poll, Scan};
use millstream_sql::statement::Name;
use millstream_sql::{Relation, SqlError};

use crate::fault::{Class, Fault};
use crate::infer::{self, Disorder, ROUND, duration};
use crate::reply::Reply;
use crate::session::Session;
use crate::strings::table;

/// `ADVISE WATERMARK table`.
pub fn watermark(session: &Session, name: &Name) -> Result<Reply, Fault> {
    let tap = match session.catalog.lookup(&name.text, name.span)? {
        Relation::Table(table) => table.tap.clone(),
        Relation::View(_) => {
            let message = format!("'{}' is a view; watermarks belong to tables", name.text);
            return Err(SqlError::new("E0201", message).at(name.span).into());
        }
    };
    let Some(watermark) = &tap.watermark else {
        let error =
            SqlError::new("E0301", format!("table '{}' has no event time to advise on", name.text)).at(name.span);
        return Err(error.hint("declare one: WATERMARK FOR ts AS ts - INTERVAL '1' SECOND; or TAP the topic").into());
    };
    let kept = session.sample_of(&tap)?;
    let (mut times, mut now) = (Vec::new(), None);
    let rows = match kept.rows() {
        Some(rows) => rows.iter().map(|(part, rows)| Ok((part.clone(), with_computed(&tap, rows)?))).collect(),
        None => decoded(session, &tap),
    };
    for (partition, rows) in rows? {
        let time = millis(rows.column(watermark.column))?;
        now = now.or(bound(&tap, watermark, &rows, &time)?);
        times.push((partition, time));
    }
    Ok(advice(&infer::disorder(kept.records().unwrap_or(&Arc::default()), &times), now))
}

/// All columns of the sampled rows, computed ones included, a piece for each partition.
fn decoded(session: &Session, tap: &Arc<Tap>) -> Result<Vec<(PartitionId, RecordBatch)>, Fault> {
    let source = session.sample_of(tap)?.source(session, tap)?;
    let columns = (0..source.schema().fields().len()).collect();
    let mut reader = source.open(Scan { columns, resume: None, batch_rows: usize::MAX, stop: session.stop.clone() })?;
    let mut parts = Vec::new();
    loop {
        match reader.poll(Duration::ZERO)? {
            Poll::Rows(fetched) => parts.push((fetched.partition, with_computed(tap, &fetched.rows)?)),
            Poll::End => return Ok(parts),
            _ => {}
        }
    }
}

fn with_computed(tap: &Tap, physical: &RecordBatch) -> Result<RecordBatch, Fault> {
    let mut next = physical.columns().iter();
    let mut columns = Vec::with_capacity(tap.columns.len());
    for column in &tap.columns {
        columns.push(match column {
            TapColumn::Physical(_) => next.next().expect("a source has every physical column").clone(),
            TapColumn::Computed(computed) => evaluate(&computed.expr, physical)?,
        });
    }
    Ok(RecordBatch::try_new(tap.schema(), columns)?)
}

fn evaluate(expr: &Expr, rows: &RecordBatch) -> Result<ArrayRef, Fault> {
    let failed = |error: datafusion::error::DataFusionError| Fault::new(Class::Query, "E0601", error.to_string());
    let schema = DFSchema::try_from(rows.schema().as_ref().clone()).map_err(failed)?;
    let physical = create_physical_expr(expr, &schema, &ExecutionProps::new(), &Default::default()).map_err(failed)?;
    physical.evaluate(rows).and_then(|value| value.into_array(rows.num_rows())).map_err(failed)
}

fn millis(column: &ArrayRef) -> Result<ArrayRef, Fault> {
    Ok(cast(column, &DataType::Timestamp(TimeUnit::Millisecond, None))?)
}

/// How far the declared watermark is behind the row that carries it, if that is the same for all rows.
fn bound(tap: &Tap, watermark: &Watermark, rows: &RecordBatch, time: &ArrayRef) -> Result<Option<i64>, Fault> {
    let marks = millis(&evaluate(&watermark.expr, &RecordBatch::try_new(tap.schema(), rows.columns().to_vec())?)?)?;
    let (times, marks) =
        (time.as_primitive::<TimestampMillisecondType>(), marks.as_primitive::<TimestampMillisecondType>());
    let mut bounds = times.iter().zip(marks.iter()).filter_map(|(time, mark)| Some(time? - mark?));
    let first = bounds.next();
    Ok(first.filter(|first| bounds.all(|bound| bound == *first)))
}

/// Round bounds up to the first that leaves no row late, and the one that is declared.
fn advice(disorder: &Disorder, now: Option<i64>) -> Reply {
    let proposed = disorder.bound();
    let enough = ROUND.iter().position(|bound| disorder.late(*bound) == 0).map_or(ROUND.len(), |place| place + 1);
    let mut bounds: Vec<i64> =
        [0].into_iter().chain(ROUND[..enough].iter().copied()).chain([proposed]).chain(now).collect();
    bounds.sort_unstable();
    bounds.dedup();
    let note = |bound: &i64| match (Some(*bound) == now, *bound == proposed) {
        (true, true) => Some("declared, advised"),
        (true, false) => Some("declared"),
        (false, true) => Some("advised"),
        (false, false) => None,
    };
    let share = |bound: &i64| disorder.late(*bound) as f64 * 100.0 / disorder.rows.max(1) as f64;
    table([
        ("bound", Arc::new(StringArray::from_iter_values(bounds.iter().map(|bound| duration(*bound)))) as ArrayRef),
        ("rows late", Arc::new(Int64Array::from_iter_values(bounds.iter().map(|bound| disorder.late(*bound) as i64)))),
        ("% late", Arc::new(Float64Array::from_iter_values(bounds.iter().map(share)))),
        ("added latency", Arc::new(StringArray::from_iter_values(bounds.iter().map(|bound| duration(*bound))))),
        ("", Arc::new(StringArray::from_iter(bounds.iter().map(note)))),
    ])
}
