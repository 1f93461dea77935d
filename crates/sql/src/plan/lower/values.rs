//! Rows that stand in the query itself.

use arrow::datatypes::{DataType, Field};
use datafusion::common::{DFSchemaRef, ScalarValue};
use datafusion::logical_expr::{Expr, Values};
use millstream_plan::{Changes, Op};

use super::Lowering;
use super::columns;
use super::rows::Rows;
use crate::SqlError;

impl Lowering<'_> {
    /// `VALUES (…), (…)`.
    pub(super) fn values(&mut self, values: &Values) -> Result<Rows, SqlError> {
        Ok(self.constant(values.values.clone(), &values.schema))
    }

    /// `SELECT 1, 'a'`.
    pub(super) fn literal_row(&mut self, exprs: &[Expr], schema: &DFSchemaRef) -> Rows {
        let row = exprs.iter().map(|expr| expr.clone().unalias()).collect();
        self.constant(vec![row], schema)
    }

    /// One row (or none) of which nobody reads a column. It has one all the same, since a batch without
    /// columns has no length.
    pub(super) fn one_row(&mut self, one: bool) -> Rows {
        let rows = if one { vec![vec![Expr::Literal(ScalarValue::Int32(Some(0)), None)]] } else { Vec::new() };
        let row = columns::row([Field::new("row", DataType::Int32, false)], Vec::new(), Changes::Append);
        let node = self.add(Op::Values { rows }, Vec::new(), row);
        Rows { node, slots: Vec::new(), pending: None, attached: None }
    }

    fn constant(&mut self, rows: Vec<Vec<Expr>>, schema: &DFSchemaRef) -> Rows {
        let width = schema.fields().len();
        let fields = schema.fields().iter().map(|field| field.as_ref().clone());
        let row = columns::row(fields, Vec::new(), Changes::Append);
        Rows::whole(self.add(Op::Values { rows }, Vec::new(), row), width)
    }
}
