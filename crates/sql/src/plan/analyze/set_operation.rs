//! `INTERSECT ALL` and `EXCEPT ALL`: a row comes as often as both sides have it, or as the left side has it more often.
//! DataFusion plans semi and anti joins, which is right for rows that are distinct only. So equal rows are counted on
//! both sides, and each is given as often as the counts say, which is how Flink does it.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, JoinType, NullEquality, Result};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::{Distinct, Expr, Join, LogicalPlan, LogicalPlanBuilder, lit, when};

use crate::functions::replicate;
use crate::plan::node::UnnestNode;

/// The counts of a row on both sides, and one of its copies.
const COUNTS: [&str; 2] = ["@left", "@right"];
const COPY: &str = "@copy";

/// Puts counts in the place of the joins.
pub(super) fn counted(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.transform_up_with_subqueries(|plan| match plan {
        LogicalPlan::Join(join) if is_of_all(&join) => multiplied(&join).map(Transformed::yes),
        other => Ok(Transformed::no(other)),
    });
    Ok(plan?.data)
}

/// Whether a join is what DataFusion makes of an operation of sets with `ALL`: nothing else lets null equal null, and
/// without `ALL` the left side is distinct.
fn is_of_all(join: &Join) -> bool {
    let halves = matches!(join.join_type, JoinType::LeftSemi | JoinType::LeftAnti);
    let distinct = matches!(join.left.as_ref(), LogicalPlan::Distinct(Distinct::All(_)));
    halves && join.null_equality == NullEquality::NullEqualsNull && !distinct
}

fn multiplied(join: &Join) -> Result<LogicalPlan> {
    let names: Vec<String> = (0..join.left.schema().fields().len()).map(|column| format!("@{column}")).collect();
    let side = |plan: &LogicalPlan, counts: [i64; 2]| {
        let columns = plan.schema().columns().into_iter().zip(&names);
        let columns = columns.map(|(column, name)| Expr::Column(column).alias(name));
        let counts = COUNTS.iter().zip(counts).map(|(name, count)| lit(count).alias(*name));
        LogicalPlanBuilder::from(plan.clone()).project(columns.chain(counts).collect::<Vec<_>>())
    };
    let own: Vec<Expr> = names.iter().map(|name| named(name)).collect();
    let sums = COUNTS.map(|name| sum_udaf().call(vec![named(name)]).alias(format!("{name}s")));
    let rows = side(&join.left, [1, 0])?.union(side(&join.right, [0, 1])?.build()?)?.aggregate(own.clone(), sums)?;
    let [left, right] = COUNTS.map(|name| named(&format!("{name}s")));
    let times = match join.join_type {
        JoinType::LeftAnti => left - right,
        _ => when(left.clone().lt(right.clone()), left).otherwise(right)?,
    };
    let rows = rows.project(own.into_iter().chain([times.alias("@times")]))?.filter(named("@times").gt(lit(0i64)))?;
    let copy = DFSchema::new_with_metadata(
        vec![(None, Arc::new(Field::new(COPY, DataType::Boolean, true)))],
        Default::default(),
    )?;
    let list = replicate().call(vec![named("@times")]);
    let rows = UnnestNode::plan(rows.build()?, list, false, false, Arc::new(copy))?;
    let shown = join.left.schema().iter().zip(&names).map(|((table, field), name)| match table {
        Some(table) => named(name).alias_qualified(Some(table.clone()), field.name()),
        None => named(name).alias(field.name()),
    });
    LogicalPlanBuilder::from(rows).project(shown)?.build()
}

fn named(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}
