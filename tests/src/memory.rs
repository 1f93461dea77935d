//! Sources and sinks without an outside world, for runs on threads: a source that gives rows of a table
//! piece by piece and can be resumed at any of them, and a sink that shows only what was committed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::util::display::array_value_to_string;
use millstream_record::{
    Batch, Epoch, Fetched, Offset, PartitionId, Poll, Positions, Reader, Result, Scan, Sink, Source,
};

/// A bounded topic in memory: each entry is a partition.
#[derive(Clone)]
pub struct MemorySource {
    name: String,
    schema: SchemaRef,
    partitions: Vec<RecordBatch>,
    /// At most so many rows in a piece.
    piece: usize,
    /// So many rows may be read before the source falls silent.
    allowed: Arc<AtomicUsize>,
}

impl MemorySource {
    /// A topic with these partitions.
    pub fn new(name: &str, partitions: Vec<RecordBatch>, piece: usize) -> MemorySource {
        let allowed = Arc::new(AtomicUsize::new(usize::MAX));
        MemorySource { name: name.into(), schema: partitions[0].schema(), partitions, piece, allowed }
    }

    /// Lets no more than so many rows be read, over all runs.
    pub fn allow(&self, rows: usize) {
        self.allowed.store(rows, Ordering::Relaxed);
    }

    fn id(&self, number: usize) -> PartitionId {
        PartitionId::new(self.name.as_str(), number as i32)
    }
}

impl Source for MemorySource {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn bounded(&self) -> bool {
        true
    }

    fn open(&self, scan: Scan) -> Result<Box<dyn Reader>> {
        let at =
            |number| scan.resume.as_ref().and_then(|positions| positions.get(&self.id(number))).map_or(0, |at| at.0);
        let places = (0..self.partitions.len()).map(|number| at(number) as usize).collect();
        Ok(Box::new(MemoryReader { source: self.clone(), columns: scan.columns, places, announced: 0, turn: 0 }))
    }
}

struct MemoryReader {
    source: MemorySource,
    columns: Vec<usize>,
    places: Vec<usize>,
    announced: usize,
    turn: usize,
}

impl Reader for MemoryReader {
    fn poll(&mut self, wait: Duration) -> Result<Poll> {
        let count = self.source.partitions.len();
        if self.announced < count {
            self.announced += 1;
            return Ok(Poll::Partition(self.source.id(self.announced - 1)));
        }
        let (read, all) = (
            self.places.iter().sum::<usize>(),
            self.source.partitions.iter().map(RecordBatch::num_rows).sum::<usize>(),
        );
        if read < all && read >= self.source.allowed.load(Ordering::Relaxed) {
            std::thread::park_timeout(wait.min(Duration::from_millis(1)));
            return Ok(Poll::Nothing);
        }
        for _ in 0..count {
            self.turn = (self.turn + 1) % count;
            let (rows, place) = (&self.source.partitions[self.turn], self.places[self.turn]);
            let taken = (rows.num_rows() - place).min(self.source.piece);
            if taken > 0 {
                self.places[self.turn] += taken;
                return Ok(Poll::Rows(Fetched {
                    partition: self.source.id(self.turn),
                    rows: rows.slice(place, taken).project(&self.columns)?,
                    kinds: None,
                    rejected: Vec::new(),
                    records: taken as u64,
                    bytes: 0,
                    duplicate_keys: 0,
                }));
            }
        }
        Ok(Poll::End)
    }

    fn positions(&self) -> Positions {
        self.places.iter().enumerate().map(|(number, &at)| (self.source.id(number), Offset(at as i64))).collect()
    }
}

/// Rows that have been committed, as text. Clones share them.
#[derive(Clone, Default)]
pub struct Committed(Arc<Mutex<Vec<String>>>);

impl Committed {
    /// The rows in order of their text.
    pub fn sorted(&self) -> Vec<String> {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        rows.sort();
        rows
    }

    /// A sink that writes here.
    pub fn sink(&self) -> MemorySink {
        MemorySink { committed: self.clone(), written: Vec::new(), prepared: Vec::new() }
    }

    fn add(&self, rows: &mut Vec<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).append(rows);
    }
}

/// A sink that shows rows when they are committed, or flushed in a plain run.
pub struct MemorySink {
    committed: Committed,
    written: Vec<String>,
    prepared: Vec<String>,
}

impl Sink for MemorySink {
    fn write(&mut self, batch: &Batch) -> Result<()> {
        for row in 0..batch.len() {
            let cells = batch.rows.columns().iter().map(|column| array_value_to_string(column, row));
            let cells = cells.collect::<std::result::Result<Vec<_>, _>>()?;
            self.written.push(format!("{} {}", batch.kind(row).mark(), cells.join(" | ")));
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.committed.add(&mut self.written);
        Ok(())
    }

    fn prepare(&mut self, _: Epoch) -> Result<Vec<u8>> {
        assert!(self.prepared.is_empty(), "an epoch is committed before the next is prepared");
        self.prepared = std::mem::take(&mut self.written);
        Ok(Vec::new())
    }

    fn commit(&mut self, _: Epoch) -> Result<()> {
        self.committed.add(&mut self.prepared);
        Ok(())
    }
}
