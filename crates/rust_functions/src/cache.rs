//! The folder of libraries that were compiled before. Each use renews a file's time of change, so that what was not
//! used for long can be told; what is too old, or too much, is removed when a compiler is looked for. A file that
//! some process has open stays usable there after its name is gone.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// What was not used for so long before the newest use is removed.
const OLDEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// So many bytes are kept, those used last.
const MOST: u64 = 512 << 20;

/// A file of the folder.
struct Kept {
    path: PathBuf,
    used: SystemTime,
    bytes: u64,
}

/// Notes that a file was used just now. That it cannot be noted only makes it older than it is.
pub fn used(path: &Path) {
    drop(File::options().append(true).open(path).and_then(|file| file.set_modified(SystemTime::now())));
}

/// Removes from `folder`, and from the folders in it, what was not used for long or is too much. `keep` stays.
pub fn prune(folder: &Path, keep: &Path) {
    prune_to(folder, keep, OLDEST, MOST);
}

fn prune_to(folder: &Path, keep: &Path, oldest: Duration, most: u64) {
    let mut files = Vec::new();
    // A folder that cannot be listed is left as it is; so is a file that cannot be removed.
    drop(list(folder, &mut files));
    // What functions are compiled against stays; work that somebody has left unfinished does not.
    let needed = |path: &Path| path.parent() == Some(keep) && path.extension().is_none_or(|kind| kind != "so");
    files.retain(|file| !needed(&file.path));
    files.sort_by_key(|file| std::cmp::Reverse(file.used));
    let Some(newest) = files.first().map(|file| file.used) else { return };
    let mut bytes = 0;
    for file in files {
        bytes += file.bytes;
        let age = newest.duration_since(file.used).unwrap_or_default();
        if age > oldest || bytes > most {
            drop(fs::remove_file(&file.path));
        }
    }
    // Only those that are empty now can be removed.
    for place in [keep, folder] {
        for entry in fs::read_dir(place).into_iter().flatten().flatten() {
            drop(fs::remove_dir(entry.path()));
        }
    }
}

fn list(folder: &Path, files: &mut Vec<Kept>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.metadata()?;
        if about.is_dir() {
            // The work of another process may vanish meanwhile.
            drop(list(&entry.path(), files));
        } else {
            files.push(Kept { path: entry.path(), used: about.modified()?, bytes: about.len() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_for_long_goes_and_what_is_needed_stays() {
        let home = tempfile::tempdir().expect("a folder");
        let (ours, theirs) = (home.path().join("rust-1"), home.path().join("rust-2"));
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let put = |folder: &Path, name: &str, days: u64| {
            fs::create_dir_all(folder).expect("made");
            fs::write(folder.join(name), [0; 100]).expect("written");
            let file = File::options().append(true).open(folder.join(name)).expect("opens");
            file.set_modified(start + Duration::from_secs(days * 24 * 60 * 60)).expect("noted");
        };
        put(&ours, "host", 0);
        put(&ours, "a.so", 1);
        put(&ours, "b.so", 60);
        put(&ours.join(".tmp1"), "lib.rs", 3);
        put(&theirs, "c.so", 59);
        put(&theirs, "host", 2);
        prune(home.path(), &ours);
        let there = |folder: &Path, name: &str| folder.join(name).exists();
        assert!(there(&ours, "host"), "whatever its age, it is needed");
        assert!(!there(&ours, "a.so") && !there(&theirs, "host"));
        assert!(!ours.join(".tmp1").exists(), "whoever worked there has not come back");
        assert!(there(&ours, "b.so") && there(&theirs, "c.so"));
        prune_to(home.path(), &ours, OLDEST, 150);
        assert!(there(&ours, "b.so"), "the one used last");
        assert!(!theirs.exists(), "nothing is left of the other compiler");
        put(&ours, "d.so", 61);
        used(&ours.join("b.so"));
        prune_to(home.path(), &ours, OLDEST, 150);
        assert!(there(&ours, "b.so") && !there(&ours, "d.so"), "a use counts, not the making");
    }
}
