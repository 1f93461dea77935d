//! Part files that are hidden still: those that are whole and wait for the decision about their epoch, and
//! those that stay open from one checkpoint to the next. A checkpoint lists both with their lengths, so that
//! a job that crashed finds out what of each file counts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use millstream_record::{Error, Millis, Result};
use serde_json::{Value, json};

use super::rolling::Times;

/// A hidden part file and how much of it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Staged {
    pub hidden: PathBuf,
    pub visible: PathBuf,
    pub length: u64,
}

impl Staged {
    /// Gives the file its name. Done again it changes nothing. A foreign file is never overwritten.
    pub fn show(&self) -> Result<()> {
        let Staged { hidden, visible, length } = self;
        match (fs::metadata(hidden), fs::metadata(visible)) {
            (Ok(_), Ok(there)) if there.len() != *length => Err(Error::Invalid(format!(
                "{} is in the way: a part file of this name is to be committed; move it elsewhere and start again",
                visible.display()
            ))),
            (Ok(staged), _) if staged.len() != *length => Err(Error::Invalid(format!(
                "{} has {} bytes instead of {length}: it was changed behind the checkpoint",
                hidden.display(),
                staged.len()
            ))),
            (Ok(_), _) => {
                fs::rename(hidden, visible).map_err(|error| Error::io(hidden, error))?;
                sync_folder(visible)
            }
            // It has been named before; perhaps somebody has taken it away since.
            (Err(_), _) => Ok(()),
        }
    }
}

fn sync_folder(path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| Error::io(folder, error))
}

/// A part file between two checkpoints: closed, and to be written on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resting {
    pub file: Staged,
    pub times: Times,
}

impl Resting {
    /// Brings the file back to the length that the checkpoint covers. False if it has got its name since:
    /// then a later checkpoint was decided, and the job was told to go back behind it.
    pub fn cut_back(&self) -> Result<bool> {
        let Staged { hidden, visible, length } = &self.file;
        let failed = |error| Error::io(hidden, error);
        let file = match OpenOptions::new().write(true).open(hidden) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && visible.exists() => return Ok(false),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::Invalid(format!(
                    "{} is missing, and the checkpoint counts on {length} bytes of it; bring it back, or, if it was \
                     committed and taken away since, put an empty file in the place of {}",
                    hidden.display(),
                    visible.display()
                )));
            }
            Err(error) => return Err(failed(error)),
        };
        let there = file.metadata().map_err(failed)?.len();
        if there < *length {
            return Err(Error::Invalid(format!(
                "{} has {there} bytes, and the checkpoint counts on {length}: it was changed behind the checkpoint",
                hidden.display()
            )));
        }
        if there > *length {
            file.set_len(*length).and_then(|()| file.sync_all()).map_err(failed)?;
        }
        Ok(true)
    }
}

/// What a checkpoint keeps of the part files.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Staging {
    /// Those that are whole, and visible once the epoch is decided.
    pub files: Vec<Staged>,
    /// Those that go on, by their folders below the sink's.
    pub open: BTreeMap<String, Resting>,
    /// How rows are written: a part goes on only if that has not changed.
    pub shape: String,
    /// The number of the next part.
    pub next: u64,
}

impl Staging {
    /// Syncs the folders, so that no hidden file is forgotten.
    pub fn sync(&self) -> Result<()> {
        let hidden = self.files.iter().chain(self.open.values().map(|resting| &resting.file));
        let folders: BTreeSet<&Path> = hidden.filter_map(|staged| staged.hidden.parent()).collect();
        for folder in folders {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| Error::io(folder, error))?;
        }
        Ok(())
    }

    /// Gives those that are whole their names.
    pub fn show(&self) -> Result<()> {
        self.files.iter().try_for_each(Staged::show)
    }

    /// What a checkpoint keeps of it.
    pub fn bytes(&self) -> Vec<u8> {
        let file = |staged: &Staged| {
            let Staged { hidden, visible, length } = staged;
            json!({ "hidden": hidden.to_string_lossy(), "visible": visible.to_string_lossy(), "length": length })
        };
        let open = |(below, resting): (&String, &Resting)| {
            let Times { begun, written } = resting.times;
            json!({ "below": below, "file": file(&resting.file), "begun": begun.0, "written": written.0 })
        };
        let files: Vec<Value> = self.files.iter().map(file).collect();
        let open: Vec<Value> = self.open.iter().map(open).collect();
        json!({ "next": self.next, "files": files, "open": open, "shape": self.shape }).to_string().into_bytes()
    }

    /// Reads what `bytes` gave; an older release knew no open parts.
    pub fn read(bytes: &[u8]) -> Result<Staging> {
        let unreadable = || Error::Invalid("the checkpoint's list of part files cannot be read".into());
        let value: Value = serde_json::from_slice(bytes).map_err(|_| unreadable())?;
        let path = |file: &Value, name: &str| Some(PathBuf::from(file.get(name)?.as_str()?));
        let file = |file: &Value| {
            let (hidden, visible) = (path(file, "hidden")?, path(file, "visible")?);
            Some(Staged { hidden, visible, length: file.get("length")?.as_u64()? })
        };
        let open = |part: &Value| {
            let time = |name: &str| part.get(name)?.as_i64().map(Millis);
            let times = Times { begun: time("begun")?, written: time("written")? };
            let below = part.get("below")?.as_str()?.to_string();
            Some((below, Resting { file: file(part.get("file")?)?, times }))
        };
        let read = || {
            let files = value.get("files")?.as_array()?.iter().map(file).collect::<Option<_>>()?;
            let open = match value.get("open") {
                Some(parts) => parts.as_array()?.iter().map(open).collect::<Option<_>>()?,
                None => BTreeMap::new(),
            };
            let shape = value.get("shape").and_then(Value::as_str).unwrap_or_default().to_string();
            Some(Staging { files, open, shape, next: value.get("next")?.as_u64()? })
        };
        read().ok_or_else(unreadable)
    }
}

/// Walks the hidden and visible part files of a writer, in all folders.
fn walk(folder: &Path, who: &str, found: &mut impl FnMut(&Path, bool, u64) -> Result<()>) -> Result<()> {
    let failed = |error| Error::io(folder, error);
    let entries = fs::read_dir(folder).map_err(failed)?.collect::<std::io::Result<Vec<_>>>().map_err(failed)?;
    for entry in entries {
        let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        if path.is_dir() && !name.starts_with(['.', '_']) {
            walk(&path, who, found)?;
        }
        let number =
            name.trim_start_matches('.').strip_prefix(&format!("part-{who}-")).map(|rest| rest.split('.').next());
        if let Some(number) = number.flatten().and_then(|number| number.parse().ok()) {
            found(&path, name.starts_with('.'), number)?;
        }
    }
    Ok(())
}

/// The number behind those of all parts of a writer.
pub(super) fn first_free_number(folder: &Path, who: &str) -> Result<u64> {
    let mut next = 0u64;
    walk(folder, who, &mut |_, _, number| {
        next = next.max(number.saturating_add(1));
        Ok(())
    })?;
    Ok(next)
}

/// Removes what a writer left hidden and no decided checkpoint counts on.
pub(super) fn remove_hidden(folder: &Path, who: &str, counted: &BTreeSet<&Path>) -> Result<()> {
    walk(folder, who, &mut |path, hidden, _| match hidden && !counted.contains(path) {
        true => fs::remove_file(path).map_err(|error| Error::io(path, error)),
        false => Ok(()),
    })
}
