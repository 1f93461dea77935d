//! Reading a tap: only the columns that the query needs. Upserts become changes that repeat the old row.

use datafusion::logical_expr::TableScan;
use millstream_plan::{Changes, Op, RowType, Tap, TapChanges};

use super::Lowering;
use super::columns::row;
use super::rows::{Rows, Slot};
use crate::SqlError;
use crate::plan::source::TapSource;

impl Lowering<'_> {
    /// Reads the columns of a tap.
    pub(super) fn scan(&mut self, scan: &TableScan) -> Result<Rows, SqlError> {
        let source: &dyn std::any::Any = scan.source.as_ref();
        let Some(source) = source.downcast_ref::<TapSource>() else {
            let message = format!("'{}' is not a table that can be read", scan.table_name);
            return Err(SqlError::new("E0403", message));
        };
        let tap = &source.tap;
        let wanted = scan.projection.clone().unwrap_or_else(|| (0..tap.columns.len()).collect());
        let mut columns = wanted.clone();
        if tap.changes == TapChanges::Upsert {
            columns.extend(tap.primary_key.iter().filter(|key| !wanted.contains(key)));
        }
        if columns.is_empty() {
            columns.extend(cheapest(tap));
        }
        let slots = (0..wanted.len()).map(Slot::Column).collect();
        let changes = if tap.changes == TapChanges::Append { Changes::Append } else { Changes::Retract };
        let edge = edge(tap, &columns, changes);
        let op = Op::Scan { tap: tap.clone(), columns: columns.clone() };
        let mut node = self.add(op, Vec::new(), edge.clone());
        if tap.changes == TapChanges::Upsert {
            let place = |key: &usize| columns.iter().position(|column| column == key);
            let key = tap.primary_key.iter().filter_map(place).collect();
            node = self.add(Op::Normalize { key }, vec![node], edge);
        }
        Ok(Rows { node, slots, pending: None, attached: None })
    }
}

fn edge(tap: &Tap, columns: &[usize], changes: Changes) -> RowType {
    let time = tap.watermark.as_ref().map(|watermark| watermark.column);
    let times = columns.iter().enumerate().filter(|(_, column)| Some(**column) == time).map(|(at, _)| at).collect();
    row(columns.iter().map(|&column| tap.columns[column].field()), times, changes)
}

/// One column for a query that only counts rows: the event time, which is read anyway, or the narrowest.
fn cheapest(tap: &Tap) -> Option<usize> {
    let width = |column: &usize| tap.columns[*column].field().data_type().primitive_width().unwrap_or(usize::MAX);
    tap.watermark.as_ref().map(|watermark| watermark.column).or_else(|| (0..tap.columns.len()).min_by_key(width))
}
