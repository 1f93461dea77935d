//! Topics of Kafka as a source: the options and columns, checked once, from which every run opens a
//! reader of its own.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use millstream_record::{Column, Error, Fetched, Options, Reader, Result, Scan, Source, Stop};

use super::options::{End, Reading};
use super::reader::{KafkaReader, Wish};
use super::track::Wants;
use crate::format::{Decode, DecodePool, metadata};

/// A table over topics.
pub struct KafkaSource {
    name: String,
    columns: Vec<Column>,
    options: Options,
    reading: Arc<Reading>,
    schema: SchemaRef,
}

impl KafkaSource {
    /// The table `name` with these columns; the options are checked, nobody is called yet.
    pub fn new(name: &str, columns: &[Column], options: &Options) -> Result<KafkaSource> {
        for column in columns {
            check_metadata(column)?;
        }
        let reading = Arc::new(Reading::new(options)?);
        // What a format cannot do is said when the table is named, not when it is read.
        let all = Scan { columns: (0..columns.len()).collect(), resume: None, batch_rows: 1, stop: Stop::default() };
        Decode::new(name, columns, &all, options)?;
        let field = |column: &Column| Field::new(&column.name, column.data_type.clone(), column.nullable);
        let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
        let (name, columns, options) = (name.to_string(), columns.to_vec(), options.clone());
        Ok(KafkaSource { name, columns, options, reading, schema })
    }
}

impl Source for KafkaSource {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn bounded(&self) -> bool {
        self.reading.end != End::Never
    }

    fn has_kinds(&self) -> bool {
        Decode::has_kinds(&self.options)
    }

    fn open(&self, scan: Scan) -> Result<Box<dyn Reader>> {
        let decoder = || Decode::new(&self.name, &self.columns, &scan, &self.options);
        let decode = || {
            let mut decode = decoder()?;
            Ok(move |raw| decode.apply(raw))
        };
        // A change of a database may become two rows.
        let records = if self.has_kinds() { scan.batch_rows / 2 } else { scan.batch_rows };
        let wish = Wish {
            resume: scan.resume.clone(),
            wants: Wants::of(&decoder()?, records),
            workers: DecodePool::<(), ()>::cores(),
            stop: scan.stop.clone(),
        };
        Ok(Box::new(KafkaReader::<Fetched>::open(self.reading.clone(), wish, decode)?))
    }
}

/// Keys that begin with `value.` belong to the format, which checks them itself.
fn check_metadata(column: &Column) -> Result<()> {
    let Some(key) = column.origin.metadata() else { return Ok(()) };
    let known = metadata::of_records();
    if key.starts_with("value.") || known.iter().any(|(name, _)| *name == key) {
        return Ok(());
    }
    let why = if key == "leader-epoch" { "is not told by the Kafka client" } else { "is not known" };
    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    Err(Error::Invalid(format!(
        "metadata '{key}' of column '{}' {why}; Kafka tables have {}",
        column.name,
        names.join(", ")
    )))
}
