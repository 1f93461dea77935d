//! Checkpoints read back, several files at a time. Nothing is believed whose length or checksum is not as the
//! manifest says.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::RecordBatch;
use millstream_engine::decode_table;

use super::SINKS;
use super::manifest::{self, Manifest, Running, Sum};
use super::pack::{self, Piece};

/// The manifest in a folder; a sentence if there is no sound one.
pub fn read_manifest(folder: &Path) -> Result<Manifest, String> {
    let path = manifest::path(folder);
    let bytes = fs::read(&path).map_err(|error| format!("its manifest cannot be read: {error}"))?;
    Manifest::read(&bytes)
}

/// Looks at all files of a checkpoint; a sentence with the first that is damaged.
pub fn check_files(folder: &Path, manifest: &Manifest) -> Result<(), String> {
    Checked::default().all(folder, manifest)
}

/// Looks at one file without keeping it.
fn check(folder: &Path, name: &str, sum: Sum) -> Result<(), String> {
    let unreadable = |error| format!("{name} cannot be read: {error}");
    let mut file = fs::File::open(folder.join(name)).map_err(unreadable)?;
    let (mut running, mut buffer) = (Running::default(), vec![0; 256 << 10]);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return is_as(name, running.sum(), sum),
            Ok(read) => running.take(&buffer[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
}

/// The bytes of a file; a sentence if they are not what they should be.
pub fn read_whole(folder: &Path, name: &str, sum: Sum) -> Result<Vec<u8>, String> {
    let bytes = fs::read(folder.join(name)).map_err(|error| format!("{name} cannot be read: {error}"))?;
    is_as(name, Sum::of(&bytes), sum).map(|()| bytes)
}

/// Whether a file is what the manifest says.
fn is_as(name: &str, found: Sum, sum: Sum) -> Result<(), String> {
    match found {
        found if found == sum => Ok(()),
        found if found.length != sum.length => {
            Err(format!("{name} is damaged: it has {} bytes instead of {}", found.length, sum.length))
        }
        _ => Err(format!("{name} is damaged: its checksum is another")),
    }
}

/// A piece of a pack that was read back.
pub struct Loaded {
    /// Whose it is.
    pub owner: String,
    /// What it is of the owner's.
    pub name: String,
    /// What it holds.
    pub content: Content,
}

/// What a piece of a pack holds.
pub enum Content {
    /// What a sink has prepared.
    Sink(Vec<u8>),
    /// A table of an operator.
    Table(RecordBatch),
}

/// Reads a pack of a checkpoint; a sentence if it is damaged.
pub fn unpack(folder: &Path, file: &str, sum: Sum) -> Result<Vec<Loaded>, String> {
    let bytes = read_whole(folder, file, sum)?;
    let pieces = pack::pieces(&bytes).ok_or_else(|| format!("{file} is no pack"))?;
    let load = |Piece { owner, name, bytes }: Piece<'_>| {
        let content = if owner == SINKS {
            Content::Sink(bytes.to_vec())
        } else {
            Content::Table(decode_table(owner, bytes).map_err(|error| format!("{file}: {error}"))?)
        };
        Ok(Loaded { owner: owner.into(), name: name.into(), content })
    };
    pieces.into_iter().map(load).collect()
}

/// What comes of all items, in their order; as many at a time as there are cores.
pub fn side_by_side<T: Sync, U: Send>(items: &[T], work: impl Fn(&T) -> U + Sync) -> Vec<U> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let next = AtomicUsize::new(0);
    let worker = || {
        let mine = std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)).filter(|&at| at < items.len()));
        mine.map(|at| (at, work(&items[at]))).collect::<Vec<_>>()
    };
    let mut done: Vec<(usize, U)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores.min(items.len())).map(|_| scope.spawn(worker)).collect();
        let joined = workers.into_iter().flat_map(|worker| match worker.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.collect()
    });
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Files whose sums were found right. A file that several checkpoints share is read once.
#[derive(Default)]
pub struct Checked(BTreeSet<(u64, u64, u64, u32)>);

impl Checked {
    /// Looks at all files of a checkpoint; a sentence with the first that is damaged.
    pub fn all(&mut self, folder: &Path, manifest: &Manifest) -> Result<(), String> {
        use std::os::unix::fs::MetadataExt;
        let mark = |(name, sum): (&String, &Sum)| {
            let found = fs::metadata(folder.join(name)).map_err(|error| format!("{name} cannot be read: {error}"))?;
            Ok::<_, String>((found.dev(), found.ino(), sum.length, sum.crc))
        };
        let marks = manifest.files.iter().map(mark).collect::<Result<Vec<_>, _>>()?;
        let unknown: Vec<_> = manifest.files.iter().zip(&marks).filter(|(_, mark)| !self.0.contains(*mark)).collect();
        let checks = side_by_side(&unknown, |((name, sum), _)| check(folder, name, **sum));
        checks.into_iter().collect::<Result<(), _>>()?;
        self.0.extend(marks);
        Ok(())
    }
}
