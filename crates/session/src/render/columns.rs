//! What a front end must know of the columns before the first row comes.

use std::io;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use millstream_record::{Batch, Kind};

use super::Look;
use super::gate;
use super::grid::{Cell, Head, Tone};
use super::text::for_people;
use super::value::{Value, value};

/// The columns of a result.
#[derive(Clone, Debug)]
pub struct Columns {
    /// Names and Arrow types.
    pub schema: SchemaRef,
    /// The types as SQL writes them.
    pub types: Vec<String>,
    /// Whether each row is shown with its kind (`+I`, `-U`, `+U`, `-D`).
    pub kinds: bool,
}

impl Columns {
    /// Columns of this schema, without kinds.
    pub fn of(schema: SchemaRef) -> Columns {
        let types = schema.fields().iter().map(|field| crate::types::name(field.data_type()));
        Columns { types: types.collect(), kinds: false, schema }
    }

    /// The same columns with the kind of each row before them.
    pub fn with_kinds(self) -> Columns {
        Columns { kinds: true, ..self }
    }

    /// The name under which the kind of a row stands: `op`, or `$op` where a column is called so.
    pub fn kind_name(&self) -> String {
        let mut name = "op".to_string();
        while self.schema.column_with_name(&name).is_some() {
            name.insert(0, '$');
        }
        name
    }

    /// The columns as a schema, the kind's first if it is shown.
    pub(super) fn whole_schema(&self) -> SchemaRef {
        let kind = self.kinds.then(|| Arc::new(Field::new(self.kind_name(), DataType::Utf8, false)));
        let fields: Vec<_> = kind.into_iter().chain(self.schema.fields().iter().cloned()).collect();
        Arc::new(Schema::new(fields))
    }

    /// Rows under [`Columns::whole_schema`].
    pub(super) fn whole_rows(&self, schema: &SchemaRef, batch: &Batch) -> io::Result<RecordBatch> {
        let kinds = self.kinds.then(|| {
            Arc::new(StringArray::from_iter_values((0..batch.len()).map(|row| batch.kind(row).mark()))) as ArrayRef
        });
        let columns = kinds.into_iter().chain(batch.rows.columns().iter().cloned()).collect();
        let rows = RecordBatch::try_new(schema.clone(), columns);
        rows.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// Heads of a box table, the kind's first if it is shown.
    pub(crate) fn heads(&self) -> Vec<Head> {
        let kind = self.kinds.then(|| Head { name: self.kind_name(), kind: String::new(), right: false });
        let columns = self.schema.fields().iter().zip(&self.types).map(|(field, name)| Head {
            name: gate::shown(field.name()).into_owned(),
            kind: gate::shown(name).into_owned(),
            right: stands_right(field.data_type()),
        });
        kind.into_iter().chain(columns).collect()
    }

    /// Cells of one row, the kind first if it is shown.
    pub(crate) fn cells(&self, batch: &Batch, row: usize, look: &Look) -> Vec<Cell> {
        let kind = self.kinds.then(|| kind_cell(batch.kind(row)));
        let cells = batch.rows.columns().iter().map(|column| {
            let cell = value(column.as_ref(), row);
            let mut text = String::new();
            for_people(&mut text, &cell, look.zone);
            Cell { text, tone: if matches!(cell, Value::Null) { Tone::Dim } else { Tone::Plain } }
        });
        kind.into_iter().chain(cells).collect()
    }
}

fn kind_cell(kind: Kind) -> Cell {
    let tone = match kind {
        Kind::Insert => Tone::Good,
        Kind::UpdateBefore => Tone::Dim,
        Kind::UpdateAfter => Tone::Fresh,
        Kind::Delete => Tone::Gone,
    };
    Cell { text: kind.mark().to_string(), tone }
}

/// Whether cells of this type line up at their last digit.
fn stands_right(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

/// A batch whose columns are those of `columns`, for rows that were made here and not by a query.
pub fn batch_of(rows: RecordBatch) -> (Columns, Batch) {
    (Columns::of(rows.schema()), Batch::insert(rows))
}
