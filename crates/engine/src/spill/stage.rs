//! Rows and marks on their way to the shards of an operator: gathered until they are worth dividing, then
//! given to each shard as one batch, with all marks between the rows where they stood.

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::concat_batches;
use millstream_record::{Batch, Kind, Kinds, Mark, Millis};

use crate::error::Result;
use crate::keys::hash_rows;
use crate::take::take_rows;

/// So many rows are worth dividing.
pub const WORTH_ROWS: usize = 1 << 16;

/// What has come and is not divided yet, by input, in order.
#[derive(Default)]
pub struct Stage {
    waiting: Vec<(usize, Batch)>,
    rows: usize,
    bytes: usize,
}

impl Stage {
    /// Puts a batch behind the others.
    pub fn push(&mut self, port: usize, batch: Batch) {
        self.rows += batch.len();
        self.bytes += bytes_of(&batch.rows);
        self.waiting.push((port, batch));
    }

    /// Whether they are worth dividing.
    pub fn is_full(&self) -> bool {
        self.rows >= WORTH_ROWS || self.waiting.len() >= WORTH_ROWS
    }

    /// Whether there is a row.
    pub fn has_rows(&self) -> bool {
        self.rows > 0
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// All of it, batches of one input that follow each other put together.
    pub fn take(&mut self) -> Result<Vec<(usize, Batch)>> {
        joined(std::mem::take(self).waiting)
    }
}

/// Batches of one input that follow each other as one.
pub fn joined(batches: Vec<(usize, Batch)>) -> Result<Vec<(usize, Batch)>> {
    batches.chunk_by(|(one, _), (other, _)| one == other).map(|run| Ok((run[0].0, join(run)?))).collect()
}

/// The bytes of the rows themselves, whatever the arrays they are cut from have.
pub fn bytes_of(rows: &RecordBatch) -> usize {
    rows.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or(0)).sum()
}

/// Batches of one input as one.
fn join(run: &[(usize, Batch)]) -> Result<Batch> {
    if let [(_, one)] = run {
        return Ok(one.clone());
    }
    let batches = || run.iter().map(|(_, batch)| batch);
    let rows = concat_batches(&run[0].1.rows.schema(), batches().map(|batch| &batch.rows))?;
    let kinds = batches().any(|batch| batch.kinds.is_some()).then(|| {
        let kinds = |batch: &Batch| -> Vec<Kind> { (0..batch.len()).map(|row| batch.kind(row)).collect() };
        Kinds::new(batches().flat_map(kinds))
    });
    let mut before = 0;
    let mut marks = Vec::new();
    for batch in batches() {
        marks.extend(batch.marks.iter().map(|mark| Mark { after: mark.after + before, ..*mark }));
        before += batch.len() as u32;
    }
    Ok(Batch { rows, kinds, marks })
}

/// A batch in so many parts, by the hash of the key in these columns. Of marks without a row between them a
/// part has only the last.
pub fn divide(batch: &Batch, keys: &[usize], count: usize, part_of: impl Fn(u64) -> usize) -> Result<Vec<Batch>> {
    let keys: Vec<ArrayRef> = keys.iter().map(|&key| batch.rows.column(key).clone()).collect();
    let mut parts: Vec<Part> = (0..count).map(|_| Part::default()).collect();
    let (mut marks, mut reached) = (batch.marks.iter().peekable(), None);
    for (row, hash) in (0u32..).zip(hash_rows(&keys, batch.len())?) {
        while let Some(mark) = marks.next_if(|mark| mark.after <= row) {
            reached = Some(mark.watermark);
        }
        let part = &mut parts[part_of(hash)];
        part.hear(reached);
        part.rows.push(row);
    }
    let last = batch.watermark();
    parts.iter_mut().for_each(|part| part.hear(last));
    parts.into_iter().map(|part| part.of(batch)).collect()
}

/// The rows of a part, by their places in the batch, and the marks between them.
#[derive(Default)]
struct Part {
    rows: Vec<u32>,
    marks: Vec<Mark>,
}

impl Part {
    /// The watermark that stands before the next row, whether it moved or not.
    fn hear(&mut self, reached: Option<Millis>) {
        let moved = reached.filter(|&reached| self.marks.last().is_none_or(|last| last.watermark < reached));
        self.marks.extend(moved.map(|watermark| Mark { after: self.rows.len() as u32, watermark }));
    }

    fn of(self, batch: &Batch) -> Result<Batch> {
        let kinds = batch.kinds.as_ref().map(|kinds| Kinds::new(self.rows.iter().map(|&row| kinds.get(row as usize))));
        Ok(Batch { rows: take_rows(&batch.rows, &UInt32Array::from(self.rows))?, kinds, marks: self.marks })
    }
}
