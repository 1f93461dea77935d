//! Aggregation per session. The rows of a batch are told their sessions one by one, while the aggregates take
//! the whole batch at its end; only two sessions that merge force them to catch up first.

use arrow::array::cast::AsArray;
use arrow::array::{RecordBatch, UInt32Array};
use arrow::datatypes::{Int64Type, SchemaRef};
use millstream_plan::{Changes, RowType, Window, WindowAggregate, WindowInput};
use millstream_record::Batch;

use crate::aggregate::AggregateSet;
use crate::error::{EngineError, Result};
use crate::inspect::Detail;
use crate::operator::{Operator, Output, Wake};
use crate::operators::session::{Contents, Walk, Windows};
use crate::pane::PaneShape;
use crate::state::Tables;

/// Aggregates per key and session.
pub struct SessionAggregateOperator {
    shape: PaneShape,
    schema: SchemaRef,
    windows: Windows,
    aggregates: AggregateSet,
}

/// The rows of a batch on their way into the aggregates.
struct Pass<'a> {
    batch: &'a Batch,
    aggregates: &'a mut AggregateSet,
    /// The cell of each row that counts.
    cells: Vec<u32>,
    /// Those rows.
    rows: Vec<u32>,
    /// How many of them the aggregates have taken.
    taken: usize,
    /// One more than the highest cell that was put.
    most: usize,
}

impl SessionAggregateOperator {
    /// The operator for a plan over rows of type `input`; `schema` is what comes out.
    pub fn new(plan: &WindowAggregate, input: &RowType, schema: SchemaRef) -> Result<Self> {
        let WindowInput::Time { window: Window::Session { gap }, time, zone } = &plan.input else {
            return Err(EngineError::Compute("a session aggregation needs a SESSION window".into()));
        };
        let retracts = input.changes == Changes::Retract;
        let shape = PaneShape::new(&plan.keys, &plan.aggregates, input.schema.clone(), retracts);
        Ok(SessionAggregateOperator {
            windows: Windows::new(&plan.keys, shape.key_types(), *time, *gap, zone.as_deref())?,
            aggregates: AggregateSet::new(&shape.calls, &shape.schema, retracts)?,
            shape,
            schema,
        })
    }

    /// What comes out of the sessions that closed in a batch.
    fn results(&mut self, walk: &Walk) -> Result<Batch> {
        let cells: Vec<u32> = walk.closed.iter().map(|closed| closed.cell).collect();
        let keys: Vec<u32> = walk.closed.iter().map(|closed| closed.key).collect();
        let mut columns = self.windows.interner.keys(&keys)?;
        let mut results = self.aggregates.evaluate(&cells)?;
        let present = self.shape.retracts.then(|| results.pop().expect("the last aggregate counts the rows"));
        columns.append(&mut results);
        columns.extend(self.windows.columns(walk.closed.iter(), &self.schema)?);
        let rows = RecordBatch::try_new(self.schema.clone(), columns)?;
        let batch = Batch { marks: walk.marks.clone(), ..Batch::insert(rows) };
        match present {
            Some(counts) => {
                let some = counts.as_primitive::<Int64Type>().iter().map(|count| count.map(|count| count > 0));
                Ok(batch.filter(&some.collect())?)
            }
            None => Ok(batch),
        }
    }
}

impl Pass<'_> {
    /// Gives the aggregates the rows that were put so far.
    fn catch_up(&mut self) -> Result<()> {
        self.aggregates.resize(self.most);
        let (rows, cells) = (&self.rows[self.taken..], &self.cells[self.taken..]);
        if rows.len() == self.batch.len() {
            self.aggregates.update(&self.batch.rows, self.batch.kinds.as_ref(), cells)?;
        } else if !rows.is_empty() {
            let part = self.batch.expand(&UInt32Array::from(rows.to_vec()))?;
            self.aggregates.update(&part.rows, part.kinds.as_ref(), cells)?;
        }
        self.taken = self.rows.len();
        Ok(())
    }
}

impl Contents for Pass<'_> {
    fn put(&mut self, row: u32, cell: u32) {
        self.cells.push(cell);
        self.rows.push(row);
        self.most = self.most.max(cell as usize + 1);
    }

    fn absorb(&mut self, from: u32, to: u32) -> Result<()> {
        self.catch_up()?;
        self.aggregates.absorb(from, to)?;
        self.aggregates.reset(from);
        Ok(())
    }

    fn rows(&self, _: u32) -> usize {
        1
    }
}

impl Operator for SessionAggregateOperator {
    fn on_batch(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<()> {
        let (cells, rows) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        let mut pass = Pass { batch: &batch, aggregates: &mut self.aggregates, cells, rows, taken: 0, most: 0 };
        let walk = self.windows.walk(&batch, &mut pass, out)?;
        pass.catch_up()?;
        let results = self.results(&walk)?;
        walk.closed.iter().for_each(|closed| self.aggregates.reset(closed.cell));
        self.windows.forget(&walk);
        out.emit(results);
        Ok(())
    }

    fn save(&mut self) -> Result<Tables> {
        let mut tables = self.windows.save()?;
        self.aggregates.save("cells.", &mut tables)?;
        Ok(tables)
    }

    fn load(&mut self, tables: Tables) -> Result<()> {
        self.windows.load(&tables)?;
        self.aggregates.load("cells.", &tables)?;
        self.aggregates.resize(self.windows.cells());
        Ok(())
    }

    fn wake(&self) -> Wake {
        self.windows.sessions.wake()
    }

    fn size(&self) -> usize {
        self.windows.size() + self.aggregates.size()
    }
    fn inspect(&self) -> Detail {
        Detail::Windows(self.windows.sessions.open_windows())
    }
}
