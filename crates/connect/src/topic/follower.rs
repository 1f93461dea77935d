//! Reading a topic while others write it. A follower is a secondary instance of the database: it takes
//! no lock, sees what the owner has written when it catches up, and survives changes of owner.
//!
//! Files and logs may be exchanged while it catches up, so for a moment it may see a newer append and not
//! yet an older one. The numbers of appends have no gaps; where there is one, it waits for the rest.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use millstream_record::Result;
use rocksdb::DB;

use super::append::{self, State};
use super::place::Place;
use super::store;

/// So often a missing append is looked for again before it counts as lost: every 5 ms for ten seconds.
const TRIES: u32 = 2000;
const PAUSE: Duration = Duration::from_millis(5);
/// After so many failures in a row the database is opened afresh.
const FAILURES: u32 = 3;
/// Every so many times that a follower is told to catch up it looks whether the topic still exists.
const LOOK_EVERY: u32 = 64;
/// Every so many times it catches up although the files look as they did.
const TRUST: u32 = 16;

/// A reader's view of a topic.
pub(super) struct Follower {
    place: Place,
    db: DB,
    failures: u32,
    missing: u32,
    until_look: u32,
    seen: Seen,
}

/// What the files looked like when the follower caught up. Looking at them costs a hundredth of catching
/// up, which matters where nothing happens for long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    /// When a file came or went.
    changed: Option<SystemTime>,
    /// The log that is being written, and its length.
    log: Option<(PathBuf, u64)>,
}

impl Seen {
    /// Looks at the files of the database in `folder`, of which `before` is known.
    fn look(folder: &Path, before: &Seen) -> Seen {
        let changed = folder.metadata().and_then(|about| about.modified()).ok();
        let path = match &before.log {
            Some((path, _)) if changed == before.changed => Some(path.clone()),
            _ => newest_log(folder),
        };
        let length = |path: PathBuf| Some((path.metadata().as_ref().map(Metadata::len).ok()?, path));
        Seen { changed, log: path.and_then(length).map(|(length, path)| (path, length)) }
    }
}

/// The log file with the greatest number; the numbers have leading zeros.
fn newest_log(folder: &Path) -> Option<PathBuf> {
    let files = std::fs::read_dir(folder).ok()?.flatten().map(|file| file.path());
    files.filter(|path| path.extension().is_some_and(|end| end == "log")).max()
}

impl Follower {
    /// Opens the topic as it is now.
    pub fn open(place: Place) -> Result<Follower> {
        let db = store::open_follower(&place.database())?;
        Ok(Follower { place, db, failures: 0, missing: 0, until_look: LOOK_EVERY, seen: Seen::default() })
    }

    /// The topic.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Sees what has been written since. An error says that the topic is gone or cannot be read.
    pub fn catch_up(&mut self) -> Result<()> {
        self.until_look -= 1;
        if self.until_look == 0 {
            self.until_look = LOOK_EVERY;
            self.place.check_same()?;
        }
        let seen = Seen::look(&self.place.database(), &self.seen);
        let trusted = self.missing == 0 && !self.until_look.is_multiple_of(TRUST);
        if trusted && seen == self.seen {
            return Ok(());
        }
        self.seen = seen;
        let Err(error) = self.db.try_catch_up_with_primary() else {
            self.failures = 0;
            return Ok(());
        };
        self.place.check_same()?;
        self.failures += 1;
        if self.failures < FAILURES {
            return Ok(());
        }
        self.failures = 0;
        self.db = store::open_follower(&self.place.database()).map_err(|_| store::failed(&self.place.folder, error))?;
        Ok(())
    }

    /// The number of the newest append.
    pub fn newest(&self) -> Result<Option<u64>> {
        store::newest(&self.db, &self.place.folder)
    }

    /// Where the topic stands behind the newest append.
    pub fn state(&self) -> Result<State> {
        match self.newest()? {
            Some(number) => Ok(self.with(number, |_| ())?.ok_or_else(|| self.lost(number))?.0),
            None => Ok(State { partitions: vec![Default::default(); self.place.partitions as usize], bytes: 0 }),
        }
    }

    /// The first append of `0..end` behind which the topic stands so that `reached` holds, or `end`.
    /// `reached` does not become false again.
    pub fn first(&mut self, end: u64, reached: impl Fn(&State) -> bool) -> Result<u64> {
        let (mut low, mut high) = (0, end);
        while low < high {
            let middle = low + (high - low) / 2;
            let (state, ()) = self.wait_for(middle, |_| ())?;
            if reached(&state) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Ok(low)
    }

    /// Where the topic stands behind append `number`, which exists, and what `see` makes of its bytes.
    pub fn wait_for<T>(&mut self, number: u64, see: impl Fn(&[u8]) -> T) -> Result<(State, T)> {
        for _ in 0..TRIES {
            if let Some(found) = self.with(number, &see)? {
                return Ok(found);
            }
            std::thread::sleep(PAUSE);
            self.catch_up()?;
        }
        Err(self.lost(number))
    }

    fn with<T>(&self, number: u64, see: impl Fn(&[u8]) -> T) -> Result<Option<(State, T)>> {
        let Some(value) = store::get(&self.db, number, &self.place.folder)? else { return Ok(None) };
        let mut state = State::default();
        append::read_state_of(&value, &mut state).ok_or_else(|| self.damaged(number))?;
        Ok(Some((state, see(&value))))
    }

    /// Shows the appends from `next` on in order, as long as there are any and `see` says true. Moves
    /// `next` behind what was shown.
    ///
    /// Each is looked up by its number, which touches one file. An iterator would touch every file behind
    /// the place where it begins.
    pub fn scan(&mut self, next: &mut u64, mut see: impl FnMut(u64, &[u8]) -> Result<bool>) -> Result<()> {
        while let Some(value) = store::get(&self.db, *next, &self.place.folder)? {
            let more = see(*next, &value)?;
            *next += 1;
            if !more {
                return Ok(());
            }
        }
        let gap = store::get(&self.db, *next + 1, &self.place.folder)?.is_some();
        self.missing = if gap { self.missing + 1 } else { 0 };
        if self.missing < TRIES { Ok(()) } else { Err(self.lost(*next)) }
    }

    fn lost(&self, number: u64) -> millstream_record::Error {
        millstream_record::Error::DataLoss {
            place: format!("topic '{}'", self.place.name),
            reason: format!("append {number} is not there although later ones are; restore the folder from a copy"),
        }
    }

    /// The error of an append that makes no sense.
    pub fn damaged(&self, number: u64) -> millstream_record::Error {
        self.place.damaged(&format!("append {number}"))
    }
}
