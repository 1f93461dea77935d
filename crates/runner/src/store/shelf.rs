//! The shelf of a running job: a folder of packs with state that does not fit into memory.
//!
//! A pack is written once and never changed, so a checkpoint takes it by a link, and a job that goes on from
//! a checkpoint reads it from there when it is needed. The folder itself is scratch: it is empty at every
//! start, and a pack goes when nobody holds it any more.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use millstream_engine::{EngineError, Piece, Shelf, Tables, Written, decode_table, encode_table};
use millstream_record::{Error, Result};

use super::manifest::Sum;
use super::read::read_whole;
use super::{durable, entries, pack};
use crate::fail::{Disk, disk};

/// What the names of all packs on a shelf begin with.
const PREFIX: &str = "piece-";

/// A folder of packs.
#[derive(Debug)]
pub struct Packs {
    folder: PathBuf,
    next: AtomicU64,
    known: Mutex<BTreeMap<String, Known>>,
}

/// What is known of a pack.
#[derive(Clone, Copy, Debug)]
struct Known {
    sum: Sum,
    /// Whether it survives a crash of the machine.
    synced: bool,
}

impl Packs {
    /// An empty shelf in this folder. Its packs have other names than those in the checkpoints.
    pub fn open(folder: PathBuf, checkpoints: &Path) -> Result<Packs> {
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(|error| Error::io(&folder, error))?;
        }
        durable::make_folder(&folder)?;
        let mut next = 0;
        for (_, checkpoint) in entries(checkpoints)?.into_iter().filter(|(_, path)| path.is_dir()) {
            let numbers = entries(&checkpoint)?.into_iter().filter_map(|(name, _)| number_of(&name));
            next = numbers.map(|number| number + 1).fold(next, u64::max);
        }
        Ok(Packs { folder, next: AtomicU64::new(next), known: Mutex::default() })
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the pack of a checkpoint onto the shelf. It is read when it is needed, and found damaged then.
    pub fn take(self: &Arc<Self>, checkpoint: &Path, name: &str, sum: Sum) -> Result<Piece> {
        let (from, to) = (checkpoint.join(name), self.folder.join(name));
        link_or_copy(&from, &to)?;
        // A checkpoint that came with a savepoint may have higher numbers than were found at the start.
        self.next.fetch_max(number_of(name).map_or(0, |number| number + 1), Ordering::Relaxed);
        Ok(self.piece(name.into(), Known { sum, synced: true }))
    }

    /// Puts a pack into a checkpoint, so that it survives there.
    pub fn put(&self, piece: &Piece, checkpoint: &Path) -> Result<(String, Sum)> {
        let name = piece.name();
        let path = self.folder.join(name);
        let known = self.known().get(name).copied();
        let known = known.ok_or_else(|| Error::Invalid(format!("{name} is not on the shelf of this job")))?;
        if !known.synced {
            File::open(&path).and_then(|file| file.sync_all()).map_err(|error| Error::io(&path, error))?;
            self.known().insert(name.into(), Known { synced: true, ..known });
        }
        link_or_copy(&path, &checkpoint.join(name))?;
        Ok((name.into(), known.sum))
    }

    fn piece(self: &Arc<Self>, name: String, known: Known) -> Piece {
        self.known().insert(name.clone(), known);
        Piece::new(OnDisk { shelf: self.clone(), name, sum: known.sum })
    }

    fn write(self: &Arc<Self>, tables: &Tables) -> millstream_engine::Result<Piece> {
        let mut bytes = pack::begin();
        for (name, table) in tables {
            pack::add(&mut bytes, pack::Piece { owner: "", name, bytes: &encode_table(table)? });
        }
        let name = format!("{PREFIX}{}.pack", self.next.fetch_add(1, Ordering::Relaxed));
        let path = self.folder.join(&name);
        // Never over another: it may be linked to a checkpoint.
        let written =
            disk(Disk::Write).and_then(|()| File::create_new(&path)).and_then(|mut file| file.write_all(&bytes));
        written.map_err(|error| EngineError::Door { name: "state".into(), source: Error::io(&path, error) })?;
        Ok(self.piece(name, Known { sum: Sum::of(&bytes), synced: false }))
    }
}

fn number_of(name: &str) -> Option<u64> {
    name.strip_prefix(PREFIX)?.strip_suffix(".pack")?.parse().ok()
}

/// The same file under another name; a copy where the file system has no links.
fn link_or_copy(from: &Path, to: &Path) -> Result<()> {
    if fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    let copied = fs::copy(from, to).and_then(|_| File::open(to)?.sync_all());
    copied.map_err(|error| Error::io(to, error))
}

/// The shelf as the engine knows it.
#[derive(Debug)]
pub struct OfJob(pub Arc<Packs>);

impl Shelf for OfJob {
    fn write(&self, tables: &Tables) -> millstream_engine::Result<Piece> {
        self.0.write(tables)
    }
}

/// A pack.
struct OnDisk {
    shelf: Arc<Packs>,
    name: String,
    sum: Sum,
}

impl Written for OnDisk {
    fn name(&self) -> &str {
        &self.name
    }

    fn bytes(&self) -> u64 {
        self.sum.length
    }

    fn read(&self) -> millstream_engine::Result<Tables> {
        let damaged = |reason: String| EngineError::State { uid: "an operator".into(), reason };
        let bytes = read_whole(&self.shelf.folder, &self.name, self.sum).map_err(damaged)?;
        let pieces = pack::pieces(&bytes).ok_or_else(|| damaged(format!("{} is no pack", self.name)))?;
        pieces.iter().map(|piece| Ok((piece.name.to_string(), decode_table(&self.name, piece.bytes)?))).collect()
    }
}

impl Drop for OnDisk {
    fn drop(&mut self) {
        self.shelf.known().remove(&self.name);
        // What cannot be removed now goes with the folder, at the next start.
        drop(fs::remove_file(self.shelf.folder.join(&self.name)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, RecordBatch};

    use super::*;

    fn tables(value: i64) -> Tables {
        let column = Arc::new(Int64Array::from(vec![value])) as _;
        [("t".into(), RecordBatch::try_from_iter([("v", column)]).expect("one column"))].into()
    }

    #[test]
    fn a_pack_lives_as_long_as_somebody_holds_it_and_longer_in_a_checkpoint() {
        let folder = tempfile::tempdir().expect("a folder");
        let (checkpoints, state) = (folder.path().join("checkpoints"), folder.path().join("spill"));
        let one = checkpoints.join("1");
        fs::create_dir_all(&one).expect("made");
        let shelf = Arc::new(Packs::open(state.clone(), &checkpoints).expect("new"));
        let (kept, gone) = (shelf.write(&tables(7)).expect("written"), shelf.write(&tables(8)).expect("written"));
        let (name, sum) = shelf.put(&kept, &one).expect("linked");
        drop((kept, gone));
        assert_eq!(entries(&state).expect("listed"), []);

        let shelf = Arc::new(Packs::open(state.clone(), &checkpoints).expect("opened"));
        let back = shelf.take(&one, &name, sum).expect("taken");
        assert_eq!(back.read().expect("read"), tables(7));
        let other = shelf.write(&tables(9)).expect("written");
        assert_ne!(other.name(), back.name());
        drop(back);
        assert!(one.join(&name).exists(), "the checkpoint still has it");

        // A state folder that begins with a savepoint has found no packs when it was opened.
        let other = Arc::new(Packs::open(folder.path().join("other"), &state).expect("opened"));
        let taken = other.take(&one, &name, sum).expect("taken");
        let written = other.write(&tables(10)).expect("written");
        assert_ne!(written.name(), taken.name());
        assert_eq!(taken.read().expect("read"), tables(7));
    }

    #[test]
    fn a_damaged_pack_is_named_when_it_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let shelf = Arc::new(Packs::open(folder.path().join("spill"), folder.path()).expect("new"));
        let piece = shelf.write(&tables(7)).expect("written");
        let path = folder.path().join("spill").join(piece.name());
        let mut bytes = fs::read(&path).expect("there");
        bytes[20] ^= 1;
        fs::write(&path, bytes).expect("written");
        let told = piece.read().expect_err("damaged").to_string();
        assert!(told.contains("piece-0.pack is damaged"), "{told}");
    }
}
