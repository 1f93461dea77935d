//! One process at a time works on a state folder. The lock goes with the process, whatever it dies of.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use millstream_record::{Error, Millis, Result};

use super::durable;

/// The lock, held until it is dropped.
#[derive(Debug)]
pub struct Lock(File);

/// Why the folder could not be locked.
#[derive(Debug)]
pub enum Refused {
    /// Somebody else holds it; who, in words.
    Held(String),
    /// The file system said no.
    Failed(Error),
}

impl Lock {
    /// Takes the lock of a state folder, and notes there who has it.
    pub fn take(folder: &Path, run: &str, now: Millis) -> Result<Lock, Refused> {
        durable::make_folder(folder).map_err(Refused::Failed)?;
        let path = folder.join("LOCK");
        let failed = |error| Refused::Failed(Error::io(&path, error));
        let opened = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = opened.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let read = file.read_to_string(&mut holder);
                let holder = read.ok().and_then(|_| holder.lines().next().map(str::to_string));
                return Err(Refused::Held(holder.unwrap_or_else(|| "another process".into())));
            }
        }
        let note = format!("process {}, run {run}, since {} ms after 1970\n", std::process::id(), now.0);
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(note.as_bytes())).map_err(failed)?;
        Ok(Lock(file))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The system gives it back in any case when the file is closed.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_was_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = Lock::take(folder.path(), "one", Millis(5)).expect("free");
        match Lock::take(folder.path(), "two", Millis(6)) {
            Err(Refused::Held(who)) => assert!(who.contains("run one, since 5 ms"), "{who}"),
            other => panic!("it was taken twice: {other:?}"),
        }
        drop(first);
        Lock::take(folder.path(), "two", Millis(7)).expect("free again");
    }
}
