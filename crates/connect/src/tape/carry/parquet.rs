//! A tape as Parquet: a row for every record, the description and the checksum in the file's metadata.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{
    Array, ArrayRef, BinaryBuilder, Int32Builder, Int64Array, Int64Builder, ListArray, ListBuilder, RecordBatch,
    StringBuilder, StructArray, StructBuilder, TimestampMillisecondBuilder,
};
use arrow::datatypes::{DataType, Field, Fields, Int32Type, Int64Type, Schema, SchemaRef, TimestampMillisecondType};
use millstream_record::{Error, Header, Millis, RawRecord, Result};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use serde_json::Value;

use super::{Reading, Row, Writing, wrong};
use crate::format::metadata::timestamp_type;
use crate::tape::meta::Meta;

const TAPE: &str = "millstream.tape";
const END: &str = "millstream.tape.end";
/// Rows that are written or read at once.
const ROWS: usize = 8192;

fn header_fields() -> Fields {
    vec![Field::new("name", DataType::Utf8, false), Field::new("value", DataType::Binary, true)].into()
}

fn schema() -> SchemaRef {
    let item = Field::new_list_field(DataType::Struct(header_fields()), true);
    let fields = vec![
        Field::new("log", DataType::Int32, false),
        Field::new("tap", DataType::Utf8, false),
        Field::new("partition", DataType::Int32, false),
        Field::new("offset", DataType::Int64, false),
        Field::new("arrival", timestamp_type(), false),
        Field::new("timestamp", timestamp_type(), true),
        Field::new("key", DataType::Binary, true),
        Field::new("headers", DataType::List(Arc::new(item)), false),
        Field::new("value", DataType::Binary, true),
    ];
    Arc::new(Schema::new(fields))
}

/// Columns that grow.
struct Columns {
    rows: usize,
    log: Int32Builder,
    tap: StringBuilder,
    partition: Int32Builder,
    offset: Int64Builder,
    arrival: TimestampMillisecondBuilder,
    timestamp: TimestampMillisecondBuilder,
    key: BinaryBuilder,
    headers: ListBuilder<StructBuilder>,
    value: BinaryBuilder,
}

impl Columns {
    fn new() -> Columns {
        let instant = || TimestampMillisecondBuilder::new().with_timezone("UTC");
        Columns {
            rows: 0,
            log: Int32Builder::new(),
            tap: StringBuilder::new(),
            partition: Int32Builder::new(),
            offset: Int64Builder::new(),
            arrival: instant(),
            timestamp: instant(),
            key: BinaryBuilder::new(),
            headers: ListBuilder::new(StructBuilder::from_fields(header_fields(), 0)),
            value: BinaryBuilder::new(),
        }
    }

    fn push(&mut self, log: usize, tap: &str, record: &RawRecord<'_>, at: Millis) {
        self.rows += 1;
        self.log.append_value(log as i32);
        self.tap.append_value(tap);
        self.partition.append_value(record.partition.number);
        self.offset.append_value(record.offset.0);
        self.arrival.append_value(at.0);
        self.timestamp.append_option(record.timestamp.map(|at| at.0));
        self.key.append_option(record.key);
        self.value.append_option(record.value);
        let headers = self.headers.values();
        for (name, value) in record.headers {
            headers.field_builder::<StringBuilder>(0).expect("names are text").append_value(name);
            headers.field_builder::<BinaryBuilder>(1).expect("values are bytes").append_option(value.as_deref());
            headers.append(true);
        }
        self.headers.append(true);
    }

    fn take(&mut self) -> Result<RecordBatch> {
        let mut done = std::mem::replace(self, Columns::new());
        let columns: Vec<ArrayRef> = vec![
            Arc::new(done.log.finish()),
            Arc::new(done.tap.finish()),
            Arc::new(done.partition.finish()),
            Arc::new(done.offset.finish()),
            Arc::new(done.arrival.finish()),
            Arc::new(done.timestamp.finish()),
            Arc::new(done.key.finish()),
            Arc::new(done.headers.finish()),
            Arc::new(done.value.finish()),
        ];
        Ok(RecordBatch::try_new(schema(), columns)?)
    }
}

/// Writes rows.
pub(super) struct Writer {
    path: PathBuf,
    out: ArrowWriter<File>,
    columns: Columns,
    meta: Meta,
}

impl Writer {
    /// Begins a file.
    pub fn create(path: &Path, meta: &Meta) -> Result<Writer> {
        let file = File::create(path).map_err(|error| Error::io(path, error))?;
        let packed = Compression::ZSTD(ZstdLevel::default());
        let properties = WriterProperties::builder().set_compression(packed).build();
        let mut out = ArrowWriter::try_new(file, schema(), Some(properties)).map_err(|error| failed(path, error))?;
        out.append_key_value_metadata(KeyValue::new(TAPE.to_string(), meta.write().to_string()));
        Ok(Writer { path: path.into(), out, columns: Columns::new(), meta: meta.clone() })
    }

    fn flush(&mut self) -> Result<()> {
        let rows = self.columns.take()?;
        self.out.write(&rows).map_err(|error| failed(&self.path, error))
    }
}

impl Writing for Writer {
    fn record(&mut self, log: usize, record: &RawRecord<'_>, at: Millis) -> Result<()> {
        self.columns.push(log, &self.meta.recorded[self.meta.logs[log].recorded].tap, record, at);
        if self.columns.rows >= ROWS { self.flush() } else { Ok(()) }
    }

    fn end(mut self: Box<Self>, end: Value) -> Result<()> {
        self.flush()?;
        self.out.append_key_value_metadata(KeyValue::new(END.to_string(), end.to_string()));
        let Writer { path, out, .. } = *self;
        let file = out.into_inner().map_err(|error| failed(&path, error))?;
        file.sync_all().map_err(|error| Error::io(&path, error))
    }
}

fn failed(path: &Path, error: parquet::errors::ParquetError) -> Error {
    Error::io(path, std::io::Error::other(error))
}

/// Reads rows.
pub(super) struct Reader {
    path: PathBuf,
    batches: ParquetRecordBatchReader,
    rows: std::vec::IntoIter<Row>,
    end: Option<Value>,
}

impl Reader {
    /// Opens a file and reads the description.
    pub fn open(path: &Path) -> Result<(Reader, Meta)> {
        let file = File::open(path).map_err(|error| Error::io(path, error))?;
        let builder = guarded(path, || ParquetRecordBatchReaderBuilder::try_new(file))?;
        if builder.schema().fields() != schema().fields() {
            return Err(wrong(path, "its columns are not those of a tape"));
        }
        let notes = builder.metadata().file_metadata().key_value_metadata();
        let note = |key: &str| {
            let found = notes.into_iter().flatten().find(|note| note.key == key)?;
            serde_json::from_str::<Value>(found.value.as_deref()?).ok()
        };
        let meta = note(TAPE).ok_or_else(|| wrong(path, "it does not describe a tape"))?;
        let meta = Meta::read(&meta).map_err(|reason| wrong(path, &reason))?;
        let end = note(END);
        let batches = guarded(path, || builder.with_batch_size(ROWS).build())?;
        Ok((Reader { path: path.into(), batches, rows: Vec::new().into_iter(), end }, meta))
    }
}

impl Reading for Reader {
    fn next(&mut self) -> Result<Option<Row>> {
        loop {
            if let Some(row) = self.rows.next() {
                return Ok(Some(row));
            }
            let batches = &mut self.batches;
            let Some(batch) = guarded(&self.path, || batches.next().transpose().map_err(Into::into))? else {
                return Ok(None);
            };
            self.rows = rows(&batch).into_iter();
        }
    }

    fn end(&mut self) -> Result<Value> {
        self.end.take().ok_or_else(|| wrong(&self.path, "it does not say how many records it holds"))
    }
}

/// Runs what reads a file that may be hostile: an error or a panic names the file.
fn guarded<T>(path: &Path, read: impl FnOnce() -> parquet::errors::Result<T>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(wrong(path, &error.to_string())),
        Err(_) => Err(wrong(path, "the reader gave up on it")),
    }
}

/// The rows of a batch, whose columns were compared with [`schema`].
fn rows(batch: &RecordBatch) -> Vec<Row> {
    let integers = |index: usize| batch.column(index).as_primitive::<Int32Type>();
    let times = |index: usize| batch.column(index).as_primitive::<TimestampMillisecondType>();
    let bytes = |index: usize, row: usize| {
        let column = batch.column(index).as_binary::<i32>();
        column.is_valid(row).then(|| column.value(row).to_vec())
    };
    let offsets: &Int64Array = batch.column(3).as_primitive::<Int64Type>();
    let headers: &ListArray = batch.column(7).as_list();
    let row = |row: usize| Row {
        log: usize::try_from(integers(0).value(row)).unwrap_or(usize::MAX),
        offset: offsets.value(row),
        at: times(4).value(row),
        timestamp: times(5).is_valid(row).then(|| times(5).value(row)),
        key: bytes(6, row),
        headers: header_list(headers.value(row).as_struct()),
        value: bytes(8, row),
    };
    (0..batch.num_rows()).map(row).collect()
}

fn header_list(headers: &StructArray) -> Vec<Header> {
    let (names, values) = (headers.column(0).as_string::<i32>(), headers.column(1).as_binary::<i32>());
    let header = |row: usize| (names.value(row).to_string(), values.is_valid(row).then(|| values.value(row).to_vec()));
    (0..headers.len()).map(header).collect()
}
