//! The workbook on disk. It is written to a file beside and moved into place, so that a crash leaves the old
//! one or the new one and nothing between; a file that cannot be read is set aside under a name that says so.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Where a workbook is kept.
#[derive(Clone, Debug)]
pub struct Store {
    path: PathBuf,
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

    /// Puts this text in its place.
    pub fn write(&self, text: &str) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
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
