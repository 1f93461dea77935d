//! `SELECT`: computes columns.

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use millstream_record::Batch;

use crate::error::Result;
use crate::expression::Expression;
use crate::stage::Stage;

/// Computes one column per expression.
pub struct Project {
    columns: Vec<Expression>,
    schema: SchemaRef,
}

impl Project {
    /// A projection whose columns have the types of `schema`.
    pub fn new(columns: Vec<Expression>, schema: SchemaRef) -> Self {
        Project { columns, schema }
    }
}

impl Stage for Project {
    fn apply(&mut self, batch: Batch) -> Result<Batch> {
        let fields = self.columns.iter().zip(self.schema.fields());
        let columns =
            fields.map(|(column, field)| column.evaluate(&batch.rows, field.data_type())).collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.len()));
        let rows = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?;
        Ok(batch.with_rows(rows))
    }
}
