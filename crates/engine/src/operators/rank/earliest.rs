//! Deduplication that keeps the first row by event time: the earliest row of a partition comes out when the
//! watermark reaches its time, and then no other. Of rows of one time the first that came counts. A row that
//! comes after its time may still be the first of its partition; it comes out at the next watermark.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::datatypes::SchemaRef;
use millstream_plan::{Changes, Rank, RowType};
use millstream_record::{Batch, Mark, Millis};

use crate::error::{EngineError, Result};
use crate::keys::Interner;
use crate::operator::{Operator, Output, Wake};
use crate::rows::{NO_ROW, RowStore};
use crate::state::Tables;
use crate::time::times_of;

/// The earliest row of each partition.
pub struct EarliestRow {
    partition: Vec<usize>,
    time: usize,
    schema: SchemaRef,
    interner: Interner,
    rows: RowStore,
    /// The earliest row of each partition so far, and its time; [`NO_ROW`] once it has come out.
    found: Vec<Option<(i64, u64)>>,
    /// Rows that wait for their time: time, number and partition.
    waiting: BTreeSet<(i64, u64, u32)>,
}

/// What comes out of a batch.
#[derive(Default)]
struct Pass {
    numbers: Vec<u64>,
    marks: Vec<Mark>,
}

impl EarliestRow {
    /// The operator for a plan over rows of type `input`.
    pub fn new(plan: &Rank, time: usize, input: &RowType) -> Result<Self> {
        if input.changes == Changes::Retract {
            let reason = "a deduplication that keeps the first row needs rows that only come";
            return Err(EngineError::Compute(reason.into()));
        }
        let types = plan.partition.iter().map(|&key| input.data_type(key).clone()).collect();
        Ok(EarliestRow {
            partition: plan.partition.clone(),
            time,
            schema: input.schema.clone(),
            interner: Interner::new(types)?,
            rows: RowStore::new(input.schema.clone()),
            found: Vec::new(),
            waiting: BTreeSet::new(),
        })
    }

    fn groups(&mut self, rows: &RecordBatch) -> Result<Vec<u32>> {
        let keys: Vec<ArrayRef> = self.partition.iter().map(|&key| rows.column(key).clone()).collect();
        let mut groups = Vec::new();
        self.interner.intern(&keys, rows.num_rows(), &mut groups)?;
        self.found.resize(self.interner.len(), None);
        Ok(groups)
    }

    fn take(&mut self, group: u32, time: i64, number: u64) {
        match self.found[group as usize] {
            Some((earliest, known)) if known == NO_ROW || earliest <= time => self.rows.release(number),
            before => {
                if let Some((earliest, known)) = before {
                    self.waiting.remove(&(earliest, known, group));
                    self.rows.release(known);
                }
                self.found[group as usize] = Some((time, number));
                self.waiting.insert((time, number, group));
            }
        }
    }

    fn advance(&mut self, watermark: Millis, pass: &mut Pass) {
        while let Some(&(time, number, group)) = self.waiting.first()
            && time <= watermark.0
        {
            self.waiting.pop_first();
            self.found[group as usize] = Some((time, NO_ROW));
            pass.numbers.push(number);
        }
        pass.marks.push(Mark { after: pass.numbers.len() as u32, watermark });
    }

    fn emit(&mut self, pass: Pass, out: &mut Output) -> Result<()> {
        let rows = self.rows.batch(&pass.numbers)?;
        pass.numbers.into_iter().for_each(|number| self.rows.release(number));
        self.rows.settle()?;
        out.emit(Batch { marks: pass.marks, ..Batch::insert(rows) });
        Ok(())
    }
}

impl Operator for EarliestRow {
    fn on_batch(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<()> {
        let times = times_of(batch.rows.column(self.time))?;
        let groups = self.groups(&batch.rows)?;
        let first = self.rows.push(&batch.rows);
        let (mut pass, mut marks) = (Pass::default(), batch.marks.iter().peekable());
        for (row, (&time, &group)) in times.values().iter().zip(&groups).enumerate() {
            while let Some(mark) = marks.next_if(|mark| mark.after as usize <= row) {
                self.advance(mark.watermark, &mut pass);
            }
            self.take(group, time, first + row as u64);
        }
        marks.for_each(|mark| self.advance(mark.watermark, &mut pass));
        self.emit(pass, out)
    }

    fn save(&mut self) -> Result<Tables> {
        let is_done = |group: &u32| self.found[*group as usize].is_some_and(|(_, number)| number == NO_ROW);
        let done: Vec<u32> = (0..self.found.len() as u32).filter(is_done).collect();
        // A table needs a column, even where there is one partition without a key.
        let mut columns = self.interner.keys(&done)?;
        columns.push(Arc::new(UInt32Array::from(done)));
        let named = columns.into_iter().enumerate().map(|(number, column)| (format!("k{number}"), column, true));
        let done = RecordBatch::try_from_iter_with_nullable(named)?;
        Ok([("rows".into(), self.rows.batch(&self.rows.live())?), ("done".into(), done)].into())
    }

    fn load(&mut self, mut tables: Tables) -> Result<()> {
        let (Some(rows), Some(done)) = (tables.remove("rows"), tables.remove("done")) else { return Ok(()) };
        let keys = &done.columns()[..done.num_columns() - 1];
        let mut groups = Vec::new();
        self.interner.intern(keys, done.num_rows(), &mut groups)?;
        self.found.resize(self.interner.len(), None);
        groups.into_iter().for_each(|group| self.found[group as usize] = Some((i64::MIN, NO_ROW)));
        let rows = rows.with_schema(self.schema.clone())?;
        let (groups, times) = (self.groups(&rows)?, times_of(rows.column(self.time))?);
        for ((number, &group), &time) in (self.rows.push(&rows)..).zip(&groups).zip(times.values()) {
            self.take(group, time, number);
        }
        Ok(())
    }

    fn wake(&self) -> Wake {
        Wake::soon(self.waiting.first().map(|&(time, ..)| time))
    }

    fn size(&self) -> usize {
        self.interner.size() + self.rows.size() + self.found.capacity() * 24 + self.waiting.len() * 32
    }
}
