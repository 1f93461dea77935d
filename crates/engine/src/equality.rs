//! The keys of a join: which columns of its two sides must be equal, and which rows cannot have a partner
//! because a null stands in one of them.

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use millstream_plan::{Equality, RowType};

use crate::error::{EngineError, Result};

/// The sides of a join.
pub const LEFT: usize = 0;
/// See [`LEFT`].
pub const RIGHT: usize = 1;

/// The equalities of a join.
pub struct JoinKeys {
    on: Vec<Equality>,
    types: Vec<DataType>,
}

impl JoinKeys {
    /// The keys of a join of `left` with `right`.
    pub fn new(on: &[Equality], left: &RowType, right: &RowType) -> Result<Self> {
        for pair in on {
            let (ours, theirs) = (left.data_type(pair.left), right.data_type(pair.right));
            if ours != theirs {
                let names = (left.schema.field(pair.left).name(), right.schema.field(pair.right).name());
                let reason = format!("{} is {ours} and {} is {theirs}; cast one of them", names.0, names.1);
                return Err(EngineError::Compute(format!("a join needs keys of one type: {reason}")));
            }
        }
        Ok(JoinKeys { on: on.to_vec(), types: on.iter().map(|pair| left.data_type(pair.left).clone()).collect() })
    }

    /// The types of the key columns.
    pub fn types(&self) -> Vec<DataType> {
        self.types.clone()
    }

    /// The key columns of one side's rows; where the second part is null, the row has no partner.
    pub fn of(&self, side: usize, rows: &RecordBatch) -> (Vec<ArrayRef>, Option<NullBuffer>) {
        let column = |pair: &Equality| rows.column(if side == LEFT { pair.left } else { pair.right }).clone();
        let columns: Vec<ArrayRef> = self.on.iter().map(column).collect();
        let strict = self.on.iter().zip(&columns).filter(|(pair, _)| !pair.null_equal);
        let partners =
            strict.fold(None, |nulls, (_, column)| NullBuffer::union(nulls.as_ref(), column.logical_nulls().as_ref()));
        (columns, partners)
    }
}
