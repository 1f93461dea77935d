//! What stands between a reader and the graph: computed columns, event time and the watermark.
//!
//! The watermark of a partition is the highest value of the tap's expression so far; that of the source is
//! the lowest of its partitions. It is evaluated behind every row: the row is passed on first, so no row is
//! ever late because of itself. A row without event time cannot be placed and is set aside; so is
//! one for which a user's function in a computed column fails.

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions};
use arrow::compute::{filter, filter_record_batch, is_not_null, max};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use millstream_plan::{Tap, TapColumn};
use millstream_record::{Batch, Kinds, Millis, Offset, Rejected};

use crate::doors::MAX_FUTURE;
use crate::error::{EngineError, Result};
use crate::expression::Expression;
use crate::time::millis;
use crate::watermark::{Generator, Timing};
use crate::woven::Order;

/// Turns what a reader fetched into batches of the graph.
pub struct Intake {
    /// The physical columns to read: indices into `tap.physical()`.
    physical: Vec<usize>,
    computed: Vec<(Expression, DataType)>,
    /// All columns at hand: the physical ones, then the computed ones.
    working: SchemaRef,
    time: Option<EventTime>,
    output: Vec<usize>,
}

struct EventTime {
    column: usize,
    watermark: Expression,
    data_type: DataType,
    generator: Generator,
}

/// A batch for the graph, and rows that could not be placed in time.
#[derive(Debug)]
pub struct Taken {
    /// The rows, with the watermarks between them.
    pub batch: Batch,
    /// Rows whose computed columns cannot be computed.
    pub failed: Vec<Rejected>,
    /// Rows without event time.
    pub untimed: Vec<Rejected>,
    /// Rows whose time lies too far ahead of the clock to be believed.
    pub ahead: Vec<Rejected>,
    /// The latest of their times.
    pub latest_ahead: Option<Millis>,
    /// The event times of the rows, in milliseconds, if the tap has them.
    pub times: Option<Int64Array>,
    /// Where and when the rows arrived.
    pub order: Order,
}

impl Intake {
    /// The intake of a scan: `columns` of a tap.
    pub fn new(tap: &Arc<Tap>, columns: &[usize], timing: Timing) -> Result<Intake> {
        let plan = Needs::of(tap, columns);
        let physical_fields = plan.physical.iter().map(|&column| tap.columns[column].field());
        let physical_schema: SchemaRef = Schema::new(physical_fields.clone().collect::<Vec<_>>()).into();
        let mut computed = Vec::new();
        for &column in &plan.computed {
            if let TapColumn::Computed(column) = &tap.columns[column] {
                computed.push((Expression::bind(&column.expr, &physical_schema)?, column.data_type.clone()));
            }
        }
        let computed_fields = plan.computed.iter().map(|&column| tap.columns[column].field());
        let working: SchemaRef = Schema::new(physical_fields.chain(computed_fields).collect::<Vec<_>>()).into();
        let place =
            |column: usize| working.index_of(tap.columns[column].name()).expect("every needed column is at hand");
        let output: Vec<usize> = columns.iter().map(|&column| place(column)).collect();
        let time = match &tap.watermark {
            Some(watermark) => Some(EventTime {
                column: place(watermark.column),
                watermark: Expression::bind(&watermark.expr, &working)?,
                data_type: tap.columns[watermark.column].field().data_type().clone(),
                generator: Generator::new(timing),
            }),
            None => None,
        };
        let physical = plan.physical.iter().map(|&column| physical_index(tap, column)).collect();
        Ok(Intake { physical, computed, working, time, output })
    }

    /// The columns to read, as indices into the tap's physical columns.
    pub fn columns(&self) -> &[usize] {
        &self.physical
    }

    /// Takes rows with their order.
    pub fn take(&mut self, rows: RecordBatch, kinds: Option<Kinds>, mut order: Order) -> Result<Taken> {
        let mut batch = Batch { rows, kinds, marks: Vec::new() };
        let failed = self.compute(&mut batch, &mut order)?;
        let (mut untimed, mut ahead, mut latest_ahead, mut event_times) = (Vec::new(), Vec::new(), None, None);
        if let Some(time) = &mut self.time {
            let name = batch.rows.schema_ref().field(time.column).name().clone();
            let times = batch.rows.column(time.column);
            if times.null_count() > 0 {
                let keep = is_not_null(times)?;
                untimed = set_aside(&batch.rows, &keep, &order, |_, _| without_time(&name))?;
                batch = batch.filter(&keep)?;
                order = order.kept(&keep);
            }
            let mut times = millis(batch.rows.column(time.column))?;
            let mut values = millis(&time.watermark.evaluate(&batch.rows, &time.data_type)?)?;
            let earliest = order.stretches.iter().map(|stretch| stretch.at).min().unwrap_or(Millis::MAX);
            if max(&times).max(max(&values)) > Some(time.generator.believed(earliest).0) {
                let keep = believed(&order, &times, &values, &time.generator);
                latest_ahead = max(&times).map(Millis).filter(|_| keep.false_count() > 0);
                let too_far = |_, at| too_far_ahead(&name, time.generator.believed(at));
                ahead = set_aside(&batch.rows, &keep, &order, too_far)?;
                batch = batch.filter(&keep)?;
                order = order.kept(&keep);
                times = filter(&times, &keep)?.as_primitive::<Int64Type>().clone();
                values = filter(&values, &keep)?.as_primitive::<Int64Type>().clone();
            }
            time.generator.rows(&order, &values, &mut batch.marks);
            event_times = Some(times);
        }
        let rows = batch.rows.project(&self.output)?;
        Ok(Taken { batch: batch.with_rows(rows), failed, untimed, ahead, latest_ahead, times: event_times, order })
    }

    /// Puts the computed columns behind the others. Rows for which a user's function fails are left out and given
    /// back.
    fn compute(&self, batch: &mut Batch, order: &mut Order) -> Result<Vec<Rejected>> {
        let (rows, failed) = match self.with_computed(&batch.rows) {
            Err(EngineError::Row(_)) => {
                let failing = self.failing(&batch.rows)?;
                let fails = |row: usize| failing.binary_search_by_key(&row, |(row, _)| *row).is_ok();
                let keep: BooleanArray = (0..batch.len()).map(|row| Some(!fails(row))).collect();
                let failed = set_aside(&batch.rows, &keep, order, |lost, _| failing[lost].1.clone())?;
                *batch = batch.filter(&keep)?;
                *order = order.kept(&keep);
                (self.with_computed(&batch.rows)?, failed)
            }
            rows => (rows?, Vec::new()),
        };
        batch.rows = rows;
        Ok(failed)
    }

    /// The rows for which a user's function fails, in order, each with what it says.
    fn failing(&self, rows: &RecordBatch) -> Result<Vec<(usize, String)>> {
        let all = 0..rows.num_rows();
        let (mut open, mut found) = (vec![all], Vec::new());
        while let Some(part) = open.pop() {
            match self.with_computed(&rows.slice(part.start, part.len())) {
                Ok(_) => {}
                Err(EngineError::Row(reason)) if part.len() == 1 => found.push((part.start, reason)),
                Err(EngineError::Row(_)) => {
                    let half = part.start + part.len() / 2;
                    open.extend([half..part.end, part.start..half]);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    fn with_computed(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        if self.computed.is_empty() {
            return Ok(rows.clone());
        }
        let mut columns: Vec<ArrayRef> = rows.columns().to_vec();
        for (expression, data_type) in &self.computed {
            columns.push(expression.evaluate(rows, data_type)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        Ok(RecordBatch::try_new_with_options(self.working.clone(), columns, &options)?)
    }

    /// The watermark generator, if the tap has event time.
    pub fn generator(&mut self) -> Option<&mut Generator> {
        self.time.as_mut().map(|time| &mut time.generator)
    }

    /// The watermark, if the tap has event time.
    pub fn watermark(&self) -> Option<Millis> {
        self.time.as_ref().map(|time| time.generator.watermark())
    }
}

/// Which rows have a time that was believed when they arrived.
fn believed(order: &Order, times: &Int64Array, values: &Int64Array, generator: &Generator) -> BooleanArray {
    let latest = |row: usize| {
        let value = |array: &Int64Array| array.is_valid(row).then(|| array.value(row));
        value(times).max(value(values))
    };
    let rows = order.starts().flat_map(|(start, stretch)| {
        let limit = generator.believed(stretch.at);
        (start..start + stretch.rows).map(move |row| latest(row) <= Some(limit.0))
    });
    rows.map(Some).collect()
}

/// Which columns of a tap a scan needs, besides those that it gives.
struct Needs {
    physical: Vec<usize>,
    computed: Vec<usize>,
}

impl Needs {
    fn of(tap: &Tap, columns: &[usize]) -> Needs {
        let mut needed = vec![false; tap.columns.len()];
        columns.iter().for_each(|&column| needed[column] = true);
        let mark = |needed: &mut Vec<bool>, expr: &datafusion::logical_expr::Expr| {
            for column in expr.column_refs() {
                if let Some(index) = tap.column(&column.name) {
                    needed[index] = true;
                }
            }
        };
        if let Some(watermark) = &tap.watermark {
            needed[watermark.column] = true;
            mark(&mut needed, &watermark.expr);
        }
        for (index, column) in tap.columns.iter().enumerate() {
            if let TapColumn::Computed(column) = column
                && needed[index]
            {
                mark(&mut needed, &column.expr);
            }
        }
        let is_computed = |&column: &usize| matches!(tap.columns[column], TapColumn::Computed(_));
        let (computed, physical) = (0..tap.columns.len()).filter(|&column| needed[column]).partition(is_computed);
        Needs { physical, computed }
    }
}

/// The index of a tap's column among its physical ones.
fn physical_index(tap: &Tap, column: usize) -> usize {
    tap.columns[..column].iter().filter(|column| matches!(column, TapColumn::Physical(_))).count()
}

fn without_time(name: &str) -> String {
    format!("the event time {name} is NULL; filter or replace NULL in a computed column below the watermark")
}

fn too_far_ahead(name: &str, believed: Millis) -> String {
    let last = chrono::DateTime::from_timestamp_millis(believed.0).map(|at| at.format("%Y-%m-%d %H:%M:%S").to_string());
    format!(
        "the event time {name} lies too far ahead of the clock: times behind {} are not believed until then, because \
         one of them would close every window; '{MAX_FUTURE}' says how far ahead they may lie",
        last.unwrap_or_else(|| believed.to_string())
    )
}

/// The rows that are not kept, as records that could not be read; `reason` is asked with the number of one among them,
/// and the time at which it arrived.
fn set_aside(
    rows: &RecordBatch,
    keep: &BooleanArray,
    order: &Order,
    reason: impl Fn(usize, Millis) -> String,
) -> Result<Vec<Rejected>> {
    let lost = arrow::compute::not(keep)?;
    let origins = order.kept(&lost);
    let origins = origins.stretches.iter().flat_map(|stretch| std::iter::repeat_n(*stretch, stretch.rows));
    let lost = filter_record_batch(rows, &lost)?;
    let mut rejected = Vec::new();
    for (row, origin) in origins.enumerate() {
        let options = arrow::util::display::FormatOptions::default().with_null("NULL");
        let mut shown = String::new();
        for (field, column) in lost.schema_ref().fields().iter().zip(lost.columns()) {
            let value = arrow::util::display::ArrayFormatter::try_new(column, &options)?.value(row).to_string();
            shown.push_str(&format!("{}={value} ", field.name()));
        }
        let partition = order.partitions[origin.partition].clone();
        rejected.push(Rejected::new(partition, Offset(-1), reason(row, origin.at), shown.trim_end().as_bytes()));
    }
    Ok(rejected)
}

/// A field list for readers that hand over all physical columns.
pub fn physical_schema(tap: &Tap) -> SchemaRef {
    let fields = tap.physical().into_iter().map(|column| Field::new(column.name, column.data_type, column.nullable));
    Schema::new(fields.collect::<Vec<_>>()).into()
}
