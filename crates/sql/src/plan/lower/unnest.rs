//! Rows unfolded along a list: the list is computed by a projection, then the operator repeats the row.

use arrow::datatypes::Field;
use datafusion::logical_expr::ExprSchemable;
use millstream_plan::{Op, Unnest, Window};

use super::Lowering;
use super::columns::{self, Columns};
use super::rows::{Rows, Slot};
use crate::SqlError;
use crate::plan::fault;
use crate::plan::node::UnnestNode;

impl Lowering<'_> {
    /// Unfolds the rows of the input.
    pub(super) fn unnest(&mut self, node: &UnnestNode) -> Result<Rows, SqlError> {
        let schema = node.input.schema();
        let mut input = self.lower(&node.input)?;
        let session = input.pending.as_ref().is_some_and(|pending| matches!(pending.window, Window::Session { .. }));
        if session || input.reads_window(schema, &node.list) {
            input = self.with_window(input);
        }
        let row = self.row(&input);
        let mut kept = Columns::default();
        let mut keep = |column: usize| kept.keep(row, column);
        let mut slots: Vec<Slot> = input.slots.iter().map(|slot| slot.moved(&mut keep)).collect();
        let pending = input.pending.clone().map(|pending| pending.moved(&mut keep));
        let attached = input.attached.clone().map(|attached| attached.moved(&mut keep));
        let list_type = node.list.get_type(schema.as_ref()).map_err(fault::from_datafusion)?;
        let list = kept.add(input.resolve(schema, row, &node.list)?, &Field::new("list", list_type, true));
        let source = if kept.is_identity(row) { input.node } else { self.project(input.node, kept) };

        let below = &self.graph.node(source).row;
        let width = below.schema.fields().len();
        let element = node.element.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
        let fields = below.schema.fields().iter().map(|field| field.as_ref().clone()).chain(element);
        let edge = columns::row(fields, below.times.clone(), below.changes);
        let op = Op::Unnest(Unnest { list, ordinality: node.ordinality, outer: node.outer });
        let unnested = self.add(op, vec![source], edge);
        slots.extend((width..width + node.element.fields().len()).map(Slot::Column));
        Ok(Rows { node: unnested, slots, pending, attached })
    }
}
