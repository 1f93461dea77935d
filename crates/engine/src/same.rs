//! Whether rows are the same, null like any other value: an update that changes nothing is none.

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::compute::and;
use arrow::compute::kernels::cmp::not_distinct;

use crate::error::Result;

/// Row by row, whether two tables of so many rows have the same values.
pub fn same_rows(left: &[ArrayRef], right: &[ArrayRef], rows: usize) -> Result<BooleanArray> {
    left.iter().zip(right).try_fold(BooleanArray::from(vec![true; rows]), |same, (left, right)| {
        let column = if left.data_type().is_nested() {
            // The comparison kernels know no nested types.
            (0..rows).map(|row| Some(left.slice(row, 1) == right.slice(row, 1))).collect()
        } else {
            not_distinct(&left.as_ref(), &right.as_ref())?
        };
        Ok(and(&same, &column)?)
    })
}
