//! A part file while it is written.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use millstream_record::{Error, Millis, Result};
use parquet::arrow::ArrowWriter;

use super::rolling::Times;
use super::staged::{Resting, Staged};
use crate::format::{Encode, Encoded};

/// How rows become bytes, with the ending of the files' names for lines.
pub(super) enum Format {
    Lines(Box<Encode>, &'static str),
    Parquet(SchemaRef),
}

impl Format {
    /// Whether a part can be closed in its middle and written on: lines can, a Parquet file ends with its index.
    pub fn goes_on(&self) -> bool {
        matches!(self, Format::Lines(..))
    }
}

/// Bytes that are gathered before they go to the file.
const BUFFER: usize = 1 << 18;

/// A part file that is being written.
pub(super) struct Part {
    hidden: PathBuf,
    visible: PathBuf,
    writer: Writer,
    bytes: u64,
    /// When it was begun and written last.
    pub times: Times,
}

enum Writer {
    Lines(BufWriter<File>),
    Parquet(Box<ArrowWriter<File>>),
}

impl Part {
    /// Begins the next free part of `who` in `folder/below`; `next` is the number to begin the search with.
    pub fn begin(
        folder: &Path,
        below: &str,
        format: &Format,
        (who, next): (&str, &mut u64),
        now: Millis,
    ) -> Result<Part> {
        let folder = folder.join(below);
        fs::create_dir_all(&folder).map_err(|error| Error::io(&folder, error))?;
        let suffix = match format {
            Format::Lines(_, suffix) => suffix,
            Format::Parquet(_) => ".parquet",
        };
        let (hidden, file) = loop {
            let hidden = folder.join(format!(".part-{who}-{next}{suffix}.inprogress"));
            match OpenOptions::new().write(true).create_new(true).open(&hidden) {
                Ok(file) => break (hidden, file),
                // Another writer is at work in the folder, or died there.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => *next += 1,
                Err(error) => return Err(Error::io(&hidden, error)),
            }
        };
        let visible = folder.join(format!("part-{who}-{next}{suffix}"));
        *next += 1;
        let mut bytes = 0;
        let writer = match format {
            Format::Parquet(schema) => {
                let writer =
                    ArrowWriter::try_new(file, schema.clone(), None).map_err(|error| not_written(&hidden, &error))?;
                Writer::Parquet(Box::new(writer))
            }
            Format::Lines(encode, _) => {
                let mut lines = BufWriter::with_capacity(BUFFER, file);
                if let Some(mut header) = encode.header() {
                    header.push(b'\n');
                    lines.write_all(&header).map_err(|error| Error::io(&hidden, error))?;
                    bytes += header.len() as u64;
                }
                Writer::Lines(lines)
            }
        };
        Ok(Part { hidden, visible, writer, bytes, times: Times { begun: now, written: now } })
    }

    /// Opens a part again, behind what the last checkpoint covers.
    pub fn go_on(resting: Resting) -> Result<Part> {
        let Resting { file: Staged { hidden, visible, length }, times } = resting;
        let failed = |error| Error::io(&hidden, error);
        let mut file = OpenOptions::new().write(true).open(&hidden).map_err(failed)?;
        if file.seek(SeekFrom::End(0)).map_err(failed)? != length {
            return Err(Error::Invalid(format!(
                "{} does not end at its byte {length} any more: somebody else writes to it",
                hidden.display()
            )));
        }
        let writer = Writer::Lines(BufWriter::with_capacity(BUFFER, file));
        Ok(Part { hidden, visible, writer, bytes: length, times })
    }

    /// Its length so far, roughly.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes records, a line each.
    pub fn write_lines(&mut self, lines: &Encoded) -> Result<()> {
        let Writer::Lines(file) = &mut self.writer else { return Ok(()) };
        for line in lines.values.iter().flatten() {
            let written = file.write_all(line).and_then(|()| file.write_all(b"\n"));
            written.map_err(|error| Error::io(&self.hidden, error))?;
            self.bytes += line.len() as u64 + 1;
        }
        Ok(())
    }

    /// Writes rows in columns.
    pub fn write_rows(&mut self, rows: &RecordBatch) -> Result<()> {
        let Writer::Parquet(file) = &mut self.writer else { return Ok(()) };
        file.write(rows).map_err(|error| not_written(&self.hidden, &error))?;
        self.bytes = (file.bytes_written() + file.in_progress_size()) as u64;
        Ok(())
    }

    /// Closes it until rows come again, and syncs it. Only lines go on so.
    pub fn rest(self) -> Result<Resting> {
        let times = self.times;
        Ok(Resting { file: self.finish()?, times })
    }

    /// Makes it whole and syncs it. It stays hidden.
    pub fn finish(self) -> Result<Staged> {
        let Part { hidden, visible, writer, .. } = self;
        let failed = |error| Error::io(&hidden, error);
        let file = match writer {
            Writer::Lines(lines) => lines.into_inner().map_err(|error| failed(error.into_error()))?,
            Writer::Parquet(parquet) => parquet.into_inner().map_err(|error| not_written(&hidden, &error))?,
        };
        file.sync_all().map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        Ok(Staged { hidden, visible, length })
    }

    /// Takes back what was written.
    pub fn remove(self) {
        // Nobody is left to tell; the file stays hidden if it cannot be removed.
        let _ = fs::remove_file(&self.hidden);
    }
}

pub(super) fn not_written(path: &Path, error: &parquet::errors::ParquetError) -> Error {
    Error::Invalid(format!("{}: the Parquet file cannot be written: {error}", path.display()))
}
