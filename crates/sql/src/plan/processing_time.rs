//! `PROCTIME()`: the moment at which a row is processed. Nothing may read it as a value, since a replay could not repeat
//! the answer. But a join with a table that stands still asks for it only to say "as the table is now", and that is the
//! same at every moment.

use datafusion::common::Column;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan, TableScan};
use datafusion::sql::sqlparser::ast;
use millstream_plan::TapColumn;

use super::fault;
use super::refuse::unsupported;
use super::source::TapSource;
use crate::SqlError;
use crate::error::Span;
use crate::functions::PROCTIME;
use crate::walk::{self, Inspect};

/// Whether a column of a plan is the time of processing.
pub(super) fn is(plan: &LogicalPlan, column: &Column) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => {
            let place = projection.schema.maybe_index_of_column(column);
            place.is_some_and(|place| match projection.expr[place].clone().unalias() {
                Expr::Column(below) => is(&projection.input, &below),
                other => is_call(&other),
            })
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let place = alias.schema.maybe_index_of_column(column);
            place.is_some_and(|place| is(&alias.input, &alias.input.schema().columns()[place]))
        }
        LogicalPlan::TableScan(scan) => computed(scan, column).is_some_and(is_call),
        other => other.inputs().into_iter().any(|input| input.schema().has_column(column) && is(input, column)),
    }
}

fn is_call(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(call) if call.name().eq_ignore_ascii_case(PROCTIME))
}

/// The expression of a column of a table that is computed.
fn computed<'s>(scan: &'s TableScan, column: &Column) -> Option<&'s Expr> {
    let source: &dyn std::any::Any = scan.source.as_ref();
    let tap = &source.downcast_ref::<TapSource>()?.tap;
    match &tap.columns[tap.column(&column.name)?] {
        TapColumn::Computed(computed) => Some(&computed.expr),
        TapColumn::Physical(_) => None,
    }
}

/// Whether an expression asks for the time of processing.
pub(super) fn reads(expr: &Expr) -> bool {
    expr.exists(|expr| Ok(is_call(expr))).expect("looking at an expression cannot fail")
}

/// Refuses a plan that still reads the time of processing, with the place where `query` does.
pub(super) fn refuse(plan: &LogicalPlan, query: &ast::Query) -> Result<(), SqlError> {
    let walked = plan.apply(|plan| {
        let mut found = match plan {
            LogicalPlan::TableScan(scan) => {
                let columns = scan.projected_schema.columns();
                columns.iter().any(|column| computed(scan, column).is_some_and(reads))
            }
            _ => false,
        };
        plan.apply_expressions(|expr| {
            found |= reads(expr);
            Ok(TreeNodeRecursion::Continue)
        })?;
        match found {
            true => Err(fault::outside(refused(query))),
            false => Ok(TreeNodeRecursion::Continue),
        }
    });
    walked.map(|_| ()).map_err(fault::from_datafusion)
}

fn refused(query: &ast::Query) -> SqlError {
    unsupported("processing-time", "processing time (PROCTIME) as a value", place(query))
        .hint("a replay could not repeat it: go by event time, WATERMARK FOR ts AS …")
        .hint("it may only stand behind FOR SYSTEM_TIME AS OF, for a table that ends")
}

/// The place of the first call in a query.
fn place(query: &ast::Query) -> Option<Span> {
    struct Calls(Option<Span>);
    impl Inspect for Calls {
        fn pre_visit_expr(&mut self, expr: &ast::Expr) -> Result<(), SqlError> {
            if let ast::Expr::Function(call) = expr
                && self.0.is_none()
                && call.name.to_string().eq_ignore_ascii_case(PROCTIME)
            {
                self.0 = Span::of(expr);
            }
            Ok(())
        }
    }
    let mut calls = Calls(None);
    walk::inspect(query, &mut calls).expect("nothing is refused");
    calls.0
}
