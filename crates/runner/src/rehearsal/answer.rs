//! An answer: the final rows of each sink, changes folded, each row a JSON object under the names of the sink's
//! columns. Two answers are the same if they hold the same rows equally often.

use std::collections::BTreeMap;
use std::path::Path;

use millstream_connect::format::{Decode, Encode, FORMAT_OPTIONS, RawRecords};
use millstream_plan::{Graph, Tap};
use millstream_record::{Batch, Column, Error, Kinds, Options, Origin, PartitionId, Result, Scan, Stop};

use super::{disk, sinks};
use crate::fault::Fault;

/// What came of a run, or is expected of it.
#[derive(Default)]
pub struct Answer {
    sinks: BTreeMap<String, Folding>,
    /// The names of the outputs' sinks, by number.
    outputs: BTreeMap<usize, String>,
    /// Rows that came too late.
    pub late: u64,
    /// Records that could not be read, and rows for which a function failed.
    pub bad: u64,
}

struct Folding {
    columns: Vec<Column>,
    encode: Encode,
    rows: Rows,
}

/// Rows, each with how often it is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows(pub(super) BTreeMap<Vec<u8>, i64>);

impl Answer {
    /// No rows yet.
    pub fn of(graph: &Graph) -> Result<Answer> {
        let mut answer = Answer::default();
        for (number, tap) in sinks(graph) {
            answer.outputs.insert(number, tap.name.clone());
            answer.sinks.insert(tap.name.clone(), Folding::new(tap)?);
        }
        Ok(answer)
    }

    /// Takes what an output gives.
    pub fn take(&mut self, output: usize, batch: &Batch) -> Result<()> {
        let folding = self.outputs.get(&output).and_then(|name| self.sinks.get_mut(name));
        folding.map_or(Ok(()), |folding| folding.take(batch))
    }

    /// The final rows of each sink, by name.
    pub fn sinks(&self) -> impl Iterator<Item = (&str, &Rows)> {
        self.sinks.iter().map(|(name, folding)| (name.as_str(), &folding.rows))
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.sinks.values().map(|folding| folding.rows.len()).sum()
    }

    /// Reads the files that Flink wrote below `folder`: a folder a sink, part files in it, insertions as JSON
    /// or changes as Debezium writes them.
    pub fn of_files(graph: &Graph, folder: &Path) -> std::result::Result<Answer, Fault> {
        let mut answer = Answer::of(graph)?;
        for (number, tap) in sinks(graph) {
            let changes = graph.node(graph.outputs[number].node).row.changes == millstream_plan::Changes::Retract;
            let format = if changes { "debezium-json" } else { "json" };
            let place = folder.join(&tap.name);
            let mut lines = RawRecords::new(PartitionId::new(tap.name.as_str(), 0));
            for file in files(&place)? {
                let text = std::fs::read(&file).map_err(|error| disk(&file, &error))?;
                for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                    lines.offsets.push(lines.offsets.len() as i64);
                    lines.values.push(Some(line));
                }
            }
            let columns = plain(tap);
            let scan = Scan {
                columns: (0..columns.len()).collect(),
                resume: None,
                batch_rows: lines.len(),
                stop: Stop::default(),
            };
            let options = Options::check([("format", format)], &[FORMAT_OPTIONS]).map_err(Error::from)?;
            let fetched = Decode::new(&tap.name, &columns, &scan, &options)?.apply(lines)?;
            if let Some(refused) = fetched.rejected.first() {
                return Err(Fault::plan(format!("{}: {}", place.display(), refused.reason)));
            }
            answer.take(number, &batch(fetched.rows, fetched.kinds))?;
        }
        Ok(answer)
    }
}

/// The part files in a folder; none if there is no folder, for who writes no row makes none.
fn files(folder: &Path) -> std::result::Result<Vec<std::path::PathBuf>, Fault> {
    let mut files = Vec::new();
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(files),
        Err(error) => return Err(disk(folder, &error)),
    };
    for entry in entries {
        let path = entry.map_err(|error| disk(folder, &error))?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(['.', '_']));
        if path.is_file() && !hidden {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The columns of a sink, all as parts of the value.
fn plain(tap: &Tap) -> Vec<Column> {
    let all = tap.physical().into_iter();
    all.map(|column| Column { origin: Origin::Payload, nullable: true, ..column }).collect()
}

impl Folding {
    fn new(tap: &Tap) -> Result<Folding> {
        let columns = plain(tap);
        let options = Options::check([("format", "json")], &[FORMAT_OPTIONS])?;
        let encode = Encode::new(&columns, &[], &options)?;
        Ok(Folding { columns, encode, rows: Rows::default() })
    }

    fn take(&mut self, batch: &Batch) -> Result<()> {
        debug_assert_eq!(batch.rows.num_columns(), self.columns.len());
        // Kinds are counted here, not written.
        let encoded = self.encode.apply(&Batch::insert(batch.rows.clone()))?;
        for (row, value) in encoded.values.iter().enumerate() {
            let step = if batch.kind(row).is_retraction() { -1 } else { 1 };
            self.rows.add(value.unwrap_or_default(), step);
        }
        Ok(())
    }
}

impl Rows {
    fn add(&mut self, row: &[u8], step: i64) {
        match self.0.get_mut(row) {
            Some(count) => {
                *count += step;
                if *count == 0 {
                    self.0.remove(row);
                }
            }
            None => drop(self.0.insert(row.to_vec(), step)),
        }
    }

    /// The rows as lines, sorted.
    pub fn lines(&self) -> Vec<u8> {
        let mut lines = Vec::new();
        for (row, count) in &self.0 {
            for _ in 0..*count {
                lines.extend_from_slice(row);
                lines.push(b'\n');
            }
        }
        lines
    }

    /// Reads lines.
    pub fn parse(lines: &[u8]) -> Rows {
        let mut rows = Rows::default();
        lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).for_each(|line| rows.add(line, 1));
        rows
    }

    /// How many rows; those that were taken back without having come count against them.
    pub fn len(&self) -> usize {
        usize::try_from(self.0.values().sum::<i64>()).unwrap_or(0)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Rows with their kinds, all of them insertions where none are said.
pub(super) fn batch(rows: arrow::array::RecordBatch, kinds: Option<Kinds>) -> Batch {
    match kinds {
        Some(kinds) => Batch::changes(rows, kinds),
        None => Batch::insert(rows),
    }
}
