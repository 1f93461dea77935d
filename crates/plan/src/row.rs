//! What an edge of the graph carries: the columns, which of them are event time, and whether rows are
//! ever taken back.

use arrow::datatypes::{DataType, SchemaRef};

/// Whether an edge only adds rows or also takes rows back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Changes {
    /// Every row is `+I`.
    Append,
    /// Rows come as `+I`, `-U`, `+U`, `-D`; each retraction repeats the row it takes back.
    Retract,
}

/// The type of the rows on an edge. Column names are unique within it.
#[derive(Clone, Debug, PartialEq)]
pub struct RowType {
    /// The columns.
    pub schema: SchemaRef,
    /// The columns that are event time (`ROWTIME`): the watermark speaks of them. Ascending indices.
    pub times: Vec<usize>,
    /// Whether rows are taken back.
    pub changes: Changes,
}

impl RowType {
    /// Whether this column is event time.
    pub fn is_time(&self, column: usize) -> bool {
        self.times.contains(&column)
    }

    /// The type of a column.
    pub fn data_type(&self, column: usize) -> &DataType {
        self.schema.field(column).data_type()
    }

    /// Whether a column is `TIMESTAMP_LTZ`: an instant, shown in the session's zone.
    pub fn is_local(&self, column: usize) -> bool {
        matches!(self.data_type(column), DataType::Timestamp(_, Some(_)))
    }
}
