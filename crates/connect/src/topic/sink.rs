//! Writing rows to a topic. In a plain run each batch is appended as soon as it is written, so that readers
//! see it, and a flush makes it safe. In a job the rows of an epoch wait, packed, in the checkpoint; when
//! the epoch is decided all of them are appended at once, under the job's name, so that a restart can tell
//! whether that was done.

use millstream_record::{Batch, Column, Epoch, Error, Millis, Options, Result, Sink};

use super::append::Origin;
use super::block::Record;
use super::packed::Parcel;
use super::producer::Producer;
use crate::format::Encode;

/// Writes the rows of a query to one topic: appends them, or upserts by key (with tombstones for
/// deletions) where the table has a primary key.
pub(super) struct TopicSink {
    table: String,
    producer: Producer,
    encode: Encode,
    /// In a job: its sign on this topic.
    writer: u64,
    /// What was prepared and is not committed.
    parcel: Option<Parcel>,
}

impl TopicSink {
    /// A sink that encodes `columns`, with the primary key at the indices `key`.
    pub fn new(
        table: &str,
        producer: Producer,
        columns: &[Column],
        key: &[usize],
        options: &Options,
    ) -> Result<TopicSink> {
        let encode = Encode::new(columns, key, options)?;
        Ok(TopicSink { table: table.into(), producer, encode, writer: 0, parcel: None })
    }
}

impl Sink for TopicSink {
    fn write(&mut self, batch: &Batch) -> Result<()> {
        let encoded = self.encode.apply(batch)?;
        for index in 0..encoded.len() {
            let timestamp = encoded.timestamps.as_ref().map(|all| all[index]).filter(|&at| at >= 0);
            self.producer.send(&Record {
                key: encoded.keys.as_ref().and_then(|keys| keys.get(index)),
                value: encoded.values.get(index),
                timestamp: timestamp.map(Millis),
                ..Record::default()
            })?;
        }
        // In a job nobody waits for the rows, so that they are packed in large pieces.
        if self.writer == 0 { self.producer.append() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        self.producer.flush()
    }

    fn restore(&mut self, job: &str, decided: Option<(Epoch, &[u8])>) -> Result<()> {
        self.writer = sign(job, &self.table);
        self.producer.hold();
        if let Some((Epoch(epoch), bytes)) = decided {
            let parcel = Parcel::read(bytes).ok_or_else(|| {
                let topic = self.producer.topic();
                Error::Invalid(format!("the rows for topic '{topic}' in the checkpoint cannot be read"))
            })?;
            self.producer.append_once(&parcel, Origin { writer: self.writer, epoch })?;
        }
        Ok(())
    }

    fn prepare(&mut self, _: Epoch) -> Result<Vec<u8>> {
        if self.writer == 0 {
            return self.flush().map(|()| Vec::new());
        }
        let parcel = self.producer.parcel()?;
        let bytes = parcel.write();
        self.parcel = Some(parcel);
        Ok(bytes)
    }

    fn commit(&mut self, Epoch(epoch): Epoch) -> Result<()> {
        match self.parcel.take() {
            Some(parcel) => self.producer.append_once(&parcel, Origin { writer: self.writer, epoch }),
            None => Ok(()),
        }
    }
}

/// The sign of a job's table on the appends that it makes; never 0 (FNV-1a).
fn sign(job: &str, table: &str) -> u64 {
    let bytes = job.bytes().chain([0]).chain(table.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)).max(1)
}
