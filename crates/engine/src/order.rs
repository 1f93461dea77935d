//! `ORDER BY` as bytes: rows are encoded so that comparing the bytes compares the rows.

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::SortOptions;
use arrow::row::{RowConverter, Rows, SortField};
use millstream_plan::{Order, RowType};

use crate::error::Result;

/// Encodes the columns of an order.
pub struct SortKeys {
    columns: Vec<usize>,
    converter: RowConverter,
}

impl SortKeys {
    /// The order `by` of rows of type `input`.
    pub fn new(by: &[Order], input: &RowType) -> Result<Self> {
        let field = |order: &Order| {
            let options = SortOptions { descending: order.descending, nulls_first: order.nulls_first };
            SortField::new_with_options(input.data_type(order.column).clone(), options)
        };
        Ok(SortKeys {
            columns: by.iter().map(|order| order.column).collect(),
            converter: RowConverter::new(by.iter().map(field).collect())?,
        })
    }

    /// The key of each row. Without an order all keys are equal.
    pub fn of(&self, rows: &RecordBatch) -> Result<Keys> {
        let columns: Vec<ArrayRef> = self.columns.iter().map(|&column| rows.column(column).clone()).collect();
        Ok(Keys(match columns.is_empty() {
            true => None,
            false => Some(self.converter.convert_columns(&columns)?),
        }))
    }
}

/// The keys of a batch's rows.
pub struct Keys(Option<Rows>);

impl Keys {
    /// The key of one row.
    pub fn get(&self, row: usize) -> &[u8] {
        self.0.as_ref().map_or(&[], |rows| rows.row(row).data())
    }
}
