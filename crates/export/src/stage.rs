//! Writing the folder: all of it in a folder beside, put on the disk, and then moved into its place at once. A
//! crash leaves what was there before, or all of the new; what is left beside has a name that says so.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::Folder;

/// A folder that is written and not yet in its place. Dropped, it is gone.
#[derive(Debug)]
pub struct Staged {
    beside: PathBuf,
    target: PathBuf,
    placed: bool,
}

impl Staged {
    /// Writes `folder` beside `target`. Of several processes at once each has its own.
    pub fn write(folder: &Folder, target: &Path) -> io::Result<Staged> {
        let name = target.file_name().ok_or_else(|| io::Error::other("the path names no folder"))?;
        let parent = parent(target);
        fs::create_dir_all(&parent)?;
        let beside = parent.join(format!(".{}.part-{}", name.to_string_lossy(), std::process::id()));
        remove(&beside)?;
        let staged = Staged { beside, target: target.to_path_buf(), placed: false };
        fs::create_dir(&staged.beside)?;
        folder.files().try_for_each(|(path, bytes)| staged.put(path, bytes))?;
        Ok(staged)
    }

    /// Where it stands now.
    pub fn path(&self) -> &Path {
        &self.beside
    }

    /// Adds a file, or replaces it.
    pub fn put(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let place = self.beside.join(path);
        fs::create_dir_all(parent(&place))?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        if place.extension().is_some_and(|extension| extension == "sh") {
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o755);
        }
        let mut file = options.open(&place)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    /// Moves it into its place. What stands there already is replaced whole if it is `replace`d.
    pub fn place(mut self, replace: bool) -> io::Result<()> {
        sync_folders(&self.beside)?;
        let parent = parent(&self.target);
        match fs::symlink_metadata(&self.target) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::rename(&self.beside, &self.target)?,
            Err(error) => return Err(error),
            Ok(_) if !replace => {
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, "something stands there already"));
            }
            Ok(_) => {
                let old = self.beside.with_extension("old");
                remove(&old)?;
                fs::rename(&self.target, &old)?;
                if let Err(error) = fs::rename(&self.beside, &self.target) {
                    // Nothing is lost: what was there goes back.
                    fs::rename(&old, &self.target)?;
                    return Err(error);
                }
                remove(&old)?;
            }
        }
        self.placed = true;
        File::open(parent)?.sync_all()
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.placed {
            // That it cannot be removed changes nothing: its name says that it is a part.
            let _ = remove(&self.beside);
        }
    }
}

/// Removes a folder with all that is in it, or a file; that there is none is fine.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

fn parent(path: &Path) -> PathBuf {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_path_buf()
}

/// The names in a folder are on the disk when the folder is.
fn sync_folders(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sync_folders(&path)?;
        }
    }
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(text: &str) -> Folder {
        let mut folder = Folder::default();
        folder.put("a.sql", text);
        folder.put("deep/er/run.sh", "#!/bin/sh\n");
        folder
    }

    fn names(path: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(path)
            .expect("a folder")
            .map(|entry| entry.expect("listed").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_crash_in_the_middle_leaves_no_half_of_a_folder() {
        let home = tempfile::tempdir().expect("a folder");
        let target = home.path().join("job");
        // Whoever is killed drops nothing.
        std::mem::forget(Staged::write(&folder("1"), &target).expect("written"));
        assert!(!target.exists());
        assert!(names(home.path()).iter().all(|name| name.starts_with(".job.part-")), "what is left says what it is");
        Staged::write(&folder("2"), &target).expect("written").place(false).expect("placed");
        assert_eq!(names(home.path()), ["job"], "and is in nobody's way");
    }

    #[test]
    fn a_folder_appears_whole_or_not_at_all() {
        let home = tempfile::tempdir().expect("a folder");
        let target = home.path().join("job");
        let staged = Staged::write(&folder("1"), &target).expect("written");
        assert!(!target.exists() && staged.path().join("deep/er/run.sh").exists());
        drop(staged);
        assert!(names(home.path()).is_empty(), "what was given up is gone");
        Staged::write(&folder("1"), &target).expect("written").place(false).expect("placed");
        assert_eq!(names(&target), ["a.sql", "deep"]);
        fs::write(target.join("own"), "notes").expect("written");
        let refused = Staged::write(&folder("2"), &target).expect("written").place(false).expect_err("it is there");
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(target.join("a.sql")).expect("there"), b"1");
        Staged::write(&folder("2"), &target).expect("written").place(true).expect("replaced");
        assert_eq!(names(&target), ["a.sql", "deep"], "nothing of the old is left");
        assert_eq!(fs::read(target.join("a.sql")).expect("there"), b"2");
        assert_eq!(names(home.path()), ["job"]);
    }
}
