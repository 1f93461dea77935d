//! `connector = 'filesystem'`: files and folders as tables. Each file is a partition, read in the order of
//! the names; the position in it is the byte at which a line begins (of the text behind a compression),
//! or the row of a Parquet file. Lines are read in large chunks and decoded on the threads of a pool.
//! With `source.monitor-interval` the folder is followed: new files and appended lines are picked up.
//!
//! As a sink it writes part files into a folder, hidden until they are complete; how long one is written is
//! told by its size and by a clock.

mod browse;
mod chunk;
mod compression;
mod follow;
mod footer;
mod lines;
mod listing;
mod options;
mod parquet;
mod part;
mod reader;
mod sink;
mod source;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::datatypes::DataType;
use millstream_record::{Browse, Clock, Column, Connector, OptionSpec, Options, Result, Sink, Source, SystemClock};

use crate::format::metadata;

pub use footer::{Footer, footer};

/// Files and folders.
pub struct Filesystem {
    /// By which part files grow old.
    pub clock: Arc<dyn Clock>,
}

impl Default for Filesystem {
    fn default() -> Self {
        Filesystem { clock: Arc::new(SystemClock) }
    }
}

impl Connector for Filesystem {
    fn name(&self) -> &'static str {
        "filesystem"
    }

    fn doc(&self) -> &'static str {
        "a file or a folder of JSON lines, CSV, Parquet or raw lines; compressed too; bounded, or followed as files arrive"
    }

    fn options(&self) -> &'static [OptionSpec] {
        options::ALL
    }

    fn metadata(&self) -> Vec<(&'static str, DataType)> {
        metadata::of_files()
    }

    fn source(&self, name: &str, columns: &[Column], options: &Options) -> Result<Box<dyn Source>> {
        Ok(Box::new(source::FileSource::new(name, columns, options)?))
    }

    fn sink(&self, name: &str, columns: &[Column], _: &[usize], options: &Options) -> Result<Box<dyn Sink>> {
        Ok(Box::new(sink::FileSink::new(name, columns, options, self.clock.clone())?))
    }

    fn has_records(&self, options: &Options) -> bool {
        options.text("value.format").or(options.text("format")) != Some("parquet")
    }

    fn browse(&self, _: Option<&str>, options: &Options) -> Result<Box<dyn Browse>> {
        Ok(Box::new(browse::FileBrowse::new(options)?))
    }
}
