//! `CURRENT_WATERMARK(time)`: tells each row the watermark that it met, which is that of all rows before it.
//! The marks of a batch stand between its rows, so whole stretches between two marks get the same value.

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, TimestampMillisecondArray};
use arrow::compute::cast;
use arrow::datatypes::{Int64Type, SchemaRef};
use millstream_record::{Batch, Millis};

use crate::error::Result;
use crate::operator::{Operator, Output};
use crate::state::Tables;

/// Puts the watermark that each row met behind its columns.
pub struct CurrentWatermarkOperator {
    reached: Millis,
    schema: SchemaRef,
}

impl CurrentWatermarkOperator {
    /// The last column of `schema` takes the watermark; it is a nullable time.
    pub fn new(schema: SchemaRef) -> Self {
        CurrentWatermarkOperator { reached: Millis::MIN, schema }
    }

    /// The watermark that each row of a batch met; the batch's last one is met by the next batch.
    fn met(&mut self, batch: &Batch) -> Result<ArrayRef> {
        let mut met = Vec::with_capacity(batch.len());
        for mark in &batch.marks {
            met.resize(mark.after as usize, self.reached.0);
            self.reached = mark.watermark;
        }
        met.resize(batch.len(), self.reached.0);
        let met: TimestampMillisecondArray = met.into_iter().map(|at| (at != Millis::MIN.0).then_some(at)).collect();
        let wanted = self.schema.field(self.schema.fields().len() - 1).data_type();
        // An instant carries its zone in the type, a wall clock does not; the number is the same.
        match wanted {
            arrow::datatypes::DataType::Timestamp(_, Some(zone)) => {
                Ok(cast(&met.with_timezone(Arc::clone(zone)), wanted)?)
            }
            _ => Ok(cast(&met, wanted)?),
        }
    }
}

impl Operator for CurrentWatermarkOperator {
    fn on_batch(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<()> {
        let met = self.met(&batch)?;
        let columns = batch.rows.columns().iter().cloned().chain([met]).collect();
        let rows = RecordBatch::try_new(self.schema.clone(), columns)?;
        out.emit(batch.with_rows(rows));
        Ok(())
    }

    fn save(&mut self) -> Result<Tables> {
        let reached: ArrayRef = Arc::new(Int64Array::from(vec![self.reached.0]));
        Ok([("watermark".into(), RecordBatch::try_from_iter([("watermark", reached)])?)].into())
    }

    fn load(&mut self, tables: Tables) -> Result<()> {
        if let Some(table) = tables.get("watermark") {
            self.reached = Millis(table.column(0).as_primitive::<Int64Type>().value(0));
        }
        Ok(())
    }

    fn size(&self) -> usize {
        0
    }
}
