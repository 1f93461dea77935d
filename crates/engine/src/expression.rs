//! Scalar expressions, made ready to run: DataFusion's logical `Expr` bound to the columns of an edge.

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow::datatypes::{DataType, IntervalMonthDayNano, SchemaRef, TimeUnit};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, DataFusionError};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator, lit};
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};
use datafusion::scalar::ScalarValue;

use crate::error::{EngineError, Result};

/// An expression over the columns of one schema.
#[derive(Clone, Debug)]
pub struct Expression(Arc<dyn PhysicalExpr>);

impl Expression {
    /// Binds an expression to the columns it reads.
    pub fn bind(expr: &Expr, schema: &SchemaRef) -> Result<Expression> {
        let schema = DFSchema::try_from(schema.as_ref().clone())?;
        let expr = expr.clone().transform_up(|expr| fixed_length(expr, &schema))?.data;
        Ok(Expression(create_physical_expr(&expr, &schema, &ExecutionProps::new(), &Default::default())?))
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

/// `ts - INTERVAL '2' SECOND` with the interval as a plain number of milliseconds: to add it is one addition a
/// row, where an interval of months, days and nanoseconds makes a calendar date of every row and back.
/// Every watermark is such an expression. Months and days stay, for their length depends on the date.
fn fixed_length(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>, DataFusionError> {
    let Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::Plus | Operator::Minus), right }) = &expr else {
        return Ok(Transformed::no(expr));
    };
    match (left.get_type(schema)?, right.as_ref()) {
        (
            DataType::Timestamp(TimeUnit::Millisecond, _),
            Expr::Literal(
                ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano { months: 0, days: 0, nanoseconds })),
                _,
            ),
        ) if nanoseconds % 1_000_000 == 0 => {
            let length = lit(ScalarValue::DurationMillisecond(Some(nanoseconds / 1_000_000)));
            Ok(Transformed::yes(Expr::BinaryExpr(BinaryExpr::new(left.clone(), *op, Box::new(length)))))
        }
        _ => Ok(Transformed::no(expr)),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::TimestampMillisecondArray;
    use arrow::datatypes::{Field, Schema};
    use datafusion::logical_expr::ident;
    use datafusion::physical_expr::expressions::{BinaryExpr as PhysicalBinary, Literal};

    use super::*;

    /// The literal on the right of a bound expression, and its values over two rows.
    fn shifted(op: Operator, interval: IntervalMonthDayNano, zone: Option<&str>) -> (DataType, Vec<Option<i64>>) {
        let data_type = DataType::Timestamp(TimeUnit::Millisecond, zone.map(Into::into));
        let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("t", data_type.clone(), true)]));
        let interval = lit(ScalarValue::IntervalMonthDayNano(Some(interval)));
        let expr = Expr::BinaryExpr(BinaryExpr::new(Box::new(ident("t")), op, Box::new(interval)));
        let bound = Expression::bind(&expr, &schema).expect("binds");
        let times = TimestampMillisecondArray::from(vec![Some(5_000), None]).with_data_type(data_type.clone());
        let rows = RecordBatch::try_new(schema, vec![Arc::new(times)]).expect("one column");
        let values = bound.evaluate(&rows, &data_type).expect("evaluates");
        let literal =
            bound.0.downcast_ref::<PhysicalBinary>().and_then(|binary| binary.right().downcast_ref::<Literal>());
        let kind = literal.expect("a literal is on the right").value().data_type();
        (kind, values.as_primitive::<arrow::datatypes::TimestampMillisecondType>().iter().collect())
    }

    #[test]
    fn an_interval_of_fixed_length_is_a_number() {
        let number = DataType::Duration(TimeUnit::Millisecond);
        for zone in [None, Some("UTC"), Some("Europe/Berlin")] {
            let two_seconds = IntervalMonthDayNano::new(0, 0, 2_000_000_000);
            assert_eq!(shifted(Operator::Minus, two_seconds, zone), (number.clone(), vec![Some(3_000), None]));
            assert_eq!(shifted(Operator::Plus, two_seconds, zone), (number.clone(), vec![Some(7_000), None]));
        }
        let day = IntervalMonthDayNano::new(0, 1, 0);
        let calendar = DataType::Interval(arrow::datatypes::IntervalUnit::MonthDayNano);
        assert_eq!(shifted(Operator::Plus, day, Some("UTC")), (calendar, vec![Some(86_405_000), None]));
    }
}
