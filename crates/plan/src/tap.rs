//! A tap: a typed, timed view of a topic. In SQL it is a `CREATE TABLE … WATERMARK … WITH (…)`.

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::logical_expr::Expr;
use millstream_record::Column;

/// A table of the catalogue: a source, a sink, or both.
#[derive(Clone, Debug)]
pub struct Tap {
    /// Its name.
    pub name: String,
    /// Its columns in declared order.
    pub columns: Vec<TapColumn>,
    /// How event time advances; `None` for a table without event time.
    pub watermark: Option<Watermark>,
    /// The columns of the primary key, as indices; empty if there is none.
    pub primary_key: Vec<usize>,
    /// What its records do to the table.
    pub changes: TapChanges,
    /// The expressions of `PARTITIONED BY (…)`, as typed.
    pub partitioned_by: Vec<String>,
    /// `WITH (…)`, as typed, without `connector`.
    pub options: BTreeMap<String, String>,
    /// `'connector' = …`.
    pub connector: String,
}

/// A column of a tap.
#[derive(Clone, Debug)]
pub enum TapColumn {
    /// The connector delivers it.
    Physical(Column),
    /// The engine computes it from the physical ones.
    Computed(ComputedColumn),
}

/// `name AS expression`.
#[derive(Clone, Debug)]
pub struct ComputedColumn {
    /// The column's name.
    pub name: String,
    /// The expression over the tap's physical columns, by name.
    pub expr: Expr,
    /// The expression as typed.
    pub text: String,
    /// Its type.
    pub data_type: DataType,
    /// Whether it can be null.
    pub nullable: bool,
}

/// `WATERMARK FOR column AS expression`.
#[derive(Clone, Debug)]
pub struct Watermark {
    /// The event-time column: an index into the tap's columns.
    pub column: usize,
    /// The expression over all columns of the tap, by name; evaluated after each row.
    pub expr: Expr,
    /// The expression as typed.
    pub text: String,
}

/// What the records of a tap do to the table they stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TapChanges {
    /// Each record adds a row.
    Append,
    /// Each record carries its kind (`debezium-json`); old rows are repeated when they go.
    Retract,
    /// Each record replaces the row with its primary key; a retraction names only the key.
    Upsert,
}

impl TapColumn {
    /// The column's name.
    pub fn name(&self) -> &str {
        match self {
            TapColumn::Physical(column) => &column.name,
            TapColumn::Computed(column) => &column.name,
        }
    }

    /// The column as an Arrow field.
    pub fn field(&self) -> Field {
        match self {
            TapColumn::Physical(column) => Field::new(&column.name, column.data_type.clone(), column.nullable),
            TapColumn::Computed(column) => Field::new(&column.name, column.data_type.clone(), column.nullable),
        }
    }
}

impl Tap {
    /// All columns, computed ones included.
    pub fn schema(&self) -> SchemaRef {
        Schema::new(self.columns.iter().map(TapColumn::field).collect::<Vec<_>>()).into()
    }

    /// The physical columns in order, as the connector sees them.
    pub fn physical(&self) -> Vec<Column> {
        let physical = |column: &TapColumn| match column {
            TapColumn::Physical(column) => Some(column.clone()),
            TapColumn::Computed(_) => None,
        };
        self.columns.iter().filter_map(physical).collect()
    }

    /// The index of the column with this name.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name() == name)
    }
}
