//! Results as an Arrow IPC stream, types and all, for programs that go on computing.

use std::io::{self, Write};

use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use millstream_record::Batch;

use super::{Columns, Writer};

/// Keeps the stream's writer, which writes into memory of its own that is handed on batch by batch.
pub struct ArrowStream {
    columns: Columns,
    schema: SchemaRef,
    stream: Option<StreamWriter<Vec<u8>>>,
}

impl ArrowStream {
    /// A stream of these columns; the kind, if it is shown, is a column of text before them.
    pub fn new(columns: Columns) -> ArrowStream {
        ArrowStream { schema: columns.whole_schema(), columns, stream: None }
    }

    fn stream(&mut self) -> io::Result<&mut StreamWriter<Vec<u8>>> {
        if self.stream.is_none() {
            self.stream = Some(StreamWriter::try_new(Vec::new(), &self.schema).map_err(refused)?);
        }
        Ok(self.stream.as_mut().expect("it was made above"))
    }

    fn hand_on(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let memory = self.stream()?.get_mut();
        out.write_all(memory)?;
        memory.clear();
        Ok(())
    }
}

impl Writer for ArrowStream {
    fn rows(&mut self, out: &mut dyn Write, batch: &Batch) -> io::Result<()> {
        let rows = self.columns.whole_rows(&self.schema, batch)?;
        self.stream()?.write(&rows).map_err(refused)?;
        self.hand_on(out)
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.stream()?.finish().map_err(refused)?;
        self.hand_on(out)
    }
}

fn refused(error: ArrowError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
