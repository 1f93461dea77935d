//! `WHERE`: keeps the rows for which a condition is true. Of an update it may keep one half only; whoever
//! folds the changes sees an insertion or a deletion then.
//!
//! As long as no row at all has passed, the parts of the condition are watched one by one, so that whoever
//! asks hears which of them drops everything. The first row that passes ends that.

use arrow::datatypes::SchemaRef;
use datafusion::logical_expr::Expr;
use millstream_record::Batch;

use crate::error::Result;
use crate::expression::Expression;
use crate::inspect::{Detail, Probe};
use crate::stage::Stage;

/// Keeps rows.
pub struct Filter {
    condition: Expression,
    /// Watch the parts of the condition; none once a row has passed.
    probes: Vec<Probe>,
    dropped: u64,
}

impl Filter {
    /// A filter with this condition over rows of this schema.
    pub fn new(condition: &Expr, schema: &SchemaRef) -> Result<Self> {
        let probes = Probe::of(condition, schema)?;
        Ok(Filter { condition: Expression::bind(condition, schema)?, probes, dropped: 0 })
    }
}

impl Stage for Filter {
    fn apply(&mut self, batch: Batch) -> Result<Batch> {
        let keep = self.condition.test(&batch.rows)?;
        let kept = keep.true_count();
        self.dropped += (keep.len() - kept) as u64;
        if kept > 0 {
            self.probes.clear();
        } else {
            self.probes.iter_mut().for_each(|probe| probe.look(&batch.rows));
        }
        if kept == keep.len() {
            return Ok(batch);
        }
        Ok(batch.filter(&keep)?)
    }

    fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    fn inspect(&self) -> Detail {
        Detail::Filter(self.probes.iter().map(Probe::told).collect())
    }
}
