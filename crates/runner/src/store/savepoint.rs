//! Savepoints: checkpoints that nothing deletes, and state folders that begin with one.
//!
//! A savepoint is made of a decided epoch whose output is there for all to see. So a job that begins with
//! it, under an id of its own, owes nobody anything: what the first job had prepared is none of its business.

use std::fs;
use std::path::{Path, PathBuf};

use millstream_record::{Error, Result};

use super::read::{check_files, read_manifest};
use super::{Manifest, Store, damaged_note, durable, entries};

impl Store {
    /// Keeps a checkpoint under a name, where nothing deletes it; its folder.
    pub fn keep_as(&self, epoch: u64, name: &str) -> Result<PathBuf> {
        let to = self.folder.join("savepoints").join(name);
        copy_folder(&self.checkpoint(epoch), &to)?;
        Ok(to)
    }

    /// Begins an empty state folder with a savepoint, and notes with which. The same again changes nothing, so a
    /// container may be told so at every start; `None` then.
    pub fn begin_with(&self, savepoint: &Path) -> Result<Option<Manifest>> {
        let manifest = self.readable(savepoint)?;
        let (digest, epoch) = (manifest.digest(), manifest.epoch);
        let (sound, damaged) = self.list()?;
        match self.begun()? {
            Some((found, _)) if found != digest => {
                let message = format!("state folder {} began with another savepoint", self.folder.display());
                return Err(Error::Invalid(format!("{message}; name a folder of its own with --state")));
            }
            Some(_) if !sound.is_empty() || !damaged.is_empty() => {
                self.settle_begin()?;
                return Ok(None);
            }
            None if !sound.is_empty() || !damaged.is_empty() => {
                return Err(Error::Invalid(format!(
                    "state folder {} has checkpoints of its own; move it away, name another with --state, or leave out --from",
                    self.folder.display()
                )));
            }
            Some(_) | None => {}
        }
        durable::replace(&self.folder.join("FROM"), format!("{digest:016x} {epoch}\n").as_bytes())?;
        copy_folder(savepoint, &self.checkpoint(epoch))?;
        self.settle_begin()?;
        Ok(Some(manifest))
    }

    /// A folder that began with a savepoint, and died before it had noted that the epoch is decided, notes it now.
    pub fn settle_begin(&self) -> Result<()> {
        match self.begun()? {
            Some((_, epoch)) if self.current()? == 0 && self.checkpoint(epoch).exists() => self.note(epoch),
            _ => Ok(()),
        }
    }

    /// Makes an older checkpoint the newest one, under the id of a new job: whatever says what the old job has
    /// decided, no longer speaks of this folder.
    pub fn go_back(&mut self, epoch: u64, job: u128) -> Result<()> {
        let wrong = |reason: String| Error::Invalid(format!("checkpoint {epoch} cannot be gone back to: {reason}"));
        let folder = self.checkpoint(epoch);
        let manifest = read_manifest(&folder).map_err(wrong)?;
        check_files(&folder, &manifest).map_err(wrong)?;
        let newer = |(name, _): &(String, PathBuf)| name.parse::<u64>().is_ok_and(|other| other > epoch);
        if !entries(&self.checkpoints())?.iter().any(newer) {
            // Its output may not all be there yet, and under another id nobody would finish it.
            return Err(wrong("there is no newer one, so the job goes on from it by itself".into()));
        }
        self.forget(epoch)?;
        self.note(epoch)?;
        durable::replace(&self.folder.join("job"), format!("{job:032x}\n").as_bytes())
    }

    /// The digest and the epoch of the savepoint that the folder began with.
    fn begun(&self) -> Result<Option<(u64, u64)>> {
        let path = self.folder.join("FROM");
        match fs::read_to_string(&path) {
            Ok(text) => {
                let read = || {
                    let (digest, epoch) = text.trim().split_once(' ')?;
                    Some((u64::from_str_radix(digest, 16).ok()?, epoch.parse().ok()?))
                };
                read().map(Some).ok_or_else(|| damaged_note(&path))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(&path, error)),
        }
    }

    fn readable(&self, savepoint: &Path) -> Result<Manifest> {
        let wrong = |reason: String| Error::Invalid(format!("savepoint {}: {reason}", savepoint.display()));
        let manifest = read_manifest(savepoint).map_err(wrong)?;
        check_files(savepoint, &manifest).map_err(wrong)?;
        Ok(manifest)
    }

    /// Where the running job listens.
    pub fn note_address(&self, address: std::net::SocketAddr) -> Result<()> {
        durable::replace(&address_file(&self.folder), format!("{address}\n").as_bytes())
    }
}

/// Where the job on this state folder listens, or listened.
pub fn address(state: &Path) -> Option<std::net::SocketAddr> {
    fs::read_to_string(address_file(state)).ok()?.trim().parse().ok()
}

fn address_file(state: &Path) -> PathBuf {
    state.join("ADDRESS")
}

/// Copies a savepoint to a folder of somebody's choice, which must not exist yet.
pub fn copy_out(savepoint: &Path, to: &Path) -> Result<()> {
    copy_folder(savepoint, to)
}

/// Copies a folder of files that never change: whole or not at all. Files are linked where that is possible.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        return Err(Error::Invalid(format!("{} exists already; choose another name", to.display())));
    }
    let name = to.file_name().ok_or_else(|| Error::Invalid(format!("{} names no folder", to.display())))?;
    let partial = to.with_file_name(format!("{}.partial", name.to_string_lossy()));
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(|error| Error::io(&partial, error))?;
    }
    durable::make_folder(&partial)?;
    for (file, path) in entries(from)? {
        let copy = partial.join(file);
        let copied = fs::hard_link(&path, &copy).or_else(|_| {
            fs::copy(&path, &copy)?;
            fs::File::open(&copy)?.sync_all()
        });
        copied.map_err(|error| Error::io(&copy, error))?;
    }
    durable::sync_folder(&partial)?;
    durable::rename(&partial, to)
}

#[cfg(test)]
mod tests {
    use millstream_engine::Cut;

    use super::*;
    use crate::store::FORMAT;

    fn manifest(epoch: u64) -> Manifest {
        Manifest { format: FORMAT, epoch, job: "first".into(), parallelism: 1, ..Manifest::default() }
    }

    /// A savepoint of epoch 7, in a state folder of its own.
    fn savepoint(state: &Path) -> PathBuf {
        let mut store = Store::open(state, 1).expect("new");
        store.seal(&Cut::default(), manifest(7)).expect("sealed");
        store.keep_as(7, "before-the-change").expect("kept")
    }

    #[test]
    fn a_folder_begins_with_a_savepoint_once() {
        let (first, second) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let saved = savepoint(first.path());
        let store = Store::open(second.path(), 1).expect("new");
        let begun = store.begin_with(&saved).expect("begins").expect("for the first time");
        assert_eq!((begun.epoch, store.current().expect("noted")), (7, 7));
        assert_eq!(store.list().expect("listed").0.len(), 1);
        assert_eq!(store.begin_with(&saved).expect("again"), None);
        // It died behind the copy, before the note.
        fs::remove_file(second.path().join("CURRENT")).expect("it is there");
        assert_eq!(store.begin_with(&saved).expect("again"), None);
        assert_eq!(store.current().expect("noted"), 7);
    }

    #[test]
    fn a_folder_with_checkpoints_of_its_own_is_left_alone() {
        let (first, second) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let saved = savepoint(first.path());
        let mut store = Store::open(second.path(), 1).expect("new");
        store.seal(&Cut::default(), manifest(1)).expect("sealed");
        let refused = store.begin_with(&saved).expect_err("it has state").to_string();
        assert!(refused.contains("has checkpoints of its own"), "{refused}");
        assert!(store.keep_as(1, "x").is_ok());
        let refused = store.keep_as(1, "x").expect_err("there is one").to_string();
        assert!(refused.contains("exists already"), "{refused}");
    }

    #[test]
    fn a_damaged_savepoint_is_refused_before_anything_is_written() {
        let (first, second) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let saved = savepoint(first.path());
        fs::write(saved.join("state.pack"), b"nothing").expect("writable");
        let store = Store::open(second.path(), 1).expect("new");
        let refused = store.begin_with(&saved).expect_err("damaged").to_string();
        assert!(refused.contains("state.pack is damaged"), "{refused}");
        assert!(!second.path().join("FROM").exists());
    }
}
