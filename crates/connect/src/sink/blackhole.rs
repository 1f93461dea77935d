//! `connector = 'blackhole'`: takes every row and keeps none, to measure what stands before it.

use arrow::datatypes::DataType;
use millstream_record::{Batch, Column, Connector, Error, OptionSpec, Options, Result, Sink, Source};

/// Takes every row and keeps none.
pub struct Blackhole;

impl Connector for Blackhole {
    fn name(&self) -> &'static str {
        "blackhole"
    }

    fn doc(&self) -> &'static str {
        "a sink that takes every row and keeps none"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &[]
    }

    fn metadata(&self) -> Vec<(&'static str, DataType)> {
        Vec::new()
    }

    fn source(&self, name: &str, _: &[Column], _: &Options) -> Result<Box<dyn Source>> {
        Err(Error::Invalid(format!("'{name}' cannot be read: what goes into 'blackhole' is gone")))
    }

    fn sink(&self, _: &str, _: &[Column], _: &[usize], _: &Options) -> Result<Box<dyn Sink>> {
        Ok(Box::new(Nothing))
    }
}

struct Nothing;

impl Sink for Nothing {
    fn write(&mut self, _: &Batch) -> Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}
