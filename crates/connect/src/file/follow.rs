//! Following a folder: what was there at the last look, so that new files and grown ones are seen. A file
//! that became shorter has lost records, which is an error and not a new beginning.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use millstream_record::{Error, Offset, Result};

use super::compression::is_compressed;
use super::listing::Listing;
use crate::format::FileOrigin;

pub(super) struct Follow {
    listing: Listing,
    interval: Duration,
    last_look: Instant,
    /// Whether files may grow; others are read once.
    appendable: bool,
    /// Of each file: where the next record begins, and the size up to which it was read.
    known: BTreeMap<String, (Offset, i64)>,
}

impl Follow {
    /// Follows what `listing` finds; `files` have been found already.
    pub(super) fn new(
        listing: Listing,
        interval: Duration,
        appendable: bool,
        files: &[(FileOrigin, Offset)],
    ) -> Follow {
        let known = files.iter().map(|(file, offset)| (file.path.clone(), (*offset, file.size))).collect();
        Follow { listing, interval, last_look: Instant::now(), appendable, known }
    }

    /// A file was left at this offset, read up to this size.
    pub(super) fn left(&mut self, path: &str, offset: Offset, size: i64) {
        self.known.insert(path.into(), (offset, size));
    }

    /// Where the next record of a file begins.
    pub(super) fn offset(&self, path: &str) -> Offset {
        self.known.get(path).map_or(Offset(0), |(offset, _)| *offset)
    }

    /// The files that are new or have grown since, if it is time to look. The file that is `open` was read
    /// up to the given size and sees its own growth.
    pub(super) fn look(&mut self, open: Option<(&str, i64)>) -> Result<Vec<(FileOrigin, Offset)>> {
        if self.last_look.elapsed() < self.interval {
            return Ok(Vec::new());
        }
        self.last_look = Instant::now();
        let mut found = Vec::new();
        for file in self.listing.find()? {
            let grows = self.appendable && !is_compressed(&file.name);
            let read_until = match open {
                Some((path, read_until)) if path == file.path => Some(read_until),
                _ => self.known.get(&file.path).map(|(_, size)| *size),
            };
            if let Some(read_until) = read_until.filter(|read_until| *read_until > file.size && grows) {
                let reason = format!("it was read up to byte {read_until} and is only {} bytes long now", file.size);
                return Err(Error::DataLoss { place: file.path, reason });
            }
            match (open, self.known.get(&file.path)) {
                (Some((path, _)), _) if path == file.path => {}
                (_, Some((_, size))) if *size >= file.size || !grows => {}
                (_, known) => {
                    let offset = known.map_or(Offset(0), |(offset, _)| *offset);
                    self.known.insert(file.path.clone(), (offset, file.size));
                    found.push((file, offset));
                }
            }
        }
        Ok(found)
    }
}
