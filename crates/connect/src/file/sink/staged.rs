//! Part files that are whole and not yet visible, and the folders by columns in which they lie.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, UInt32Array};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use millstream_record::{Batch, Column, Error, Options, Result};
use serde_json::{Value, json};

/// A part file that is whole and hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Staged {
    pub hidden: PathBuf,
    pub visible: PathBuf,
    pub length: u64,
}

impl Staged {
    /// Gives the file its name. Done again it changes nothing. A foreign file is never overwritten.
    pub fn show(&self) -> Result<()> {
        let Staged { hidden, visible, length } = self;
        match (fs::metadata(hidden), fs::metadata(visible)) {
            (Ok(_), Ok(there)) if there.len() != *length => Err(Error::Invalid(format!(
                "{} is in the way: a part file of this name is to be committed; move it elsewhere and start again",
                visible.display()
            ))),
            (Ok(staged), _) if staged.len() != *length => Err(Error::Invalid(format!(
                "{} has {} bytes instead of {length}: it was changed behind the checkpoint",
                hidden.display(),
                staged.len()
            ))),
            (Ok(_), _) => {
                fs::rename(hidden, visible).map_err(|error| Error::io(hidden, error))?;
                sync_folder(visible)
            }
            // It has been named before; perhaps somebody has taken it away since.
            (Err(_), _) => Ok(()),
        }
    }
}

fn sync_folder(path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| Error::io(folder, error))
}

/// The part files of an epoch.
#[derive(Debug, Default)]
pub(super) struct Staging {
    files: Vec<Staged>,
    /// The number of the next part.
    pub next: u64,
}

impl Staging {
    /// One more part.
    pub fn add(&mut self, staged: Staged) {
        self.files.push(staged);
    }

    /// Syncs the folders, so that no hidden file is forgotten.
    pub fn sync(&self) -> Result<()> {
        let folders: BTreeSet<&Path> = self.files.iter().filter_map(|staged| staged.hidden.parent()).collect();
        for folder in folders {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| Error::io(folder, error))?;
        }
        Ok(())
    }

    /// Gives all files their names.
    pub fn show(&self) -> Result<()> {
        self.files.iter().try_for_each(Staged::show)
    }

    /// What a checkpoint keeps of it.
    pub fn bytes(&self) -> Vec<u8> {
        let file = |staged: &Staged| {
            let Staged { hidden, visible, length } = staged;
            json!({ "hidden": hidden.to_string_lossy(), "visible": visible.to_string_lossy(), "length": length })
        };
        json!({ "next": self.next, "files": self.files.iter().map(file).collect::<Vec<_>>() }).to_string().into_bytes()
    }

    /// Reads what `bytes` gave.
    pub fn read(bytes: &[u8]) -> Result<Staging> {
        let value: Value = serde_json::from_slice(bytes).map_err(|_| unreadable())?;
        let path = |file: &Value, name: &str| Some(PathBuf::from(file.get(name)?.as_str()?));
        let file = |file: &Value| {
            let (hidden, visible) = (path(file, "hidden")?, path(file, "visible")?);
            Some(Staged { hidden, visible, length: file.get("length")?.as_u64()? })
        };
        let read = || {
            let files = value.get("files")?.as_array()?.iter().map(file).collect::<Option<_>>()?;
            Some(Staging { files, next: value.get("next")?.as_u64()? })
        };
        read().ok_or_else(unreadable)
    }
}

fn unreadable() -> Error {
    Error::Invalid("the checkpoint's list of part files cannot be read".into())
}

/// Walks the hidden and visible part files of a writer, in all folders.
fn walk(folder: &Path, who: &str, found: &mut impl FnMut(&Path, bool, u64) -> Result<()>) -> Result<()> {
    let failed = |error| Error::io(folder, error);
    let entries = fs::read_dir(folder).map_err(failed)?.collect::<std::io::Result<Vec<_>>>().map_err(failed)?;
    for entry in entries {
        let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        if path.is_dir() && !name.starts_with(['.', '_']) {
            walk(&path, who, found)?;
        }
        let number =
            name.trim_start_matches('.').strip_prefix(&format!("part-{who}-")).map(|rest| rest.split('.').next());
        if let Some(number) = number.flatten().and_then(|number| number.parse().ok()) {
            found(&path, name.starts_with('.'), number)?;
        }
    }
    Ok(())
}

/// The number behind those of all parts of a writer.
pub(super) fn first_free_number(folder: &Path, who: &str) -> Result<u64> {
    let mut next = 0u64;
    walk(folder, who, &mut |_, _, number| {
        next = next.max(number.saturating_add(1));
        Ok(())
    })?;
    Ok(next)
}

/// Removes what a writer left hidden: it was never decided.
pub(super) fn remove_hidden(folder: &Path, who: &str) -> Result<()> {
    walk(folder, who, &mut |path, hidden, _| match hidden {
        true => fs::remove_file(path).map_err(|error| Error::io(path, error)),
        false => Ok(()),
    })
}

/// The columns whose values name the folders.
pub(super) struct Split {
    /// Name and index of each.
    by: Vec<(String, usize)>,
    /// The indices of those that are written.
    written: Vec<usize>,
}

impl Split {
    /// What `PARTITIONED BY` says, and the columns that are left to be written.
    pub fn new(name: &str, columns: &[Column], options: &Options) -> Result<(Split, Vec<Column>)> {
        let names = options.text("sink.partitioned-by").unwrap_or_default();
        let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
        let place = |wanted: &str| {
            let found = columns.iter().position(|column| column.name == wanted);
            let index = found.ok_or_else(|| {
                Error::Invalid(format!("'{name}' is partitioned by '{wanted}', which is no column of it"))
            })?;
            Ok((wanted.to_string(), index))
        };
        let by = names.map(place).collect::<Result<Vec<_>>>()?;
        let written: Vec<usize> = (0..columns.len()).filter(|index| by.iter().all(|(_, at)| at != index)).collect();
        if written.is_empty() {
            return Err(Error::Invalid(format!(
                "'{name}' is partitioned by all its columns: nothing is left to write"
            )));
        }
        let left = written.iter().map(|&index| columns[index].clone()).collect();
        Ok((Split { by, written }, left))
    }

    /// The rows of a batch by folder: `day=2026-01-01/shop=7`. Without such columns all go into one.
    pub fn apply(&self, batch: &Batch) -> Result<Vec<(String, Batch)>> {
        if self.by.is_empty() {
            return Ok(vec![(String::new(), batch.clone())]);
        }
        let text = |(_, index): &(String, usize)| Ok(cast(batch.rows.column(*index), &DataType::Utf8)?);
        let texts = self.by.iter().map(text).collect::<Result<Vec<_>>>()?;
        let texts: Vec<_> = texts.iter().map(|text| text.as_string::<i32>()).collect();
        let key =
            |row: usize| texts.iter().map(move |text| text.is_valid(row).then(|| text.value(row))).collect::<Vec<_>>();
        let mut rows: std::collections::BTreeMap<Vec<Option<&str>>, Vec<u32>> = Default::default();
        (0..batch.len()).for_each(|row| rows.entry(key(row)).or_default().push(row as u32));
        let part = |(values, rows): (Vec<Option<&str>>, Vec<u32>)| {
            let folders = self.by.iter().zip(values).map(|((name, _), value)| {
                format!("{}={}", safe(name), value.map_or("__DEFAULT_PARTITION__".into(), safe))
            });
            let below = folders.collect::<Vec<_>>().join("/");
            let taken = batch.expand(&UInt32Array::from(rows))?;
            let columns = taken.rows.project(&self.written)?;
            Ok((below, taken.with_rows(columns)))
        };
        rows.into_iter().map(part).collect()
    }
}

/// A value as a part of a path: letters, digits and `-_.` stay, other bytes become `%XX`, as in Hive.
fn safe(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => out.push(byte as char),
            b'.' if !out.is_empty() => out.push('.'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
