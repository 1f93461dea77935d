//! A stream joined with a table that stands still. The table is the right input; an inner join may be
//! turned round for that.

use millstream_plan::{Equality, Join, JoinKind, Op};

use super::Lowering;
use super::join::{Parts, stands_still};
use super::rows::{Rows, Slot};
use crate::SqlError;

impl Lowering<'_> {
    /// The join as a lookup in a table, if one side is a table and the kind of join allows it.
    pub(super) fn table_join(&mut self, parts: &mut Parts<'_>, timed: bool) -> Result<Option<Rows>, SqlError> {
        let right = stands_still(&parts.join.right, &parts.right.row, timed);
        let left = stands_still(&parts.join.left, &parts.left.row, timed);
        let (turned, kind) = match parts.kind {
            JoinKind::Inner | JoinKind::Left | JoinKind::Semi | JoinKind::Anti if right => (false, parts.kind),
            JoinKind::Inner if left => (true, JoinKind::Inner),
            JoinKind::Right if left => (true, JoinKind::Left),
            _ => return Ok(None),
        };
        let on = parts.equalities()?;
        parts.tell_apart();
        let (left_width, right_width) = (parts.left.width(), parts.right.width());
        let left_slots = parts.left.rows.slots.clone();
        let right_slots = parts.right.rows.slots.clone();
        let moved =
            |slots: &[Slot], by: usize| slots.iter().map(|slot| Slot::Column(slot.column() + by)).collect::<Vec<_>>();
        // The plan's columns stay left then right; only the edge is turned.
        let slots = match turned {
            false => [left_slots, moved(&right_slots, left_width)].concat(),
            true => [moved(&left_slots, right_width), right_slots].concat(),
        };
        let (left_node, right_node) = self.settle_sides(parts);
        let (stream, table) = if turned { (right_node, left_node) } else { (left_node, right_node) };
        let on = match turned {
            false => on,
            true => on.into_iter().map(|e| Equality { left: e.right, right: e.left, ..e }).collect(),
        };
        let wide = self.joined(stream, table, kind, false);
        let residual = parts.residual(stream, &slots, &wide)?;
        let (edge, slots) = self.outlet(parts, stream, wide, slots);
        let node =
            self.add(Op::TableJoin(Join { kind, on, residual, lookup: parts.lookup }), vec![stream, table], edge);
        Ok(Some(Rows { node, slots, pending: None, attached: None }))
    }
}
