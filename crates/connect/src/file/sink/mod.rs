//! Files as a sink: part files in a folder, or in folders by the values of some columns. A part is hidden
//! (`.part-0-3.jsonl.inprogress`) until it is whole and has its name, so nobody reads half of a file.
//!
//! In a plain run a flush completes the parts and names them. In a job they are completed at each
//! checkpoint, and get their names when that is decided; what a crash leaves behind is told from the
//! checkpoint, and either named or removed. Another job in the same folder has other names.

mod parts;
mod staged;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use millstream_record::{Batch, Column, Epoch, Error, Kind, Options, Origin, Result, Sink};

use super::options;
use crate::format::settings::{Settings, field_of};
use crate::format::{Encode, as_declared};
use parts::{Format, Part};
use staged::{Staged, Staging};

/// Who writes, in the names of the files of a plain run.
const NOBODY: &str = "0";

/// Writes a table into a folder.
pub(super) struct FileSink {
    folder: PathBuf,
    format: Format,
    roll_bytes: u64,
    split: staged::Split,
    /// The open parts by their folders below the sink's.
    open: BTreeMap<String, Part>,
    /// Who writes: in the names of the files.
    writer: String,
    next_number: u64,
    /// In a job: parts that are whole and wait for the decision.
    staging: Option<Staging>,
}

impl FileSink {
    pub(super) fn new(name: &str, columns: &[Column], options: &Options) -> Result<FileSink> {
        let folder = options::path(options)?;
        let (split, written) = staged::Split::new(name, columns, options)?;
        // A file cannot take a row back, so a primary key does not make it one that upserts.
        let lines = || Ok::<_, Error>(Box::new(Encode::new(&written, &[], options)?));
        let format = match Settings::of_value(options)?.format.as_str() {
            "parquet" if columns.iter().any(|column| column.origin != Origin::Payload) => {
                return Err(Error::Invalid(format!("'{name}': files have no metadata that can be written")));
            }
            "parquet" => Format::Parquet(Arc::new(Schema::new(written.iter().map(field_of).collect::<Vec<_>>()))),
            "csv" => Format::Lines(lines()?, ".csv"),
            "raw" => Format::Lines(lines()?, ".txt"),
            _ => Format::Lines(lines()?, ".jsonl"),
        };
        fs::create_dir_all(&folder).map_err(|error| Error::io(&folder, error))?;
        let roll_bytes = options.bytes("sink.rolling-policy.file-size").unwrap_or(u64::MAX).max(1);
        let next_number = staged::first_free_number(&folder, NOBODY)?;
        let writer = NOBODY.to_string();
        Ok(FileSink { folder, format, roll_bytes, split, open: BTreeMap::new(), writer, next_number, staging: None })
    }

    /// Writes rows that belong into one folder.
    fn write_part(&mut self, below: &str, batch: &Batch) -> Result<()> {
        if !self.open.contains_key(below) {
            let part = Part::begin(&self.folder, below, &self.format, &self.writer, &mut self.next_number)?;
            self.open.insert(below.to_string(), part);
        }
        let part = self.open.get_mut(below).expect("it has just been put there");
        match &mut self.format {
            Format::Lines(encode, _) => part.write_lines(&encode.apply(batch)?)?,
            Format::Parquet(schema) => {
                insertions_only(batch)?;
                let columns = batch.rows.columns().iter().zip(schema.fields());
                let columns = columns.map(|(column, field)| as_declared(column, field)).collect::<Result<_>>()?;
                part.write_rows(&RecordBatch::try_new(schema.clone(), columns)?)?;
            }
        }
        if part.bytes() >= self.roll_bytes { self.finish(below) } else { Ok(()) }
    }

    /// Makes an open part whole: it gets its name, or in a job waits for it.
    fn finish(&mut self, below: &str) -> Result<()> {
        let Some(part) = self.open.remove(below) else { return Ok(()) };
        let staged = part.finish()?;
        match &mut self.staging {
            Some(staging) => staging.add(staged),
            None => staged.show()?,
        }
        Ok(())
    }

    fn finish_all(&mut self) -> Result<()> {
        let open: Vec<String> = self.open.keys().cloned().collect();
        open.iter().try_for_each(|below| self.finish(below))
    }
}

impl Sink for FileSink {
    fn write(&mut self, batch: &Batch) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        for (below, rows) in self.split.apply(batch)? {
            self.write_part(&below, &rows)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.finish_all()
    }

    fn restore(&mut self, job: &str, decided: Option<(Epoch, &[u8])>) -> Result<()> {
        self.writer = job.chars().take(8).collect();
        let decided = decided.map(|(_, bytes)| Staging::read(bytes)).transpose()?.unwrap_or_default();
        decided.show()?;
        staged::remove_hidden(&self.folder, &self.writer)?;
        self.next_number = decided.next.max(staged::first_free_number(&self.folder, &self.writer)?);
        self.staging = Some(Staging::default());
        Ok(())
    }

    fn prepare(&mut self, _: Epoch) -> Result<Vec<u8>> {
        self.finish_all()?;
        let next = self.next_number;
        match &mut self.staging {
            Some(staging) => {
                staging.next = next;
                staging.sync()?;
                Ok(staging.bytes())
            }
            None => Ok(Vec::new()),
        }
    }

    fn commit(&mut self, _: Epoch) -> Result<()> {
        match &mut self.staging {
            Some(staging) => std::mem::take(staging).show(),
            None => Ok(()),
        }
    }
}

impl Drop for FileSink {
    fn drop(&mut self) {
        for part in std::mem::take(&mut self.open).into_values() {
            part.remove();
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
