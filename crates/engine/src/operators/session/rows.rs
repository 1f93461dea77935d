//! `SESSION` over rows: rows wait until their session closes, and come out with its window, first come
//! first. Sessions come out in the order in which they close.

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, RecordBatch, UInt8Array, UInt32Array};
use arrow::datatypes::{SchemaRef, UInt8Type, UInt32Type};
use millstream_plan::{AssignWindow, RowType};
use millstream_record::{Batch, Kind, Kinds};

use crate::error::{EngineError, Result};
use crate::inspect::Detail;
use crate::operator::{Operator, Output, Wake};
use crate::operators::session::{Contents, Walk, Windows};
use crate::rows::RowStore;
use crate::state::Tables;

/// Puts rows into sessions.
pub struct SessionRowsOperator {
    schema: SchemaRef,
    windows: Windows,
    rows: RowStore,
    /// The rows of each cell, in order of arrival, with what each of them does.
    cells: Vec<Vec<(u64, Kind)>>,
}

/// The rows of a batch on their way into cells.
struct Pass<'a> {
    batch: &'a Batch,
    /// The number of the batch's first row in the store.
    first: u64,
    cells: &'a mut Vec<Vec<(u64, Kind)>>,
}

impl SessionRowsOperator {
    /// The operator for a plan over rows of type `input`; `schema` is what comes out.
    pub fn new(plan: &AssignWindow, gap: i64, input: &RowType, schema: SchemaRef) -> Result<Self> {
        let types = plan.partition.iter().map(|&key| input.data_type(key).clone()).collect();
        Ok(SessionRowsOperator {
            schema,
            windows: Windows::new(&plan.partition, types, plan.time, gap, plan.zone.as_deref())?,
            rows: RowStore::new(input.schema.clone()),
            cells: Vec::new(),
        })
    }

    /// The rows of the sessions that closed in a batch; their numbers are added to `released`.
    fn results(&mut self, walk: &Walk, released: &mut Vec<u64>) -> Result<Batch> {
        let (mut numbers, mut kinds) = (Vec::with_capacity(walk.rows), Vec::with_capacity(walk.rows));
        let mut windows = Vec::with_capacity(walk.rows);
        for closed in &walk.closed {
            for (number, kind) in std::mem::take(&mut self.cells[closed.cell as usize]) {
                numbers.push(number);
                kinds.push(kind);
                windows.push(closed);
            }
        }
        let mut columns = self.rows.gather(&numbers)?;
        columns.extend(self.windows.columns(windows.into_iter(), &self.schema)?);
        released.append(&mut numbers);
        let rows = RecordBatch::try_new(self.schema.clone(), columns)?;
        let plain = kinds.iter().all(|&kind| kind == Kind::Insert);
        let batch = if plain { Batch::insert(rows) } else { Batch::changes(rows, Kinds::new(kinds)) };
        Ok(Batch { marks: walk.marks.clone(), ..batch })
    }
}

impl Contents for Pass<'_> {
    fn put(&mut self, row: u32, cell: u32) {
        if cell as usize >= self.cells.len() {
            self.cells.resize(cell as usize + 1, Vec::new());
        }
        self.cells[cell as usize].push((self.first + u64::from(row), self.batch.kind(row as usize)));
    }

    fn absorb(&mut self, from: u32, to: u32) -> Result<()> {
        let mut moved = std::mem::take(&mut self.cells[from as usize]);
        let kept = &mut self.cells[to as usize];
        kept.append(&mut moved);
        kept.sort_unstable_by_key(|&(number, _)| number);
        Ok(())
    }

    fn rows(&self, cell: u32) -> usize {
        self.cells[cell as usize].len()
    }
}

impl Operator for SessionRowsOperator {
    fn on_batch(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<()> {
        let first = self.rows.push(&batch.rows);
        let mut pass = Pass { batch: &batch, first, cells: &mut self.cells };
        let walk = self.windows.walk(&batch, &mut pass, out)?;
        let mut released: Vec<u64> = walk.late.iter().map(|&row| first + u64::from(row)).collect();
        let results = self.results(&walk, &mut released)?;
        self.windows.forget(&walk);
        released.into_iter().for_each(|number| self.rows.release(number));
        self.rows.settle()?;
        out.emit(results);
        Ok(())
    }

    fn save(&mut self) -> Result<Tables> {
        let mut tables = self.windows.save()?;
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
        self.windows.load(&tables)?;
        self.cells.resize(self.windows.cells(), Vec::new());
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

    fn wake(&self) -> Wake {
        self.windows.sessions.wake()
    }

    fn size(&self) -> usize {
        self.windows.size() + self.rows.size()
    }
    fn inspect(&self) -> Detail {
        Detail::Windows(self.windows.sessions.open_windows())
    }
}
