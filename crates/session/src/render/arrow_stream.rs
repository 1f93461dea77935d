//! Results as an Arrow IPC stream, types and all, for programs that go on computing.

use std::io::{self, Write};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
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
        let kind = columns.kinds.then(|| Arc::new(Field::new(columns.kind_name(), DataType::Utf8, false)));
        let fields: Vec<_> = kind.into_iter().chain(columns.schema.fields().iter().cloned()).collect();
        ArrowStream { columns, schema: Arc::new(Schema::new(fields)), stream: None }
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
        let kinds = self.columns.kinds.then(|| {
            Arc::new(StringArray::from_iter_values((0..batch.len()).map(|row| batch.kind(row).mark()))) as ArrayRef
        });
        let columns = kinds.into_iter().chain(batch.rows.columns().iter().cloned()).collect();
        let rows = RecordBatch::try_new(self.schema.clone(), columns).map_err(refused)?;
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
