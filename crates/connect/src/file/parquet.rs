//! Parquet files. Only the wanted columns are read; fields are found by name and cast to the declared
//! types; a column that the file lacks is null. The position is the number of the row.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::{CastOptions, cast_with_options, filter};
use arrow::datatypes::{Schema, SchemaRef};
use millstream_record::{Column, Error, Fetched, Offset, Origin, Rejected, Result, Scan};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::part::{Piece, partition};
use crate::format::settings::field_of;
use crate::format::{FileOrigin, RawRecords, metadata};

/// Whether all columns can be read from Parquet files.
pub(super) fn check(name: &str, columns: &[Column]) -> Result<()> {
    let keys = columns.iter().filter_map(|column| column.origin.metadata());
    keys.into_iter().try_for_each(|key| metadata::known(key, name).map(|_| ()))
}

/// An open Parquet file.
pub(super) struct ParquetFile {
    pub(super) file: Arc<FileOrigin>,
    rows: ParquetRecordBatchReader,
    columns: Vec<Column>,
    schema: SchemaRef,
    next_row: i64,
}

impl ParquetFile {
    /// Opens a file to read on at row `offset`.
    pub(super) fn open(file: Arc<FileOrigin>, offset: Offset, columns: &[Column], scan: &Scan) -> Result<ParquetFile> {
        let opened = File::open(&file.path).map_err(|error| Error::io(&file.path, error))?;
        let columns: Vec<Column> = scan.columns.iter().map(|&index| columns[index].clone()).collect();
        let rows = guarded(&file.path, || {
            let builder = ParquetRecordBatchReaderBuilder::try_new(opened)?;
            let fields = builder.parquet_schema().root_schema().get_fields();
            let is_wanted =
                |name: &str| columns.iter().any(|column| column.origin == Origin::Payload && column.name == name);
            let roots = fields.iter().enumerate().filter(|(_, field)| is_wanted(field.name())).map(|(index, _)| index);
            let mask = ProjectionMask::roots(builder.parquet_schema(), roots.collect::<Vec<_>>());
            let skipped = usize::try_from(offset.0).unwrap_or_default();
            builder.with_projection(mask).with_batch_size(scan.batch_rows.max(1)).with_offset(skipped).build()
        })?;
        let schema = Arc::new(Schema::new(columns.iter().map(field_of).collect::<Vec<_>>()));
        Ok(ParquetFile { file, rows, columns, schema, next_row: offset.0 })
    }

    /// The next rows; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Piece>> {
        let rows = &mut self.rows;
        let Some(batch) = guarded(&self.file.path, || rows.next().transpose().map_err(Into::into))? else {
            return Ok(None);
        };
        let count = batch.num_rows();
        let first = self.next_row;
        self.next_row += count as i64;
        let raw = RawRecords {
            offsets: (first..self.next_row).collect(),
            file: Some(self.file.clone()),
            ..RawRecords::new(partition(&self.file.path))
        };
        let mut columns = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            columns.push(match column.origin.metadata() {
                Some(key) => metadata::column(key, &raw, &column.data_type)?,
                None => self.payload(column, &batch)?,
            });
        }
        let (columns, rejected) = self.without_forbidden_nulls(columns, count, &raw)?;
        let options = RecordBatchOptions::new().with_row_count(Some(count - rejected.len()));
        let fetched = Fetched {
            partition: raw.partition,
            rows: RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?,
            kinds: None,
            rejected,
            records: count as u64,
            bytes: batch.get_array_memory_size() as u64,
            duplicate_keys: 0,
        };
        Ok(Some(Piece { fetched, next: Offset(self.next_row) }))
    }

    /// The column as it is declared.
    fn payload(&self, column: &Column, batch: &RecordBatch) -> Result<ArrayRef> {
        let Some(found) = batch.column_by_name(&column.name) else {
            return Ok(new_null_array(&column.data_type, batch.num_rows()));
        };
        if found.data_type() == &column.data_type {
            return Ok(found.clone());
        }
        let exactly = CastOptions { safe: false, ..CastOptions::default() };
        cast_with_options(found, &column.data_type, &exactly).map_err(|error| {
            Error::Invalid(format!(
                "{}: the column '{}' cannot be read as declared: {error}",
                self.file.path, column.name
            ))
        })
    }

    /// Takes the rows out in which a column that is NOT NULL has a null.
    fn without_forbidden_nulls(
        &self,
        columns: Vec<ArrayRef>,
        count: usize,
        raw: &RawRecords,
    ) -> Result<(Vec<ArrayRef>, Vec<Rejected>)> {
        let strict: Vec<usize> = (0..columns.len())
            .filter(|&index| !self.columns[index].nullable && columns[index].null_count() > 0)
            .collect();
        if strict.is_empty() {
            return Ok((columns, Vec::new()));
        }
        let culprit = |row: usize| strict.iter().copied().find(|&index| columns[index].is_null(row));
        let reject = |row: usize| {
            let name = &self.columns[culprit(row)?].name;
            let reason = format!("column '{name}': null stands in a column that is NOT NULL");
            Some(Rejected::new(raw.partition.clone(), Offset(raw.offsets[row]), reason, &[]))
        };
        let rejected = (0..count).filter_map(reject).collect();
        let keep: BooleanArray = (0..count).map(|row| Some(culprit(row).is_none())).collect();
        let columns = columns.iter().map(|column| filter(column, &keep)).collect::<Result<_, _>>()?;
        Ok((columns, rejected))
    }
}

/// Runs what reads a file that may be hostile: an error or a panic names the file.
pub(super) fn guarded<T>(path: &str, read: impl FnOnce() -> parquet::errors::Result<T>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Error::Invalid(format!("{path} cannot be read as Parquet: {error}"))),
        Err(_) => Err(Error::Invalid(format!("{path} cannot be read as Parquet: the reader gave up on it"))),
    }
}
