//! Rows and marks that wait for a shard, in the order in which they came. When they take too much memory they
//! are written down, too.

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, UInt8Array, UInt32Array};
use arrow::datatypes::{Int64Type, UInt8Type, UInt32Type};
use millstream_record::{Batch, Kinds, Mark, Millis};

use super::Spill;
use super::stage::{bytes_of, joined};
use crate::error::{EngineError, Result};
use crate::state::{Piece, Tables};

/// What waits, by input.
#[derive(Default)]
pub struct Queue {
    written: Vec<Piece>,
    /// What came behind all that is written.
    fresh: Vec<(usize, Batch)>,
    rows: usize,
    bytes: usize,
}

impl Queue {
    /// Whether nothing waits, neither rows nor marks.
    pub fn is_empty(&self) -> bool {
        self.written.is_empty() && self.fresh.is_empty()
    }

    /// Whether rows wait.
    pub fn has_rows(&self) -> bool {
        self.rows > 0
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes in memory and on the shelf.
    pub fn all_bytes(&self) -> u64 {
        self.bytes as u64 + self.written.iter().map(|piece| piece.bytes()).sum::<u64>()
    }

    /// Puts rows and marks behind the others.
    pub fn push(&mut self, port: usize, batch: Batch) {
        if batch.is_empty() {
            let Some(watermark) = batch.watermark() else { return };
            if let Some((_, last)) = self.fresh.last_mut() {
                // Without a row between them only the last mark counts; it says the same on every input.
                let after = last.len() as u32;
                last.marks.retain(|mark| mark.after < after);
                last.marks.push(Mark { after, watermark });
                return;
            }
        }
        self.rows += batch.len();
        self.bytes += bytes_of(&batch.rows);
        self.fresh.push((port, batch));
    }

    /// Writes down what is in memory.
    pub fn write(&mut self, spill: &mut Spill) -> Result<()> {
        let mut tables = Tables::new();
        for (number, (port, batch)) in joined(std::mem::take(&mut self.fresh))?.into_iter().enumerate() {
            if let Some(kinds) = &batch.kinds {
                let kinds: ArrayRef = Arc::new(kinds.array().clone());
                tables.insert(format!("{number:06}.{port}.kinds"), RecordBatch::try_from_iter([("kind", kinds)])?);
            }
            let afters: ArrayRef = Arc::new(UInt32Array::from_iter_values(batch.marks.iter().map(|mark| mark.after)));
            let times = batch.marks.iter().map(|mark| mark.watermark.0);
            let times: ArrayRef = Arc::new(Int64Array::from_iter_values(times));
            let marks = RecordBatch::try_from_iter([("after", afters), ("watermark", times)])?;
            tables.insert(format!("{number:06}.{port}.marks"), marks);
            tables.insert(format!("{number:06}.{port}.rows"), batch.rows);
        }
        self.written.push(spill.write(&tables)?);
        self.bytes = 0;
        Ok(())
    }

    /// Hands over all of it, in order, one piece in memory at a time.
    pub fn take(&mut self, spill: &mut Spill, mut work: impl FnMut(usize, Batch) -> Result<()>) -> Result<()> {
        let Queue { written, fresh, .. } = std::mem::take(self);
        for piece in written {
            let tables = piece.read()?;
            spill.counts.reads += 1;
            spill.free(vec![piece]);
            for (name, rows) in tables.iter().filter(|(name, _)| name.ends_with(".rows")) {
                let (port, batch) = read(name, rows, &tables)?;
                work(port, batch)?;
            }
        }
        fresh.into_iter().try_for_each(|(port, batch)| work(port, batch))
    }
}

/// A batch that was written under this name.
fn read(name: &str, rows: &RecordBatch, tables: &Tables) -> Result<(usize, Batch)> {
    let unknown = || EngineError::Compute(format!("rows that were put away are incomplete: {name}"));
    let stem = name.strip_suffix("rows").ok_or_else(unknown)?;
    let port = stem.split('.').nth(1).and_then(|port| port.parse().ok()).ok_or_else(unknown)?;
    let marks = tables.get(&format!("{stem}marks")).ok_or_else(unknown)?;
    let afters = marks.column(0).as_primitive::<UInt32Type>().values().iter();
    let times = marks.column(1).as_primitive::<Int64Type>().values().iter();
    let marks = afters.zip(times).map(|(&after, &time)| Mark { after, watermark: Millis(time) }).collect();
    let kinds = tables.get(&format!("{stem}kinds")).map(|kinds| {
        let kinds: &UInt8Array = kinds.column(0).as_primitive::<UInt8Type>();
        Kinds::from_numbers(kinds.values().to_vec()).ok_or_else(unknown)
    });
    Ok((port, Batch { rows: rows.clone(), kinds: kinds.transpose()?, marks }))
}
