//! `CURRENT_WATERMARK(rowtime)`: no function of a row's columns, so an operator puts it on the edge, and the
//! expression reads it there.

use arrow::datatypes::Field;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::Expr;
use millstream_plan::Op;

use super::columns;
use super::rows::{Rows, named};
use super::{Lowering, place};
use crate::SqlError;
use crate::functions::CURRENT_WATERMARK;
use crate::plan::{fault, refuse};

impl Lowering<'_> {
    /// The same rows, with the watermark that each of them met behind their columns if one of these expressions asks
    /// for it; and the name of that column.
    pub(super) fn with_watermark<'e>(
        &mut self,
        rows: Rows,
        schema: &DFSchema,
        exprs: impl IntoIterator<Item = &'e Expr>,
    ) -> Result<(Rows, Option<String>), SqlError> {
        let mut times = Vec::new();
        exprs.into_iter().for_each(|expr| collect(expr, &mut times));
        let Some(first) = times.first() else { return Ok((rows, None)) };
        let row = self.row(&rows).clone();
        for time in &times {
            let column = rows.plain(schema, time)?.map(|slot| slot.column());
            if !column.is_some_and(|column| row.is_time(column)) {
                let message = format!("CURRENT_WATERMARK takes the event-time column of its rows, and {time} is none");
                return Err(SqlError::new("E0411", message).at(place([time])));
            }
        }
        let column = rows.plain(schema, first)?.map_or(0, |slot| slot.column());
        let met = Field::new("current_watermark", row.data_type(column).clone(), true);
        let fields = row.schema.fields().iter().map(|field| field.as_ref().clone()).chain([met]);
        let edge = columns::row(fields, row.times, row.changes);
        let name = edge.schema.field(edge.schema.fields().len() - 1).name().clone();
        let node = self.add(Op::CurrentWatermark, vec![rows.node], edge);
        Ok((Rows { node, ..rows }, Some(name)))
    }
}

/// The arguments of all its calls in an expression.
fn collect(expr: &Expr, times: &mut Vec<Expr>) {
    let walked = expr.apply(|expr| {
        times.extend(argument(expr).cloned());
        Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
    });
    walked.expect("looking at an expression cannot fail");
}

fn argument(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::ScalarFunction(call) if call.name().eq_ignore_ascii_case(CURRENT_WATERMARK) => call.args.first(),
        _ => None,
    }
}

/// The expression with the column of this name in the place of each call. Without a column a call is refused: only
/// where rows pass one by one is there a watermark that each of them met.
pub(super) fn read(expr: Expr, column: Option<&str>) -> Result<Expr, SqlError> {
    let mut calls = Vec::new();
    collect(&expr, &mut calls);
    match (calls.first(), column) {
        (None, _) => Ok(expr),
        (Some(time), None) => {
            let sentence = "CURRENT_WATERMARK outside of the SELECT list and of WHERE";
            Err(refuse::unsupported("current-watermark", sentence, place([time])))
        }
        (Some(_), Some(column)) => {
            let placed = expr.transform(|expr| match argument(&expr) {
                Some(_) => Ok(Transformed::yes(named(column))),
                None => Ok(Transformed::no(expr)),
            });
            placed.map(|placed| placed.data).map_err(fault::from_datafusion)
        }
    }
}
