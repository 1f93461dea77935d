//! `ORDER BY` event time: rows wait until the watermark passes them and come out in order, rows of one time
//! by the rest of the order and then as they came. Late is a row not younger than one that has come out: it
//! has no place any more. A row behind the watermark but ahead of that still has one.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, UInt32Array};
use arrow::datatypes::Int64Type;
use millstream_plan::{Changes, RowType, Sort};
use millstream_record::{Batch, Mark, Millis};

use crate::error::{EngineError, Result};
use crate::operator::{Operator, Output};
use crate::order::SortKeys;
use crate::rows::RowStore;
use crate::state::Tables;
use crate::time::times_of;

/// Puts rows in order of time.
pub struct SortOperator {
    time: usize,
    then: SortKeys,
    rows: RowStore,
    waiting: BTreeMap<i64, Vec<u64>>,
    /// The time of the last row that came out.
    last: i64,
}

/// What comes out of a batch.
#[derive(Default)]
struct Pass {
    numbers: Vec<u64>,
    marks: Vec<Mark>,
}

impl SortOperator {
    /// The operator for a plan over rows of type `input`.
    pub fn new(plan: &Sort, input: &RowType) -> Result<Self> {
        if input.changes == Changes::Retract {
            let reason = "ORDER BY event time needs rows that only come, and these are taken back";
            return Err(EngineError::Compute(reason.into()));
        }
        Ok(SortOperator {
            time: plan.time,
            then: SortKeys::new(&plan.then, input)?,
            rows: RowStore::new(input.schema.clone()),
            waiting: BTreeMap::new(),
            last: i64::MIN,
        })
    }

    fn advance(&mut self, watermark: Millis, pass: &mut Pass) -> Result<()> {
        while let Some(entry) = self.waiting.first_entry()
            && *entry.key() <= watermark.0
        {
            self.last = *entry.key();
            let mut numbers = entry.remove();
            if numbers.len() > 1 {
                let keys = self.then.of(&self.rows.batch(&numbers)?)?;
                let mut places: Vec<usize> = (0..numbers.len()).collect();
                places.sort_by(|&a, &b| keys.get(a).cmp(keys.get(b)));
                numbers = places.into_iter().map(|place| numbers[place]).collect();
            }
            pass.numbers.append(&mut numbers);
        }
        pass.marks.push(Mark { after: pass.numbers.len() as u32, watermark });
        Ok(())
    }

    fn emit(&mut self, pass: Pass, out: &mut Output) -> Result<()> {
        let rows = self.rows.batch(&pass.numbers)?;
        pass.numbers.into_iter().for_each(|number| self.rows.release(number));
        self.rows.settle()?;
        out.emit(Batch { marks: pass.marks, ..Batch::insert(rows) });
        Ok(())
    }
}

impl Operator for SortOperator {
    fn on_batch(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<()> {
        let times = times_of(batch.rows.column(self.time))?;
        let first = self.rows.push(&batch.rows);
        let (mut pass, mut late, mut marks) = (Pass::default(), Vec::new(), batch.marks.iter().peekable());
        for (row, &time) in times.values().iter().enumerate() {
            while let Some(mark) = marks.next_if(|mark| mark.after as usize <= row) {
                self.advance(mark.watermark, &mut pass)?;
            }
            let number = first + row as u64;
            if time <= self.last {
                late.push(row as u32);
                self.rows.release(number);
            } else {
                self.waiting.entry(time).or_default().push(number);
            }
        }
        for mark in marks {
            self.advance(mark.watermark, &mut pass)?;
        }
        out.late(batch.expand(&UInt32Array::from(late))?);
        self.emit(pass, out)
    }

    fn save(&mut self) -> Result<Tables> {
        let last: ArrayRef = Arc::new(Int64Array::from(vec![self.last]));
        let last = RecordBatch::try_from_iter([("last", last)])?;
        Ok([("rows".into(), self.rows.batch(&self.rows.live())?), ("last".into(), last)].into())
    }

    fn load(&mut self, mut tables: Tables) -> Result<()> {
        let (Some(rows), Some(last)) = (tables.remove("rows"), tables.get("last")) else { return Ok(()) };
        self.last = last.column(0).as_primitive::<Int64Type>().value(0);
        let rows = rows.with_schema(self.rows.schema())?;
        let times = times_of(rows.column(self.time))?;
        for (number, &time) in (self.rows.push(&rows)..).zip(times.values()) {
            self.waiting.entry(time).or_default().push(number);
        }
        Ok(())
    }

    fn size(&self) -> usize {
        self.rows.size() + self.waiting.len() * 40
    }
}
