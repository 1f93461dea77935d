//! Which files a path means. A file is itself; a folder is all files in it and below, in the order of
//! their paths; a pattern (`*`, `?`, `[…]`) is every file that matches. Hidden files (`.x`, `_x`) are not
//! read, since that is how writers hide what is not complete.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use millstream_record::{Error, Result, Stop};
use regex::Regex;

use crate::format::FileOrigin;

/// A folder may be nested so deep; more is taken for a loop of links.
const MOST_DEPTH: usize = 32;

/// What to look for.
pub(super) struct Listing {
    pub(super) path: PathBuf,
    pub(super) pattern: Option<Regex>,
    /// Whether there may be nothing yet.
    pub(super) may_be_absent: bool,
}

impl Listing {
    /// The files that are there now, in the order of their paths.
    pub(super) fn find(&self) -> Result<Vec<FileOrigin>> {
        let mut files = Vec::new();
        let text = self.path.to_string_lossy();
        if self.path.exists() {
            add(&self.path, true, 0, &mut files)?;
        } else if text.contains(['*', '?', '[']) {
            let matches = glob::glob(&text).map_err(|error| Error::Invalid(format!("'path' = '{text}': {error}")))?;
            for path in matches {
                let path = path.map_err(|error| Error::io(error.path(), error.error().kind().into()))?;
                add(&path, false, 0, &mut files)?;
            }
            if files.is_empty() && !self.may_be_absent {
                return Err(Error::Invalid(format!("no file matches 'path' = '{text}'")));
            }
        } else if !self.may_be_absent {
            return Err(Error::Invalid(format!("there is no file or folder '{text}' ('path')")));
        }
        files.retain(|file| self.pattern.as_ref().is_none_or(|pattern| pattern.is_match(&file.path)));
        files.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(files)
    }
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(['.', '_']))
}

/// Adds the file, or the files of the folder. What was `named` by the user is not passed over.
fn add(path: &Path, named: bool, depth: usize, files: &mut Vec<FileOrigin>) -> Result<()> {
    if !named && is_hidden(path) {
        return Ok(());
    }
    // Of a huge folder, or one far away, this may take long.
    if Stop::attended().raised() {
        return Err(Error::Stopped);
    }
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        // It was renamed or removed after it had been listed.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !named => return Ok(()),
        Err(error) => return Err(Error::io(path, error)),
    };
    if metadata.is_dir() {
        if depth == MOST_DEPTH {
            return Err(Error::Invalid(format!(
                "{}: folders are nested deeper than {MOST_DEPTH} levels",
                path.display()
            )));
        }
        for entry in std::fs::read_dir(path).map_err(|error| Error::io(path, error))? {
            add(&entry.map_err(|error| Error::io(path, error))?.path(), false, depth + 1, files)?;
        }
    } else if metadata.is_file() {
        let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        files.push(FileOrigin {
            path: path.to_string_lossy().into_owned(),
            name: path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            size: i64::try_from(metadata.len()).unwrap_or(i64::MAX),
            modified_ms: i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        });
    } else if named {
        return Err(Error::Invalid(format!("{} is neither a file nor a folder", path.display())));
    }
    Ok(())
}
