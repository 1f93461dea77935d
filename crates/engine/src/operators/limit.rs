//! `LIMIT`: leaves out the first rows, lets some through, and then none. Without an order the rows are
//! those that come first.

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;
use millstream_plan::{Changes, RowType};
use millstream_record::{Batch, Mark};

use crate::error::{EngineError, Result};
use crate::inspect::Detail;
use crate::operator::{Operator, Output};
use crate::state::Tables;

/// Counts rows.
pub struct LimitOperator {
    skip: usize,
    fetch: Option<usize>,
}

impl LimitOperator {
    /// Leaves out `skip` rows and lets `fetch` through, or all that follow.
    pub fn new(skip: usize, fetch: Option<usize>, input: &RowType) -> Result<Self> {
        if input.changes == Changes::Retract {
            let reason = "LIMIT over a result that changes needs ORDER BY, or rows that only come";
            return Err(EngineError::Compute(reason.into()));
        }
        Ok(LimitOperator { skip, fetch })
    }
}

impl Operator for LimitOperator {
    fn on_batch(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<()> {
        let start = self.skip.min(batch.len());
        let rows = self.fetch.unwrap_or(usize::MAX).min(batch.len() - start);
        self.skip -= start;
        self.fetch = self.fetch.map(|fetch| fetch - rows);
        let place = |after: u32| (after as usize).clamp(start, start + rows) - start;
        let marks = batch.marks.iter().map(|mark| Mark { after: place(mark.after) as u32, ..*mark }).collect();
        out.emit(Batch { marks, ..batch.slice(start, rows) });
        Ok(())
    }

    fn save(&mut self) -> Result<Tables> {
        let left = Int64Array::from(vec![Some(self.skip as i64), self.fetch.map(|fetch| fetch as i64)]);
        Ok([("left".into(), RecordBatch::try_from_iter_with_nullable([("rows", Arc::new(left) as _, true)])?)].into())
    }

    fn load(&mut self, tables: Tables) -> Result<()> {
        if let Some(left) = tables.get("left") {
            let mut words = left.column(0).as_primitive::<Int64Type>().iter();
            self.skip = words.next().flatten().unwrap_or_default() as usize;
            self.fetch = words.next().flatten().map(|fetch| fetch as usize);
        }
        Ok(())
    }

    fn size(&self) -> usize {
        0
    }

    fn is_satisfied(&self) -> bool {
        self.fetch == Some(0)
    }

    fn inspect(&self) -> Detail {
        Detail::Limit { skip: self.skip as u64, fetch: self.fetch.map(|fetch| fetch as u64) }
    }
}
