//! Scalar expressions, made ready to run: DataFusion's logical `Expr` bound to the columns of an edge.

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::DFSchema;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};

use crate::error::{EngineError, Result};

/// An expression over the columns of one schema.
#[derive(Clone, Debug)]
pub struct Expression(Arc<dyn PhysicalExpr>);

impl Expression {
    /// Binds an expression to the columns it reads.
    pub fn bind(expr: &Expr, schema: &SchemaRef) -> Result<Expression> {
        let schema = DFSchema::try_from(schema.as_ref().clone())?;
        Ok(Expression(create_physical_expr(expr, &schema, &ExecutionProps::new(), &Default::default())?))
    }

    /// Binds several.
    pub fn bind_all<'a>(exprs: impl IntoIterator<Item = &'a Expr>, schema: &SchemaRef) -> Result<Vec<Expression>> {
        exprs.into_iter().map(|expr| Expression::bind(expr, schema)).collect()
    }

    /// The values for all rows, in the type that the plan promised.
    pub fn evaluate(&self, rows: &RecordBatch, promised: &DataType) -> Result<ArrayRef> {
        let array = self.0.evaluate(rows)?.into_array(rows.num_rows())?;
        if array.data_type() == promised { Ok(array) } else { Ok(arrow::compute::cast(&array, promised)?) }
    }

    /// The rows for which a condition holds; null stays null.
    pub fn test(&self, rows: &RecordBatch) -> Result<BooleanArray> {
        let array = self.0.evaluate(rows)?.into_array(rows.num_rows())?;
        let verdicts = array.as_boolean_opt();
        verdicts
            .cloned()
            .ok_or_else(|| EngineError::Compute(format!("a condition is {}, not BOOLEAN", array.data_type())))
    }
}
