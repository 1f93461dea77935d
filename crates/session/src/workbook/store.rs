//! The workbook on disk. It is written to a file beside and moved into place, so that a crash leaves the old
//! one or the new one and nothing between; a file that cannot be read is set aside under a name that says so.
//! Several sessions may share it: whoever changes it holds a lock from reading it to having written it, and a
//! stamp tells the others at the cost of one look that there is something new.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How long one waits for a session that is at the workbook; it needs milliseconds, unless it was stopped.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often one looks whether it is done.
const NAP: Duration = Duration::from_millis(5);

/// Where a workbook is kept.
#[derive(Clone, Debug)]
pub struct Store {
    path: PathBuf,
}

/// Tells one writing of the file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    written: Option<SystemTime>,
    length: u64,
    /// Every writing makes a file of its own, so two within one tick of the clock differ here.
    number: u64,
}

/// A file that could not be read, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Where it stands now.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

impl Store {
    /// The workbook of a workspace.
    pub fn of(workspace: &Path) -> Store {
        Store { path: workspace.join("workbook.sql") }
    }

    /// Its text; `None` if there is none yet.
    pub fn read(&self) -> io::Result<Option<String>> {
        match fs::read_to_string(&self.path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Which writing of the file there is now; `None` if there is none.
    pub fn stamp(&self) -> Option<Stamp> {
        let metadata = fs::metadata(&self.path).ok()?;
        #[cfg(unix)]
        let number = std::os::unix::fs::MetadataExt::ino(&metadata);
        #[cfg(not(unix))]
        let number = 0;
        Some(Stamp { written: metadata.modified().ok(), length: metadata.len(), number })
    }

    /// Keeps other sessions from writing, until the file that it gives is dropped.
    pub fn lock(&self) -> io::Result<File> {
        fs::create_dir_all(self.folder())?;
        let file = File::options().write(true).create(true).truncate(false).open(self.path.with_extension("lock"))?;
        let mut left = PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if !left.is_zero() => {
                    std::thread::sleep(NAP);
                    left = left.saturating_sub(NAP);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(io::Error::new(
                        io::ErrorKind::WouldBlock,
                        "another session holds it and does not let go",
                    ));
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// Puts this text in its place.
    pub fn write(&self, text: &str) -> io::Result<()> {
        let folder = self.folder();
        fs::create_dir_all(folder)?;
        let beside = self.path.with_extension(format!("sql.{}", std::process::id()));
        let written = (|| {
            let mut file = private(&beside)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, &self.path)?;
            File::open(folder)?.sync_all()
        })();
        if written.is_err() {
            // What is left beside is of no use; that it cannot be removed changes nothing.
            let _ = fs::remove_file(&beside);
        }
        written
    }

    /// Sets the file aside.
    pub fn set_aside(&self, reason: String) -> io::Result<Damage> {
        let free = |number: u32| self.path.with_extension(format!("sql.damaged-{number}"));
        let path = (1..1000).map(free).find(|path| !path.exists()).unwrap_or_else(|| free(1000));
        fs::rename(&self.path, &path)?;
        Ok(Damage { path, reason })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A new file that only its owner may read.
fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
