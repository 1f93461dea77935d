//! Reading a topic as columns: one thread reads and cuts, as many as the machine has cores unpack and
//! decode, and the pieces come out in order.

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{Field, Schema, SchemaRef};
use millstream_record::{Column, Fetched, Options, Poll, Positions, Reader, Result, Scan, Source, Stop};

use super::bounds::{Bound, Start};
use super::consumer::Reading;
use super::cut::Piece;
use super::seek::Resume;
use super::topics::Topics;
use super::unpack::{Unpack, Wants};
use crate::format::{Decode, DecodePool};
use crate::loss::OnLoss;

/// A topic as a table.
pub(super) struct TopicSource {
    topics: Topics,
    name: String,
    topic: String,
    columns: Vec<Column>,
    options: Options,
    start: Start,
    bound: Bound,
}

impl TopicSource {
    /// The topic `topic` as table `name` with `columns`.
    pub fn new(
        topics: Topics,
        name: &str,
        topic: &str,
        columns: Vec<Column>,
        options: Options,
        start: Start,
        bound: Bound,
    ) -> TopicSource {
        TopicSource { topics, name: name.into(), topic: topic.into(), columns, options, start, bound }
    }
}

impl Source for TopicSource {
    fn schema(&self) -> SchemaRef {
        let field = |column: &Column| Field::new(&column.name, column.data_type.clone(), column.nullable);
        Arc::new(Schema::new(self.columns.iter().map(field).collect::<Vec<_>>()))
    }

    fn bounded(&self) -> bool {
        self.bound != Bound::Unbounded
    }

    fn has_kinds(&self) -> bool {
        Decode::has_kinds(&self.options)
    }

    fn open(&self, scan: Scan) -> Result<Box<dyn Reader>> {
        let follower = self.topics.follow(&self.topic)?;
        let place = follower.place().clone();
        let on_loss = OnLoss::of(&self.options);
        let resume = scan.resume.as_ref().map(|positions| Resume { positions, on_loss });
        let reading = Reading::open(follower, &self.start, &self.bound, resume)?;
        let pool = DecodePool::new(DecodePool::<Piece, Decoded>::cores(), || {
            let mut decode = Decode::new(&self.name, &self.columns, &scan, &self.options)?;
            let wants = Wants { keys: decode.reads_keys(), headers: decode.reads_headers(), arrivals: false };
            let mut unpack = Unpack::new(place.clone(), wants)?;
            Ok(move |piece: Piece| {
                let fetched = decode.apply(unpack.records(&piece)?)?;
                // The buffer of the values also holds what stands between them in the blocks.
                Ok((Fetched { bytes: unpack.payload_bytes, ..fetched }, piece.end()))
            })
        })?;
        let ended = vec![false; reading.partitions().len()];
        let batch_rows = scan.batch_rows.max(1);
        Ok(Box::new(TopicReader { reading, pool, announced: 0, ended, batch_rows, stop: scan.stop }))
    }
}

/// The rows of a piece and the offset behind it.
type Decoded = (Fetched, i64);

struct TopicReader {
    reading: Reading,
    pool: DecodePool<Piece, Decoded>,
    /// How many partitions have been announced.
    announced: usize,
    /// By partition: whether its end has been told.
    ended: Vec<bool>,
    batch_rows: usize,
    stop: Stop,
}

impl TopicReader {
    /// Gives the decoding threads what there is to do, as far as they have room.
    fn feed(&mut self) -> Result<()> {
        while self.pool.has_room()
            && let Some(piece) = self.reading.cutter.next(self.batch_rows)?
        {
            self.pool.submit(piece)?;
        }
        Ok(())
    }

    fn take(&mut self, wait: Duration) -> Result<Poll> {
        let Some((fetched, end)) = self.pool.next(wait)? else { return Ok(Poll::Nothing) };
        self.reading.at[fetched.partition.number as usize] = end;
        Ok(Poll::Rows(fetched))
    }

    /// A partition that has ended without having told so.
    fn newly_ended(&self) -> Option<usize> {
        (0..self.ended.len()).find(|&partition| !self.ended[partition] && self.reading.partition_ended(partition))
    }
}

impl Reader for TopicReader {
    fn poll(&mut self, wait: Duration) -> Result<Poll> {
        if let Some(partition) = self.reading.partitions().get(self.announced) {
            self.announced += 1;
            return Ok(Poll::Partition(partition.clone()));
        }
        if let Some(partition) = self.newly_ended() {
            self.ended[partition] = true;
            return Ok(Poll::PartitionEnd(self.reading.partitions()[partition].clone()));
        }
        self.feed()?;
        if self.pool.under_way() == 0 {
            if self.reading.ended() {
                return Ok(Poll::End);
            }
            let batch_rows = self.batch_rows;
            match self.reading.wait_for(wait, &self.stop, |cutter| cutter.next(batch_rows))? {
                Some(piece) => self.pool.submit(piece)?,
                None => return Ok(Poll::Nothing),
            }
        }
        self.take(wait)
    }

    fn positions(&self) -> Positions {
        self.reading.positions()
    }

    fn lag(&self) -> Option<u64> {
        self.reading.lag().ok()
    }
}
