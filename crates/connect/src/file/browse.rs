//! Files as they are: which there are, and their lines. How lines are cut depends on the format if one is
//! named (a quoted field of CSV may hold line ends); else every line is a record.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use millstream_record::{
    Arrival, Browse, Error, Millis, Offset, Options, Positions, RawPoll, RawReader, RawRecords, RawScan, RawStart,
    Received, Result, Stop, TopicInfo,
};

use super::chunk::{Chunk, TextFile};
use super::compression::readable;
use super::lines::Framing;
use super::listing::Listing;
use super::options;
use super::part::partition;
use crate::format::settings::Settings;
use crate::format::{FileOrigin, Segments};

/// So many records of a file are looked at to guess its format.
const GLIMPSE: usize = 8;
/// A longer line is passed over, unless the options allow it.
const MOST_LINE_BYTES: usize = 1 << 20;

/// The files of a path.
pub(super) struct FileBrowse {
    listing: Listing,
    framing: Framing,
    most_bytes: usize,
    /// Whether a format is named; without one, files are looked at as they are, whatever is in them.
    declared: bool,
}

impl FileBrowse {
    pub fn new(options: &Options) -> Result<FileBrowse> {
        let listing =
            Listing { path: options::path(options)?, pattern: options::pattern(options)?, may_be_absent: false };
        if !options.given("format") && !options.given("value.format") {
            return Ok(FileBrowse { listing, framing: Framing::Raw, most_bytes: MOST_LINE_BYTES, declared: false });
        }
        let settings = Settings::of_value(options)?;
        let framing = Framing::of(&settings)?.ok_or_else(|| {
            Error::Invalid(format!("files of the format '{}' hold no records to look at, only rows", settings.format))
        })?;
        Ok(FileBrowse { listing, framing, most_bytes: settings.most_bytes(), declared: true })
    }

    fn info(&self, file: FileOrigin, stop: &Stop) -> Result<TopicInfo> {
        let (name, bytes, newest) = (file.path.clone(), file.size, file.modified_ms);
        let file = Arc::new(file);
        let mut text = TextFile::open(file, 0, self.framing.clone(), self.most_bytes, stop.clone())?;
        let chunk = text.next(true)?.filter(|chunk| chunk.too_long.is_none());
        let glimpse = chunk.map(|chunk| records(chunk, &self.framing)).into_iter();
        let glimpse = glimpse.map(|records| records.slice(0..records.len().min(GLIMPSE))).collect();
        let bytes = u64::try_from(bytes).ok();
        Ok(TopicInfo { name, partitions: 1, records: None, bytes, newest: Some(Millis(newest)), glimpse })
    }
}

impl Browse for FileBrowse {
    fn topics(&self, stop: &Stop) -> Result<Vec<TopicInfo>> {
        let files = self.listing.find()?;
        files.into_iter().map(|file| if stop.raised() { Err(Error::Stopped) } else { self.info(file, stop) }).collect()
    }

    fn read(&self, scan: &RawScan) -> Result<Box<dyn RawReader>> {
        if let RawStart::Timestamp(_) = scan.start {
            return Err(Error::Invalid("lines of files have no timestamps at which reading could begin".into()));
        }
        let from = match &scan.start {
            RawStart::Positions(positions) => positions.clone(),
            _ => Positions::new(),
        };
        let mut files = self.listing.find()?;
        if scan.start == RawStart::Latest || scan.partition.is_some_and(|number| number != 0) {
            files.clear();
        }
        Ok(Box::new(FileRawReader {
            files: files.into_iter().map(Arc::new).enumerate().collect(),
            current: None,
            positions: from,
            framing: self.framing.clone(),
            most_bytes: self.most_bytes,
            declared: self.declared,
            stop: scan.stop.clone(),
        }))
    }
}

/// The records of a chunk.
fn records(mut chunk: Chunk, framing: &Framing) -> RawRecords {
    let spans = chunk.cut(framing);
    let offsets = spans.iter().map(|(start, _)| chunk.offset + i64::from(*start)).collect();
    RawRecords {
        values: Segments::from_spans(std::mem::take(&mut chunk.bytes), spans),
        offsets,
        header: chunk.header.clone(),
        file: Some(chunk.file.clone()),
        ..RawRecords::new(partition(&chunk.file.path))
    }
}

struct FileRawReader {
    /// The files that are still to be read, with their numbers.
    files: VecDeque<(usize, Arc<FileOrigin>)>,
    current: Option<(usize, TextFile)>,
    positions: Positions,
    framing: Framing,
    most_bytes: usize,
    declared: bool,
    stop: Stop,
}

impl RawReader for FileRawReader {
    fn poll(&mut self, _: Duration) -> Result<RawPoll> {
        loop {
            if self.stop.raised() {
                return Ok(RawPoll::Nothing);
            }
            let Some((number, text)) = &mut self.current else {
                let Some((number, file)) = self.files.pop_front() else { return Ok(RawPoll::End) };
                if self.declared {
                    readable(&file.path)?;
                }
                let id = partition(&file.path);
                let from = self.positions.entry(id.clone()).or_insert(Offset(0)).0;
                let text = TextFile::open(file, from, self.framing.clone(), self.most_bytes, self.stop.clone())?;
                self.current = Some((number, text));
                return Ok(RawPoll::Partition(id));
            };
            let Some(chunk) = text.next(true)? else {
                self.current = None;
                continue;
            };
            self.positions.insert(partition(&chunk.file.path), Offset(chunk.end()));
            if chunk.too_long.is_some() {
                continue;
            }
            let (rank, at) = (*number as u64, Millis(chunk.file.modified_ms));
            let records = records(chunk, &self.framing);
            let arrival = |&offset: &i64| Arrival { rank, place: offset as u64, at };
            return Ok(RawPoll::Records(Received { arrivals: records.offsets.iter().map(arrival).collect(), records }));
        }
    }

    fn positions(&self) -> Positions {
        self.positions.clone()
    }
}
