//! Final rows of a query in the form in which Flink's answers are recorded: changes folded, rows sorted,
//! strings quoted, null an empty cell, times with three digits.

use std::collections::BTreeMap;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Float32Type, Float64Type, SchemaRef, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use millstream_record::Batch;

/// Column names and rows, sorted.
#[derive(Debug, PartialEq)]
pub struct Answer {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Answer {
    /// Reads a recorded answer.
    pub fn parse(text: &str) -> Result<Answer, String> {
        let mut lines = records(text).into_iter();
        let columns = lines.next().ok_or("expected.csv is empty")?;
        Ok(Answer { columns, rows: sorted(lines.map(|row| row.into_iter().map(canonical).collect()).collect()) })
    }

    /// Folds what a query emitted.
    pub fn of(schema: &SchemaRef, emitted: &[Batch]) -> Result<Answer, String> {
        let mut counts: BTreeMap<Vec<String>, i64> = BTreeMap::new();
        for batch in emitted {
            let columns = batch.rows.columns().iter().map(cells).collect::<Result<Vec<_>, _>>()?;
            for row in 0..batch.len() {
                let cells: Vec<String> = columns.iter().map(|column| column[row].clone()).collect();
                *counts.entry(cells).or_default() += if batch.kind(row).is_retraction() { -1 } else { 1 };
            }
        }
        if let Some((row, _)) = counts.iter().find(|(_, count)| **count < 0) {
            return Err(format!("a row was taken back that is not there: {}", row.join(",")));
        }
        let rows = counts.into_iter().flat_map(|(row, count)| std::iter::repeat_n(row, count as usize));
        let columns = schema.fields().iter().map(|field| field.name().clone()).collect();
        Ok(Answer { columns, rows: sorted(rows.collect()) })
    }

    /// What is missing from `ours`, and what is too much in it.
    pub fn compare(&self, ours: &Answer) -> Result<(), String> {
        let mut difference = String::new();
        if self.columns != ours.columns {
            difference += &format!("  columns: Flink {:?}, ours {:?}\n", self.columns, ours.columns);
        }
        let mut extra = ours.rows.clone();
        for row in &self.rows {
            match extra.iter().position(|other| same(row, other)) {
                Some(place) => drop(extra.remove(place)),
                None => difference += &format!("  - {}\n", row.join(",")),
            }
        }
        extra.iter().for_each(|row| difference += &format!("  + {}\n", row.join(",")));
        if difference.is_empty() { Ok(()) } else { Err(difference) }
    }
}

/// Equal cell by cell; floating point within a few units of the last place.
fn same(left: &[String], right: &[String]) -> bool {
    let close = |a: &String, b: &String| match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => a == b || (a - b).abs() <= 1e-9 * a.abs().max(b.abs()),
        _ => false,
    };
    left.len() == right.len() && left.iter().zip(right).all(|(a, b)| a == b || (a.contains('.') && close(a, b)))
}

fn sorted(mut rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    rows.sort();
    rows
}

fn canonical(cell: String) -> String {
    if cell.starts_with('"') { cell } else { cell.to_ascii_lowercase().replace('z', "Z") }
}

fn cells(column: &ArrayRef) -> Result<Vec<String>, String> {
    let cell =
        |row: usize, shown: &dyn Fn(usize) -> String| if column.is_null(row) { String::new() } else { shown(row) };
    let rows = 0..column.len();
    Ok(match column.data_type() {
        DataType::Utf8 => {
            let texts = column.as_string::<i32>();
            rows.map(|row| cell(row, &|row| format!("\"{}\"", texts.value(row).replace('"', "\"\"")))).collect()
        }
        DataType::Float64 => {
            let values = column.as_primitive::<Float64Type>();
            rows.map(|row| cell(row, &|row| float(values.value(row)))).collect()
        }
        DataType::Float32 => {
            let values = column.as_primitive::<Float32Type>();
            rows.map(|row| cell(row, &|row| float(values.value(row)))).collect()
        }
        DataType::Timestamp(TimeUnit::Second | TimeUnit::Millisecond | TimeUnit::Microsecond, zone) => {
            let suffix = if zone.is_some() { "Z" } else { "" };
            let format = FormatOptions::default()
                .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.3f"))
                .with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.3f"));
            let shown = ArrayFormatter::try_new(column, &format).map_err(|error| error.to_string())?;
            rows.map(|row| cell(row, &|row| format!("{}{suffix}", shown.value(row)))).collect()
        }
        _ => {
            let shown =
                ArrayFormatter::try_new(column, &FormatOptions::default()).map_err(|error| error.to_string())?;
            rows.map(|row| cell(row, &|row| shown.value(row).to_string())).collect()
        }
    })
}

fn float(value: impl Into<f64> + Copy + std::fmt::Display) -> String {
    let text = value.to_string();
    if text.contains('.') || !Into::<f64>::into(value).is_finite() { text } else { format!("{text}.0") }
}

/// The records of a CSV text; cells keep their quotes, which tell a text from a number.
fn records(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    for letter in text.chars() {
        match letter {
            '"' => {
                quoted = !quoted;
                cell.push('"');
            }
            ',' if !quoted => record.push(std::mem::take(&mut cell)),
            '\n' if !quoted => {
                record.push(std::mem::take(&mut cell));
                records.push(std::mem::take(&mut record));
            }
            '\r' if !quoted => {}
            other => cell.push(other),
        }
    }
    if !cell.is_empty() || !record.is_empty() {
        record.push(cell);
        records.push(record);
    }
    records
}
