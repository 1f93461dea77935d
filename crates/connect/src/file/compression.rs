//! Compressed files, known by their suffix. A small file can claim to hold terabytes, so what comes out is
//! compared with what went in: beyond 64 MiB, more than 500 bytes for one is refused.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use millstream_record::{Error, Result};

const FREE_BYTES: u64 = 64 << 20;
const MOST_RATIO: u64 = 500;
/// The largest window that a zstd frame may ask for: 128 MiB, the default of the zstd tool.
const MOST_WINDOW_LOG: u32 = 27;

/// Whether the name ends like that of a compressed file.
pub(super) fn is_compressed(name: &str) -> bool {
    suffix(name).is_some()
}

fn suffix(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    [".gz", ".zst", ".zstd"].into_iter().find(|suffix| name.ends_with(suffix))
}

/// Endings of files that are packed in a way that is not undone here, with the tool.
const FOREIGN: [(&str, &str); 9] = [
    (".bz2", "bzip2"),
    (".xz", "xz"),
    (".lzma", "lzma"),
    (".lz4", "lz4"),
    (".sz", "snappy"),
    (".snappy", "snappy"),
    (".br", "brotli"),
    (".zip", "zip"),
    (".7z", "7-Zip"),
];

/// Refuses a file whose name says that it is packed in a way that is not undone here.
pub(super) fn readable(path: &str) -> Result<()> {
    let name = path.to_ascii_lowercase();
    match FOREIGN.into_iter().find(|(ending, _)| name.ends_with(ending)) {
        None => Ok(()),
        Some((_, tool)) => Err(Error::Invalid(format!(
            "{path} is packed with {tool}; unpack it, or pack it with gzip (.gz) or zstd (.zst): those are read"
        ))),
    }
}

/// The text of the file: itself, or what its suffix says is compressed in it.
pub(super) fn text_of(file: File, name: &str) -> io::Result<Box<dyn Read + Send>> {
    let read = Arc::new(AtomicU64::new(0));
    let counted = BufReader::with_capacity(1 << 16, Counted { file, read: read.clone() });
    match suffix(name) {
        None => Ok(Box::new(counted.into_inner().file)),
        Some(".gz") => Ok(Box::new(Guarded { text: flate2::bufread::MultiGzDecoder::new(counted), read, given: 0 })),
        Some(_) => {
            let mut text = zstd::stream::read::Decoder::with_buffer(counted)?;
            text.window_log_max(MOST_WINDOW_LOG)?;
            Ok(Box::new(Guarded { text, read, given: 0 }))
        }
    }
}

struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

struct Guarded<R> {
    text: R,
    read: Arc<AtomicU64>,
    given: u64,
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.text.read(buffer)?;
        self.given += count as u64;
        if self.given > FREE_BYTES && self.given / self.read.load(Ordering::Relaxed).max(1) > MOST_RATIO {
            let reason = format!(
                "the file unpacks to more than {MOST_RATIO} times its size, which no data does; it is not read on"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        Ok(count)
    }
}
