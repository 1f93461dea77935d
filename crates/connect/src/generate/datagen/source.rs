//! Reading what datagen makes: one partition, whose offsets are the numbers of its rows.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field as ArrowField, Schema, SchemaRef};
use millstream_record::{
    Clock, Column, Fetched, Offset, PartitionId, Poll, Positions, Reader, Result, Scan, Source, Stop,
};

use super::array::Rows;
use super::field::Fields;
use crate::generate::pace::Pace;

/// Random rows as a table.
pub(super) struct DatagenSource {
    /// The name of the table.
    pub name: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// How they are made.
    pub fields: Fields,
    /// The seed.
    pub seed: u64,
    /// How many rows; `None` for no end.
    pub rows: Option<u64>,
    /// How fast; `None` for as fast as can be.
    pub per_second: Option<u64>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Source for DatagenSource {
    fn schema(&self) -> SchemaRef {
        let field = |column: &Column| ArrowField::new(&column.name, column.data_type.clone(), column.nullable);
        Arc::new(Schema::new(self.columns.iter().map(field).collect::<Vec<_>>()))
    }

    fn bounded(&self) -> bool {
        self.rows.is_some()
    }

    fn open(&self, scan: Scan) -> Result<Box<dyn Reader>> {
        let partition = PartitionId::new(self.name.as_str(), 0);
        let next = scan.resume.as_ref().and_then(|at| at.get(&partition)).map_or(0, |at| at.0.max(0) as u64);
        Ok(Box::new(DatagenReader {
            schema: Arc::new(self.schema().project(&scan.columns)?),
            fields: self.fields.clone(),
            seed: self.seed,
            end: self.rows,
            pace: Pace::new(self.clock.clone(), self.per_second),
            clock: self.clock.clone(),
            partition,
            next,
            told: Told::Nothing,
            numbers: Vec::new(),
            scan,
        }))
    }
}

/// What has been said of the partition.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    Exists,
    Ended,
}

struct DatagenReader {
    scan: Scan,
    schema: SchemaRef,
    fields: Fields,
    seed: u64,
    end: Option<u64>,
    pace: Pace,
    clock: Arc<dyn Clock>,
    partition: PartitionId,
    next: u64,
    told: Told,
    numbers: Vec<u64>,
}

impl DatagenReader {
    fn rows(&mut self, count: u64) -> Result<Fetched> {
        self.numbers.clear();
        self.numbers.extend(self.next..self.next + count);
        let rows = Rows { seed: self.seed, numbers: &self.numbers, now: self.clock.now() };
        let columns = self.scan.columns.iter().map(|&column| self.fields.get(column).array(rows));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(count as usize));
        let rows = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?;
        self.next += count;
        let bytes = rows.get_array_memory_size() as u64;
        Ok(Fetched {
            partition: self.partition.clone(),
            rows,
            kinds: None,
            rejected: Vec::new(),
            records: count,
            bytes,
            duplicate_keys: 0,
        })
    }
}

impl Reader for DatagenReader {
    fn poll(&mut self, wait: Duration) -> Result<Poll> {
        if self.told == Told::Nothing {
            self.told = Told::Exists;
            return Ok(Poll::Partition(self.partition.clone()));
        }
        let most = self.scan.batch_rows.max(1) as u64;
        let most = self.end.map_or(most, |end| end.saturating_sub(self.next).min(most));
        if most > 0 {
            let stop: &Stop = &self.scan.stop;
            return match self.pace.take(most, wait, stop) {
                0 => Ok(Poll::Nothing),
                count => Ok(Poll::Rows(self.rows(count)?)),
            };
        }
        if self.told == Told::Exists {
            self.told = Told::Ended;
            return Ok(Poll::PartitionEnd(self.partition.clone()));
        }
        Ok(Poll::End)
    }

    fn positions(&self) -> Positions {
        Positions::from([(self.partition.clone(), Offset(self.next as i64))])
    }
}
