//! `UNION ALL`: the rows of all inputs, as they come. A column stays event time if it is so in every input.

use datafusion::logical_expr::Union;
use millstream_plan::{Changes, Op};

use super::Lowering;
use super::columns::{self, Columns};
use super::rows::{Rows, Slot};
use crate::SqlError;

impl Lowering<'_> {
    /// Brings the inputs to the same columns and puts them together.
    pub(super) fn union(&mut self, union: &Union) -> Result<Rows, SqlError> {
        let width = union.schema.fields().len();
        let mut inputs = Vec::with_capacity(union.inputs.len());
        for plan in &union.inputs {
            let rows = self.lower(plan)?;
            let rows = self.with_window(rows);
            let row = self.row(&rows);
            let in_place = rows.slots.iter().enumerate().all(|(index, slot)| *slot == Slot::Column(index));
            if in_place && row.schema.fields().len() == width {
                inputs.push(rows.node);
                continue;
            }
            let mut columns = Columns::default();
            for (slot, field) in rows.slots.iter().zip(union.schema.fields()) {
                columns.push_named(row, slot.column(), field.name());
            }
            inputs.push(self.project(rows.node, columns));
        }
        let edges: Vec<_> = inputs.iter().map(|&input| &self.graph.node(input).row).collect();
        let times = (0..width).filter(|&column| edges.iter().all(|row| row.is_time(column))).collect();
        let retracts = edges.iter().any(|row| row.changes == Changes::Retract);
        let changes = if retracts { Changes::Retract } else { Changes::Append };
        let row = columns::row(union.schema.fields().iter().map(|field| field.as_ref().clone()), times, changes);
        Ok(Rows::whole(self.add(Op::Union, inputs, row), width))
    }
}
