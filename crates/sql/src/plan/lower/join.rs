//! Joins. What kind of operator a join needs is seen from its condition and its inputs: two event times
//! held within an interval, equal windows, or a table that stands still on one side. Everything else is a regular join,
//! whose rows stay for ever.

use datafusion::common::{JoinType, NullEquality, ScalarValue};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Join, LogicalPlan, Operator};
use millstream_plan::{Changes, Equality, JoinKind, NodeId, RowType, Tap};

use super::columns::{self, Columns};
use super::rows::{Rows, Slot};
use super::{Lowering, place};
use crate::SqlError;
use crate::plan::bounded::is_bounded;
use crate::plan::fault;
use crate::plan::refuse::unsupported;
use crate::plan::source::TapSource;

/// One side of a join: its rows, and the columns that are computed for its keys.
pub(super) struct Side {
    pub(super) rows: Rows,
    pub(super) row: RowType,
    columns: Columns,
    /// Whether something is computed, so that a projection is needed.
    computes: bool,
}

/// A join with its condition taken apart.
pub(super) struct Parts<'p> {
    pub(super) join: &'p Join,
    pub(super) kind: JoinKind,
    pub(super) left: Side,
    pub(super) right: Side,
    /// Pairs of expressions that must be equal, left and right, and whether null equals null.
    pub(super) equal: Vec<(Expr, Expr, bool)>,
    /// What must hold besides.
    pub(super) rest: Vec<Expr>,
    /// Whether the right side is a table that is looked up as it is now.
    pub(super) lookup: bool,
}

impl Lowering<'_> {
    /// Finds the operator for a join.
    pub(super) fn join(&mut self, join: &Join) -> Result<Rows, SqlError> {
        let mut parts = self.parts(join)?;
        match self.not_in(&mut parts)? {
            Some(rows) => Ok(rows),
            None => self.by_condition(&mut parts),
        }
    }

    /// Both sides of a join, and its condition taken apart.
    pub(super) fn parts<'p>(&mut self, join: &'p Join) -> Result<Parts<'p>, SqlError> {
        let kind = kind(join)?;
        let left = self.lower(&join.left)?;
        let left = self.with_window(left);
        let right = self.lower(&join.right)?;
        let right = self.with_window(right);
        let mut parts = Parts::of(self, join, kind, left, right);
        parts.take_apart();
        Ok(parts)
    }

    /// Finds the operator by the condition.
    pub(super) fn by_condition(&mut self, parts: &mut Parts<'_>) -> Result<Rows, SqlError> {
        if let Some(rows) = self.table_join(parts, false)? {
            return Ok(rows);
        }
        if let Some(rows) = self.interval_join(parts)? {
            return Ok(rows);
        }
        // A side that ends may be read first even if it has event time, when nothing bounds the join in time.
        if let Some(rows) = self.table_join(parts, true)? {
            return Ok(rows);
        }
        match self.window_join(parts)? {
            Some(rows) => Ok(rows),
            None => self.regular_join(parts),
        }
    }

    /// The node of a side, with its computed keys.
    pub(super) fn settle(&mut self, side: Side) -> (NodeId, Vec<Slot>) {
        let node = if side.computes { self.project(side.rows.node, side.columns) } else { side.rows.node };
        (node, side.rows.slots)
    }

    /// The edge behind a join of two nodes: left then right, padded sides nullable.
    pub(super) fn joined(&self, left: NodeId, right: NodeId, kind: JoinKind, right_times: bool) -> RowType {
        let (left, right) = (&self.graph.node(left).row, &self.graph.node(right).row);
        let width = left.schema.fields().len();
        let padded = |row: &RowType, padded: bool| {
            let field = move |field: &std::sync::Arc<arrow::datatypes::Field>| {
                field.as_ref().clone().with_nullable(field.is_nullable() || padded)
            };
            row.schema.fields().iter().map(field).collect::<Vec<_>>()
        };
        let fields = [padded(left, kind.pads_right()), padded(right, kind.pads_left())].concat();
        let right_times = right.times.iter().filter(|_| right_times).map(|time| time + width);
        let times = left.times.iter().copied().chain(right_times).collect();
        columns::row(fields, times, left.changes)
    }

    /// What comes out of a join whose edge with the columns of both sides is `wide`: of a semi or anti join only the
    /// columns of its left side, which is `left`.
    pub(super) fn outlet(
        &self,
        parts: &Parts<'_>,
        left: NodeId,
        wide: RowType,
        slots: Vec<Slot>,
    ) -> (RowType, Vec<Slot>) {
        if !parts.kind.is_half() {
            return (wide, slots);
        }
        let own = parts.left.rows.slots.len();
        (self.graph.node(left).row.clone(), slots.into_iter().take(own).collect())
    }
}

impl<'p> Parts<'p> {
    /// A join of these rows without a condition so far.
    pub(super) fn of(lowering: &Lowering<'_>, join: &'p Join, kind: JoinKind, left: Rows, right: Rows) -> Parts<'p> {
        let side = |rows: Rows| {
            let row = lowering.row(&rows).clone();
            Side { columns: Columns::all(&row), row, rows, computes: false }
        };
        Parts { join, kind, left: side(left), right: side(right), equal: Vec::new(), rest: Vec::new(), lookup: false }
    }
}

impl Parts<'_> {
    /// Sorts the condition into equalities between the sides and the rest.
    fn take_apart(&mut self) {
        let null_equal = self.join.null_equality == NullEquality::NullEqualsNull;
        self.equal.extend(self.join.on.iter().map(|(left, right)| (left.clone(), right.clone(), null_equal)));
        let filter = self.join.filter.clone();
        for condition in filter.iter().flat_map(split_conjunction) {
            match condition {
                Expr::BinaryExpr(BinaryExpr { left, op: Operator::IsNotDistinctFrom, right }) => {
                    let (in_left, in_right) = (|e: &Expr| self.is_left(e), |e: &Expr| self.is_right(e));
                    if in_left(left) && in_right(right) {
                        self.equal.push((left.as_ref().clone(), right.as_ref().clone(), true));
                    } else if in_left(right) && in_right(left) {
                        self.equal.push((right.as_ref().clone(), left.as_ref().clone(), true));
                    } else {
                        self.rest.push(condition.clone());
                    }
                }
                Expr::Literal(ScalarValue::Boolean(Some(true)), _) => {}
                other => self.rest.push(other.clone()),
            }
        }
    }

    /// Whether an expression reads columns of the left side only, and at least one.
    pub(super) fn is_left(&self, expr: &Expr) -> bool {
        let columns = expr.column_refs();
        !columns.is_empty() && columns.iter().all(|column| self.join.left.schema().has_column(column))
    }

    /// Whether an expression reads columns of the right side only, and at least one.
    pub(super) fn is_right(&self, expr: &Expr) -> bool {
        let columns = expr.column_refs();
        !columns.is_empty() && columns.iter().all(|column| self.join.right.schema().has_column(column))
    }

    /// Whether one of these columns of the left side must equal one of those of the right side.
    pub(super) fn equal_plainly(&self, left: &[usize], right: &[usize]) -> Result<bool, SqlError> {
        for (ours, theirs, _) in &self.equal {
            let ours = self.left.rows.plain(self.join.left.schema(), ours)?;
            let theirs = self.right.rows.plain(self.join.right.schema(), theirs)?;
            if let (Some(ours), Some(theirs)) = (ours, theirs)
                && left.contains(&ours.column())
                && right.contains(&theirs.column())
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The equalities as columns; keys that are computed are added to their side.
    pub(super) fn equalities(&mut self) -> Result<Vec<Equality>, SqlError> {
        let mut out = Vec::with_capacity(self.equal.len());
        for (left, right, null_equal) in &self.equal {
            out.push(Equality {
                left: self.left.key(&self.join.left, left)?,
                right: self.right.key(&self.join.right, right)?,
                null_equal: *null_equal,
            });
        }
        Ok(out)
    }

    /// Where the plan's columns stand on an edge of left ++ right.
    pub(super) fn slots(&self) -> Vec<Slot> {
        let width = self.left.width();
        let right = self.right.rows.slots.iter().map(|slot| Slot::Column(slot.column() + width));
        self.left.rows.slots.iter().copied().chain(right).collect()
    }

    /// Makes every name stand on one side only, if a condition is left that reads both by name.
    pub(super) fn tell_apart(&mut self) {
        if !self.rest.is_empty() {
            let renamed = self.right.columns.tell_apart(&self.left.columns);
            self.right.computes |= renamed;
        }
    }

    /// The rest of the condition over the joined edge, whose columns stand in these slots.
    pub(super) fn residual(&self, node: NodeId, slots: &[Slot], edge: &RowType) -> Result<Option<Expr>, SqlError> {
        let Some(rest) = datafusion::logical_expr::utils::conjunction(self.rest.clone()) else { return Ok(None) };
        let rows = Rows { node, slots: slots.to_vec(), pending: None, attached: None };
        let schema = self.join.left.schema().join(self.join.right.schema()).map_err(fault::from_datafusion)?;
        rows.resolve(&schema, edge, &rest).map(Some)
    }
}

impl Side {
    fn key(&mut self, plan: &LogicalPlan, expr: &Expr) -> Result<usize, SqlError> {
        if let Some(slot) = self.rows.plain(plan.schema(), expr)? {
            return Ok(slot.column());
        }
        let (_, field) = expr.to_field(plan.schema().as_ref()).map_err(fault::from_datafusion)?;
        let before = self.columns.len();
        let place = self.columns.add(self.rows.resolve(plan.schema(), &self.row, expr)?, &field);
        self.computes |= self.columns.len() > before;
        Ok(place)
    }

    /// What goes into the graph; what stays behind is enough to resolve conditions.
    pub(super) fn take(&mut self) -> Side {
        Side {
            rows: self.rows.clone(),
            row: self.row.clone(),
            columns: std::mem::take(&mut self.columns),
            computes: self.computes,
        }
    }

    /// How many columns it brings to the join.
    pub(super) fn width(&self) -> usize {
        self.columns.len()
    }
}

fn kind(join: &Join) -> Result<JoinKind, SqlError> {
    Ok(match join.join_type {
        JoinType::Inner => JoinKind::Inner,
        JoinType::Left => JoinKind::Left,
        JoinType::Right => JoinKind::Right,
        JoinType::Full => JoinKind::Full,
        JoinType::LeftSemi => JoinKind::Semi,
        JoinType::LeftAnti => JoinKind::Anti,
        JoinType::LeftMark | JoinType::RightMark => {
            let sentence = "IN or EXISTS with a subquery inside of OR, NOT or CASE";
            return Err(unsupported("subquery", sentence, place(&join.filter))
                .hint("write two queries with UNION, one for each side of OR"));
        }
        other => return Err(unsupported("semi-join", &format!("a {other} join"), place(&join.filter))),
    })
}

/// Whether a plan reads nothing but tables that end, and never takes a row back; `timed` allows tables with
/// event time.
pub(super) fn stands_still(plan: &LogicalPlan, row: &RowType, timed: bool) -> bool {
    fn ends(plan: &LogicalPlan, timed: bool) -> bool {
        match plan {
            LogicalPlan::TableScan(scan) => {
                let source: &dyn std::any::Any = scan.source.as_ref();
                let fits = |tap: &Tap| is_bounded(tap) && (timed || tap.watermark.is_none());
                source.downcast_ref::<TapSource>().is_some_and(|source| fits(&source.tap))
            }
            other => other.inputs().into_iter().all(|input| ends(input, timed)),
        }
    }
    row.changes == Changes::Append && ends(plan, timed)
}
