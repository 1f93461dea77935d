//! A lowered relation: its node, and where each column of the plan stands on the node's edge.

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::Expr;
use millstream_plan::{NodeId, RowType, Window};

use super::watermark;
use crate::SqlError;
use crate::error::Span;
use crate::plan::fault;

/// Where a column of the plan stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plan) enum Slot {
    /// A column of the node's edge.
    Column(usize),
    /// `window_start` of the pending window.
    Start,
    /// `window_end` of the pending window.
    End,
    /// `window_time` of the pending window.
    Time,
}

impl Slot {
    /// The column of the edge.
    pub(in crate::plan) fn column(self) -> usize {
        match self {
            Slot::Column(column) => column,
            _ => unreachable!("the window's columns have been put on the edge before anybody asks for them"),
        }
    }
}

impl Slot {
    /// The slot on another edge, where `place` says where a column of this one stands.
    pub(super) fn moved(self, place: &mut impl FnMut(usize) -> usize) -> Slot {
        match self {
            Slot::Column(column) => Slot::Column(place(column)),
            window => window,
        }
    }
}

impl Pending {
    /// See [`Slot::moved`].
    pub(super) fn moved(mut self, place: &mut impl FnMut(usize) -> usize) -> Pending {
        self.time = place(self.time);
        self.partition.iter_mut().for_each(|key| *key = place(*key));
        self
    }
}

impl Attached {
    /// See [`Slot::moved`].
    pub(super) fn moved(mut self, place: &mut impl FnMut(usize) -> usize) -> Attached {
        for columns in [&mut self.starts, &mut self.ends, &mut self.times] {
            columns.iter_mut().for_each(|column| *column = place(*column));
        }
        self
    }
}

/// A window that nobody has cut yet: an aggregation above may do it itself, in slices.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) window: Window,
    /// The event-time column on the edge.
    pub(super) time: usize,
    pub(super) zone: Option<String>,
    /// The columns of a session's key on the edge.
    pub(super) partition: Vec<usize>,
    /// The type of `window_time`.
    pub(super) time_type: DataType,
    pub(super) legacy: bool,
    /// Where the window stands in the text.
    pub(super) place: Option<Span>,
}

/// The window that rows carry with them.
#[derive(Clone, Debug, Default)]
pub(super) struct Attached {
    pub(super) starts: Vec<usize>,
    pub(super) ends: Vec<usize>,
    pub(super) times: Vec<usize>,
    pub(super) zone: Option<String>,
}

/// A lowered relation.
#[derive(Clone, Debug)]
pub(in crate::plan) struct Rows {
    pub(in crate::plan) node: NodeId,
    /// Of each column of the plan, in order.
    pub(in crate::plan) slots: Vec<Slot>,
    pub(super) pending: Option<Pending>,
    pub(super) attached: Option<Attached>,
}

impl Rows {
    /// A relation whose columns are those of the edge, in order.
    pub(super) fn whole(node: NodeId, width: usize) -> Rows {
        Rows { node, slots: (0..width).map(Slot::Column).collect(), pending: None, attached: None }
    }

    /// Where the column that an expression plainly names stands; `None` if it computes something.
    pub(super) fn plain(&self, schema: &DFSchema, expr: &Expr) -> Result<Option<Slot>, SqlError> {
        match expr {
            Expr::Column(column) => {
                let index = schema.index_of_column(column).map_err(fault::from_datafusion)?;
                Ok(Some(self.slots[index]))
            }
            Expr::Alias(alias) => self.plain(schema, &alias.expr),
            _ => Ok(None),
        }
    }

    /// Whether an expression reads a column of the pending window.
    pub(super) fn reads_window(&self, schema: &DFSchema, expr: &Expr) -> bool {
        self.pending.is_some()
            && expr.column_refs().into_iter().any(|column| {
                schema.index_of_column(column).is_ok_and(|index| !matches!(self.slots[index], Slot::Column(_)))
            })
    }

    /// The expression over the columns of the edge, by their names there.
    pub(super) fn resolve(&self, schema: &DFSchema, row: &RowType, expr: &Expr) -> Result<Expr, SqlError> {
        self.resolve_past(schema, row, expr, None)
    }

    /// The same, where `watermark` names the column that says which watermark the row met.
    pub(super) fn resolve_past(
        &self,
        schema: &DFSchema,
        row: &RowType,
        expr: &Expr,
        watermark: Option<&str>,
    ) -> Result<Expr, SqlError> {
        let expr = watermark::read(expr.clone(), watermark)?;
        let expr = expr.transform(|expr| match expr {
            Expr::Column(column) if column.relation.is_none() && Some(column.name.as_str()) == watermark => {
                Ok(Transformed::no(Expr::Column(column)))
            }
            Expr::Column(column) => {
                let index = schema.index_of_column(&column)?;
                let name = row.schema.field(self.slots[index].column()).name();
                Ok(Transformed::yes(named(name)))
            }
            other => Ok(Transformed::no(other)),
        });
        expr.map(|expr| expr.data.unalias()).map_err(fault::from_datafusion)
    }
}

/// A column of an edge as an expression; the name is taken as it is.
pub(super) fn named(name: &str) -> Expr {
    Expr::Column(datafusion::common::Column::new_unqualified(name))
}
