//! What must hold of a pair of rows besides their keys: the rest of a join's condition, over the columns of both sides.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::logical_expr::Expr;

use crate::error::Result;
use crate::expression::Expression;

/// The rest of a join's condition.
pub struct Residual {
    condition: Expression,
    both: SchemaRef,
}

impl Residual {
    /// The condition over left ++ right, if there is one.
    pub fn new(expr: Option<&Expr>, left: &SchemaRef, right: &SchemaRef) -> Result<Option<Residual>> {
        let both = both_sides(left, right);
        expr.map(|expr| Ok(Residual { condition: Expression::bind(expr, &both)?, both })).transpose()
    }

    /// Row by row, whether it holds for these columns of left ++ right.
    pub fn test(&self, columns: Vec<ArrayRef>) -> Result<BooleanArray> {
        self.condition.test(&RecordBatch::try_new(self.both.clone(), columns)?)
    }
}

/// The columns of left ++ right, of which those of either side may be padded.
pub fn both_sides(left: &SchemaRef, right: &SchemaRef) -> SchemaRef {
    let nullable = |field: &Arc<Field>| field.as_ref().clone().with_nullable(true);
    let fields = left.fields().iter().chain(right.fields()).map(nullable);
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}
