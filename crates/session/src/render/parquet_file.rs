//! Results as a Parquet file, types and all. It is written front to back, so a pipe takes it as well as a file.

use std::io::{self, Write};

use arrow::datatypes::SchemaRef;
use millstream_record::Batch;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::{Columns, Writer};

/// Keeps the file's writer, which writes into memory of its own that is handed on row group by row group.
pub struct ParquetFile {
    columns: Columns,
    schema: SchemaRef,
    file: Option<ArrowWriter<Vec<u8>>>,
}

impl ParquetFile {
    /// A file of these columns; the kind, if it is shown, is a column of text before them.
    pub fn new(columns: Columns) -> ParquetFile {
        ParquetFile { schema: columns.whole_schema(), columns, file: None }
    }

    fn file(&mut self) -> io::Result<&mut ArrowWriter<Vec<u8>>> {
        if self.file.is_none() {
            let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
            let file = ArrowWriter::try_new(Vec::new(), self.schema.clone(), Some(properties));
            self.file = Some(file.map_err(refused)?);
        }
        Ok(self.file.as_mut().expect("it was made above"))
    }

    fn hand_on(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let memory = self.file()?.inner_mut();
        out.write_all(memory)?;
        memory.clear();
        Ok(())
    }
}

impl Writer for ParquetFile {
    fn rows(&mut self, out: &mut dyn Write, batch: &Batch) -> io::Result<()> {
        let rows = self.columns.whole_rows(&self.schema, batch)?;
        self.file()?.write(&rows).map_err(refused)?;
        self.hand_on(out)
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.file()?.finish().map_err(refused)?;
        self.hand_on(out)
    }
}

fn refused(error: ParquetError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
