//! `x NOT IN (SELECT y …)` where either may be null. A left row is kept out by a right row whose `y` equals its `x`, by any
//! right row whose `y` is null, and if its own `x` is null by any right row at all. Each of the three is an anti join by
//! equal columns, one behind the other: one join by the whole condition would compare every row with every other.

use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Join, Operator, lit};
use millstream_plan::{JoinKind, Op};

use super::Lowering;
use super::join::Parts;
use super::rows::Rows;
use crate::SqlError;
use crate::plan::fault;

impl Lowering<'_> {
    /// The anti joins of a `NOT IN`, if the condition has one.
    pub(super) fn not_in(&mut self, parts: &mut Parts<'_>) -> Result<Option<Rows>, SqlError> {
        let Some((ours, theirs)) = take(parts) else { return Ok(None) };
        let join: &Join = parts.join;
        let (right, equal, rest) = (parts.right.rows.clone(), parts.equal.clone(), parts.rest.clone());
        parts.equal.push((ours.clone(), theirs.clone(), false));
        let mut rows = self.by_condition(parts)?;
        let nullable =
            |expr: &Expr, schema: &datafusion::common::DFSchema| expr.nullable(schema).map_err(fault::from_datafusion);
        let again = |lowering: &Self, left: Rows, right: Rows| Parts {
            equal: equal.clone(),
            rest: rest.clone(),
            ..Parts::of(lowering, join, JoinKind::Anti, left, right)
        };
        if nullable(&theirs, join.right.schema())? {
            let unknown = self.kept(&right, join, theirs.is_null())?;
            let mut parts = again(self, rows, unknown);
            rows = self.by_condition(&mut parts)?;
        }
        if nullable(&ours, join.left.schema())? {
            let mut parts = again(self, rows, right);
            parts.equal.push((ours.is_null(), lit(true), false));
            rows = self.by_condition(&mut parts)?;
        }
        Ok(Some(rows))
    }

    /// The right rows for which a condition holds.
    fn kept(&mut self, right: &Rows, join: &Join, condition: Expr) -> Result<Rows, SqlError> {
        let row = self.row(right).clone();
        let condition = right.resolve(join.right.schema(), &row, &condition)?;
        let node = self.add(Op::Filter(condition), vec![right.node], row);
        Ok(Rows { node, ..right.clone() })
    }
}

/// Takes `x = y IS NOT FALSE` from the conditions of an anti join, with `x` of the left side.
fn take(parts: &mut Parts<'_>) -> Option<(Expr, Expr)> {
    let sides = |parts: &Parts<'_>, condition: &Expr| {
        let Expr::IsNotFalse(compared) = condition else { return None };
        let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = compared.as_ref() else { return None };
        match (parts.is_left(left), parts.is_right(right), parts.is_left(right), parts.is_right(left)) {
            (true, true, ..) => Some((left.as_ref().clone(), right.as_ref().clone())),
            (.., true, true) => Some((right.as_ref().clone(), left.as_ref().clone())),
            _ => None,
        }
    };
    if parts.kind != JoinKind::Anti {
        return None;
    }
    let place = parts.rest.iter().position(|condition| sides(parts, condition).is_some())?;
    let condition = parts.rest.remove(place);
    sides(parts, &condition)
}
