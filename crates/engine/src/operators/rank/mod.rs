//! Top-N and deduplication: of each partition the rows with the first row numbers. One file for each way in
//! which they come out: as changes at once, for good at the end of a window, or for good once the
//! watermark says that no earlier row can come.

mod changes;
mod earliest;
mod line;
mod windows;

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::SchemaRef;
use millstream_plan::{Emits, Rank, RowType};

use self::changes::ChangesRank;
use self::earliest::EarliestRow;
use self::windows::WindowRank;
use crate::error::Result;
use crate::operator::Operator;
use crate::rows::RowStore;

/// The operator for a plan over rows of type `input`; `schema` is what comes out.
pub fn rank(plan: &Rank, input: &RowType, schema: SchemaRef) -> Result<Box<dyn Operator>> {
    Ok(match &plan.emits {
        Emits::Changes => Box::new(ChangesRank::new(plan, false, input, schema)?),
        Emits::Newest => Box::new(ChangesRank::new(plan, true, input, schema)?),
        Emits::Earliest { time } => Box::new(EarliestRow::new(plan, *time, input)?),
        Emits::Window { end, zone, newest } => {
            Box::new(WindowRank::new(plan, *end, zone.as_deref(), *newest, input, schema)?)
        }
    })
}

/// Kept rows with their numbers in the partition behind them, if `schema` has a column for that.
fn numbered(rows: &RowStore, numbers: &[u64], ranks: Vec<i64>, schema: &SchemaRef) -> Result<RecordBatch> {
    let mut columns = rows.gather(numbers)?;
    if columns.len() < schema.fields().len() {
        columns.push(Arc::new(Int64Array::from(ranks)) as ArrayRef);
    }
    Ok(RecordBatch::try_new(schema.clone(), columns)?)
}
