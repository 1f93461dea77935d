//! Interval joins: two event times held together by bounds, in any algebraic spelling. Each comparison is
//! brought to `left.time - right.time >= lower` or `<= upper`, in milliseconds; a strict one moves its end
//! by one.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Between, BinaryExpr, Expr, LogicalPlan, Operator};
use millstream_plan::{Changes, IntervalJoin, Op};

use super::Lowering;
use super::join::{Parts, Side};
use super::rows::Rows;
use crate::SqlError;

/// `left - right` lies in here; an end that is not given is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bounds {
    left: usize,
    right: usize,
    lower: Option<i64>,
    upper: Option<i64>,
}

/// A time column of one side, moved by milliseconds.
#[derive(Clone, Copy, Debug)]
struct Moved {
    is_left: bool,
    column: usize,
    by: i64,
}

impl Lowering<'_> {
    /// The join by intervals, if the condition holds two event times together and nothing is taken back.
    pub(super) fn interval_join(&mut self, parts: &mut Parts<'_>) -> Result<Option<Rows>, SqlError> {
        let appends = |side: &Side| side.row.changes == Changes::Append;
        if !appends(&parts.left) || !appends(&parts.right) || parts.kind.is_half() {
            return Ok(None);
        }
        let Some((bounds, lower, upper)) = find(parts) else { return Ok(None) };
        let on = parts.equalities()?;
        parts.tell_apart();
        let slots = parts.slots();
        let (left_node, right_node) = self.settle_sides(parts);
        let edge = self.joined(left_node, right_node, parts.kind, true);
        let join = IntervalJoin {
            kind: parts.kind,
            on,
            left_time: bounds.left,
            right_time: bounds.right,
            lower,
            upper,
            residual: parts.residual(left_node, &slots, &edge)?,
        };
        let node = self.add(Op::IntervalJoin(join), vec![left_node, right_node], edge);
        Ok(Some(Rows { node, slots, pending: None, attached: None }))
    }

    /// The nodes of both sides, left first.
    pub(super) fn settle_sides(&mut self, parts: &mut Parts<'_>) -> (millstream_plan::NodeId, millstream_plan::NodeId) {
        let left = parts.left.take();
        let right = parts.right.take();
        (self.settle(left).0, self.settle(right).0)
    }
}

/// The first pair of event times with a bound on each end; its conditions leave the rest of the condition.
fn find(parts: &mut Parts<'_>) -> Option<(Bounds, i64, i64)> {
    let bounds: Vec<Option<Bounds>> = parts.rest.iter().map(|condition| read(parts, condition)).collect();
    let equal: Vec<Option<Bounds>> =
        parts.equal.iter().map(|(left, right, _)| compare(parts, left, Operator::Eq, right)).collect();
    let all = || bounds.iter().chain(&equal).flatten();
    let pairs = all().map(|bound| (bound.left, bound.right)).collect::<Vec<_>>();
    for (left, right) in pairs {
        let same = |bound: &&Bounds| bound.left == left && bound.right == right;
        let lower = all().filter(same).filter_map(|bound| bound.lower).max();
        let upper = all().filter(same).filter_map(|bound| bound.upper).min();
        let (Some(lower), Some(upper)) = (lower, upper) else { continue };
        let taken = |bound: &Option<Bounds>| bound.as_ref().is_some_and(|bound| same(&bound));
        let mut kept = bounds.iter();
        parts.rest.retain(|_| !kept.next().is_some_and(taken));
        let mut kept = equal.iter();
        parts.equal.retain(|_| !kept.next().is_some_and(taken));
        return Some((Bounds { left, right, lower: Some(lower), upper: Some(upper) }, lower, upper));
    }
    None
}

fn read(parts: &Parts<'_>, condition: &Expr) -> Option<Bounds> {
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => compare(parts, left, *op, right),
        Expr::Between(Between { expr, negated: false, low, high }) => {
            let from = compare(parts, expr, Operator::GtEq, low)?;
            let to = compare(parts, expr, Operator::LtEq, high)?;
            let same = from.left == to.left && from.right == to.right;
            same.then(|| Bounds { lower: from.lower.or(to.lower), upper: to.upper.or(from.upper), ..from })
        }
        _ => None,
    }
}

fn compare(parts: &Parts<'_>, first: &Expr, op: Operator, second: &Expr) -> Option<Bounds> {
    let (first, second) = (moved(parts, first)?, moved(parts, second)?);
    let (left, right, op) = match (first.is_left, second.is_left) {
        (true, false) => (first, second, op),
        (false, true) => (second, first, op.swap()?),
        _ => return None,
    };
    // left + a OP right + b  is  left - right OP b - a
    let distance = right.by.checked_sub(left.by)?;
    let bounds = |lower, upper| Bounds { left: left.column, right: right.column, lower, upper };
    Some(match op {
        Operator::GtEq => bounds(Some(distance), None),
        Operator::Gt => bounds(Some(distance.checked_add(1)?), None),
        Operator::LtEq => bounds(None, Some(distance)),
        Operator::Lt => bounds(None, Some(distance.checked_sub(1)?)),
        Operator::Eq => bounds(Some(distance), Some(distance)),
        _ => return None,
    })
}

fn moved(parts: &Parts<'_>, expr: &Expr) -> Option<Moved> {
    match expr {
        Expr::Column(_) if parts.is_left(expr) => time(&parts.left, &parts.join.left, expr, true),
        Expr::Column(_) if parts.is_right(expr) => time(&parts.right, &parts.join.right, expr, false),
        Expr::Alias(alias) => moved(parts, &alias.expr),
        Expr::Cast(cast) if cast.field.data_type().is_temporal() => moved(parts, &cast.expr),
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Plus, right }) => match milliseconds(right) {
            Some(by) => shift(moved(parts, left)?, by),
            None => shift(moved(parts, right)?, milliseconds(left)?),
        },
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Minus, right }) => {
            shift(moved(parts, left)?, milliseconds(right)?.checked_neg()?)
        }
        _ => None,
    }
}

fn time(side: &Side, plan: &LogicalPlan, expr: &Expr, is_left: bool) -> Option<Moved> {
    let column = side.rows.plain(plan.schema(), expr).ok()??.column();
    side.row.is_time(column).then_some(Moved { is_left, column, by: 0 })
}

fn shift(time: Moved, by: i64) -> Option<Moved> {
    Some(Moved { by: time.by.checked_add(by)?, ..time })
}

/// An interval without months, in milliseconds.
fn milliseconds(expr: &Expr) -> Option<i64> {
    const DAY: i64 = 86_400_000;
    let Expr::Literal(value, _) = expr else { return None };
    match value {
        ScalarValue::IntervalMonthDayNano(Some(value)) if value.months == 0 && value.nanoseconds % 1_000_000 == 0 => {
            i64::from(value.days).checked_mul(DAY)?.checked_add(value.nanoseconds / 1_000_000)
        }
        ScalarValue::IntervalDayTime(Some(value)) => {
            i64::from(value.days).checked_mul(DAY)?.checked_add(i64::from(value.milliseconds))
        }
        ScalarValue::DurationSecond(Some(value)) => value.checked_mul(1000),
        ScalarValue::DurationMillisecond(Some(value)) => Some(*value),
        ScalarValue::DurationMicrosecond(Some(value)) if value % 1000 == 0 => Some(value / 1000),
        ScalarValue::DurationNanosecond(Some(value)) if value % 1_000_000 == 0 => Some(value / 1_000_000),
        _ => None,
    }
}
