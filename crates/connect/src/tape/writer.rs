//! The pen of a tape: takes records in order, cuts them into chunks, and makes them safe together with the
//! description, in one write. The chunk that grows is written again each time, so that neither a slow topic
//! leaves thousands of small chunks nor a crash takes more than what came since the last write.

use std::path::{Path, PathBuf};

use millstream_record::{Error, Millis, Positions, RawRecord, Result};
use rocksdb::{DB, WriteBatch};

use super::chunk::{ChunkBuilder, Head};
use super::meta::{Log, Meta, State};
use super::store;
use super::weave::Leaving;
use crate::varint;

/// A chunk is cut after so many records, or bytes of them: what a replay decodes at a time.
const CHUNK_RECORDS: u64 = 8192;
const CHUNK_BYTES: u64 = 1 << 20;

/// Writes one tape.
pub(super) struct Writer {
    db: DB,
    path: PathBuf,
    meta: Meta,
    growing: ChunkBuilder,
    number: u64,
    /// Chunks that are full and not written yet.
    full: Vec<(u64, ChunkBuilder)>,
    /// Whether anything came since the last write.
    fresh: bool,
}

impl Writer {
    /// Begins a tape in a folder that does not exist yet.
    pub fn create(path: &Path, meta: Meta) -> Result<Writer> {
        let mut writer = Writer::over(store::create(path)?, path, meta, 0, 0);
        writer.fresh = true;
        writer.flush()?;
        Ok(writer)
    }

    /// Goes on behind the last of `chunks` chunks of a tape that was cut short.
    pub fn resume(path: &Path, meta: Meta, chunks: u64) -> Result<Writer> {
        let records = meta.records;
        Ok(Writer::over(store::open_to_write(path)?, path, meta, chunks, records))
    }

    fn over(db: DB, path: &Path, meta: Meta, number: u64, first: u64) -> Writer {
        let growing = ChunkBuilder::new(first);
        Writer { db, path: path.into(), meta, growing, number, full: Vec::new(), fresh: false }
    }

    /// The description as it stands.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Where the reader of a recorded tap begins; what is known already stays.
    pub fn begins(&mut self, recorded: usize, positions: &Positions) {
        for (partition, next) in positions {
            self.meta.recorded[recorded].next.entry(partition.clone()).or_insert(*next);
        }
        self.fresh = true;
    }

    /// Adds the next record. Safe behind the next [`Writer::flush`].
    pub fn push(&mut self, leaving: &Leaving<'_>) {
        let log = self.log(leaving);
        let record = leaving.records.record(leaving.index);
        self.put(log, &record, leaving.at);
        let next = &mut self.meta.recorded[leaving.recorded].next;
        match next.get_mut(record.partition) {
            Some(next) => *next = leaving.next,
            None => drop(next.insert(record.partition.clone(), leaving.next)),
        }
    }

    /// Adds the next record, of a log that is described already.
    pub fn put(&mut self, log: usize, record: &RawRecord<'_>, at: Millis) {
        let before = self.growing.payload_bytes();
        self.growing.push(log, record, at);
        if self.meta.records == 0 {
            self.meta.from = self.meta.from.min(at);
        }
        self.meta.until = self.meta.until.max(at);
        self.meta.records += 1;
        self.meta.payload_bytes += self.growing.payload_bytes() - before;
        self.fresh = true;
        if self.growing.count() >= CHUNK_RECORDS || self.growing.payload_bytes() >= CHUNK_BYTES {
            let next = ChunkBuilder::new(self.meta.records);
            self.full.push((self.number, std::mem::replace(&mut self.growing, next)));
            self.number += 1;
        }
    }

    /// Whether so much is waiting that it should be written at once.
    pub fn is_full(&self) -> bool {
        self.full.len() >= 4
    }

    fn log(&mut self, leaving: &Leaving<'_>) -> usize {
        let records = leaving.records;
        let same = |log: &Log| {
            log.recorded == leaving.recorded
                && log.partition == records.partition
                && log.timestamp_type == records.timestamp_type
                && log.header == records.header
                && log.file == records.file
        };
        let logs = &mut self.meta.logs;
        logs.iter().position(same).unwrap_or_else(|| {
            logs.push(Log {
                recorded: leaving.recorded,
                partition: records.partition.clone(),
                timestamp_type: records.timestamp_type,
                header: records.header.clone(),
                file: records.file.clone(),
            });
            logs.len() - 1
        })
    }

    /// Makes all that came safe from the end of this program and of the machine.
    pub fn flush(&mut self) -> Result<()> {
        if !self.fresh {
            return Ok(());
        }
        let mut batch = WriteBatch::default();
        for (number, chunk) in std::mem::take(&mut self.full) {
            put(&mut batch, number, chunk, &self.path)?;
        }
        if self.growing.count() > 0 {
            put(&mut batch, self.number, self.growing.clone(), &self.path)?;
        }
        batch.put(store::META, self.meta.write().to_string());
        store::write(&self.db, batch, true, &self.path)?;
        self.fresh = false;
        Ok(())
    }

    /// Time has gone by on the tape, up to `now`.
    pub fn silence(&mut self, now: Millis) {
        self.meta.until = self.meta.until.max(now);
        self.fresh = true;
    }

    /// Completes the tape: all goes from the log of the database into its files, and nothing follows.
    pub fn seal(mut self) -> Result<Meta> {
        self.meta.state = State::Sealed;
        self.fresh = true;
        self.flush()?;
        self.db.flush().map_err(|error| store::failed(&self.path, &error))?;
        Ok(self.meta)
    }
}

fn put(batch: &mut WriteBatch, number: u64, chunk: ChunkBuilder, path: &Path) -> Result<()> {
    let head = chunk.head().expect("a chunk that is written has records");
    let stored = chunk.pack().map_err(|error| Error::io(path, error))?;
    batch.put(store::outline_key(number), outline(&head));
    batch.put(store::chunk_key(number), stored);
    Ok(())
}

/// The outline of a chunk as it is stored.
fn outline(head: &Head) -> Vec<u8> {
    let mut out = Vec::new();
    varint::put(&mut out, head.first);
    varint::put(&mut out, head.count);
    varint::put_signed(&mut out, head.from.0);
    varint::put_signed(&mut out, head.until.0);
    out
}

/// Reads what `outline` gave.
pub(super) fn read_outline(bytes: &[u8]) -> Option<Head> {
    let mut cursor = varint::Cursor::new(bytes);
    let head = Head {
        first: cursor.number()?,
        count: cursor.number()?,
        from: Millis(cursor.signed()?),
        until: Millis(cursor.signed()?),
    };
    cursor.rest().is_empty().then_some(head)
}
