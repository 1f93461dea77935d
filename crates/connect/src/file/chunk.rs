//! A file of lines in large chunks, each of whole records. What is behind the last line end of a read is
//! carried to the next chunk; a record that is too long is passed over without holding it in memory.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use millstream_record::{Error, Rejected, Result, Stop};

use super::compression::{is_compressed, text_of};
use super::lines::Framing;
use crate::format::FileOrigin;

/// The first chunk is small, so that the first rows come at once; later ones are as large as this.
const FIRST_BYTES: usize = 1 << 16;
const MOST_BYTES: usize = 1 << 20;

/// The mark that some programs write before UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Whole records of a file.
pub(super) struct Chunk {
    pub(super) file: Arc<FileOrigin>,
    /// The place of the first byte in the file's text.
    pub(super) offset: i64,
    pub(super) bytes: Vec<u8>,
    /// Start and end of each record in `bytes`, if cutting took more than looking for line ends.
    pub(super) records: Option<Vec<(u32, u32)>>,
    /// The names in the first line of the file, if it has such.
    pub(super) header: Option<Arc<[String]>>,
    /// This is only the beginning of one record, which is so long.
    pub(super) too_long: Option<usize>,
}

impl Chunk {
    /// Start and end of each of its records.
    pub(super) fn cut(&mut self, framing: &Framing) -> Vec<(u32, u32)> {
        let mut records = self.records.take().unwrap_or_else(|| framing.records(&self.bytes));
        if let Some((start, end)) = records.first_mut().filter(|_| self.offset == 0 && self.bytes.starts_with(BOM)) {
            // The mark stands before the first record and is no part of it.
            *start = (*start).max(BOM.len() as u32).min(*end);
        }
        records
    }

    /// The place behind the chunk.
    pub(super) fn end(&self) -> i64 {
        self.offset + self.too_long.unwrap_or(self.bytes.len()) as i64
    }
}

/// An open file of lines.
pub(super) struct TextFile {
    pub(super) file: Arc<FileOrigin>,
    text: Box<dyn Read + Send>,
    framing: Framing,
    most_record_bytes: usize,
    /// Read, but not handed over: the beginning of a record.
    carry: Vec<u8>,
    /// The place of the first byte of `carry`.
    offset: i64,
    next_bytes: usize,
    header: Option<Arc<[String]>>,
    stop: Stop,
}

impl TextFile {
    /// Opens a file to read on at `offset`, which is the beginning of a record. A raised `stop` ends what
    /// would take long as if the file ended.
    pub(super) fn open(
        file: Arc<FileOrigin>,
        offset: i64,
        framing: Framing,
        most_record_bytes: usize,
        stop: Stop,
    ) -> Result<TextFile> {
        let failed = |error| Error::io(&file.path, error);
        let mut opened = File::open(Path::new(&file.path)).map_err(failed)?;
        let mut header = None;
        if offset > 0 && framing.has_header() {
            let first = TextFile::open(file.clone(), 0, framing.clone(), most_record_bytes, stop.clone())?;
            let first = first.read_header()?;
            header = first.header;
        }
        let seeks = !is_compressed(&file.name);
        if seeks {
            opened.seek(SeekFrom::Start(offset.max(0) as u64)).map_err(failed)?;
        }
        let mut text = text_of(opened, &file.name).map_err(failed)?;
        let mut left = if seeks { 0 } else { offset.max(0) as u64 };
        while left > 0 && !stop.raised() {
            let passed = std::io::copy(&mut text.by_ref().take(left.min(MOST_BYTES as u64)), &mut std::io::sink());
            match passed.map_err(failed)? {
                0 => break,
                passed => left -= passed,
            }
        }
        let carry = Vec::new();
        Ok(TextFile { file, text, framing, most_record_bytes, carry, offset, next_bytes: FIRST_BYTES, header, stop })
    }

    /// The place at which the next record begins.
    pub(super) fn offset(&self) -> i64 {
        self.offset
    }

    /// How far the file has been read.
    pub(super) fn read_until(&self) -> i64 {
        self.offset + self.carry.len() as i64
    }

    /// The next records; `None` at the end of the file as it is now. What stands behind the last line end
    /// is a record only if the file is `complete`.
    pub(super) fn next(&mut self, complete: bool) -> Result<Option<Chunk>> {
        if self.framing.has_header() && self.header.is_none() {
            *self =
                std::mem::replace(self, TextFile::nothing(self.file.clone(), self.framing.clone())).read_header()?;
            if self.header.is_none() && !complete {
                return Ok(None);
            }
        }
        let mut bytes = std::mem::take(&mut self.carry);
        loop {
            let ended = self.read_more(&mut bytes)?;
            let (end, records) = self.framing.cut(&bytes, ended && complete);
            if end > 0 {
                self.carry = bytes[end..].to_vec();
                bytes.truncate(end);
                return Ok(Some(self.chunk(bytes, records)));
            }
            if ended {
                self.carry = bytes;
                return Ok(None);
            }
            if bytes.len() > self.most_record_bytes {
                return self.pass_over(bytes, complete);
            }
        }
    }

    fn chunk(&mut self, bytes: Vec<u8>, records: Option<Vec<(u32, u32)>>) -> Chunk {
        let header = self.header.clone();
        let chunk = Chunk { file: self.file.clone(), offset: self.offset, bytes, records, header, too_long: None };
        self.offset = chunk.end();
        chunk
    }

    /// Appends up to a chunk's worth of text; whether the file is at its end.
    fn read_more(&mut self, bytes: &mut Vec<u8>) -> Result<bool> {
        let wanted = self.next_bytes;
        self.next_bytes = (wanted * 4).min(MOST_BYTES);
        bytes.reserve(wanted);
        let read = self
            .text
            .by_ref()
            .take(wanted as u64)
            .read_to_end(bytes)
            .map_err(|error| Error::io(&self.file.path, error))?;
        Ok(read < wanted)
    }

    /// Reads to the next line end, keeping the beginning only.
    fn pass_over(&mut self, mut bytes: Vec<u8>, complete: bool) -> Result<Option<Chunk>> {
        let mut length = bytes.len();
        bytes.truncate(Rejected::KEPT_BYTES);
        let mut more = Vec::new();
        loop {
            more.clear();
            let ended = self.read_more(&mut more)?;
            if let Some(end) = memchr::memchr(b'\n', &more) {
                length += end + 1;
                self.carry = more.split_off(end + 1);
                break;
            }
            length += more.len();
            if ended && complete {
                break;
            }
            if ended {
                // The rest of a followed file is not there yet: begin at the record again then.
                let offset = self.offset;
                let (framing, stop) = (self.framing.clone(), self.stop.clone());
                *self = TextFile::open(self.file.clone(), offset, framing, self.most_record_bytes, stop)?;
                return Ok(None);
            }
            if self.stop.raised() {
                return Ok(None);
            }
        }
        let mut chunk = Chunk { too_long: Some(length), ..self.chunk(bytes, None) };
        chunk.records = None;
        self.offset = chunk.end();
        Ok(Some(chunk))
    }

    fn nothing(file: Arc<FileOrigin>, framing: Framing) -> TextFile {
        let text = Box::new(std::io::empty());
        TextFile {
            file,
            text,
            framing,
            most_record_bytes: 0,
            carry: Vec::new(),
            offset: 0,
            next_bytes: FIRST_BYTES,
            header: None,
            stop: Stop::default(),
        }
    }

    /// Takes the first record as the header, if it is complete.
    fn read_header(mut self) -> Result<TextFile> {
        let mut bytes = std::mem::take(&mut self.carry);
        let ended = self.read_more(&mut bytes)?;
        match self.framing.header(&bytes, ended) {
            Some((names, end)) => {
                self.header = Some(names.into());
                self.carry = bytes.split_off(end);
                self.offset += end as i64;
            }
            None if ended || bytes.len() < self.most_record_bytes => self.carry = bytes,
            None => {
                let reason = "the first line should name the columns ('csv.header'), but it is no line of CSV";
                return Err(Error::Invalid(format!("{}: {reason}", self.file.path)));
            }
        }
        Ok(self)
    }
}
