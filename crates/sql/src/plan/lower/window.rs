//! Windowing table functions. A window is only noted here; an aggregation above may cut it itself, and
//! whoever else needs its columns gets them from an operator that puts rows into their windows.

use arrow::datatypes::Field;
use datafusion::logical_expr::Expr;
use millstream_plan::{AssignWindow, Op, RowType};

use super::Lowering;
use super::columns;
use super::rows::{Attached, Pending, Rows, Slot};
use crate::SqlError;
use crate::plan::node::{WINDOW_COLUMNS, WindowNode};
use crate::plan::provider::WALL_CLOCK;
use crate::types::{SqlType, quoted};

impl Lowering<'_> {
    /// Notes a window over its input.
    pub(super) fn window(&mut self, node: &WindowNode) -> Result<Rows, SqlError> {
        let input = self.lower(&node.input)?;
        let input = self.with_window(input);
        let schema = node.input.schema();
        let column = |expr: &Expr| match input.plain(schema, expr)? {
            Some(slot) => Ok(slot.column()),
            None => Err(SqlError::new("E0411", format!("{expr} is not a column"))),
        };
        let time = column(&node.time)?;
        if !self.row(&input).is_time(time) {
            return Err(not_time(&node.time, self.row(&input), time).at(node.place));
        }
        let partition = node.partition.iter().map(column).collect::<Result<Vec<_>, SqlError>>()?;
        let pending = Pending {
            window: node.window,
            time,
            zone: node.zone.clone(),
            partition,
            time_type: node.time_type(),
            legacy: node.legacy,
            place: node.place,
        };
        let mut slots = input.slots;
        slots.extend([Slot::Start, Slot::End, Slot::Time]);
        Ok(Rows { node: input.node, slots, pending: Some(pending), attached: None })
    }

    /// The same rows with the columns of their window on the edge.
    pub(super) fn with_window(&mut self, rows: Rows) -> Rows {
        let Some(pending) = rows.pending else { return rows };
        let input = &self.graph.node(rows.node).row;
        let width = input.schema.fields().len();
        let types = [WALL_CLOCK, WALL_CLOCK, pending.time_type];
        let own = WINDOW_COLUMNS.iter().zip(types).map(|(name, data_type)| Field::new(*name, data_type, false));
        let fields = input.schema.fields().iter().map(|field| field.as_ref().clone()).chain(own);
        let times = input.times.iter().copied().chain([width + 2]).collect();
        let row = columns::row(fields, times, input.changes);
        let assign = AssignWindow {
            window: pending.window,
            time: pending.time,
            zone: pending.zone.clone(),
            partition: pending.partition,
        };
        let node = self.add(Op::AssignWindow(assign), vec![rows.node], row);
        let place = |slot: Slot| match slot {
            Slot::Column(column) => Slot::Column(column),
            Slot::Start => Slot::Column(width),
            Slot::End => Slot::Column(width + 1),
            Slot::Time => Slot::Column(width + 2),
        };
        let attached =
            Attached { starts: vec![width], ends: vec![width + 1], times: vec![width + 2], zone: pending.zone };
        Rows { node, slots: rows.slots.into_iter().map(place).collect(), pending: None, attached: Some(attached) }
    }
}

fn not_time(expr: &Expr, row: &RowType, index: usize) -> SqlError {
    let name = match expr {
        Expr::Column(column) => column.name.clone(),
        other => other.to_string(),
    };
    let data_type = SqlType::from_field(row.schema.field(index)).map_or_else(|_| "unknown".into(), |t| t.to_string());
    let message = format!("a window needs an event-time column, but '{name}' is an ordinary {data_type} column");
    let error = SqlError::new("E0413", message);
    match row.times.first() {
        Some(&time) => {
            error.hint(format!("the event time here is DESCRIPTOR({})", quoted(row.schema.field(time).name())))
        }
        None => error.hint(format!("declare it in the table: WATERMARK FOR {name} AS {name} - INTERVAL '5' SECOND")),
    }
}
