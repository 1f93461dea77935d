//! Files that survive a crash of the machine: written, synced, renamed, and the folder synced after that,
//! for a rename without it may be forgotten.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use millstream_record::{Error, Result};

use crate::fail::{Disk, disk};

/// Writes a new file and syncs it; its folder is synced by the caller, once for all files in it.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = File::create(path).map_err(|error| Error::io(path, error))?;
    let written = disk(Disk::Write).and_then(|()| file.write_all(bytes));
    let synced = written.and_then(|()| disk(Disk::Sync)).and_then(|()| file.sync_all());
    synced.map_err(|error| Error::io(path, error))
}

/// Puts a whole file in the place of another, or none: whoever reads sees the old bytes or the new ones.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let aside = path.with_extension("tmp");
    write(&aside, bytes)?;
    rename(&aside, path)
}

/// Renames a file or a folder, and syncs the folder in which it stands.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    disk(Disk::Rename).and_then(|()| fs::rename(from, to)).map_err(|error| Error::io(from, error))?;
    // What stands in the working folder has an empty parent.
    sync_folder(to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

/// Syncs the names in a folder.
pub fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| Error::io(folder, error))
}

/// Makes a folder unless it is there.
pub fn make_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))
}
