//! Files as a sink: part files in a folder, or in folders by the values of some columns. A part is hidden
//! (`.part-0-3.jsonl.inprogress`) until it is whole and has its name, so nobody reads half of a file.
//!
//! In a plain run a flush completes the parts and names them. In a job a part of lines stays open over many
//! checkpoints, until it has its size or its time is over; each checkpoint notes how long it is, and after a
//! crash it is cut to that length and written on. A Parquet file cannot be written on, so it is whole at each
//! checkpoint. What is whole gets its name when the checkpoint is decided. Whatever else a crash leaves
//! behind is removed. Another job in the same folder has other names.

mod parts;
mod rolling;
mod split;
mod staged;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use millstream_record::{Batch, Clock, Column, Epoch, Error, Kind, Options, Origin, Result, Sink};

use super::options;
use crate::format::settings::{Settings, field_of};
use crate::format::{Encode, as_declared};
use parts::{Format, Part};
use rolling::Rolling;
use split::Split;
use staged::{Resting, Staged, Staging};

/// Who writes, in the names of the files of a plain run.
const NOBODY: &str = "0";

/// Writes a table into a folder.
pub(super) struct FileSink {
    folder: PathBuf,
    format: Format,
    /// How rows are written, in words: what a part that goes on must agree with.
    shape: String,
    rolling: Rolling,
    split: Split,
    /// The parts that are being written, by their folders below the sink's.
    open: BTreeMap<String, Part>,
    /// The parts to which no row came since the last checkpoint, by the same.
    resting: BTreeMap<String, Resting>,
    /// Who writes: in the names of the files.
    writer: String,
    next_number: u64,
    /// In a job: parts that are whole and wait for the decision.
    whole: Option<Vec<Staged>>,
    clock: Arc<dyn Clock>,
}

impl FileSink {
    pub(super) fn new(name: &str, columns: &[Column], options: &Options, clock: Arc<dyn Clock>) -> Result<FileSink> {
        let folder = options::path(options)?;
        let (split, written) = Split::new(name, columns, options)?;
        let format = format(name, columns, &written, options)?;
        fs::create_dir_all(&folder).map_err(|error| Error::io(&folder, error))?;
        Ok(FileSink {
            next_number: staged::first_free_number(&folder, NOBODY)?,
            folder,
            format,
            shape: shape(&written, options)?,
            rolling: Rolling::new(options, clock.now()),
            split,
            open: BTreeMap::new(),
            resting: BTreeMap::new(),
            writer: NOBODY.to_string(),
            whole: None,
            clock,
        })
    }

    /// The part in a folder to which rows go.
    fn part(&mut self, below: &str) -> Result<&mut Part> {
        if !self.open.contains_key(below) {
            let part = match self.resting.remove(below) {
                Some(resting) => Part::go_on(resting)?,
                None => {
                    let name = (self.writer.as_str(), &mut self.next_number);
                    Part::begin(&self.folder, below, &self.format, name, self.clock.now())?
                }
            };
            self.open.insert(below.to_string(), part);
        }
        Ok(self.open.get_mut(below).expect("it has just been put there"))
    }

    /// Writes rows that belong into one folder.
    fn write_part(&mut self, below: &str, batch: &Batch) -> Result<()> {
        let now = self.clock.now();
        let bytes = match &mut self.format {
            Format::Lines(encode, _) => {
                let lines = encode.apply(batch)?;
                let part = self.part(below)?;
                part.write_lines(&lines)?;
                part.times.written = now;
                part.bytes()
            }
            Format::Parquet(schema) => {
                insertions_only(batch)?;
                let columns = batch.rows.columns().iter().zip(schema.fields());
                let columns = columns.map(|(column, field)| as_declared(column, field)).collect::<Result<_>>()?;
                let rows = RecordBatch::try_new(schema.clone(), columns)?;
                let part = self.part(below)?;
                part.write_rows(&rows)?;
                part.times.written = now;
                part.bytes()
            }
        };
        if self.rolling.is_full(bytes) { self.finish(below) } else { Ok(()) }
    }

    /// Makes an open part whole: it gets its name, or in a job waits for it.
    fn finish(&mut self, below: &str) -> Result<()> {
        let staged = match (self.open.remove(below), self.resting.remove(below)) {
            (Some(part), _) => part.finish()?,
            (None, Some(resting)) => resting.file,
            (None, None) => return Ok(()),
        };
        match &mut self.whole {
            Some(whole) => whole.push(staged),
            None => staged.show()?,
        }
        Ok(())
    }

    fn finish_all(&mut self) -> Result<()> {
        let all: BTreeSet<String> = self.open.keys().chain(self.resting.keys()).cloned().collect();
        all.iter().try_for_each(|below| self.finish(below))
    }

    /// Makes those parts whole whose time is over, if it is time to look.
    fn roll(&mut self) -> Result<()> {
        let now = self.clock.now();
        if !self.rolling.looks(now) {
            return Ok(());
        }
        let open = self.open.iter().map(|(below, part)| (below, part.times));
        let all = open.chain(self.resting.iter().map(|(below, resting)| (below, resting.times)));
        let over = all.filter(|(_, times)| self.rolling.is_over(*times, now));
        let over: Vec<String> = over.map(|(below, _)| below.clone()).collect();
        over.iter().try_for_each(|below| self.finish(below))
    }

    /// Closes the open parts until rows come again.
    fn rest(&mut self) -> Result<()> {
        for (below, part) in std::mem::take(&mut self.open) {
            self.resting.insert(below, part.rest()?);
        }
        Ok(())
    }

    /// What a checkpoint is to keep of the parts as they stand.
    fn staging(&mut self) -> Result<Vec<u8>> {
        let staging = Staging {
            files: self.whole.clone().unwrap_or_default(),
            open: self.resting.clone(),
            shape: self.shape.clone(),
            next: self.next_number,
        };
        staging.sync()?;
        Ok(staging.bytes())
    }

    /// Takes up the open parts of a checkpoint. What this sink would write otherwise or elsewhere is whole:
    /// all of it is decided, so it gets its name now.
    fn take_up(&mut self, open: BTreeMap<String, Resting>, shape: &str) -> Result<()> {
        for (below, resting) in open {
            if !resting.cut_back()? {
                continue;
            }
            let here = resting.file.hidden.parent() == Some(&*self.folder.join(&below));
            match here && shape == self.shape && self.format.goes_on() {
                true => drop(self.resting.insert(below, resting)),
                false => resting.file.show()?,
            }
        }
        Ok(())
    }
}

impl Sink for FileSink {
    fn write(&mut self, batch: &Batch) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        self.roll()?;
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
        self.take_up(decided.open, &decided.shape)?;
        let counted: BTreeSet<&Path> = self.resting.values().map(|resting| &*resting.file.hidden).collect();
        staged::remove_hidden(&self.folder, &self.writer, &counted)?;
        self.next_number = decided.next.max(staged::first_free_number(&self.folder, &self.writer)?);
        self.whole = Some(Vec::new());
        Ok(())
    }

    fn prepare(&mut self, epoch: Epoch) -> Result<Vec<u8>> {
        if !self.format.goes_on() {
            return self.conclude(epoch);
        }
        self.roll()?;
        self.rest()?;
        self.staging()
    }

    fn conclude(&mut self, _: Epoch) -> Result<Vec<u8>> {
        self.finish_all()?;
        self.staging()
    }

    fn commit(&mut self, _: Epoch) -> Result<()> {
        self.whole.iter_mut().flat_map(std::mem::take).try_for_each(|staged| staged.show())
    }
}

impl Drop for FileSink {
    fn drop(&mut self) {
        // What a job leaves open is in its checkpoint, or removed when it starts again.
        if self.whole.is_none() {
            std::mem::take(&mut self.open).into_values().for_each(Part::remove);
        }
    }
}

fn format(name: &str, columns: &[Column], written: &[Column], options: &Options) -> Result<Format> {
    // A file cannot take a row back, so a primary key does not make it one that upserts.
    let lines = |suffix| Ok(Format::Lines(Box::new(Encode::new(written, &[], options)?), suffix));
    match Settings::of_value(options)?.format.as_str() {
        "parquet" if columns.iter().any(|column| column.origin != Origin::Payload) => {
            Err(Error::Invalid(format!("'{name}': files have no metadata that can be written")))
        }
        "parquet" => Ok(Format::Parquet(Arc::new(Schema::new(written.iter().map(field_of).collect::<Vec<_>>())))),
        "csv" => lines(".csv"),
        "raw" => lines(".txt"),
        _ => lines(".jsonl"),
    }
}

/// Format, its options and the columns with their types: lines of one file agree in all of them.
fn shape(written: &[Column], options: &Options) -> Result<String> {
    let settings = Settings::of_value(options)?;
    let columns = written.iter().map(|column| format!("{} {}", column.name, column.data_type));
    let columns = columns.collect::<Vec<_>>().join(", ");
    Ok(format!("{} {:?} ({columns})", settings.format, settings.options))
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
