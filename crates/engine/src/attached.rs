//! Windows that rows carry with them, as the operators behind a windowing table function see them: when a
//! window closes, and at which watermark something is next to be done.

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;
use millstream_record::Millis;

use crate::error::Result;
use crate::time::{WallClock, closes_at, times_of};

/// The window of each row, by the column that says where it ends.
pub struct AttachedWindow {
    end: usize,
    clock: WallClock,
    watermark: Millis,
}

impl AttachedWindow {
    /// Windows that end as this column says, on the wall clock of this zone.
    pub fn new(end: usize, zone: Option<&str>) -> Result<Self> {
        Ok(AttachedWindow { end, clock: WallClock::of(zone)?, watermark: Millis::MIN })
    }

    /// The ends of the rows' windows.
    pub fn ends(&self, rows: &RecordBatch) -> Result<Int64Array> {
        times_of(rows.column(self.end))
    }

    /// The watermark that closes a window with this end.
    pub fn closes(&self, end: i64) -> Millis {
        closes_at(self.clock, end)
    }

    /// Whether a window with this end has closed: rows that belong to it are late.
    pub fn closed(&self, end: i64) -> bool {
        self.closes(end) <= self.watermark
    }

    /// The watermark moves.
    pub fn advance(&mut self, watermark: Millis) {
        self.watermark = watermark;
    }

    /// The lowest watermark that closes the first open window, or one of those that these rows bring.
    pub fn deadline(&self, open: Option<i64>, rows: &RecordBatch) -> Millis {
        // An error comes again, and is told, when the rows are taken.
        let Ok(coming) = self.ends(rows) else { return Millis::MAX };
        let coming = coming.values().iter().copied().filter(|&end| !self.closed(end)).min();
        coming.into_iter().chain(open).min().map_or(Millis::MAX, |end| closes_at(self.clock, end))
    }

    /// The watermark as a table.
    pub fn save(&self) -> Result<RecordBatch> {
        let watermark: ArrayRef = Arc::new(Int64Array::from(vec![self.watermark.0]));
        Ok(RecordBatch::try_from_iter([("watermark", watermark)])?)
    }

    /// Takes what `save` gave.
    pub fn load(&mut self, table: &RecordBatch) {
        self.watermark = Millis(table.column(0).as_primitive::<Int64Type>().value(0));
    }
}
