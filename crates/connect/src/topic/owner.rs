//! Who may write. RocksDB lets one process at a time open a database to write, but several terminals may
//! produce into one topic. So the right to write goes round: whoever wants it queues on one lock file
//! (`queue`) for another (`owner`); the owner keeps the database open, because opening it costs more than
//! an append, looks every few milliseconds whether somebody queues, and hands over when it is idle or has
//! had its turn. A process that dies loses its locks with it, whatever it died of.
//!
//! Closing the database syncs it first. So what is not open here is safe on disk.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use millstream_record::{Error, Result};
use rocksdb::DB;

use super::append::{self, Append, Origin, State};
use super::packed::Packed;
use super::place::Place;
use super::store;

/// How often the owner looks for others.
const TICK: Duration = Duration::from_millis(5);
/// So many ticks a busy owner goes on while others wait.
const TURN: u32 = 40;
/// How long the one who waits sleeps between two looks.
const NAP: Duration = Duration::from_millis(1);

/// The right to write to one topic, taken when it is needed and given back when others want it.
pub(super) struct Owner {
    turn: Arc<Turn>,
    keeper: Option<JoinHandle<()>>,
}

struct Turn {
    place: Place,
    patience: Duration,
    state: Mutex<Held>,
    wake: Condvar,
}

#[derive(Default)]
struct Held {
    open: Option<Open>,
    /// Appends since the last tick.
    busy: bool,
    /// Ticks since the database was opened.
    ticks: u32,
    closing: bool,
    /// Why something that was appended may not be safe; the next flush reports it.
    failure: Option<Error>,
}

/// The database, open to write, and where the topic stands.
struct Open {
    db: DB,
    next: u64,
    state: State,
    unsynced: bool,
    queue: File,
    /// Dropped after the database: the order of the fields is the order of closing.
    _lock: File,
}

impl Owner {
    /// An owner-to-be of the topic at `place`, which exists. It waits for others at most `patience`.
    pub fn new(place: Place, patience: Duration) -> Result<Owner> {
        let turn = Arc::new(Turn { place, patience, state: Mutex::default(), wake: Condvar::new() });
        let watched = turn.clone();
        let keeper = std::thread::Builder::new().name("topic-owner".into()).spawn(move || watched.keep());
        let keeper = keeper.map_err(|error| Error::io(&turn.place.folder, error))?;
        Ok(Owner { turn, keeper: Some(keeper) })
    }

    /// Where the topic stands now.
    pub fn state(&self) -> Result<State> {
        let mut held = self.turn.held();
        Ok(self.turn.open(&mut held)?.state.clone())
    }

    /// The number of the next append.
    pub fn next(&self) -> Result<u64> {
        let mut held = self.turn.held();
        Ok(self.turn.open(&mut held)?.next)
    }

    /// Makes appends of packed records, all or none of them. They can be read by others afterwards; they are
    /// safe after [`Owner::sync`].
    pub fn append(&self, packed: &[Packed], origin: Option<Origin>) -> Result<()> {
        let mut held = self.turn.held();
        held.busy = true;
        let open = self.turn.open(&mut held)?;
        let (mut state, mut number) = (open.state.clone(), open.next);
        let mut batch = rocksdb::WriteBatch::default();
        for packed in packed {
            advance(&mut state, packed);
            let blocks = packed.blocks.clone();
            let head = Append { origin, state: state.clone(), arrival_ms: packed.arrival_ms, blocks };
            let mut value = Vec::with_capacity(packed.bytes.len() + 64 + 12 * state.partitions.len());
            head.write(&mut value);
            value.extend_from_slice(&packed.bytes);
            batch.put(append::key(number), &value);
            number += 1;
        }
        if let Err(error) = open.db.write_opt(batch, &store::unsynced()) {
            // A full disk, most likely. The database takes nothing more until it is opened again.
            let failed = || store::failed(&self.turn.place.folder, error.clone());
            (held.open, held.failure) = (None, Some(failed()));
            return Err(failed());
        }
        (open.next, open.state, open.unsynced) = (number, state, true);
        Ok(())
    }

    /// Whether an epoch has been appended, at or behind append `since`.
    pub fn has(&self, origin: Origin, since: u64) -> Result<bool> {
        let mut held = self.turn.held();
        let open = self.turn.open(&mut held)?;
        let path = self.turn.place.database();
        for number in since..open.next {
            let damaged = || self.turn.place.damaged(&format!("append {number}"));
            let value = store::get(&open.db, number, &path)?.ok_or_else(damaged)?;
            if append::read_origin_of(&value).ok_or_else(damaged)? == Some(origin) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns when all appends survive a crash.
    pub fn sync(&self) -> Result<()> {
        let mut held = self.turn.held();
        if let Some(failure) = held.failure.take() {
            return Err(failure);
        }
        match &mut held.open {
            Some(open) => open.sync(&self.turn.place.folder),
            None => Ok(()),
        }
    }

    /// Takes the right to write and keeps it while `then` runs, with the database closed.
    pub fn exclusively<T>(place: &Place, patience: Duration, then: impl FnOnce() -> Result<T>) -> Result<T> {
        let (_queue, _lock) = acquire(place, patience)?;
        then()
    }
}

/// Where a topic stands behind some more records.
fn advance(state: &mut State, packed: &Packed) {
    state.bytes += packed.payload_bytes;
    for (block, &newest) in packed.blocks.iter().zip(&packed.newest) {
        let standing = &mut state.partitions[block.partition as usize];
        standing.newest = if standing.next == 0 { newest } else { standing.newest.max(newest) };
        standing.next += block.count as i64;
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.turn.held().closing = true;
        self.turn.wake.notify_all();
        if let Some(keeper) = self.keeper.take() {
            // A keeper that panicked has nothing left to close.
            let _ = keeper.join();
        }
    }
}

impl Open {
    fn sync(&mut self, path: &Path) -> Result<()> {
        if self.unsynced {
            self.db.flush_wal(true).map_err(|error| store::failed(path, error))?;
            self.unsynced = false;
        }
        Ok(())
    }
}

impl Turn {
    fn held(&self) -> MutexGuard<'_, Held> {
        // Whoever panicked while holding it left a database that checks itself when it is opened again.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open<'a>(&self, held: &'a mut Held) -> Result<&'a mut Open> {
        if held.open.is_none() {
            let opened = self.take_over()?;
            held.open = Some(opened);
            held.ticks = 0;
            self.wake.notify_all();
        }
        Ok(held.open.as_mut().expect("it was put there a line ago"))
    }

    fn take_over(&self) -> Result<Open> {
        let (queue, lock) = acquire(&self.place, self.patience)?;
        self.place.check_same()?;
        let path = self.place.database();
        let db = store::open_owner(&path)?;
        let mut state = State { partitions: vec![Default::default(); self.place.partitions as usize], bytes: 0 };
        let mut next = 0;
        if let Some(number) = store::newest(&db, &path)? {
            let damaged = || self.place.damaged("the newest append");
            let value = store::get(&db, number, &path)?.ok_or_else(damaged)?;
            append::read_state_of(&value, &mut state).ok_or_else(damaged)?;
            next = number + 1;
        }
        queue.unlock().map_err(|error| Error::io(&path, error))?;
        Ok(Open { db, next, state, unsynced: false, queue, _lock: lock })
    }

    /// The keeper's loop: hands the database over when others wait for it, and at the end.
    fn keep(&self) {
        let mut held = self.held();
        while !held.closing {
            held = match held.open {
                None => self.wake.wait(held).unwrap_or_else(PoisonError::into_inner),
                Some(_) => self.wake.wait_timeout(held, TICK).unwrap_or_else(PoisonError::into_inner).0,
            };
            held.ticks = held.ticks.saturating_add(1);
            let may_go = !std::mem::take(&mut held.busy) || held.ticks >= TURN;
            if may_go && held.open.as_ref().is_some_and(Open::is_awaited) {
                self.close(&mut held);
            }
        }
        self.close(&mut held);
    }

    fn close(&self, held: &mut Held) {
        let Some(mut open) = held.open.take() else { return };
        if let Err(failure) = open.sync(&self.place.folder) {
            held.failure = Some(failure);
        }
    }
}

impl Open {
    /// Whether somebody queues for the right to write.
    fn is_awaited(&self) -> bool {
        match self.queue.try_lock() {
            // If it cannot be given back, others would wait for ever unless it is closed.
            Ok(()) => self.queue.unlock().is_err(),
            Err(_) => true,
        }
    }
}

/// Queues for the right to write, and gets it. The first file is the place at the head of the queue, the
/// second the right itself; both are given back by dropping them.
fn acquire(place: &Place, patience: Duration) -> Result<(File, File)> {
    let mut left = patience;
    let queue = lock(place, &place.folder.join("queue"), &mut left)?;
    let mut owner = lock(place, &place.folder.join("owner"), &mut left)?;
    let noted = owner.set_len(0).and_then(|()| owner.rewind()).and_then(|()| write!(owner, "{}", std::process::id()));
    noted.map_err(|error| Error::io(&place.folder, error))?;
    Ok((queue, owner))
}

fn lock(place: &Place, path: &PathBuf, left: &mut Duration) -> Result<File> {
    let opened = File::options().read(true).write(true).create(true).truncate(false).open(path);
    let file = opened.map_err(|error| if place.folder.exists() { Error::io(path, error) } else { place.gone() })?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(Error::io(path, error)),
            Err(TryLockError::WouldBlock) if left.is_zero() => return Err(kept(place)),
            Err(TryLockError::WouldBlock) => {
                std::thread::sleep(NAP);
                *left = left.saturating_sub(NAP);
            }
        }
    }
}

/// The error of one who waited in vain.
fn kept(place: &Place) -> Error {
    let mut pid = String::new();
    let read = File::open(place.folder.join("owner")).and_then(|mut file| file.read_to_string(&mut pid));
    let who = match read {
        Ok(_) if !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit()) => format!("process {pid}"),
        _ => "another process".to_string(),
    };
    Error::Connection {
        address: format!("topic '{}'", place.name),
        reason: format!(
            "{who} is writing to it and does not make room; it may have been stopped: end it or wake it, then try again"
        ),
    }
}
