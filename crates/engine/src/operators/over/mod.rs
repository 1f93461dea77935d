//! `OVER` in order of event time. Rows wait until the watermark reaches their time, are taken in that order
//! (rows of one time as they came) into the accumulator of their partition, and come out with what it says.
//! Rows that leave a bounded frame are taken back out of it.
//!
//! What is late follows Flink to the row. With an unbounded frame it is a row at or behind the watermark.
//! With a bounded one it is a row not younger than the last that came out of its partition; a partition of a
//! `RANGE` frame is forgotten, this time with it, half a frame after the last row could matter
//! (`RowTimeRangeBoundedPrecedingFunction`).

mod frames;
mod results;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, UInt32Array};
use arrow::datatypes::{Int64Type, SchemaRef, UInt32Type};
use millstream_plan::{Over, OverCall, RowType};
use millstream_record::{Batch, Millis};

use self::frames::Frames;
use self::results::Sequence;
use crate::aggregate::AggregateSet;
use crate::error::Result;
use crate::keys::Interner;
use crate::operator::{Operator, Output, Wake};
use crate::rows::RowStore;
use crate::state::Tables;
use crate::time::times_of;

/// A result for every row, from those before it.
pub struct OverOperator {
    partition: Vec<usize>,
    time: usize,
    calls: Vec<OverCall>,
    schema: SchemaRef,
    interner: Interner,
    aggregates: AggregateSet,
    rows: RowStore,
    /// Rows that the watermark has not reached, by time, each with its partition.
    waiting: BTreeMap<i64, Vec<(u64, u32)>>,
    frames: Frames,
    watermark: Millis,
}

impl OverOperator {
    /// The operator for a plan over rows of type `input`; `schema` is what comes out.
    pub fn new(plan: &Over, input: &RowType, schema: SchemaRef) -> Result<Self> {
        let calls: Vec<_> = plan.calls.iter().map(|over| over.call.clone()).collect();
        let types = plan.partition.iter().map(|&key| input.data_type(key).clone()).collect();
        Ok(OverOperator {
            partition: plan.partition.clone(),
            time: plan.time,
            calls: plan.calls.clone(),
            schema,
            interner: Interner::new(types)?,
            aggregates: AggregateSet::new(&calls, &input.schema, plan.frame.is_bounded())?,
            rows: RowStore::new(input.schema.clone()),
            waiting: BTreeMap::new(),
            frames: Frames::new(plan.frame),
            watermark: Millis::MIN,
        })
    }

    /// The partition of each row.
    fn groups(&mut self, rows: &RecordBatch) -> Result<Vec<u32>> {
        let keys: Vec<ArrayRef> = self.partition.iter().map(|&key| rows.column(key).clone()).collect();
        let mut groups = Vec::new();
        self.interner.intern(&keys, rows.num_rows(), &mut groups)?;
        self.aggregates.resize(self.interner.len());
        self.frames.resize(self.interner.len());
        Ok(groups)
    }

    /// Lets rows out up to the watermark, and forgets partitions whose time is over.
    fn advance(&mut self, watermark: Millis, sequence: &mut Sequence) {
        self.watermark = watermark;
        loop {
            let row = self.waiting.keys().next().copied().unwrap_or(i64::MAX);
            let end = self.frames.next_end().unwrap_or(i64::MAX);
            let (next, ends) = (row.min(end), end <= row && self.frames.next_end().is_some());
            if next > watermark.0 || self.waiting.is_empty() && self.frames.next_end().is_none() {
                break;
            }
            if ends {
                self.frames.end(next, sequence);
                continue;
            }
            for (number, group) in self.waiting.remove(&next).expect("it is the first") {
                self.frames.take(group, next, number, sequence);
            }
        }
        sequence.mark(watermark);
    }

    /// What came out of a batch.
    fn results(&mut self, sequence: Sequence) -> Result<Batch> {
        if sequence.is_empty() {
            self.rows.settle()?;
            self.forget(sequence.ended());
            let none = Batch::insert(RecordBatch::new_empty(self.schema.clone()));
            return Ok(Batch { marks: sequence.into_marks(), ..none });
        }
        let out = self.rows.batch(&sequence.emitted())?;
        let walked = if sequence.only_adds() { out.clone() } else { self.rows.batch(&sequence.numbers())? };
        let (before, after) = self.aggregates.scan(&walked, sequence.kinds().as_ref(), &sequence.groups())?;
        let mut columns = out.columns().to_vec();
        for ((call, before), after) in self.calls.iter().zip(before).zip(after) {
            columns.push(sequence.read(call.reads, &before, &after)?);
        }
        let batch = Batch::insert(RecordBatch::try_new(self.schema.clone(), columns)?);
        sequence.released().for_each(|number| self.rows.release(number));
        self.rows.settle()?;
        self.forget(sequence.ended());
        Ok(Batch { marks: sequence.into_marks(), ..batch })
    }

    /// Gives the numbers of partitions back that ended and have no new row.
    fn forget(&mut self, ended: &[u32]) {
        let mut gone: Vec<u32> = ended.iter().copied().filter(|&group| self.frames.is_gone(group)).collect();
        gone.sort_unstable();
        gone.dedup();
        for group in gone {
            self.aggregates.reset(group);
            self.interner.remove(group);
        }
    }
}

impl Operator for OverOperator {
    fn on_batch(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<()> {
        let times = times_of(batch.rows.column(self.time))?;
        let groups = self.groups(&batch.rows)?;
        let first = self.rows.push(&batch.rows);
        let (mut late, mut sequence) = (Vec::new(), Sequence::new(self.interner.len()));
        let mut marks = batch.marks.iter().peekable();
        for (row, (&time, &group)) in times.values().iter().zip(&groups).enumerate() {
            while let Some(mark) = marks.next_if(|mark| mark.after as usize <= row) {
                self.advance(mark.watermark, &mut sequence);
            }
            let number = first + row as u64;
            if self.frames.is_late(group, time, self.watermark) {
                late.push(row as u32);
                sequence.end(group);
                self.rows.release(number);
            } else {
                self.frames.await_row(group, time);
                self.waiting.entry(time).or_default().push((number, group));
            }
        }
        for mark in marks {
            self.advance(mark.watermark, &mut sequence);
        }
        out.late(batch.expand(&UInt32Array::from(late))?);
        out.emit(self.results(sequence)?);
        Ok(())
    }

    fn save(&mut self) -> Result<Tables> {
        let mut tables = Tables::new();
        let groups: Vec<u32> = (0..self.interner.len() as u32).filter(|&group| !self.frames.is_gone(group)).collect();
        let mut columns = self.interner.keys(&groups)?;
        columns.extend(self.frames.save(&groups));
        columns.push(Arc::new(UInt32Array::from(groups)));
        let named = columns.into_iter().enumerate().map(|(number, column)| (format!("k{number}"), column, true));
        tables.insert("partitions".into(), RecordBatch::try_from_iter_with_nullable(named)?);
        self.aggregates.save("", &mut tables)?;
        let live = self.rows.live();
        tables.insert("rows".into(), self.rows.batch(&live)?);
        let waiting: std::collections::BTreeSet<u64> =
            self.waiting.values().flatten().map(|&(number, _)| number).collect();
        let waiting = BooleanArray::from_iter(live.iter().map(|number| Some(waiting.contains(number))));
        tables.insert("waiting".into(), RecordBatch::try_from_iter([("waiting", Arc::new(waiting) as ArrayRef)])?);
        let watermark: ArrayRef = Arc::new(Int64Array::from(vec![self.watermark.0]));
        tables.insert("watermark".into(), RecordBatch::try_from_iter([("watermark", watermark)])?);
        Ok(tables)
    }

    fn load(&mut self, mut tables: Tables) -> Result<()> {
        let (Some(partitions), Some(rows)) = (tables.remove("partitions"), tables.remove("rows")) else {
            return Ok(());
        };
        let (Some(waiting), Some(watermark)) = (tables.get("waiting"), tables.get("watermark")) else { return Ok(()) };
        self.watermark = Millis(watermark.column(0).as_primitive::<Int64Type>().value(0));
        let keys = partitions.num_columns() - 1 - Frames::SAVED;
        let slots = partitions.columns()[partitions.num_columns() - 1].as_primitive::<UInt32Type>().values().clone();
        self.interner.restore(&partitions.columns()[..keys], &slots)?;
        self.frames.resize(self.interner.len());
        self.frames.load(&slots, &partitions.columns()[keys..keys + Frames::SAVED]);
        self.aggregates.load("", &tables)?;
        let waits = waiting.column(0).as_boolean();
        let rows = rows.with_schema(self.rows.schema())?;
        let groups = self.groups(&rows)?;
        let times = times_of(rows.column(self.time))?;
        for ((number, &group), (row, &time)) in
            (self.rows.push(&rows)..).zip(&groups).zip(times.values().iter().enumerate())
        {
            match waits.value(row) {
                true => {
                    self.frames.keep_waiting(group);
                    self.waiting.entry(time).or_default().push((number, group));
                }
                false => self.frames.keep(group, time, number),
            }
        }
        self.frames.settle();
        Ok(())
    }

    fn wake(&self) -> Wake {
        let row = self.waiting.keys().next().copied();
        Wake::soon(row.into_iter().chain(self.frames.next_end()).min())
    }

    fn size(&self) -> usize {
        self.interner.size() + self.aggregates.size() + self.rows.size() + self.frames.size()
    }
}
