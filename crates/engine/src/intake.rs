//! What stands between a reader and the graph: computed columns, event time and the watermark.
//!
//! The watermark of a partition is the highest value of the tap's expression so far; that of the source is
//! the lowest of its partitions. It is evaluated behind every row: the row is passed on first, so no row is
//! ever late because of itself. A row without event time cannot be placed and is set aside.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions};
use arrow::compute::{filter_record_batch, is_not_null};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use millstream_plan::{Tap, TapColumn};
use millstream_record::{Batch, Fetched, Millis, Offset, PartitionId, Rejected};

use crate::error::Result;
use crate::expression::Expression;
use crate::time::millis;
use crate::watermark::{Generator, Timing};

/// Turns what a reader fetched into batches of the graph.
pub struct Intake {
    tap: Arc<Tap>,
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
    /// Rows without event time.
    pub rejected: Vec<Rejected>,
    /// The event times of the rows, in milliseconds, if the tap has them.
    pub times: Option<Int64Array>,
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
        Ok(Intake { tap: tap.clone(), physical, computed, working, time, output })
    }

    /// The columns to read, as indices into the tap's physical columns.
    pub fn columns(&self) -> &[usize] {
        &self.physical
    }

    /// Takes what was fetched.
    pub fn take(&mut self, fetched: Fetched) -> Result<Taken> {
        let Fetched { partition, rows, kinds, .. } = fetched;
        let mut batch = Batch { rows: self.with_computed(rows)?, kinds, marks: Vec::new() };
        let (mut rejected, mut event_times) = (Vec::new(), None);
        if let Some(time) = &mut self.time {
            let times = batch.rows.column(time.column);
            if times.null_count() > 0 {
                let keep = is_not_null(times)?;
                rejected = without_time(&self.tap, time.column, &batch.rows, &keep, &partition)?;
                batch = batch.filter(&keep)?;
            }
            let values = time.watermark.evaluate(&batch.rows, &time.data_type)?;
            batch.marks = time.generator.rows(&partition, &millis(&values)?);
            event_times = Some(millis(batch.rows.column(time.column))?);
        }
        let rows = batch.rows.project(&self.output)?;
        Ok(Taken { batch: batch.with_rows(rows), rejected, times: event_times })
    }

    fn with_computed(&self, rows: RecordBatch) -> Result<RecordBatch> {
        if self.computed.is_empty() {
            return Ok(rows);
        }
        let mut columns: Vec<ArrayRef> = rows.columns().to_vec();
        for (expression, data_type) in &self.computed {
            columns.push(expression.evaluate(&rows, data_type)?);
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

/// The rows that have no event time, as records that could not be read.
fn without_time(
    tap: &Tap,
    time: usize,
    rows: &RecordBatch,
    keep: &BooleanArray,
    partition: &PartitionId,
) -> Result<Vec<Rejected>> {
    let lost = filter_record_batch(rows, &arrow::compute::not(keep)?)?;
    let reason = format!(
        "the event time {} is NULL; filter or replace NULL in a computed column below the watermark",
        rows.schema_ref().field(time).name()
    );
    let mut rejected = Vec::new();
    for row in 0..lost.num_rows() {
        let options = arrow::util::display::FormatOptions::default().with_null("NULL");
        let mut shown = String::new();
        for (field, column) in lost.schema_ref().fields().iter().zip(lost.columns()) {
            let value = arrow::util::display::ArrayFormatter::try_new(column, &options)?.value(row).to_string();
            shown.push_str(&format!("{}={value} ", field.name()));
        }
        debug_assert!(tap.watermark.is_some());
        rejected.push(Rejected::new(partition.clone(), Offset(-1), reason.clone(), shown.trim_end().as_bytes()));
    }
    Ok(rejected)
}

/// A field list for readers that hand over all physical columns.
pub fn physical_schema(tap: &Tap) -> SchemaRef {
    let fields = tap.physical().into_iter().map(|column| Field::new(column.name, column.data_type, column.nullable));
    Schema::new(fields.collect::<Vec<_>>()).into()
}
