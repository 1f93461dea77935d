//! Reading a demo as columns. Stretches of record numbers are handed to the decoding threads, which make
//! the records and decode them at once. The offset of a record is its number in the whole demo, so a
//! position says where to go on without counting anything again.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{Field, Schema, SchemaRef};
use millstream_record::{
    Clock, Column, Fetched, Offset, Options, PartitionId, Poll, Positions, Reader, Result, Scan, Source, Stop,
};

use super::connector::Run;
use super::maker::Maker;
use super::pace::Pace;
use crate::format::{Decode, DecodePool};

/// A demo as a table.
pub(super) struct DemoSource {
    name: String,
    columns: Vec<Column>,
    /// The options of the format, which is JSON.
    format: Options,
    run: Run,
    clock: Arc<dyn Clock>,
}

impl DemoSource {
    /// The demo of `run` as table `name` with `columns`.
    pub fn new(name: &str, columns: Vec<Column>, format: Options, run: Run, clock: Arc<dyn Clock>) -> DemoSource {
        DemoSource { name: name.into(), columns, format, run, clock }
    }
}

impl Source for DemoSource {
    fn schema(&self) -> SchemaRef {
        let field = |column: &Column| Field::new(&column.name, column.data_type.clone(), column.nullable);
        Arc::new(Schema::new(self.columns.iter().map(field).collect::<Vec<_>>()))
    }

    fn bounded(&self) -> bool {
        self.run.rows.is_some()
    }

    fn open(&self, scan: Scan) -> Result<Box<dyn Reader>> {
        let partitions = self.run.partition_ids();
        let resumed =
            |partition| scan.resume.as_ref().and_then(|at: &Positions| at.get(partition)).map_or(0, |at| at.0);
        let at: Vec<i64> = partitions.iter().map(resumed).collect();
        let next = at.iter().copied().min().unwrap_or(0).max(0) as u64;
        // A demo that goes on does so in the present: what comes next happens now.
        let seen = at.iter().copied().max().unwrap_or(0).max(0) as u64;
        let run = if seen > 0 { self.run.begun_before(seen + 1) } else { self.run };
        let pool = DecodePool::new(DecodePool::<Range<u64>, Made>::cores(), || {
            let mut decode = Decode::new(&self.name, &self.columns, &scan, &self.format)?;
            let (keys, headers) = (decode.reads_keys(), decode.reads_headers());
            let mut maker = Maker::new(run, at.clone(), keys, headers);
            Ok(move |range: Range<u64>| {
                let records = maker.records(range.clone());
                let fetched = records.into_iter().map(|records| decode.apply(records)).collect::<Result<Vec<_>>>()?;
                Ok((fetched, range.end as i64))
            })
        })?;
        Ok(Box::new(DemoReader {
            pool,
            pace: Pace::new(self.clock.clone(), run.rows_per_second),
            next,
            end: run.rows,
            ready: VecDeque::new(),
            announced: 0,
            ended: 0,
            partitions,
            at,
            batch_rows: scan.batch_rows.max(1) as u64,
            stop: scan.stop,
        }))
    }
}

/// The rows of a stretch, by partition, and the number behind it.
type Made = (Vec<Fetched>, i64);

struct DemoReader {
    pool: DecodePool<Range<u64>, Made>,
    pace: Pace,
    /// The next record to make.
    next: u64,
    /// The number behind the last record.
    end: Option<u64>,
    /// Rows that are to be handed over, with the position behind them.
    ready: VecDeque<(Fetched, i64)>,
    announced: usize,
    ended: usize,
    partitions: Vec<PartitionId>,
    at: Vec<i64>,
    batch_rows: u64,
    stop: Stop,
}

impl DemoReader {
    /// Gives the decoding threads what there is to do; waits for the clock if they have nothing.
    fn feed(&mut self, wait: Duration) -> Result<()> {
        while self.pool.has_room() {
            let most = self.end.map_or(self.batch_rows, |end| end.saturating_sub(self.next).min(self.batch_rows));
            let wait = if self.pool.under_way() == 0 { wait } else { Duration::ZERO };
            let rows = if most == 0 { 0 } else { self.pace.take(most, wait, &self.stop) };
            if rows == 0 {
                break;
            }
            self.pool.submit(self.next..self.next + rows)?;
            self.next += rows;
        }
        Ok(())
    }
}

impl Reader for DemoReader {
    fn poll(&mut self, wait: Duration) -> Result<Poll> {
        if let Some(partition) = self.partitions.get(self.announced) {
            self.announced += 1;
            return Ok(Poll::Partition(partition.clone()));
        }
        loop {
            if let Some((fetched, end)) = self.ready.pop_front() {
                self.at[fetched.partition.number as usize] = end;
                return Ok(Poll::Rows(fetched));
            }
            self.feed(wait)?;
            if self.pool.under_way() == 0 {
                break;
            }
            match self.pool.next(wait)? {
                Some((all, end)) => self.ready.extend(all.into_iter().map(|fetched| (fetched, end))),
                None => return Ok(Poll::Nothing),
            }
        }
        if self.end.is_none_or(|end| self.next < end) {
            return Ok(Poll::Nothing);
        }
        if let Some(partition) = self.partitions.get(self.ended) {
            self.at[self.ended] = self.next as i64;
            self.ended += 1;
            return Ok(Poll::PartitionEnd(partition.clone()));
        }
        Ok(Poll::End)
    }

    fn positions(&self) -> Positions {
        self.partitions.iter().cloned().zip(self.at.iter().map(|&at| Offset(at))).collect()
    }
}
