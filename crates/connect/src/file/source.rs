//! A table over files: what stays the same from run to run.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use millstream_record::{Column, Options, Reader, Result, Scan, Source};

use super::lines::Framing;
use super::listing::Listing;
use super::part::ChunkDecoder;
use super::reader::{FileReader, Pool};
use super::{options, parquet};
use crate::format::Decode;
use crate::format::settings::{Settings, field_of};

/// Files of one format.
pub(super) struct FileSource {
    name: String,
    columns: Arc<[Column]>,
    options: Options,
    kind: Contents,
}

/// What stands in the files.
#[derive(Clone)]
pub(super) enum Contents {
    /// Lines, with how they are cut and the longest record that is decoded.
    Lines(Framing, usize),
    Parquet,
}

impl FileSource {
    pub(super) fn new(name: &str, columns: &[Column], options: &Options) -> Result<FileSource> {
        options::path(options)?;
        options::pattern(options)?;
        let settings = Settings::of_value(options)?;
        let framing = Framing::of(&settings)?;
        let kind = framing.map_or(Contents::Parquet, |framing| Contents::Lines(framing, settings.most_bytes()));
        let source = FileSource { name: name.into(), columns: columns.into(), options: options.clone(), kind };
        source.check()?;
        Ok(source)
    }

    /// Whether all columns can be read, before any run.
    fn check(&self) -> Result<()> {
        let columns = (0..self.columns.len()).collect();
        let scan = Scan { columns, resume: None, batch_rows: 1, stop: Default::default() };
        match &self.kind {
            Contents::Lines(..) => Decode::new(&self.name, &self.columns, &scan, &self.options).map(|_| ()),
            Contents::Parquet => parquet::check(&self.name, &self.columns),
        }
    }
}

impl Source for FileSource {
    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(self.columns.iter().map(field_of).collect::<Vec<_>>()))
    }

    fn bounded(&self) -> bool {
        options::monitor_interval(&self.options).is_none()
    }

    fn has_kinds(&self) -> bool {
        Decode::has_kinds(&self.options)
    }

    fn open(&self, scan: Scan) -> Result<Box<dyn Reader>> {
        let interval = options::monitor_interval(&self.options);
        let listing = Listing {
            path: options::path(&self.options)?,
            pattern: options::pattern(&self.options)?,
            may_be_absent: interval.is_some(),
        };
        let pool = match &self.kind {
            Contents::Parquet => None,
            Contents::Lines(framing, most_bytes) => Some(Pool::new(Pool::cores(), || {
                let cutting = (framing.clone(), *most_bytes);
                let mut decoder = ChunkDecoder::new(&self.name, &self.columns, &scan, &self.options, cutting)?;
                Ok(move |chunk| decoder.decode(chunk))
            })?),
        };
        Ok(Box::new(FileReader::new(listing, interval, self.kind.clone(), self.columns.clone(), scan, pool)?))
    }
}
