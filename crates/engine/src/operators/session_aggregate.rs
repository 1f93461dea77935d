//! Aggregation per session: rows of one key that follow each other within a gap, closed when the watermark
//! passes the gap behind the last of them.
//!
//! A row opens `[t, t + gap)`; it joins every session of its key that overlaps or touches, and only then is
//! asked whether the result is late: so a late row that reaches into an open session still counts. Sessions
//! close at almost every mark, so the rows of a batch are walked one by one, while the aggregates take the
//! whole batch at its end; only two sessions that merge force them to catch up first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, TimestampMillisecondArray, UInt32Array};
use arrow::compute::cast;
use arrow::datatypes::{Int64Type, SchemaRef};
use millstream_plan::{Changes, RowType, WindowAggregate, WindowInput};
use millstream_record::{Batch, Mark, Millis};

use crate::aggregate::AggregateSet;
use crate::error::{EngineError, Result};
use crate::keys::Interner;
use crate::operator::{Operator, Output};
use crate::pane::PaneShape;
use crate::state::Tables;
use crate::time::{WallClock, closes_at, local_times};

/// Aggregates per key and session.
pub struct SessionAggregateOperator {
    shape: PaneShape,
    time: usize,
    gap: i64,
    clock: WallClock,
    schema: SchemaRef,
    interner: Interner,
    /// The open sessions of each key, few and in no order.
    keys: Vec<Vec<Session>>,
    aggregates: AggregateSet,
    /// Cells of closed sessions, to be used again.
    free: Vec<u32>,
    cells: u32,
    sessions: i64,
    /// When to look at a session: at its end when this was noted; it may have grown since.
    timers: BinaryHeap<Reverse<Timer>>,
    watermark: Millis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Session {
    start: i64,
    end: i64,
    cell: u32,
    /// The how-manyth session ever: sessions that close together come out in this order.
    number: i64,
}

/// Ordered as sessions close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Timer {
    closes: Millis,
    number: i64,
    key: u32,
}

/// A session that closed.
struct Closed {
    session: Session,
    key: u32,
}

/// The pass over one batch.
struct Pass {
    /// The cell of each row that counts.
    cells: Vec<u32>,
    /// Those rows.
    rows: Vec<u32>,
    /// How many of them the aggregates have taken.
    taken: usize,
    late: Vec<u32>,
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
        Ok(SessionAggregateOperator {
            interner: Interner::new(shape.key_types())?,
            aggregates: AggregateSet::new(&shape.calls, &shape.schema, retracts)?,
            shape,
            time: *time,
            gap: *gap,
            clock: WallClock::of(zone.as_deref())?,
            schema,
            keys: Vec::new(),
            free: Vec::new(),
            cells: 0,
            sessions: 0,
            timers: BinaryHeap::new(),
            watermark: Millis::MIN,
        })
    }

    /// Finds or makes the session of a row; `None` if the row is late.
    fn join(&mut self, key: u32, time: i64, batch: &Batch, pass: &mut Pass) -> Result<Option<u32>> {
        let (mut start, mut end) = (time, time.saturating_add(self.gap));
        let sessions = &mut self.keys[key as usize];
        let meets = |session: &Session, start: i64, end: i64| session.start <= end && start <= session.end;
        let Some(first) = sessions.iter().position(|session| meets(session, start, end)) else {
            if closes_at(self.clock, end) <= self.watermark {
                return Ok(None);
            }
            let cell = self.free.pop().unwrap_or_else(|| {
                self.cells += 1;
                self.cells - 1
            });
            let number = self.sessions;
            self.sessions += 1;
            sessions.push(Session { start, end, cell, number });
            self.timers.push(Reverse(Timer { closes: closes_at(self.clock, end), number, key }));
            return Ok(Some(cell));
        };
        let session = &mut sessions[first];
        (start, end) = (start.min(session.start), end.max(session.end));
        (session.start, session.end) = (start, end);
        let cell = session.cell;
        while let Some(other) = (0..self.keys[key as usize].len()).find(|&other| {
            self.keys[key as usize][other].cell != cell && meets(&self.keys[key as usize][other], start, end)
        }) {
            self.catch_up(batch, pass)?;
            let sessions = &mut self.keys[key as usize];
            let gone = sessions.swap_remove(other);
            let kept = sessions.iter_mut().find(|session| session.cell == cell).expect("it met the row");
            (start, end) = (kept.start.min(gone.start), kept.end.max(gone.end));
            (kept.start, kept.end) = (start, end);
            self.aggregates.resize(self.cells as usize);
            self.aggregates.absorb(gone.cell, cell)?;
            self.aggregates.reset(gone.cell);
            self.free.push(gone.cell);
        }
        Ok(Some(cell))
    }

    /// Gives the aggregates the rows that were sorted so far.
    fn catch_up(&mut self, batch: &Batch, pass: &mut Pass) -> Result<()> {
        self.aggregates.resize(self.cells as usize);
        if pass.taken == pass.rows.len() {
            return Ok(());
        }
        let cells = &pass.cells[pass.taken..];
        if cells.len() == batch.len() {
            self.aggregates.update(&batch.rows, batch.kinds.as_ref(), cells)?;
        } else {
            let part = batch.expand(&UInt32Array::from(pass.rows[pass.taken..].to_vec()))?;
            self.aggregates.update(&part.rows, part.kinds.as_ref(), cells)?;
        }
        pass.taken = pass.rows.len();
        Ok(())
    }

    /// The watermark moves.
    fn advance(&mut self, watermark: Millis, pass: &mut Pass) {
        self.watermark = watermark;
        while let Some(Reverse(timer)) = self.timers.peek().copied()
            && timer.closes <= watermark
        {
            self.timers.pop();
            let sessions = &mut self.keys[timer.key as usize];
            let Some(place) = sessions.iter().position(|session| session.number == timer.number) else { continue };
            let closes = closes_at(self.clock, sessions[place].end);
            if closes <= watermark {
                pass.closed.push(Closed { session: sessions.swap_remove(place), key: timer.key });
            } else {
                self.timers.push(Reverse(Timer { closes, ..timer }));
            }
        }
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
        let ends = |closed: &Closed| closes_at(self.clock, closed.session.end).0;
        let window: [Vec<i64>; 3] = [
            closed.iter().map(|closed| closed.session.start).collect(),
            closed.iter().map(|closed| closed.session.end).collect(),
            closed.iter().map(ends).collect(),
        ];
        for times in window {
            let column: ArrayRef = Arc::new(TimestampMillisecondArray::from(times));
            columns.push(cast(&column, self.schema.field(columns.len()).data_type())?);
        }
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

    /// Frees the cells of closed sessions, and keys that have no session left.
    fn forget(&mut self, closed: &[Closed]) {
        for closed in closed {
            self.aggregates.reset(closed.session.cell);
            self.free.push(closed.session.cell);
        }
        let mut keys: Vec<u32> =
            closed.iter().map(|closed| closed.key).filter(|&key| self.keys[key as usize].is_empty()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter().for_each(|key| self.interner.remove(key));
    }
}

impl Operator for SessionAggregateOperator {
    fn on_batch(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<()> {
        let times = local_times(batch.rows.column(self.time), self.clock)?;
        let columns: Vec<ArrayRef> = self.shape.keys.iter().map(|&key| batch.rows.column(key).clone()).collect();
        let mut keys = Vec::new();
        self.interner.intern(&columns, batch.len(), &mut keys)?;
        self.keys.resize(self.interner.len(), Vec::new());
        let mut pass = Pass {
            cells: Vec::with_capacity(keys.len()),
            rows: Vec::with_capacity(keys.len()),
            taken: 0,
            late: Vec::new(),
            closed: Vec::new(),
            marks: Vec::new(),
        };
        let mut marks = batch.marks.iter().peekable();
        for (row, (&key, &time)) in (0u32..).zip(keys.iter().zip(times.values())) {
            while let Some(mark) = marks.next_if(|mark| mark.after <= row) {
                self.advance(mark.watermark, &mut pass);
            }
            match self.join(key, time, &batch, &mut pass)? {
                Some(cell) => {
                    pass.cells.push(cell);
                    pass.rows.push(row);
                }
                None => pass.late.push(row),
            }
        }
        for mark in marks {
            self.advance(mark.watermark, &mut pass);
        }
        self.catch_up(&batch, &mut pass)?;
        out.late(batch.expand(&UInt32Array::from(std::mem::take(&mut pass.late)))?);
        let results = self.results(&pass)?;
        self.forget(&pass.closed);
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
        let open: Vec<(u32, Session)> = (0u32..)
            .zip(&self.keys)
            .flat_map(|(key, sessions)| sessions.iter().map(move |session| (key, *session)))
            .collect();
        let keys: Vec<u32> = open.iter().map(|(key, _)| *key).collect();
        let mut columns = self.interner.keys(&keys)?;
        let longs = |values: &mut dyn Iterator<Item = i64>| Arc::new(Int64Array::from_iter_values(values)) as ArrayRef;
        columns.push(longs(&mut open.iter().map(|(_, session)| session.start)));
        columns.push(longs(&mut open.iter().map(|(_, session)| session.end)));
        columns.push(longs(&mut open.iter().map(|(_, session)| i64::from(session.cell))));
        columns.push(longs(&mut open.iter().map(|(_, session)| session.number)));
        let named = columns.into_iter().enumerate().map(|(number, column)| (format!("c{number}"), column, true));
        tables.insert("sessions".into(), RecordBatch::try_from_iter_with_nullable(named)?);
        let watermark = longs(&mut [self.watermark.0, i64::from(self.cells), self.sessions].into_iter());
        tables.insert("watermark".into(), RecordBatch::try_from_iter([("watermark", watermark)])?);
        self.aggregates.save("cells.", &mut tables)?;
        Ok(tables)
    }

    fn load(&mut self, tables: Tables) -> Result<()> {
        let (Some(sessions), Some(watermark)) = (tables.get("sessions"), tables.get("watermark")) else {
            return Ok(());
        };
        let words = watermark.column(0).as_primitive::<Int64Type>();
        (self.watermark, self.cells) = (Millis(words.value(0)), words.value(1) as u32);
        self.sessions = words.value(2);
        let (columns, rest) = sessions.columns().split_at(self.shape.keys.len());
        let mut keys = Vec::new();
        self.interner.intern(columns, sessions.num_rows(), &mut keys)?;
        self.keys.resize(self.interner.len(), Vec::new());
        let word = |column: usize, row: usize| rest[column].as_primitive::<Int64Type>().value(row);
        let mut used = vec![false; self.cells as usize];
        for (row, &key) in keys.iter().enumerate() {
            let session =
                Session { start: word(0, row), end: word(1, row), cell: word(2, row) as u32, number: word(3, row) };
            used[session.cell as usize] = true;
            self.keys[key as usize].push(session);
            self.timers.push(Reverse(Timer {
                closes: closes_at(self.clock, session.end),
                number: session.number,
                key,
            }));
        }
        self.free = (0..self.cells).rev().filter(|&cell| !used[cell as usize]).collect();
        self.aggregates.load("cells.", &tables)?;
        self.aggregates.resize(self.cells as usize);
        Ok(())
    }

    fn size(&self) -> usize {
        self.interner.size()
            + self.aggregates.size()
            + self.timers.len() * size_of::<Timer>()
            + self.keys.len() * size_of::<Vec<Session>>()
    }
}
