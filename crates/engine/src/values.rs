//! Rows that stand in the query itself.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::Schema;
use millstream_plan::{Node, Op};
use millstream_record::Batch;

use crate::error::Result;
use crate::expression::Expression;

/// The rows of a `VALUES` node; `None` for any other node.
pub fn values(node: &Node) -> Option<Result<Batch>> {
    let Op::Values { rows } = &node.op else { return None };
    Some(evaluate(node, rows))
}

fn evaluate(node: &Node, rows: &[Vec<datafusion::logical_expr::Expr>]) -> Result<Batch> {
    let nothing = Arc::new(Schema::empty());
    let one_row = RecordBatch::try_new_with_options(
        nothing.clone(),
        Vec::new(),
        &RecordBatchOptions::new().with_row_count(Some(1)),
    )?;
    let schema = &node.row.schema;
    let row = |exprs: &Vec<datafusion::logical_expr::Expr>| -> Result<RecordBatch> {
        let fields = exprs.iter().zip(schema.fields());
        let columns =
            fields.map(|(expr, field)| Expression::bind(expr, &nothing)?.evaluate(&one_row, field.data_type()));
        let columns = columns.collect::<Result<Vec<ArrayRef>>>()?;
        Ok(RecordBatch::try_new_with_options(
            schema.clone(),
            columns,
            &RecordBatchOptions::new().with_row_count(Some(1)),
        )?)
    };
    let rows = rows.iter().map(row).collect::<Result<Vec<_>>>()?;
    Ok(Batch::insert(arrow::compute::concat_batches(schema, &rows)?))
}
