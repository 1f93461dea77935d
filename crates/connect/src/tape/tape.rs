//! A tape to read: its description, the outline of its chunks, and the chunks themselves. What is damaged is
//! named, with the records and the stretch of time that it held; all else can be read.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use millstream_record::{Error, Millis, Result};
use rocksdb::{DB, IteratorMode};

use super::chunk::{Chunk, Head};
use super::meta::Meta;
use super::store;
use super::writer::read_outline;

/// A tape, opened to read. Clones share it.
#[derive(Clone)]
pub struct Tape {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    path: PathBuf,
    db: DB,
    meta: Meta,
    outlines: Vec<Outline>,
    /// The times of the records of the chunk that was asked for them last, by its index.
    times: Mutex<Option<(usize, Arc<[Millis]>)>>,
}

/// Where a chunk stands on the tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Its number in the database.
    pub number: u64,
    /// The number of its first record.
    pub first: u64,
    /// How many records it holds.
    pub count: u64,
    /// The time of the first.
    pub from: Millis,
    /// The time of the last.
    pub until: Millis,
}

/// A chunk that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Which one.
    pub chunk: Outline,
    /// What is wrong with it.
    pub reason: String,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Outline { number, first, count, .. } = self.chunk;
        write!(f, "chunk {number} is damaged (records {first} to {}): {}", first + count.max(1) - 1, self.reason)
    }
}

impl Tape {
    /// Opens the tape `name` in the folder `path`.
    pub(super) fn open(name: &str, path: &Path) -> Result<Tape> {
        let db = store::open_to_read(path)?;
        let (meta, outlines) = read(&db, name, path)?;
        let (name, path, times) = (name.into(), path.into(), Mutex::default());
        Ok(Tape { inner: Arc::new(Inner { name, path, db, meta, outlines, times }) })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The description.
    pub fn meta(&self) -> &Meta {
        &self.inner.meta
    }

    /// The chunks in order.
    pub fn outlines(&self) -> &[Outline] {
        &self.inner.outlines
    }

    /// The index of the chunk that holds record `record` of the tape, or the next one that is there.
    pub fn chunk_of(&self, record: u64) -> usize {
        self.outlines().partition_point(|outline| outline.first + outline.count <= record)
    }

    /// Unpacks the chunk at an index of [`Tape::outlines`].
    pub fn chunk(&self, index: usize) -> std::result::Result<Chunk, Damage> {
        let outline = self.inner.outlines[index];
        let chunk = self.stored(index, |stored| Chunk::unpack(stored, &self.inner.meta.logs))?;
        if (chunk.first, chunk.count() as u64) != (outline.first, outline.count) {
            return Err(Damage { chunk: outline, reason: "it holds other records than its outline says".into() });
        }
        Ok(chunk)
    }

    /// Does something with a chunk as it is stored.
    fn stored<T>(
        &self,
        index: usize,
        with: impl FnOnce(&[u8]) -> std::result::Result<T, &'static str>,
    ) -> std::result::Result<T, Damage> {
        let chunk = self.inner.outlines[index];
        let damage = |reason: String| Damage { chunk, reason };
        let stored = self.inner.db.get_pinned_opt(store::chunk_key(chunk.number), &store::plainly());
        let stored = stored.map_err(|error| damage(store::failed(&self.inner.path, &error).to_string()))?;
        let stored = stored.ok_or_else(|| damage("it is missing".into()))?;
        with(&stored).map_err(|reason| damage(reason.into()))
    }

    /// Every chunk that is not as it was written. They are checked as they are stored, at a gigabyte a second;
    /// none is unpacked.
    pub fn damages(&self) -> Vec<Damage> {
        let check = |index| self.stored(index, |stored| Chunk::check(stored).map(|_| ()));
        (0..self.outlines().len()).filter_map(|index| check(index).err()).collect()
    }

    /// The number of the first record that arrived at this time or later; that of all records if none did.
    /// Where a damaged chunk may hold it, the record behind that chunk.
    pub fn record_at(&self, time: Millis) -> u64 {
        let index = self.outlines().partition_point(|outline| outline.until < time);
        let Some(outline) = self.outlines().get(index) else { return self.meta().records };
        if outline.from >= time {
            return outline.first;
        }
        match self.times(index) {
            Some(times) => outline.first + times.partition_point(|at| *at < time) as u64,
            None => outline.first + outline.count,
        }
    }

    /// When the records of a chunk arrived, in the order of the tape; `None` where it is damaged.
    fn times(&self, index: usize) -> Option<Arc<[Millis]>> {
        let mut kept = self.inner.times.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, times)) = kept.as_ref().filter(|(known, _)| *known == index) {
            return Some(times.clone());
        }
        let chunk = self.chunk(index).ok()?;
        let times: Arc<[Millis]> = chunk.order().map(|(part, at)| chunk.parts[part].times[at]).collect();
        *kept = Some((index, times.clone()));
        Some(times)
    }

    /// The time of a record; that of the end of the tape behind the last.
    pub fn time_of(&self, record: u64) -> Millis {
        let index = self.chunk_of(record);
        let Some(outline) = self.outlines().get(index) else { return self.meta().until };
        if record <= outline.first {
            return outline.from;
        }
        let found = self.times(index).and_then(|times| times.get((record - outline.first) as usize).copied());
        found.unwrap_or(outline.until)
    }
}

/// The description and the outlines of all chunks that are there.
pub(super) fn read(db: &DB, name: &str, path: &Path) -> Result<(Meta, Vec<Outline>)> {
    let damaged = |reason: &str| Error::DataLoss { place: format!("tape '{name}'"), reason: reason.to_string() };
    let stored = db.get(store::META).map_err(|error| store::failed(path, &error))?;
    let stored = stored.ok_or_else(|| damaged("its description is missing"))?;
    let value = serde_json::from_slice(&stored).map_err(|_| damaged("its description is damaged"))?;
    let meta = Meta::read(&value).map_err(|reason| damaged(&reason))?;
    let mut outlines = Vec::new();
    let from = store::outline_key(0);
    for entry in db.iterator(IteratorMode::From(&from, rocksdb::Direction::Forward)) {
        let (key, value) = entry.map_err(|error| store::failed(path, &error))?;
        let Some(number) = key.strip_prefix(b"o").and_then(|number| number.try_into().ok()) else { break };
        let head: Head = read_outline(&value).ok_or_else(|| damaged("its list of chunks is damaged"))?;
        let Head { first, count, from, until } = head;
        outlines.push(Outline { number: u64::from_be_bytes(number), first, count, from, until });
    }
    Ok((meta, outlines))
}
