//! Aggregation per session: rows of one key that follow each other within a gap, closed when the watermark
//! passes the gap behind the last of them.
//!
//! Sessions close at almost every mark, so the rows of a batch are walked one by one, while the aggregates
//! take the whole batch at its end; only two sessions that merge force them to catch up first.

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::datatypes::{Int64Type, SchemaRef};
use millstream_plan::{Changes, RowType, WindowAggregate, WindowInput};
use millstream_record::{Batch, Mark, Millis};

use crate::aggregate::AggregateSet;
use crate::error::{EngineError, Result};
use crate::inspect::Detail;
use crate::keys::Interner;
use crate::operator::{Operator, Output};
use crate::pane::PaneShape;
use crate::sessions::{Closed, Sessions};
use crate::state::Tables;
use crate::time::{WallClock, local_times, window_columns};

/// Aggregates per key and session.
pub struct SessionAggregateOperator {
    shape: PaneShape,
    time: usize,
    clock: WallClock,
    schema: SchemaRef,
    interner: Interner,
    sessions: Sessions,
    aggregates: AggregateSet,
}

/// The pass over one batch.
#[derive(Default)]
struct Pass {
    /// The cell of each row that counts.
    cells: Vec<u32>,
    /// Those rows.
    rows: Vec<u32>,
    /// How many of them the aggregates have taken.
    taken: usize,
    late: Vec<u32>,
    /// The keys of late rows.
    late_keys: Vec<u32>,
    closed: Vec<Closed>,
    /// The marks of the output: behind the sessions that each of them closed.
    marks: Vec<Mark>,
}

impl SessionAggregateOperator {
    /// The operator for a plan over rows of type `input`; `schema` is what comes out.
    pub fn new(plan: &WindowAggregate, input: &RowType, schema: SchemaRef) -> Result<Self> {
        let WindowInput::Time { window: millstream_plan::Window::Session { gap }, time, zone } = &plan.input else {
            return Err(EngineError::Compute("a session aggregation needs a SESSION window".into()));
        };
        let retracts = input.changes == Changes::Retract;
        let shape = PaneShape::new(&plan.keys, &plan.aggregates, input.schema.clone(), retracts);
        let clock = WallClock::of(zone.as_deref())?;
        Ok(SessionAggregateOperator {
            interner: Interner::new(shape.key_types())?,
            aggregates: AggregateSet::new(&shape.calls, &shape.schema, retracts)?,
            sessions: Sessions::new(*gap, clock),
            shape,
            time: *time,
            clock,
            schema,
        })
    }

    /// Finds the session of a row.
    fn join(&mut self, row: u32, key: u32, time: i64, batch: &Batch, pass: &mut Pass) -> Result<()> {
        let aggregates = &mut self.aggregates;
        let mut absorb = |cells: usize, from: u32, to: u32| {
            pass.catch_up(cells, batch, aggregates)?;
            aggregates.absorb(from, to)?;
            aggregates.reset(from);
            Ok(())
        };
        match self.sessions.join(key, time, &mut absorb)? {
            Some(cell) => {
                pass.cells.push(cell);
                pass.rows.push(row);
            }
            None => {
                pass.late.push(row);
                pass.late_keys.push(key);
            }
        }
        Ok(())
    }

    /// The watermark moves.
    fn advance(&mut self, watermark: Millis, pass: &mut Pass) {
        self.sessions.advance(watermark, &mut pass.closed);
        pass.marks.push(Mark { after: pass.closed.len() as u32, watermark });
    }

    /// What comes out of the sessions that closed in a batch.
    fn results(&mut self, pass: &Pass) -> Result<Batch> {
        let closed = &pass.closed;
        let cells: Vec<u32> = closed.iter().map(|closed| closed.session.cell).collect();
        let keys: Vec<u32> = closed.iter().map(|closed| closed.key).collect();
        let mut columns = self.interner.keys(&keys)?;
        let mut results = self.aggregates.evaluate(&cells)?;
        let present = self.shape.retracts.then(|| results.pop().expect("the last aggregate counts the rows"));
        columns.append(&mut results);
        let starts = closed.iter().map(|closed| closed.session.start).collect();
        let ends = closed.iter().map(|closed| closed.session.end).collect();
        columns.extend(window_columns(starts, ends, self.clock, &self.schema)?);
        let rows = RecordBatch::try_new(self.schema.clone(), columns)?;
        let batch = Batch { marks: pass.marks.clone(), ..Batch::insert(rows) };
        match present {
            Some(counts) => {
                let some = counts.as_primitive::<Int64Type>().iter().map(|count| count.map(|count| count > 0));
                Ok(batch.filter(&some.collect())?)
            }
            None => Ok(batch),
        }
    }
}

impl Pass {
    /// Gives the aggregates the rows that were sorted so far.
    fn catch_up(&mut self, cells: usize, batch: &Batch, aggregates: &mut AggregateSet) -> Result<()> {
        aggregates.resize(cells);
        if self.taken == self.rows.len() {
            return Ok(());
        }
        let cells = &self.cells[self.taken..];
        if cells.len() == batch.len() {
            aggregates.update(&batch.rows, batch.kinds.as_ref(), cells)?;
        } else {
            let part = batch.expand(&UInt32Array::from(self.rows[self.taken..].to_vec()))?;
            aggregates.update(&part.rows, part.kinds.as_ref(), cells)?;
        }
        self.taken = self.rows.len();
        Ok(())
    }
}

impl Operator for SessionAggregateOperator {
    fn on_batch(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<()> {
        let times = local_times(batch.rows.column(self.time), self.clock)?;
        let columns: Vec<ArrayRef> = self.shape.keys.iter().map(|&key| batch.rows.column(key).clone()).collect();
        let mut keys = Vec::new();
        self.interner.intern(&columns, batch.len(), &mut keys)?;
        self.sessions.resize(self.interner.len());
        let mut pass = Pass::default();
        let mut marks = batch.marks.iter().peekable();
        for (row, (&key, &time)) in (0u32..).zip(keys.iter().zip(times.values())) {
            while let Some(mark) = marks.next_if(|mark| mark.after <= row) {
                self.advance(mark.watermark, &mut pass);
            }
            self.join(row, key, time, &batch, &mut pass)?;
        }
        for mark in marks {
            self.advance(mark.watermark, &mut pass);
        }
        pass.catch_up(self.sessions.cells(), &batch, &mut self.aggregates)?;
        out.late(batch.expand(&UInt32Array::from(std::mem::take(&mut pass.late)))?);
        let results = self.results(&pass)?;
        pass.closed.iter().for_each(|closed| self.aggregates.reset(closed.session.cell));
        self.sessions.forget(&pass.closed, pass.late_keys, &mut self.interner);
        out.emit(results);
        Ok(())
    }

    fn on_rows(&mut self, port: usize, rows: Batch, out: &mut Output) -> Result<()> {
        self.on_batch(port, rows, out)
    }

    fn on_watermark(&mut self, watermark: Millis, _: &mut Output) -> Result<Millis> {
        Ok(watermark)
    }

    fn deadline(&self, _: usize, _: &Batch) -> Millis {
        Millis::MAX
    }

    fn save(&mut self) -> Result<Tables> {
        let mut tables = Tables::new();
        self.sessions.save(&self.interner, &mut tables)?;
        self.aggregates.save("cells.", &mut tables)?;
        Ok(tables)
    }

    fn load(&mut self, tables: Tables) -> Result<()> {
        self.sessions.load(&mut self.interner, &tables)?;
        self.aggregates.load("cells.", &tables)?;
        self.aggregates.resize(self.sessions.cells());
        Ok(())
    }

    fn size(&self) -> usize {
        self.interner.size() + self.aggregates.size() + self.sessions.size()
    }

    fn inspect(&self) -> Detail {
        Detail::Windows(self.sessions.open_windows())
    }
}
