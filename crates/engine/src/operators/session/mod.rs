//! `SESSION` windows, over rows and with an aggregation: the walk over a batch that both have in common.
//!
//! Sessions close at almost every mark, so the rows of a batch are walked one by one and mark by mark. What a
//! session holds, and what comes of it, is up to its [`Contents`].

mod aggregate;
mod open;
mod rows;

pub use aggregate::SessionAggregateOperator;
pub use rows::SessionRowsOperator;

use arrow::array::{ArrayRef, UInt32Array};
use arrow::datatypes::{DataType, SchemaRef};
use millstream_record::{Batch, Mark, Millis};

use crate::error::Result;
use crate::keys::Interner;
use crate::operator::Output;
use crate::operators::session::open::{Closed, Sessions};
use crate::state::Tables;
use crate::time::{WallClock, local_times, window_columns};

/// What the cells of sessions hold.
trait Contents {
    /// A row of the batch belongs to the session of this cell.
    fn put(&mut self, row: u32, cell: u32);

    /// Two sessions are one: `to` takes what `from` has, which is empty afterwards.
    fn absorb(&mut self, from: u32, to: u32) -> Result<()>;

    /// How many rows come out when the session of this cell closes.
    fn rows(&self, cell: u32) -> usize;
}

/// The sessions of an operator, found for every row.
struct Windows {
    /// The key columns of the input.
    keys: Vec<usize>,
    /// The time column.
    time: usize,
    clock: WallClock,
    interner: Interner,
    sessions: Sessions,
}

/// What a batch did.
#[derive(Default)]
struct Walk {
    /// Rows behind the time of their session.
    late: Vec<u32>,
    /// Sessions that closed, in order.
    closed: Vec<Closed>,
    /// How many rows have come out of those.
    rows: usize,
    /// The marks of the output: behind the rows of the sessions that each of them closed.
    marks: Vec<Mark>,
}

impl Windows {
    /// Sessions with this gap over rows with keys of these types; `zone` is that of a `TIMESTAMP_LTZ`.
    fn new(keys: &[usize], types: Vec<DataType>, time: usize, gap: i64, zone: Option<&str>) -> Result<Self> {
        let clock = WallClock::of(zone)?;
        let (interner, sessions) = (Interner::new(types)?, Sessions::new(gap, clock));
        Ok(Windows { keys: keys.to_vec(), time, clock, interner, sessions })
    }

    /// Takes the rows and marks of a batch one after the other. Late rows are given up; the cells of closed
    /// sessions are kept until [`Windows::forget`].
    fn walk(&mut self, batch: &Batch, contents: &mut impl Contents, out: &mut Output) -> Result<Walk> {
        let times = local_times(batch.rows.column(self.time), self.clock)?;
        let columns: Vec<ArrayRef> = self.keys.iter().map(|&key| batch.rows.column(key).clone()).collect();
        let mut keys = Vec::new();
        self.interner.intern(&columns, batch.len(), &mut keys)?;
        self.sessions.resize(self.interner.len());
        let mut walk = Walk::default();
        let mut marks = batch.marks.iter().peekable();
        for (row, (&key, &time)) in (0u32..).zip(keys.iter().zip(times.values())) {
            while let Some(mark) = marks.next_if(|mark| mark.after <= row) {
                walk.advance(&mut self.sessions, mark.watermark, contents);
            }
            match self.sessions.join(key, time, |from, to| contents.absorb(from, to))? {
                Some(cell) => contents.put(row, cell),
                None => walk.late.push(row),
            }
        }
        for mark in marks {
            walk.advance(&mut self.sessions, mark.watermark, contents);
        }
        if !walk.late.is_empty() {
            out.late(batch.expand(&UInt32Array::from(walk.late.clone()))?);
        }
        Ok(walk)
    }

    /// The columns `window_start`, `window_end`, `window_time` of rows whose sessions these are.
    fn columns<'a>(&self, closed: impl Iterator<Item = &'a Closed>, schema: &SchemaRef) -> Result<Vec<ArrayRef>> {
        let (starts, ends) = closed.map(|closed| (closed.start, closed.end)).unzip();
        window_columns(starts, ends, self.clock, schema)
    }

    /// Frees what closed sessions had.
    fn forget(&mut self, walk: &Walk) {
        self.sessions.forget(&walk.closed, &mut self.interner);
    }

    fn save(&self) -> Result<Tables> {
        let mut tables = Tables::new();
        self.sessions.save(&self.interner, &mut tables)?;
        Ok(tables)
    }

    fn load(&mut self, tables: &Tables) -> Result<()> {
        self.sessions.load(&mut self.interner, tables)
    }

    /// One more than the highest cell in use.
    fn cells(&self) -> usize {
        self.sessions.cells()
    }

    fn size(&self) -> usize {
        self.interner.size() + self.sessions.size()
    }
}

impl Walk {
    /// The watermark moves.
    fn advance(&mut self, sessions: &mut Sessions, watermark: Millis, contents: &impl Contents) {
        let before = self.closed.len();
        sessions.advance(watermark, &mut self.closed);
        self.rows += self.closed[before..].iter().map(|closed| contents.rows(closed.cell)).sum::<usize>();
        self.marks.push(Mark { after: self.rows as u32, watermark });
    }
}
