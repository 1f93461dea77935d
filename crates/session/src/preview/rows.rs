//! The first rows of a preview: few, in the order in which they came, those of open windows marked. What is
//! not shown is counted and not kept.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use millstream_record::Batch;

use crate::fault::Fault;
use crate::fold::Fold;
use crate::render::Columns;
use crate::reply::Table;

/// So many rows are shown.
const SHOWN: usize = 10;
/// So many of them are kept for open windows, where there are both.
const SHOWN_OPEN: usize = 3;
/// The name of the column that marks rows of open windows.
pub const OPEN: &str = "open";

/// Takes the rows of a preview.
pub enum Rows {
    /// Rows that stay.
    Appended {
        /// What came while the sample was fed.
        closed: First,
        /// What comes when everything ends.
        open: First,
    },
    /// Rows that are replaced: what stands of them in the end.
    Folded {
        /// The rows that stand.
        fold: Box<Fold>,
        /// How many changes led there.
        changes: u64,
    },
}

/// The first rows, and how many there are.
#[derive(Default)]
pub struct First {
    batches: Vec<RecordBatch>,
    kept: usize,
    total: u64,
}

impl First {
    fn take(&mut self, rows: &RecordBatch) {
        self.total += rows.num_rows() as u64;
        let room = SHOWN.saturating_sub(self.kept).min(rows.num_rows());
        if room > 0 {
            self.kept += room;
            self.batches.push(rows.slice(0, room));
        }
    }

    fn rows(&self, schema: &SchemaRef, most: usize) -> Result<RecordBatch, Fault> {
        let all = arrow::compute::concat_batches(schema, &self.batches)?;
        Ok(all.slice(0, all.num_rows().min(most)))
    }
}

impl Rows {
    /// Takes rows; `ended` when they come because everything ends.
    pub fn take(&mut self, batch: &Batch, ended: bool) -> Result<(), arrow::error::ArrowError> {
        match self {
            Rows::Appended { closed, open } => {
                if ended {
                    open.take(&batch.rows)
                } else {
                    closed.take(&batch.rows)
                }
                Ok(())
            }
            Rows::Folded { fold, changes } => {
                *changes += batch.len() as u64;
                fold.take(batch)
            }
        }
    }

    /// Rows that stand, changes, and rows that are open.
    pub fn totals(&self) -> (u64, u64, u64) {
        match self {
            Rows::Appended { closed, open } => (closed.total, 0, open.total),
            Rows::Folded { fold, changes } => (fold.len() as u64, *changes, 0),
        }
    }

    /// The first of them as a table.
    pub fn table(&self, schema: &SchemaRef) -> Result<Table, Fault> {
        let rows = match self {
            Rows::Appended { closed, open } => {
                let open_shown = open.kept.min(SHOWN_OPEN.max(SHOWN - closed.kept));
                let first = closed.rows(schema, SHOWN - open_shown)?;
                if open_shown == 0 { first } else { marked(schema, &first, &open.rows(schema, open_shown)?)? }
            }
            Rows::Folded { fold, .. } => match fold.batches(SHOWN)?.first() {
                Some(first) => first.clone(),
                None => RecordBatch::new_empty(schema.clone()),
            },
        };
        Ok(Table { columns: Columns::of(rows.schema()), rows: vec![Batch::insert(rows)] })
    }
}

/// Closed rows and open ones behind them, with a last column that marks the open ones.
fn marked(schema: &SchemaRef, closed: &RecordBatch, open: &RecordBatch) -> Result<RecordBatch, Fault> {
    let rows = arrow::compute::concat_batches(schema, [closed, open])?;
    let marks = (0..rows.num_rows()).map(|row| if row < closed.num_rows() { "" } else { "…" });
    let mut fields: Vec<Arc<Field>> = schema.fields().to_vec();
    let mut name = OPEN.to_string();
    while schema.column_with_name(&name).is_some() {
        name.insert(0, '$');
    }
    fields.push(Arc::new(Field::new(name, DataType::Utf8, false)));
    let mut columns = rows.columns().to_vec();
    columns.push(Arc::new(StringArray::from_iter_values(marks)) as ArrayRef);
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}
