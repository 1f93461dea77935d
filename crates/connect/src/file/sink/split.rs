//! The folders by columns in which part files lie: `PARTITIONED BY`.

use arrow::array::{Array, AsArray, UInt32Array};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use millstream_record::{Batch, Column, Error, Options, Result};

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
