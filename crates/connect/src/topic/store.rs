//! How a topic uses RocksDB. Entries only ever rise (see [`super::append`]) and are packed before they
//! come here, so the database neither sorts nor packs nor rewrites anything: full memtables become files
//! and stay. Only the small files that many short openings leave behind are merged.
//!
//! One process at a time has the database open to write (the *owner*); any number follow it as secondary
//! instances, which read the owner's files and its log without a lock.

use std::path::Path;
use std::time::Duration;

use millstream_record::{Error, Result};
use rocksdb::{
    BlockBasedOptions, Cache, DB, DBCompactionStyle, DBCompressionType, DBPinnableSlice, FifoCompactOptions,
    InfoLogger, LogLevel, Options, WriteOptions,
};

use super::append;

/// How large a memtable grows before it becomes a file: bytes.
const MEMTABLE_BYTES: usize = 16 << 20;
/// So many files of the smallest kind are left alone before they are merged.
const SMALL_FILES: u64 = 8;

/// How often a follower tries to open a topic whose files are just being exchanged, and how long it waits
/// between.
const TRIES: usize = 100;
const PAUSE: Duration = Duration::from_millis(5);

/// What topics and tapes want of RocksDB alike: a small cache, blocks of `block_bytes`, no compression (chunks are compressed
/// before they come here), no log file of its own.
pub(crate) fn base_options(block_bytes: usize) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(&Cache::new_lru_cache(4 << 20));
    blocks.set_block_size(block_bytes);
    let mut options = Options::default();
    options.set_block_based_table_factory(&blocks);
    options.set_compression_type(DBCompressionType::None);
    options.set_write_buffer_size(MEMTABLE_BYTES);
    options.set_max_write_buffer_number(3);
    options.set_max_open_files(-1);
    options.set_max_background_jobs(2);
    options.set_stats_dump_period_sec(0);
    // What RocksDB has to say that matters comes back as an error; its log file would only pile up.
    options.set_info_logger(InfoLogger::new_callback_logger(LogLevel::Fatal, |_, _| ()));
    options
}

fn options() -> Options {
    let mut options = base_options(64 << 10);
    // First in, first out, but nothing ever goes out: neither by size nor by age.
    options.set_compaction_style(DBCompactionStyle::Fifo);
    let mut fifo = FifoCompactOptions::default();
    fifo.set_max_table_files_size(u64::MAX);
    options.set_fifo_compaction_options(&fifo);
    options.set_ttl(0);
    options.set_periodic_compaction_seconds(0);
    options.set_level_zero_file_num_compaction_trigger(SMALL_FILES as i32);
    options.set_level_zero_slowdown_writes_trigger(i32::MAX);
    options.set_level_zero_stop_writes_trigger(i32::MAX);
    options
}

/// Makes the database of a new topic.
pub(super) fn create(path: &Path) -> Result<()> {
    let mut options = options();
    options.create_if_missing(true);
    options.set_error_if_exists(true);
    DB::open(&options, path).map(drop).map_err(|error| failed(path, error))
}

/// Opens the database to write. The caller holds the topic's lock.
pub(super) fn open_owner(path: &Path) -> Result<DB> {
    let db = DB::open(&options(), path).map_err(|error| failed(path, error))?;
    let files = db.property_int_value("rocksdb.num-files-at-level0").ok().flatten().unwrap_or(0);
    if files > SMALL_FILES {
        let merge = format!("{{allow_compaction=true;max_table_files_size={};}}", u64::MAX);
        db.set_options(&[("compaction_options_fifo", &merge)]).map_err(|error| failed(path, error))?;
    }
    Ok(db)
}

/// Opens the database to read what the owner has written.
pub(super) fn open_follower(path: &Path) -> Result<DB> {
    let options = options();
    let mut failure = None;
    for _ in 0..TRIES {
        match DB::open_as_secondary(&options, path, path) {
            Ok(db) => return Ok(db),
            Err(error) if !path.exists() => return Err(failed(path, error)),
            Err(error) => failure = Some(error),
        }
        std::thread::sleep(PAUSE);
    }
    Err(failed(path, failure.expect("there was at least one try")))
}

/// The bytes of append `number`, if it is there.
pub(super) fn get<'a>(db: &'a DB, number: u64, path: &Path) -> Result<Option<DBPinnableSlice<'a>>> {
    db.get_pinned(append::key(number)).map_err(|error| failed(path, error))
}

/// The number of the newest append. There are no gaps, so it is found by bisection: with a few look-ups,
/// however many files there are.
pub(super) fn newest(db: &DB, path: &Path) -> Result<Option<u64>> {
    let there = |number| get(db, number, path).map(|found| found.is_some());
    // All before `low` are there, `high` is not.
    let (mut low, mut high) = (0u64, 0u64);
    while there(high)? {
        low = high + 1;
        high = high * 2 + 1;
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if there(middle)? {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low.checked_sub(1))
}

/// How to append: into the log file, to be synced by a flush.
pub(super) fn unsynced() -> WriteOptions {
    let mut options = WriteOptions::default();
    options.set_sync(false);
    options
}

/// The error of the database at `path`.
pub(super) fn failed(path: &Path, error: rocksdb::Error) -> Error {
    Error::io(path, std::io::Error::other(error.into_string()))
}
