//! The tapes of a workspace: finding, listing, dropping and making them.

use std::path::PathBuf;

use millstream_record::{Error, Millis, Result};

use super::meta::{Meta, Recorded, State};
use super::store;
use super::tape::{self, Tape};
use super::writer::Writer;
use crate::topic::{check_name, disk_bytes};

/// The tapes below one folder.
#[derive(Clone, Debug)]
pub struct Tapes {
    root: PathBuf,
}

/// What `SHOW TAPES` tells of a tape.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Its name.
    pub name: String,
    /// Bytes on disk.
    pub disk_bytes: u64,
    /// Its description, or why it cannot be read.
    pub meta: std::result::Result<Meta, String>,
}

impl Tapes {
    /// The tapes below `folder`, which need not exist.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Tapes {
        Tapes { root: folder.into() }
    }

    /// Where tape `name` lives, or would.
    pub(super) fn folder(&self, name: &str) -> Result<PathBuf> {
        check_name(name).map_err(|error| Error::Invalid(error.to_string().replace("of a topic", "of a tape")))?;
        Ok(self.root.join(name))
    }

    /// All tapes, by name.
    pub fn list(&self) -> Result<Vec<Summary>> {
        let entries = match std::fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io(&self.root, error)),
        };
        let mut names: Vec<String> = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| Error::io(&self.root, error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if check_name(&name).is_ok() && entry.path().is_dir() {
                names.push(name);
            }
        }
        names.sort();
        let summary = |name: String| {
            let meta = self.open(&name).map(|tape| tape.meta().clone()).map_err(|error| error.to_string());
            Summary { disk_bytes: disk_bytes(&self.root.join(&name)), meta, name }
        };
        Ok(names.into_iter().map(summary).collect())
    }

    /// Whether there is a tape of this name.
    pub fn exists(&self, name: &str) -> Result<bool> {
        Ok(self.folder(name)?.exists())
    }

    /// Opens a tape to read.
    pub fn open(&self, name: &str) -> Result<Tape> {
        let folder = self.folder(name)?;
        if !folder.exists() {
            let known: Vec<String> = self.names();
            let there = if known.is_empty() { "there is none yet".into() } else { known.join(", ") };
            return Err(Error::Invalid(format!("there is no tape '{name}' ({there})")));
        }
        Tape::open(name, &folder)
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.root).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.retain(|name| check_name(name).is_ok());
        names.sort();
        names
    }

    /// Deletes a tape.
    pub fn drop(&self, name: &str) -> Result<()> {
        let folder = self.folder(name)?;
        if !folder.exists() {
            return self.open(name).map(drop);
        }
        // Somebody who records on it holds the lock of the database.
        drop(store::open_to_write(&folder).or_else(|error| match error {
            Error::Invalid(_) => Err(error),
            // What cannot be opened any more can still be deleted.
            _ => store::open_to_read(&folder),
        }));
        std::fs::remove_dir_all(&folder).map_err(|error| Error::io(&folder, error))
    }

    /// The pen for a new tape with a description that comes with its records.
    pub(super) fn carried(&self, name: &str, meta: Meta) -> Result<Writer> {
        let folder = self.folder(name)?;
        std::fs::create_dir_all(&self.root).map_err(|error| Error::io(&self.root, error))?;
        Writer::create(&folder, meta)
    }

    /// The pen for a tape of these taps: a new one, or one whose recording was cut short, which goes on. The
    /// second value says whether it goes on.
    pub(super) fn writer(&self, name: &str, recorded: Vec<Recorded>, now: Millis) -> Result<(Writer, bool)> {
        let folder = self.folder(name)?;
        if !folder.exists() {
            std::fs::create_dir_all(&self.root).map_err(|error| Error::io(&self.root, error))?;
            return Ok((Writer::create(&folder, Meta::new(recorded, now))?, false));
        }
        let (meta, chunks) = {
            let db = store::open_to_write(&folder)?;
            let (meta, outlines) = tape::read(&db, name, &folder)?;
            (meta, outlines.last().map_or(0, |last| last.number + 1))
        };
        if meta.state == State::Sealed {
            return Err(Error::Invalid(format!("there is a tape '{name}' already; DROP TAPE {name}; makes room")));
        }
        let same = meta.recorded.len() == recorded.len()
            && meta
                .recorded
                .iter()
                .zip(&recorded)
                .all(|(old, new)| old.tap == new.tap && old.connector == new.connector);
        if !same {
            let taps: Vec<&str> = meta.recorded.iter().map(|recorded| recorded.tap.as_str()).collect();
            let taps = taps.join(", ");
            return Err(Error::Invalid(format!(
                "the recording '{name}' of {taps} was cut short and goes on with RECORD {taps} AS {name}; only"
            )));
        }
        Ok((Writer::resume(&folder, meta, chunks)?, true))
    }
}
