//! `orders JOIN rates FOR SYSTEM_TIME AS OF orders.ts` as one relation. DataFusion plans an ordinary join, whose right
//! side is marked; the two meet here, before any rule moves filters.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, JoinType, Result};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, Filter, Join, LogicalPlan, lit};

use crate::SqlError;
use crate::plan::fault::{self, outside};
use crate::plan::node::{TemporalJoinNode, VersionedNode};
use crate::plan::processing_time;

/// Joins every relation that is read as of a time with the rows that have that time.
pub(super) fn join(plan: LogicalPlan) -> Result<LogicalPlan, SqlError> {
    plan.transform_up_with_subqueries(|plan| match plan {
        LogicalPlan::Join(join) => match versioned(&join.right).cloned() {
            Some(versioned) => met(&join, &versioned).map(Transformed::yes),
            None => Ok(Transformed::no(LogicalPlan::Join(join))),
        },
        LogicalPlan::Filter(filter) => match TemporalJoinNode::of(&filter.input).cloned() {
            Some(node) => narrowed(filter.predicate, node).map(Transformed::yes),
            None => Ok(Transformed::no(LogicalPlan::Filter(filter))),
        },
        other => Ok(Transformed::no(other)),
    })
    .and_then(|plan| alone(plan.data))
    .map_err(fault::from_datafusion)
}

/// Nobody joined it.
fn alone(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.apply_with_subqueries(|plan| match VersionedNode::of(plan) {
        Some(versioned) => Err(outside(
            SqlError::new("E0416", "FOR SYSTEM_TIME AS OF stands behind the right table of a JOIN")
                .at(versioned.place)
                .hint("write it so: FROM o JOIN r FOR SYSTEM_TIME AS OF o.ts ON o.k = r.k"),
        )),
        None => Ok(TreeNodeRecursion::Continue),
    })?;
    Ok(plan)
}

/// The mark on a relation, below its alias.
fn versioned(plan: &LogicalPlan) -> Option<&VersionedNode> {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => versioned(&alias.input),
        LogicalPlan::Projection(projection) => versioned(&projection.input),
        other => VersionedNode::of(other),
    }
}

/// The relation without its mark.
fn unmarked(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.transform_down(|plan| match VersionedNode::of(&plan) {
        Some(versioned) => Ok(Transformed::new(versioned.input.clone(), true, TreeNodeRecursion::Stop)),
        None => Ok(Transformed::no(plan)),
    });
    Ok(plan?.data)
}

fn met(join: &Join, versioned: &VersionedNode) -> Result<LogicalPlan> {
    if !matches!(join.join_type, JoinType::Inner | JoinType::Left) {
        let message = format!("versions are joined INNER or LEFT, not {}", join.join_type.to_string().to_uppercase());
        let error = SqlError::new("E0416", message).at(versioned.place);
        return Err(outside(error.hint("the rows whose time is asked for stand on the left")));
    }
    let left = join.left.schema();
    let Some(index) = left.maybe_index_of_column(&versioned.at) else {
        let message = format!("FOR SYSTEM_TIME AS OF takes a column of the left side, and {} is none", versioned.at);
        let known = left.fields().iter().map(|field| field.name().as_str());
        let error = SqlError::new("E0416", message).at(versioned.place);
        return Err(outside(error.did_you_mean(&versioned.at.name, known)));
    };
    let at = Column::from(left.qualified_field(index));
    let at = (!processing_time::is(&join.left, &at)).then_some(Expr::Column(at));
    let equal = join.on.iter().map(|(left, right)| left.clone().eq(right.clone()));
    let condition = conjunction(equal.chain(join.filter.clone())).unwrap_or_else(|| lit(true));
    let sides = (join.left.as_ref().clone(), unmarked(join.right.as_ref().clone())?);
    TemporalJoinNode::plan(sides, join.join_type, condition, at, versioned.place)
}

/// A filter above: what speaks of left rows alone holds before the join as well, and what is left of it, above an inner
/// one, belongs to its condition.
fn narrowed(predicate: Expr, node: TemporalJoinNode) -> Result<LogicalPlan> {
    let of_left = |expr: &Expr| {
        let columns = expr.column_refs();
        !columns.is_empty() && !expr.is_volatile() && columns.iter().all(|column| node.left.schema().has_column(column))
    };
    let (own, rest): (Vec<Expr>, Vec<Expr>) = split_conjunction_owned(predicate).into_iter().partition(of_left);
    let left = match conjunction(own) {
        Some(own) => LogicalPlan::Filter(Filter::try_new(own, node.left.clone().into())?),
        None => node.left.clone(),
    };
    let (inside, above) = if node.kind == JoinType::Inner { (rest, Vec::new()) } else { (Vec::new(), rest) };
    let condition = inside.into_iter().fold(node.condition.clone(), Expr::and);
    let joined = TemporalJoinNode::plan((left, node.right), node.kind, condition, node.at, node.place)?;
    Ok(match conjunction(above) {
        Some(above) => LogicalPlan::Filter(Filter::try_new(above, joined.into())?),
        None => joined,
    })
}
