//! The topics of a workspace: making, finding, listing and deleting them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use millstream_record::{Clock, Error, Millis, Positions, Result};

use super::bounds::{Bound, Start};
use super::consumer::Consumer;
use super::follower::Follower;
use super::name::check_name;
use super::owner::Owner;
use super::place::Place;
use super::producer::Producer;
use super::seek::Resume;
use super::store;
use crate::loss::OnLoss;

/// The most partitions a topic may have: every append says where all of them stand.
pub const MOST_PARTITIONS: u32 = 1024;

/// How long a writer waits for others before it gives up. Each has its turn within a tenth of a second.
const PATIENCE: Duration = Duration::from_secs(20);

/// The topics below one folder. Clones share what is open.
#[derive(Clone)]
pub struct Topics {
    shared: Arc<Shared>,
}

struct Shared {
    root: PathBuf,
    clock: Arc<dyn Clock>,
    /// How long a writer waits for others.
    patience: Duration,
    /// Who writes in this process, so that two sinks of one job need not take turns.
    owners: Mutex<HashMap<String, (Place, Weak<Owner>)>>,
    /// Makes names of folders that are being made or deleted differ.
    serial: AtomicU64,
}

/// What `SHOW TOPICS` tells of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Its name.
    pub name: String,
    /// How many partitions.
    pub partitions: u32,
    /// How many records over all partitions.
    pub records: u64,
    /// The greatest timestamp of any record.
    pub newest: Option<Millis>,
    /// Bytes of keys, values and headers, unpacked.
    pub payload_bytes: u64,
    /// Bytes on disk.
    pub disk_bytes: u64,
    /// When it was made.
    pub created: Millis,
    /// The next offset of each partition.
    pub ends: Vec<i64>,
}

impl Topics {
    /// The topics below `folder`, usually `./.millstream/topics`. The folder need not exist: it is made
    /// with the first topic.
    pub fn open(folder: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Topics {
        Topics::with_patience(folder, clock, PATIENCE)
    }

    /// As [`Topics::open`]; a writer gives up with an error when another process has not made room for it
    /// after `patience`.
    pub fn with_patience(folder: impl Into<PathBuf>, clock: Arc<dyn Clock>, patience: Duration) -> Topics {
        let (root, owners, serial) = (folder.into(), Mutex::default(), AtomicU64::new(0));
        Topics { shared: Arc::new(Shared { root, clock, patience, owners, serial }) }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.shared.root
    }

    /// The clock that stamps records without a timestamp.
    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        self.shared.clock.clone()
    }

    /// Makes a topic. An error if there is one of this name.
    pub fn create(&self, name: &str, partitions: u32) -> Result<()> {
        check_name(name)?;
        if partitions == 0 || partitions > MOST_PARTITIONS {
            return Err(Error::Invalid(format!(
                "topic '{name}' cannot have {partitions} partitions: give it 1 to {MOST_PARTITIONS}"
            )));
        }
        let root = &self.shared.root;
        std::fs::create_dir_all(root).map_err(|error| Error::io(root, error))?;
        if self.find(name)?.is_some() {
            return Err(exists(name));
        }
        let now = self.shared.clock.now();
        let making = self.aside("making", name);
        let made = self.make(&making, name, partitions, now);
        if made.is_err() {
            // What is left of the attempt is hidden and harmless; the first error is the one to tell.
            let _ = std::fs::remove_dir_all(&making);
        }
        made
    }

    fn make(&self, making: &Path, name: &str, partitions: u32, now: Millis) -> Result<()> {
        std::fs::create_dir(making).map_err(|error| Error::io(making, error))?;
        store::create(&making.join("log"))?;
        let id = format!("{:x}-{:x}-{:x}", now.0, std::process::id(), self.next_serial());
        Place::describe(making, partitions, now, &id)?;
        let folder = self.shared.root.join(name);
        // A folder that is not empty is never replaced, so of two that make one topic one fails here.
        match std::fs::rename(making, &folder) {
            Ok(()) => sync_folder(&self.shared.root),
            Err(_) if folder.exists() => Err(exists(name)),
            Err(error) => Err(Error::io(folder, error)),
        }
    }

    /// Deletes a topic with all its records. Whoever writes to it or reads it gets an error.
    pub fn delete(&self, name: &str) -> Result<()> {
        let place = self.place(name)?;
        let gone = Owner::exclusively(&place, self.shared.patience, || {
            place.check_same()?;
            let gone = self.aside("deleted", name);
            std::fs::rename(&place.folder, &gone).map_err(|error| Error::io(&place.folder, error))?;
            Ok(gone)
        })?;
        self.sweep(&gone)
    }

    /// Removes what is deleted: `gone`, and what others could not remove because they were killed.
    fn sweep(&self, gone: &Path) -> Result<()> {
        let entries = std::fs::read_dir(&self.shared.root).into_iter().flatten().flatten();
        let left = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(".deleted-"));
        for folder in left.map(|entry| entry.path()).chain([gone.to_path_buf()]) {
            match std::fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Error::io(folder, error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether there is a topic of this name.
    pub fn exists(&self, name: &str) -> Result<bool> {
        Ok(self.find(name)?.is_some())
    }

    /// All topics, by name.
    pub fn list(&self) -> Result<Vec<Summary>> {
        let root = &self.shared.root;
        let entries = match std::fs::read_dir(root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io(root, error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(|error| Error::io(root, error))?.file_name();
            names.extend(name.into_string().ok().filter(|name| check_name(name).is_ok()));
        }
        names.sort();
        let mut summaries = Vec::with_capacity(names.len());
        for name in names {
            let Some(place) = self.find(&name)? else { continue };
            match summary(place) {
                Ok(summary) => summaries.push(summary),
                // A topic that is deleted while we list is left out.
                Err(error) if self.find(&name)?.is_some() => return Err(error),
                Err(_) => {}
            }
        }
        Ok(summaries)
    }

    /// What there is to tell of one topic.
    pub fn describe(&self, name: &str) -> Result<Summary> {
        summary(self.place(name)?)
    }

    /// Opens a topic to write.
    pub fn producer(&self, name: &str) -> Result<Producer> {
        let place = self.place(name)?;
        let owner = self.owner(&place)?;
        Producer::new(place, owner, self.clock())
    }

    /// Opens a topic to read, record by record.
    pub fn consumer(&self, name: &str, start: &Start, bound: &Bound) -> Result<Consumer> {
        Consumer::open(self.follow(name)?, start, bound, None)
    }

    /// Opens a topic to read on from `positions`.
    pub fn resume(&self, name: &str, positions: &Positions, bound: &Bound) -> Result<Consumer> {
        let resume = Resume { positions, on_loss: OnLoss::Fail };
        Consumer::open(self.follow(name)?, &Start::Earliest, bound, Some(resume))
    }

    pub(super) fn follow(&self, name: &str) -> Result<Follower> {
        Follower::open(self.place(name)?)
    }

    /// The topic of this name, or an error that says what to do.
    pub(super) fn place(&self, name: &str) -> Result<Place> {
        self.find(name)?.ok_or_else(|| {
            Error::Invalid(format!(
                "there is no topic '{name}' in {}; make it with: millstream topic create {name}",
                self.shared.root.display()
            ))
        })
    }

    fn find(&self, name: &str) -> Result<Option<Place>> {
        check_name(name)?;
        Place::find(&self.shared.root, name)
    }

    fn owner(&self, place: &Place) -> Result<Arc<Owner>> {
        let mut owners = self.shared.owners.lock().unwrap_or_else(PoisonError::into_inner);
        let known = owners.get(&*place.name).filter(|(known, _)| known.same_as(place));
        if let Some(owner) = known.and_then(|(_, owner)| owner.upgrade()) {
            return Ok(owner);
        }
        owners.retain(|_, (_, owner)| owner.strong_count() > 0);
        let owner = Arc::new(Owner::new(place.clone(), self.shared.patience)?);
        owners.insert(place.name.to_string(), (place.clone(), Arc::downgrade(&owner)));
        Ok(owner)
    }

    fn next_serial(&self) -> u64 {
        self.shared.serial.fetch_add(1, Ordering::Relaxed)
    }

    /// A hidden folder beside the topics, for one that is not there yet or not there any more.
    fn aside(&self, why: &str, name: &str) -> PathBuf {
        self.shared.root.join(format!(".{why}-{name}-{}-{}", std::process::id(), self.next_serial()))
    }
}

fn exists(name: &str) -> Error {
    Error::Invalid(format!("there is a topic '{name}' already; delete it first with: millstream topic delete {name}"))
}

fn sync_folder(path: &Path) -> Result<()> {
    std::fs::File::open(path).and_then(|folder| folder.sync_all()).map_err(|error| Error::io(path, error))
}

fn summary(place: Place) -> Result<Summary> {
    let state = Follower::open(place.clone())?.state()?;
    let ends: Vec<i64> = state.partitions.iter().map(|standing| standing.next).collect();
    let newest = state.partitions.iter().filter(|standing| standing.next > 0).map(|standing| Millis(standing.newest));
    Ok(Summary {
        name: place.name.to_string(),
        partitions: place.partitions,
        records: ends.iter().sum::<i64>() as u64,
        newest: newest.max(),
        payload_bytes: state.bytes,
        disk_bytes: disk_bytes(&place.database()),
        created: place.created,
        ends,
    })
}

/// The length of all files of a folder; those that go away meanwhile count as nothing.
pub(crate) fn disk_bytes(path: &Path) -> u64 {
    let files = std::fs::read_dir(path).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|about| about.len()).sum()
}
