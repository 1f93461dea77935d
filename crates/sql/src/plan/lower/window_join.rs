//! Joins of windows: start and end of the window that both sides carry are among what must be equal. Windows of two
//! different kinds are joined like any other columns, as in Flink.

use millstream_plan::{Changes, Equality, Join, JoinKind, Op, RowType, WindowJoin};

use super::Lowering;
use super::join::{Parts, Side};
use super::rows::{Attached, Rows};
use crate::SqlError;

impl Lowering<'_> {
    /// The join by windows, if both sides carry one, neither takes rows back, and the windows must be equal.
    pub(super) fn window_join(&mut self, parts: &mut Parts<'_>) -> Result<Option<Rows>, SqlError> {
        let appends = |side: &Side| side.row.changes == Changes::Append;
        let (Some(left), Some(right)) = (parts.left.rows.attached.clone(), parts.right.rows.attached.clone()) else {
            return Ok(None);
        };
        if !appends(&parts.left) || !appends(&parts.right) || left.zone != right.zone {
            return Ok(None);
        }
        // Looked at before anything is added to the sides: what follows may still be a regular join.
        if !parts.equal_plainly(&left.starts, &right.starts)? || !parts.equal_plainly(&left.ends, &right.ends)? {
            return Ok(None);
        }
        let on = parts.equalities()?;
        let both = |pair: &&Equality| left.ends.contains(&pair.left) && right.ends.contains(&pair.right);
        let ends = on.iter().find(both).map(|pair| [pair.left, pair.right]);
        let ends = ends.expect("that the ends are equal was seen before");
        parts.tell_apart();
        let (width, slots) = (parts.left.width(), parts.slots());
        let (left_node, right_node) = self.settle_sides(parts);
        let wide = told_by(self.joined(left_node, right_node, parts.kind, true), parts.kind, width);
        let residual = parts.residual(left_node, &slots, &wide)?;
        let (edge, slots) = self.outlet(parts, left_node, wide, slots);
        let zone = left.zone.clone();
        let attached = carried(parts.kind, left, right, width);
        let join = WindowJoin { join: Join { kind: parts.kind, on, residual, lookup: false }, ends, zone };
        let node = self.add(Op::WindowJoin(join), vec![left_node, right_node], edge);
        Ok(Some(Rows { node, slots, pending: None, attached }))
    }
}

/// Columns of a side that may be padded are no event time: a null has none.
fn told_by(edge: RowType, kind: JoinKind, width: usize) -> RowType {
    let sure = |time: &usize| if *time < width { !kind.pads_right() } else { !kind.pads_left() };
    RowType { times: edge.times.iter().copied().filter(sure).collect(), ..edge }
}

/// The window that joined rows carry: that of the sides which are never padded.
fn carried(kind: JoinKind, left: Attached, right: Attached, width: usize) -> Option<Attached> {
    let right = right.moved(&mut |column| column + width);
    match kind {
        JoinKind::Inner => Some(Attached {
            starts: [left.starts, right.starts].concat(),
            ends: [left.ends, right.ends].concat(),
            times: [left.times, right.times].concat(),
            zone: left.zone,
        }),
        JoinKind::Left | JoinKind::Semi | JoinKind::Anti => Some(left),
        JoinKind::Right => Some(right),
        JoinKind::Full => None,
    }
}
