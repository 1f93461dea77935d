//! How a tape uses RocksDB: chunks under `c` and their number, an outline of each under `o` and its number,
//! and the description under `m`. Chunks are packed and checked before they come here. Only the last one is
//! ever written again, while it grows.

use std::path::Path;

use millstream_record::{Error, Result};
use rocksdb::{DB, ReadOptions, WriteBatch};

use crate::topic::base_options;

/// How much RocksDB reads at once: bytes.
const BLOCK_BYTES: usize = 16 << 10;

/// The key of the description.
pub(super) const META: &[u8] = b"m";

/// The key of a chunk.
pub(super) fn chunk_key(number: u64) -> [u8; 9] {
    key(b'c', number)
}

/// The key of a chunk's outline.
pub(super) fn outline_key(number: u64) -> [u8; 9] {
    key(b'o', number)
}

fn key(kind: u8, number: u64) -> [u8; 9] {
    let mut key = [kind; 9];
    key[1..].copy_from_slice(&number.to_be_bytes());
    key
}

/// Makes the database of a new tape.
pub(super) fn create(path: &Path) -> Result<DB> {
    let mut options = base_options(BLOCK_BYTES);
    options.create_if_missing(true);
    options.set_error_if_exists(true);
    DB::open(&options, path).map_err(|error| failed(path, &error))
}

/// Opens a tape to record on it.
pub(super) fn open_to_write(path: &Path) -> Result<DB> {
    DB::open(&base_options(BLOCK_BYTES), path).map_err(|error| failed(path, &error))
}

/// Opens a tape to read what is there now.
pub(super) fn open_to_read(path: &Path) -> Result<DB> {
    let mut options = base_options(BLOCK_BYTES);
    // Damage is found where it stands, so that the rest can be read.
    options.set_paranoid_checks(false);
    DB::open_for_read_only(&options, path, false).map_err(|error| failed(path, &error))
}

/// How chunks are read: they have a checksum of their own, by which damage is named, and nobody soon wants one again.
pub(super) fn plainly() -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_verify_checksums(false);
    options.fill_cache(false);
    options
}

/// Writes all of a batch into the log of the database; safe from the end of this program. `sync` makes it
/// safe from the end of the machine.
pub(super) fn write(db: &DB, batch: WriteBatch, sync: bool, path: &Path) -> Result<()> {
    db.write(batch).and_then(|()| if sync { db.flush_wal(true) } else { Ok(()) }).map_err(|error| failed(path, &error))
}

/// The error of the database at `path`.
pub(super) fn failed(path: &Path, error: &rocksdb::Error) -> Error {
    let said = error.to_string();
    if said.contains("No space left") {
        let reason = std::io::Error::new(std::io::ErrorKind::StorageFull, "the disk is full");
        return Error::io(path, reason);
    }
    if said.contains("lock") && said.contains("LOCK") {
        return Error::Invalid(format!("{} is being recorded by another process", path.display()));
    }
    Error::io(path, std::io::Error::other(said))
}
