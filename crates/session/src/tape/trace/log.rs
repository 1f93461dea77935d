//! All rows that one operator gave, each with the record that brought it.

use std::collections::BTreeSet;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use millstream_record::{Batch, Kind};

use crate::fault::Fault;

/// So many small batches are laid together at a time.
const LAID_TOGETHER: usize = 1024;

/// Rows of one operator in the order in which they came.
pub struct Log {
    schema: SchemaRef,
    rows: RecordBatch,
    loose: Vec<RecordBatch>,
    laid: Vec<RecordBatch>,
    records: Vec<u64>,
    kinds: Vec<Kind>,
    /// Records of which the operator left a row out because it came too late.
    late: BTreeSet<u64>,
}

impl Log {
    /// No row yet.
    pub fn new(schema: SchemaRef) -> Log {
        let rows = RecordBatch::new_empty(schema.clone());
        let (records, kinds, late) = (Vec::new(), Vec::new(), BTreeSet::new());
        Log { schema, rows, loose: Vec::new(), laid: Vec::new(), records, kinds, late }
    }

    /// Adds rows that a record brought.
    pub fn push(&mut self, record: u64, batch: &Batch) -> Result<(), Fault> {
        self.records.extend(std::iter::repeat_n(record, batch.len()));
        let kind = |row| batch.kinds.as_ref().map_or(Kind::Insert, |kinds| kinds.get(row));
        self.kinds.extend((0..batch.len()).map(kind));
        self.loose.push(batch.rows.clone());
        if self.loose.len() >= LAID_TOGETHER {
            self.laid.push(arrow::compute::concat_batches(&self.schema, &std::mem::take(&mut self.loose))?);
        }
        Ok(())
    }

    /// A row of this record came too late.
    pub fn late(&mut self, record: u64) {
        self.late.insert(record);
    }

    /// No row follows.
    pub fn seal(&mut self) -> Result<(), Fault> {
        self.laid.append(&mut self.loose);
        self.rows = arrow::compute::concat_batches(&self.schema, &std::mem::take(&mut self.laid))?;
        Ok(())
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// All rows.
    pub fn rows(&self) -> &RecordBatch {
        &self.rows
    }

    /// A column.
    pub fn column(&self, index: usize) -> &ArrayRef {
        self.rows.column(index)
    }

    /// The record that brought a row.
    pub fn record(&self, row: usize) -> u64 {
        self.records[row]
    }

    /// The kind of a row.
    pub fn kind(&self, row: usize) -> Kind {
        self.kinds[row]
    }

    /// Whether a row of this record came too late for the operator.
    pub fn is_late(&self, record: u64) -> bool {
        self.late.contains(&record)
    }
}
