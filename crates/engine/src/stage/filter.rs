//! `WHERE`: keeps the rows for which a condition is true. Of an update it may keep one half only; whoever
//! folds the changes sees an insertion or a deletion then.

use arrow::array::Array;
use millstream_record::Batch;

use crate::error::Result;
use crate::expression::Expression;
use crate::stage::Stage;

/// Keeps rows.
pub struct Filter {
    condition: Expression,
}

impl Filter {
    /// A filter with this condition.
    pub fn new(condition: Expression) -> Self {
        Filter { condition }
    }
}

impl Stage for Filter {
    fn apply(&mut self, batch: Batch) -> Result<Batch> {
        let keep = self.condition.test(&batch.rows)?;
        if keep.null_count() == 0 && keep.true_count() == keep.len() {
            return Ok(batch);
        }
        Ok(batch.filter(&keep)?)
    }
}
