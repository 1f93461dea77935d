//! Joins of two streams that nothing bounds in time. What comes out has no event time any more: a row meets partners
//! however old they are.

use millstream_plan::{Changes, Join, JoinKind, Op, RowType};

use super::Lowering;
use super::join::{Parts, Side};
use super::rows::Rows;
use crate::SqlError;

impl Lowering<'_> {
    /// The join that keeps all rows of both sides.
    pub(super) fn regular_join(&mut self, parts: &mut Parts<'_>) -> Result<Rows, SqlError> {
        let appends = |side: &Side| side.row.changes == Changes::Append;
        let only_adds =
            matches!(parts.kind, JoinKind::Inner | JoinKind::Semi) && appends(&parts.left) && appends(&parts.right);
        let on = parts.equalities()?;
        parts.tell_apart();
        let slots = parts.slots();
        let (left_node, right_node) = self.settle_sides(parts);
        let wide = self.joined(left_node, right_node, parts.kind, false);
        let residual = parts.residual(left_node, &slots, &wide)?;
        let (edge, slots) = self.outlet(parts, left_node, wide, slots);
        let changes = if only_adds { Changes::Append } else { Changes::Retract };
        let edge = RowType { times: Vec::new(), changes, ..edge };
        let join = Join { kind: parts.kind, on, residual, lookup: false };
        let node = self.add(Op::Join(join), vec![left_node, right_node], edge);
        Ok(Rows { node, slots, pending: None, attached: None })
    }
}
