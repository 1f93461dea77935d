//! Files as a sink: part files in a folder. A part is hidden (`.part-0-3.inprogress`) until a flush has
//! written it to the disk and given it its name, so nobody reads half of a file; what is not flushed when
//! the sink is dropped is removed.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use millstream_record::{Batch, Column, Error, Kind, Options, Origin, Result, Sink};
use parquet::arrow::ArrowWriter;

use super::options;
use crate::format::settings::{Settings, field_of};
use crate::format::{Encode, as_declared};

/// Writes a table into a folder.
pub(super) struct FileSink {
    folder: PathBuf,
    format: Format,
    suffix: &'static str,
    roll_bytes: u64,
    next_number: u32,
    part: Option<Part>,
}

enum Format {
    Lines(Box<Encode>),
    Parquet(SchemaRef),
}

/// A part file that is being written.
struct Part {
    hidden: PathBuf,
    visible: PathBuf,
    writer: Writer,
    bytes: u64,
}

enum Writer {
    Lines(BufWriter<File>),
    Parquet(Box<ArrowWriter<File>>),
}

impl FileSink {
    pub(super) fn new(name: &str, columns: &[Column], options: &Options) -> Result<FileSink> {
        let folder = options::path(options)?;
        let format = Settings::of_value(options)?.format;
        // A file cannot take a row back, so a primary key does not make it one that upserts.
        let lines = || Ok::<_, Error>(Format::Lines(Box::new(Encode::new(columns, &[], options)?)));
        let (format, suffix) = match format.as_str() {
            "parquet" if columns.iter().any(|column| column.origin != Origin::Payload) => {
                return Err(Error::Invalid(format!("'{name}': files have no metadata that can be written")));
            }
            "parquet" => {
                (Format::Parquet(Arc::new(Schema::new(columns.iter().map(field_of).collect::<Vec<_>>()))), ".parquet")
            }
            "csv" => (lines()?, ".csv"),
            "raw" => (lines()?, ".txt"),
            _ => (lines()?, ".jsonl"),
        };
        fs::create_dir_all(&folder).map_err(|error| Error::io(&folder, error))?;
        let roll_bytes = options.bytes("sink.rolling-policy.file-size").unwrap_or(u64::MAX).max(1);
        let next_number = first_free_number(&folder)?;
        Ok(FileSink { folder, format, suffix, roll_bytes, next_number, part: None })
    }

    /// The part that is open, or a new one.
    fn part(&mut self) -> Result<&mut Part> {
        if self.part.is_none() {
            self.part = Some(self.begin()?);
        }
        Ok(self.part.as_mut().expect("it has just been set"))
    }

    fn begin(&mut self) -> Result<Part> {
        let (hidden, file) = loop {
            let hidden = self.folder.join(format!(".part-0-{}{}.inprogress", self.next_number, self.suffix));
            match OpenOptions::new().write(true).create_new(true).open(&hidden) {
                Ok(file) => break (hidden, file),
                // Another writer is at work in the folder, or died there.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => self.next_number += 1,
                Err(error) => return Err(Error::io(&hidden, error)),
            }
        };
        let visible = self.folder.join(format!("part-0-{}{}", self.next_number, self.suffix));
        self.next_number += 1;
        let mut bytes = 0;
        let writer = match &self.format {
            Format::Parquet(schema) => {
                let writer =
                    ArrowWriter::try_new(file, schema.clone(), None).map_err(|error| not_written(&hidden, &error))?;
                Writer::Parquet(Box::new(writer))
            }
            Format::Lines(encode) => {
                let mut lines = BufWriter::with_capacity(1 << 18, file);
                if let Some(header) = encode.header() {
                    lines
                        .write_all(&header)
                        .and_then(|()| lines.write_all(b"\n"))
                        .map_err(|error| Error::io(&hidden, error))?;
                    bytes += header.len() as u64 + 1;
                }
                Writer::Lines(lines)
            }
        };
        Ok(Part { hidden, visible, writer, bytes })
    }

    /// Makes the open part, if there is one, complete and visible.
    fn finish(&mut self) -> Result<()> {
        let Some(Part { hidden, visible, writer, .. }) = self.part.take() else { return Ok(()) };
        let failed = |error| Error::io(&hidden, error);
        let file = match writer {
            Writer::Lines(lines) => lines.into_inner().map_err(|error| failed(error.into_error()))?,
            Writer::Parquet(parquet) => parquet.into_inner().map_err(|error| not_written(&hidden, &error))?,
        };
        file.sync_all().map_err(failed)?;
        fs::rename(&hidden, &visible).map_err(failed)?;
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(failed)
    }
}

impl Sink for FileSink {
    fn write(&mut self, batch: &Batch) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let lines = match &mut self.format {
            Format::Lines(encode) => Some(encode.apply(batch)?),
            Format::Parquet(_) => None,
        };
        let schema = match &self.format {
            Format::Parquet(schema) => Some(schema.clone()),
            Format::Lines(_) => None,
        };
        let part = self.part()?;
        match (&mut part.writer, lines, schema) {
            (Writer::Lines(file), Some(lines), _) => {
                for line in lines.values.iter().flatten() {
                    file.write_all(line)
                        .and_then(|()| file.write_all(b"\n"))
                        .map_err(|error| Error::io(&part.hidden, error))?;
                    part.bytes += line.len() as u64 + 1;
                }
            }
            (Writer::Parquet(file), _, Some(schema)) => {
                insertions_only(batch)?;
                let columns = batch.rows.columns().iter().zip(schema.fields());
                let columns = columns.map(|(column, field)| as_declared(column, field)).collect::<Result<_>>()?;
                let rows = RecordBatch::try_new(schema, columns)?;
                file.write(&rows).map_err(|error| not_written(&part.hidden, &error))?;
                part.bytes = (file.bytes_written() + file.in_progress_size()) as u64;
            }
            _ => {}
        }
        if part.bytes >= self.roll_bytes { self.finish() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        self.finish()
    }
}

impl Drop for FileSink {
    fn drop(&mut self) {
        if let Some(part) = self.part.take() {
            // Nobody is left to tell; the file stays hidden if it cannot be removed.
            let _ = fs::remove_file(&part.hidden);
        }
    }
}

fn insertions_only(batch: &Batch) -> Result<()> {
    match (0..batch.len()).map(|row| batch.kind(row)).find(|kind| *kind != Kind::Insert) {
        None => Ok(()),
        Some(kind) => Err(Error::Invalid(format!(
            "a Parquet file takes insertions only, but the query changes rows it gave before ({}); use the format 'debezium-json'",
            kind.mark()
        ))),
    }
}

fn not_written(path: &Path, error: &parquet::errors::ParquetError) -> Error {
    Error::Invalid(format!("{}: the Parquet file cannot be written: {error}", path.display()))
}

/// The number behind those of all parts in the folder.
fn first_free_number(folder: &Path) -> Result<u32> {
    let mut next = 0;
    for entry in fs::read_dir(folder).map_err(|error| Error::io(folder, error))? {
        let name = entry.map_err(|error| Error::io(folder, error))?.file_name();
        let name = name.to_string_lossy();
        let number = name
            .trim_start_matches('.')
            .strip_prefix("part-0-")
            .and_then(|rest| rest.split('.').next()?.parse::<u32>().ok());
        next = next.max(number.map_or(0, |number| number.saturating_add(1)));
    }
    Ok(next)
}
