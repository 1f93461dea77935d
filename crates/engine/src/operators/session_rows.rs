//! `SESSION` over rows: rows wait until their session closes, and come out with its window, first come
//! first. Sessions come out in the order in which they close.

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, RecordBatch, UInt8Array, UInt32Array};
use arrow::datatypes::{SchemaRef, UInt8Type, UInt32Type};
use millstream_plan::{AssignWindow, RowType};
use millstream_record::{Batch, Kind, Kinds, Mark, Millis};

use crate::error::{EngineError, Result};
use crate::inspect::Detail;
use crate::keys::Interner;
use crate::operator::{Operator, Output};
use crate::rows::RowStore;
use crate::sessions::{Closed, Sessions};
use crate::state::Tables;
use crate::time::{WallClock, local_times, window_columns};

/// Puts rows into sessions.
pub struct SessionRowsOperator {
    keys: Vec<usize>,
    time: usize,
    clock: WallClock,
    schema: SchemaRef,
    interner: Interner,
    sessions: Sessions,
    rows: RowStore,
    /// The rows of each cell, in order of arrival, with what each of them does.
    cells: Vec<Vec<(u64, Kind)>>,
}

/// The pass over one batch.
#[derive(Default)]
struct Pass {
    late: Vec<u32>,
    late_keys: Vec<u32>,
    closed: Vec<Closed>,
    /// How many rows have come out.
    emitted: usize,
    marks: Vec<Mark>,
    released: Vec<u64>,
}

impl SessionRowsOperator {
    /// The operator for a plan over rows of type `input`; `schema` is what comes out.
    pub fn new(plan: &AssignWindow, gap: i64, input: &RowType, schema: SchemaRef) -> Result<Self> {
        let clock = WallClock::of(plan.zone.as_deref())?;
        let types = plan.partition.iter().map(|&key| input.data_type(key).clone()).collect();
        Ok(SessionRowsOperator {
            keys: plan.partition.clone(),
            time: plan.time,
            clock,
            schema,
            interner: Interner::new(types)?,
            sessions: Sessions::new(gap, clock),
            rows: RowStore::new(input.schema.clone()),
            cells: Vec::new(),
        })
    }

    fn join(&mut self, row: u32, key: u32, time: i64, held: (u64, Kind), pass: &mut Pass) -> Result<()> {
        let cells = &mut self.cells;
        let mut absorb = |_: usize, from: u32, to: u32| {
            let mut moved = std::mem::take(&mut cells[from as usize]);
            let kept = &mut cells[to as usize];
            kept.append(&mut moved);
            kept.sort_unstable_by_key(|&(number, _)| number);
            Ok(())
        };
        match self.sessions.join(key, time, &mut absorb)? {
            Some(cell) => {
                self.cells.resize(self.sessions.cells(), Vec::new());
                self.cells[cell as usize].push(held);
            }
            None => {
                pass.late.push(row);
                pass.late_keys.push(key);
                pass.released.push(held.0);
            }
        }
        Ok(())
    }

    fn advance(&mut self, watermark: Millis, pass: &mut Pass) {
        let before = pass.closed.len();
        self.sessions.advance(watermark, &mut pass.closed);
        let rows = |closed: &Closed| self.cells[closed.session.cell as usize].len();
        pass.emitted += pass.closed[before..].iter().map(rows).sum::<usize>();
        pass.marks.push(Mark { after: pass.emitted as u32, watermark });
    }

    /// The rows of the sessions that closed in a batch.
    fn results(&mut self, pass: &mut Pass) -> Result<Batch> {
        let (mut starts, mut ends) = (Vec::with_capacity(pass.emitted), Vec::with_capacity(pass.emitted));
        let (mut numbers, mut kinds) = (Vec::with_capacity(pass.emitted), Vec::with_capacity(pass.emitted));
        for Closed { session, .. } in &pass.closed {
            for (number, kind) in std::mem::take(&mut self.cells[session.cell as usize]) {
                starts.push(session.start);
                ends.push(session.end);
                numbers.push(number);
                kinds.push(kind);
            }
        }
        let mut columns = self.rows.gather(&numbers)?;
        columns.extend(window_columns(starts, ends, self.clock, &self.schema)?);
        pass.released.append(&mut numbers);
        let rows = RecordBatch::try_new(self.schema.clone(), columns)?;
        let plain = kinds.iter().all(|&kind| kind == Kind::Insert);
        let batch = if plain { Batch::insert(rows) } else { Batch::changes(rows, Kinds::new(kinds)) };
        Ok(Batch { marks: std::mem::take(&mut pass.marks), ..batch })
    }
}

impl Operator for SessionRowsOperator {
    fn on_batch(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<()> {
        let times = local_times(batch.rows.column(self.time), self.clock)?;
        let columns: Vec<ArrayRef> = self.keys.iter().map(|&key| batch.rows.column(key).clone()).collect();
        let mut keys = Vec::new();
        self.interner.intern(&columns, batch.len(), &mut keys)?;
        self.sessions.resize(self.interner.len());
        let first = self.rows.push(&batch.rows);
        let mut pass = Pass::default();
        let mut marks = batch.marks.iter().peekable();
        for (row, (&key, &time)) in (0u32..).zip(keys.iter().zip(times.values())) {
            while let Some(mark) = marks.next_if(|mark| mark.after <= row) {
                self.advance(mark.watermark, &mut pass);
            }
            let held = (first + u64::from(row), batch.kind(row as usize));
            self.join(row, key, time, held, &mut pass)?;
        }
        for mark in marks {
            self.advance(mark.watermark, &mut pass);
        }
        out.late(batch.expand(&UInt32Array::from(std::mem::take(&mut pass.late)))?);
        let results = self.results(&mut pass)?;
        self.sessions.forget(&pass.closed, pass.late_keys, &mut self.interner);
        pass.released.into_iter().for_each(|number| self.rows.release(number));
        self.rows.settle()?;
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
        let cells = (0u32..).zip(&self.cells);
        let mut held: Vec<_> = cells.flat_map(|(cell, rows)| rows.iter().map(move |row| (*row, cell))).collect();
        held.sort_unstable_by_key(|&((number, _), _)| number);
        let numbers: Vec<u64> = held.iter().map(|&((number, _), _)| number).collect();
        let cells: ArrayRef = Arc::new(UInt32Array::from_iter_values(held.iter().map(|&(_, cell)| cell)));
        let kinds: ArrayRef = Arc::new(UInt8Array::from_iter_values(held.iter().map(|&((_, kind), _)| kind as u8)));
        tables.insert("cells".into(), RecordBatch::try_from_iter([("cell", cells), ("kind", kinds)])?);
        tables.insert("rows".into(), self.rows.batch(&numbers)?);
        Ok(tables)
    }

    fn load(&mut self, mut tables: Tables) -> Result<()> {
        let Some((rows, cells)) = tables.remove("rows").zip(tables.remove("cells")) else { return Ok(()) };
        self.sessions.load(&mut self.interner, &tables)?;
        self.cells.resize(self.sessions.cells(), Vec::new());
        let first = self.rows.push(&rows.with_schema(self.rows.schema())?);
        let (cells, kinds) =
            (cells.column(0).as_primitive::<UInt32Type>(), cells.column(1).as_primitive::<UInt8Type>());
        for (number, (&cell, &kind)) in (first..).zip(cells.values().iter().zip(kinds.values())) {
            let kind = Kind::from_u8(kind)
                .ok_or_else(|| EngineError::Compute("a saved row has a kind that does not exist".into()))?;
            self.cells[cell as usize].push((number, kind));
        }
        Ok(())
    }

    fn size(&self) -> usize {
        self.interner.size() + self.sessions.size() + self.rows.size()
    }

    fn inspect(&self) -> Detail {
        Detail::Windows(self.sessions.open_windows())
    }
}
