//! The walk of one batch: rows taken in and rows taken back, in order, so that all accumulators go through
//! it in one pass; and where in that walk the result of each row is read.

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, Int64Array, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::Int64Type;
use millstream_plan::Reads;
use millstream_record::{Kind, Kinds, Mark, Millis};

use crate::error::Result;

/// What happens to the frames, in order.
pub struct Sequence {
    steps: Vec<Step>,
    /// The places of the rows that come out among the steps, each with its time.
    out: Vec<(u32, i64)>,
    marks: Vec<Mark>,
    ended: Vec<u32>,
    released: Vec<u64>,
    partitions: usize,
}

#[derive(Clone, Copy)]
struct Step {
    number: u64,
    group: u32,
    removes: bool,
}

impl Sequence {
    /// Nothing yet; partitions have the numbers `0..partitions`.
    pub fn new(partitions: usize) -> Sequence {
        Sequence {
            steps: Vec::new(),
            out: Vec::new(),
            marks: Vec::new(),
            ended: Vec::new(),
            released: Vec::new(),
            partitions,
        }
    }

    /// A row comes in and out; `passes`: it is not kept.
    pub fn add(&mut self, number: u64, group: u32, time: i64, passes: bool) {
        self.out.push((self.steps.len() as u32, time));
        self.steps.push(Step { number, group, removes: false });
        if passes {
            self.released.push(number);
        }
    }

    /// A row leaves its frame.
    pub fn remove(&mut self, number: u64, group: u32) {
        self.steps.push(Step { number, group, removes: true });
        self.released.push(number);
    }

    /// A partition is forgotten.
    pub fn end(&mut self, group: u32) {
        self.ended.push(group);
    }

    /// The watermark moves.
    pub fn mark(&mut self, watermark: Millis) {
        self.marks.push(Mark { after: self.out.len() as u32, watermark });
    }

    /// Whether no row came in or left.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether no row leaves.
    pub fn only_adds(&self) -> bool {
        self.out.len() == self.steps.len()
    }

    /// The rows that come out.
    pub fn emitted(&self) -> Vec<u64> {
        self.out.iter().map(|&(step, _)| self.steps[step as usize].number).collect()
    }

    /// The row of each step.
    pub fn numbers(&self) -> Vec<u64> {
        self.steps.iter().map(|step| step.number).collect()
    }

    /// The partition of each step.
    pub fn groups(&self) -> Vec<u32> {
        self.steps.iter().map(|step| step.group).collect()
    }

    /// Which steps take a row back; `None` if none does.
    pub fn kinds(&self) -> Option<Kinds> {
        let kind = |step: &Step| if step.removes { Kind::Delete } else { Kind::Insert };
        (!self.only_adds()).then(|| Kinds::new(self.steps.iter().map(kind)))
    }

    /// Rows that nobody will ask for again.
    pub fn released(&self) -> impl Iterator<Item = u64> {
        self.released.iter().copied()
    }

    /// Partitions that were forgotten on the way.
    pub fn ended(&self) -> &[u32] {
        &self.ended
    }

    /// The watermarks between the rows that come out.
    pub fn into_marks(self) -> Vec<Mark> {
        self.marks
    }

    /// The results of the rows that come out, of the values before and after each step.
    pub fn read(&self, reads: Reads, before: &ArrayRef, after: &ArrayRef) -> Result<ArrayRef> {
        let places = match reads {
            Reads::Row => self.out.iter().map(|&(step, _)| step).collect(),
            Reads::Peers => {
                let mut places = self.peers(self.out.iter().rev());
                places.reverse();
                places
            }
            Reads::Rank => self.peers(self.out.iter()),
        };
        let places = UInt32Array::from(places);
        if reads != Reads::Rank {
            return Ok(take(after, &places, None)?);
        }
        let ranks = take(before, &places, None)?;
        let ranks: Int64Array = ranks.as_primitive::<Int64Type>().unary(|preceding| preceding + 1);
        Ok(Arc::new(ranks))
    }

    /// For each row, the first one of its partition and time on this way through the rows.
    fn peers<'s>(&self, rows: impl Iterator<Item = &'s (u32, i64)>) -> Vec<u32> {
        let mut first: Vec<Option<(i64, u32)>> = vec![None; self.partitions];
        let place = |&(step, time): &(u32, i64)| {
            let first = &mut first[self.steps[step as usize].group as usize];
            match first {
                Some((known, place)) if *known == time => *place,
                _ => first.insert((time, step)).1,
            }
        };
        rows.map(place).collect()
    }
}
