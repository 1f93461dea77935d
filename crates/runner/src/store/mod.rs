//! Checkpoints on disk.
//!
//! ```text
//! state/
//!   LOCK                     held for the life of the process
//!   job                      the job's id, made once
//!   CURRENT                  the newest epoch known to be decided: a note, the decider knows better
//!   checkpoints/000000000042/        immutable; under this name only when it is whole
//!     MANIFEST.json          written last
//!     state.pack             small tables of operators; what sinks have prepared
//!     table-42-0.pack        a large table; linked by later checkpoints while it stays as it is
//!     piece-7.pack           state that did not fit into memory, linked from the shelf
//!   checkpoints/000000000043.partial/    never trusted
//!   spill/                   the shelf of the running job: what does not fit into memory
//!   savepoints/NAME/         as a checkpoint, never deleted
//!   FROM                     the savepoint that the job began with, if there was one
//!   ADDRESS                  where the running job listens
//! ```

mod durable;
mod lock;
mod manifest;
mod pack;
mod read;
mod savepoint;
mod shelf;

pub use lock::{Lock, Refused};
pub use manifest::{FORMAT, Manifest};
pub use savepoint::{address, copy_out};

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use millstream_engine::{Cut, Shelf, encode_table};
use millstream_record::{Error, Result};

use crate::fail::{Point, fail_point};
use crate::protocol::Sealed;
use manifest::Sum;
use pack::Piece;
use read::{Checked, Content, Loaded, read_manifest, side_by_side, unpack};
use shelf::{OfJob, Packs};

/// A table whose encoded form is as large as this gets a file of its own.
const LARGE: usize = 256 << 10;
/// Stands behind the newest decided epoch when nothing of it is left to do.
const AT_REST: &str = "at rest";
/// The owner of what sinks have prepared.
const SINKS: &str = "@sinks";

/// The checkpoints of one job.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    /// How many decided checkpoints are kept.
    keep: usize,
    /// Large tables of the newest checkpoint, to be linked by the next one.
    large: BTreeMap<(String, String), Large>,
    /// What does not fit into memory.
    shelf: Arc<Packs>,
}

#[derive(Debug)]
struct Large {
    table: RecordBatch,
    path: PathBuf,
    sum: Sum,
}

/// A checkpoint that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// Its number.
    pub epoch: u64,
    /// Its folder.
    pub path: PathBuf,
    /// What is wrong with it, in a sentence.
    pub reason: String,
}

impl Store {
    /// The store in a state folder. The caller holds the lock.
    pub fn open(folder: &Path, keep: usize) -> Result<Store> {
        let checkpoints = folder.join("checkpoints");
        durable::make_folder(&checkpoints)?;
        sweep(&checkpoints)?;
        let shelf = Arc::new(Packs::open(folder.join("spill"), &checkpoints)?);
        Ok(Store { folder: folder.into(), keep: keep.max(1), large: BTreeMap::new(), shelf })
    }

    /// Where operators put what does not fit into memory.
    pub fn shelf(&self) -> Arc<dyn Shelf> {
        Arc::new(OfJob(self.shelf.clone()))
    }

    fn checkpoints(&self) -> PathBuf {
        self.folder.join("checkpoints")
    }

    fn checkpoint(&self, epoch: u64) -> PathBuf {
        self.checkpoints().join(format!("{epoch:012}"))
    }

    /// The job's id: 128 bits, made by whoever comes first.
    pub fn job(&self, fresh: u128) -> Result<u128> {
        let path = self.folder.join("job");
        match fs::read_to_string(&path) {
            Ok(text) => u128::from_str_radix(text.trim(), 16).map_err(|_| damaged_note(&path)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                durable::replace(&path, format!("{fresh:032x}\n").as_bytes())?;
                Ok(fresh)
            }
            Err(error) => Err(Error::io(&path, error)),
        }
    }

    /// The note of the newest decided epoch; 0 if there is none.
    pub fn current(&self) -> Result<u64> {
        let path = self.folder.join("CURRENT");
        match fs::read_to_string(&path) {
            Ok(text) => {
                let epoch = text.split_whitespace().next().and_then(|word| word.parse().ok());
                epoch.ok_or_else(|| damaged_note(&path))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(Error::io(&path, error)),
        }
    }

    /// Notes the newest decided epoch.
    pub fn note(&self, epoch: u64) -> Result<()> {
        durable::replace(&self.folder.join("CURRENT"), format!("{epoch}\n").as_bytes())
    }

    /// Notes that the job has ended behind its last checkpoint, whose output is all there.
    pub fn note_rest(&self, epoch: u64) -> Result<()> {
        durable::replace(&self.folder.join("CURRENT"), format!("{epoch} {AT_REST}\n").as_bytes())
    }

    /// Whether the job has ended so.
    pub fn at_rest(&self) -> bool {
        fs::read_to_string(self.folder.join("CURRENT")).is_ok_and(|text| text.trim().ends_with(AT_REST))
    }

    /// All checkpoints that are whole, and those that are not, both from the oldest.
    pub fn list(&self) -> Result<(Vec<Sealed>, Vec<Damaged>)> {
        let (mut sound, mut damaged) = (Vec::new(), Vec::new());
        let mut checked = Checked::default();
        for (name, path) in entries(&self.checkpoints())? {
            let Ok(epoch) = name.parse::<u64>() else { continue };
            match read_manifest(&path).and_then(|manifest| checked.all(&path, &manifest).map(|()| manifest)) {
                Ok(manifest) => sound.push(Sealed { epoch, digest: manifest.digest() }),
                Err(reason) => damaged.push(Damaged { epoch, path, reason }),
            }
        }
        sound.sort_by_key(|sealed| sealed.epoch);
        damaged.sort_by_key(|damaged| damaged.epoch);
        Ok((sound, damaged))
    }

    /// Makes a cut durable; its manifest. `manifest` says all but the files and sources.
    pub fn seal(&mut self, cut: &Cut, mut manifest: Manifest) -> Result<Manifest> {
        let epoch = manifest.epoch;
        let partial = self.checkpoints().join(format!("{epoch:012}.partial"));
        if partial.exists() {
            // The disk was full when this epoch was tried before.
            fs::remove_dir_all(&partial).map_err(|error| Error::io(&partial, error))?;
        }
        durable::make_folder(&partial)?;
        manifest.sources = cut.sources.iter().map(|(uid, standing)| (uid.clone(), standing.into())).collect();
        let mut small = pack::begin();
        for (name, bytes) in &cut.sinks {
            pack::add(&mut small, Piece { owner: SINKS, name, bytes });
        }
        for (owner, tables) in &cut.state.tables {
            for (name, table) in tables {
                if let Some((file, sum)) = self.link(&partial, owner, name, table)? {
                    manifest.files.insert(file, sum);
                    continue;
                }
                let bytes = encode_table(table).map_err(|error| Error::Invalid(error.to_string()))?;
                if bytes.len() < LARGE {
                    pack::add(&mut small, Piece { owner, name, bytes: &bytes });
                } else {
                    let file = format!("table-{epoch}-{}.pack", manifest.files.len());
                    let sum = self.write_large(&partial, &file, Piece { owner, name, bytes: &bytes }, table)?;
                    manifest.files.insert(file, sum);
                }
            }
            fail_point(Point::HalfSaved);
        }
        for (owner, pieces) in &cut.state.pieces {
            let put = pieces.iter().map(|piece| self.shelf.put(piece, &partial));
            let put = put.collect::<Result<Vec<_>>>()?;
            manifest.pieces.insert(owner.clone(), put.iter().map(|(file, _)| file.clone()).collect());
            manifest.files.extend(put);
        }
        // An older program would take such a state for less than it is.
        manifest.format = if manifest.pieces.is_empty() { FORMAT - 1 } else { FORMAT };
        self.large.retain(|_, large| manifest.files.contains_key(&file_name(&large.path)));
        durable::write(&partial.join("state.pack"), &small)?;
        manifest.files.insert("state.pack".into(), Sum::of(&small));
        durable::write(&partial.join("MANIFEST.json.tmp"), &manifest.bytes())?;
        fail_point(Point::ManifestWritten);
        durable::rename(&partial.join("MANIFEST.json.tmp"), &manifest::path(&partial))?;
        let whole = self.checkpoint(epoch);
        durable::rename(&partial, &whole)?;
        for large in self.large.values_mut() {
            large.path = whole.join(file_name(&large.path));
        }
        fail_point(Point::ManifestRenamed);
        Ok(manifest)
    }

    /// Links a large table that has not changed since the last checkpoint.
    fn link(&mut self, partial: &Path, owner: &str, name: &str, table: &RecordBatch) -> Result<Option<(String, Sum)>> {
        let Some(large) = self.large.get(&(owner.to_string(), name.to_string())) else { return Ok(None) };
        if !is_same(&large.table, table) {
            return Ok(None);
        }
        let file = file_name(&large.path);
        match fs::hard_link(&large.path, partial.join(&file)) {
            Ok(()) => Ok(Some((file, large.sum))),
            // A file system without links: the table is written again.
            Err(_) => Ok(None),
        }
    }

    fn write_large(&mut self, partial: &Path, file: &str, piece: Piece<'_>, table: &RecordBatch) -> Result<Sum> {
        let mut bytes = pack::begin();
        pack::add(&mut bytes, piece);
        let path = partial.join(file);
        durable::write(&path, &bytes)?;
        let sum = Sum::of(&bytes);
        let large = Large { table: table.clone(), path, sum };
        self.large.insert((piece.owner.to_string(), piece.name.to_string()), large);
        Ok(sum)
    }

    /// Loads a checkpoint. Damage is told in a sentence with the file.
    pub fn load(&self, epoch: u64) -> Result<(Manifest, Cut)> {
        let folder = self.checkpoint(epoch);
        let damaged = |reason: String| Error::Invalid(format!("checkpoint {epoch} in {}: {reason}", folder.display()));
        let manifest = read_manifest(&folder).map_err(damaged)?;
        let sources = manifest.sources.iter().map(|(uid, source)| (uid.clone(), source.into())).collect();
        let mut cut = Cut { sources, ..Cut::default() };
        for (owner, files) in &manifest.pieces {
            for file in files {
                let sum = manifest.files.get(file).ok_or_else(|| damaged(format!("{file} is not listed")))?;
                let piece = self.shelf.take(&folder, file, *sum)?;
                cut.state.pieces.entry(owner.clone()).or_default().push(piece);
            }
        }
        let on_shelf: BTreeSet<&String> = manifest.pieces.values().flatten().collect();
        let files: Vec<_> = manifest.files.iter().filter(|(name, _)| !on_shelf.contains(name)).collect();
        for loaded in side_by_side(&files, |(name, sum)| unpack(&folder, name, **sum)) {
            for Loaded { owner, name, content } in loaded.map_err(damaged)? {
                match content {
                    Content::Sink(bytes) => drop(cut.sinks.insert(name, bytes)),
                    Content::Table(table) => {
                        drop(cut.state.tables.entry(owner).or_default().insert(name, table));
                    }
                }
            }
        }
        Ok((manifest, cut))
    }

    /// Deletes all checkpoints above an epoch: they were never decided.
    pub fn forget(&mut self, above: u64) -> Result<()> {
        self.large.clear();
        let epochs = entries(&self.checkpoints())?.into_iter().filter_map(|(name, _)| name.parse::<u64>().ok());
        epochs.filter(|&epoch| epoch > above).try_for_each(|epoch| self.delete(epoch))
    }

    /// Deletes old checkpoints of these; which.
    pub fn collect(&self, decided: u64, sealed: &[u64]) -> Result<Vec<u64>> {
        let mut old: Vec<u64> = sealed.iter().copied().filter(|&epoch| epoch < decided).collect();
        old.sort_unstable_by(|a, b| b.cmp(a));
        let gone = old.split_off(old.len().min(self.keep - 1));
        gone.iter().try_for_each(|&epoch| self.delete(epoch))?;
        Ok(gone)
    }

    /// Deletes one: first it loses its name, so that half of it never counts.
    fn delete(&self, epoch: u64) -> Result<()> {
        let folder = self.checkpoint(epoch);
        let trash = folder.with_extension("trash");
        durable::rename(&folder, &trash)?;
        fail_point(Point::Collecting);
        fs::remove_dir_all(&trash).map_err(|error| Error::io(&trash, error))
    }
}

/// Removes what was never finished.
fn sweep(checkpoints: &Path) -> Result<()> {
    for (name, path) in entries(checkpoints)? {
        if name.ends_with(".partial") || name.ends_with(".trash") {
            fs::remove_dir_all(&path).map_err(|error| Error::io(&path, error))?;
        }
    }
    Ok(())
}

fn damaged_note(path: &Path) -> Error {
    Error::Invalid(format!("{} is damaged; it is one short line that only this program writes", path.display()))
}

/// Names and paths in a folder.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let failed = |error| Error::io(folder, error);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        found.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    Ok(found)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Whether two tables are one and the same in memory.
fn is_same(left: &RecordBatch, right: &RecordBatch) -> bool {
    let same =
        |(left, right): (&arrow::array::ArrayRef, &arrow::array::ArrayRef)| left.to_data().ptr_eq(&right.to_data());
    left.num_rows() == right.num_rows()
        && left.num_columns() == right.num_columns()
        && left.columns().iter().zip(right.columns()).all(same)
}
