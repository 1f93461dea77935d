//! Rows that the session itself keeps, as a bounded source: `TABLE$errors` and `STEP$late` are read
//! through it like any other table.

use std::collections::VecDeque;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use millstream_record::{Fetched, Offset, PartitionId, Poll, Positions, Reader, Result, Scan, Source};

/// A snapshot of rows.
pub struct Memory {
    name: String,
    schema: SchemaRef,
    rows: Vec<RecordBatch>,
}

impl Memory {
    /// These rows of the table `name`.
    pub fn new(name: &str, schema: SchemaRef, rows: Vec<RecordBatch>) -> Memory {
        Memory { name: name.to_string(), schema, rows }
    }
}

impl Source for Memory {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn bounded(&self) -> bool {
        true
    }

    fn open(&self, scan: Scan) -> Result<Box<dyn Reader>> {
        let partition = PartitionId::new(self.name.as_str(), 0);
        let start = scan.resume.and_then(|resume| resume.get(&partition).copied()).unwrap_or(Offset(0));
        let mut rest = VecDeque::new();
        let mut skip = usize::try_from(start.0).unwrap_or(0);
        for batch in &self.rows {
            let from = skip.min(batch.num_rows());
            skip -= from;
            for offset in (from..batch.num_rows()).step_by(scan.batch_rows.max(1)) {
                let length = scan.batch_rows.max(1).min(batch.num_rows() - offset);
                rest.push_back(batch.slice(offset, length).project(&scan.columns)?);
            }
        }
        Ok(Box::new(MemoryReader { partition, rest, at: start, said: Said::Nothing }))
    }
}

struct MemoryReader {
    partition: PartitionId,
    rest: VecDeque<RecordBatch>,
    at: Offset,
    said: Said,
}

enum Said {
    Nothing,
    Partition,
    PartitionEnd,
}

impl Reader for MemoryReader {
    fn poll(&mut self, _wait: Duration) -> Result<Poll> {
        let partition = self.partition.clone();
        if matches!(self.said, Said::Nothing) {
            self.said = Said::Partition;
            return Ok(Poll::Partition(partition));
        }
        let Some(rows) = self.rest.pop_front() else {
            let ended = matches!(self.said, Said::PartitionEnd);
            self.said = Said::PartitionEnd;
            return Ok(if ended { Poll::End } else { Poll::PartitionEnd(partition) });
        };
        self.at = Offset(self.at.0 + rows.num_rows() as i64);
        let (records, bytes) = (rows.num_rows() as u64, rows.get_array_memory_size() as u64);
        Ok(Poll::Rows(Fetched {
            partition,
            rows,
            kinds: None,
            rejected: Vec::new(),
            records,
            bytes,
            duplicate_keys: 0,
        }))
    }

    fn positions(&self) -> Positions {
        Positions::from([(self.partition.clone(), self.at)])
    }

    fn lag(&self) -> Option<u64> {
        Some(self.rest.iter().map(|rows| rows.num_rows() as u64).sum())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, cast::AsArray};
    use arrow::datatypes::Int64Type;
    use millstream_record::Stop;

    use super::*;

    fn read(resume: Option<Positions>, batch_rows: usize) -> (Vec<i64>, Positions) {
        let batch = |values: Vec<i64>| {
            let other = Int64Array::from(vec![0; values.len()]);
            let columns = [("other", Arc::new(other) as _), ("v", Arc::new(Int64Array::from(values)) as _)];
            RecordBatch::try_from_iter(columns).expect("two columns")
        };
        let (first, second) = (batch(vec![1, 2, 3]), batch(vec![4, 5]));
        let memory = Memory::new("m", first.schema(), vec![first, second]);
        let scan = Scan { columns: vec![1], resume, batch_rows, stop: Stop::default() };
        let mut reader = memory.open(scan).expect("opens");
        let mut values = Vec::new();
        loop {
            match reader.poll(Duration::ZERO).expect("reads") {
                Poll::Rows(fetched) => {
                    assert!(fetched.rows.num_rows() <= batch_rows);
                    values.extend_from_slice(fetched.rows.column(0).as_primitive::<Int64Type>().values());
                }
                Poll::End => return (values, reader.positions()),
                _ => {}
            }
        }
    }

    #[test]
    fn all_rows_come_once_and_reading_goes_on_anywhere() {
        for batch_rows in 1..7 {
            let (all, end) = read(None, batch_rows);
            assert_eq!(all, [1, 2, 3, 4, 5]);
            for start in 0..=5 {
                let resume = end.keys().map(|partition| (partition.clone(), Offset(start))).collect();
                assert_eq!(read(Some(resume), batch_rows).0, all[start as usize..]);
            }
        }
    }
}
