//! A pane: the groups of one slice, or of one window, with their aggregates.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use millstream_plan::AggregateCall;
use millstream_record::Kinds;

use crate::aggregate::AggregateSet;
use crate::error::Result;
use crate::keys::Interner;
use crate::state::Tables;

/// What every pane of an operator has in common.
#[derive(Clone, Debug)]
pub struct PaneShape {
    /// The key columns of the input.
    pub keys: Vec<usize>,
    /// The aggregates; behind them, where rows may be taken back, a `COUNT(*)` that tells empty groups.
    pub calls: Vec<AggregateCall>,
    /// The columns of the input.
    pub schema: SchemaRef,
    /// Whether rows may be taken back.
    pub retracts: bool,
}

/// Groups and their aggregates.
pub struct Pane {
    interner: Interner,
    aggregates: AggregateSet,
    rows: u64,
}

impl PaneShape {
    /// The shape for these keys and aggregates.
    pub fn new(keys: &[usize], calls: &[AggregateCall], schema: SchemaRef, retracts: bool) -> Self {
        let mut calls = calls.to_vec();
        if retracts {
            calls.push(rows_call());
        }
        PaneShape { keys: keys.to_vec(), calls, schema, retracts }
    }

    /// An empty pane.
    pub fn pane(&self) -> Result<Pane> {
        Ok(Pane {
            interner: Interner::new(self.key_types())?,
            aggregates: AggregateSet::new(&self.calls, &self.schema, self.retracts)?,
            rows: 0,
        })
    }

    /// The types of the key columns.
    pub fn key_types(&self) -> Vec<DataType> {
        self.keys.iter().map(|&key| self.schema.field(key).data_type().clone()).collect()
    }
}

/// `COUNT(*)`: how many rows a group has.
pub fn rows_call() -> AggregateCall {
    AggregateCall {
        kind: millstream_plan::AggregateKind::Count,
        args: Vec::new(),
        distinct: false,
        filter: None,
        name: "rows".into(),
        data_type: DataType::Int64,
        nullable: false,
    }
}

impl Pane {
    /// Adds rows, or takes them back. `scratch` is kept by the caller so that nothing is allocated per batch.
    pub fn update(
        &mut self,
        shape: &PaneShape,
        rows: &RecordBatch,
        kinds: Option<&Kinds>,
        scratch: &mut Vec<u32>,
    ) -> Result<()> {
        let keys: Vec<ArrayRef> = shape.keys.iter().map(|&key| rows.column(key).clone()).collect();
        self.interner.intern(&keys, rows.num_rows(), scratch)?;
        self.aggregates.resize(self.interner.len());
        self.rows += rows.num_rows() as u64;
        self.aggregates.update(rows, kinds, scratch)
    }

    /// How many rows it took, those that took others back included.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// It has been loaded, and took so many rows before it was saved.
    pub fn set_rows(&mut self, rows: u64) {
        self.rows = rows;
    }

    /// How many keys the panes have together.
    pub fn count_keys(shape: &PaneShape, panes: &[&Pane]) -> Result<u64> {
        if let [one] = panes {
            return Ok(one.interner.len() as u64);
        }
        let mut all = Interner::new(shape.key_types())?;
        let mut scratch = Vec::new();
        for pane in panes {
            let groups: Vec<u32> = (0..pane.interner.len() as u32).collect();
            all.intern(&pane.interner.keys(&groups)?, groups.len(), &mut scratch)?;
        }
        Ok(all.len() as u64)
    }

    /// Adds another pane.
    pub fn merge(&mut self, other: &mut Pane, scratch: &mut Vec<u32>) -> Result<()> {
        let groups: Vec<u32> = (0..other.interner.len() as u32).collect();
        let keys = other.interner.keys(&groups)?;
        self.interner.intern(&keys, groups.len(), scratch)?;
        self.aggregates.resize(self.interner.len());
        self.rows += other.rows;
        self.aggregates.merge(&mut other.aggregates, scratch)
    }

    /// The keys and the results of all groups that have rows, and how many they are.
    pub fn results(&mut self, shape: &PaneShape) -> Result<(Vec<ArrayRef>, usize)> {
        let mut groups: Vec<u32> = (0..self.interner.len() as u32).collect();
        let mut results = self.aggregates.evaluate(&groups)?;
        if shape.retracts {
            use arrow::array::cast::AsArray;
            let counts = results.pop().expect("the last aggregate counts the rows");
            let counts = counts.as_primitive::<arrow::datatypes::Int64Type>();
            groups.retain(|&group| counts.value(group as usize) > 0);
            let indices = UInt32Array::from(groups.clone());
            results =
                results.iter().map(|column| arrow::compute::take(column, &indices, None)).collect::<Result<_, _>>()?;
        }
        let mut columns = self.interner.keys(&groups)?;
        columns.append(&mut results);
        Ok((columns, groups.len()))
    }

    /// Saves the pane; the names of its tables begin with `prefix`.
    pub fn save(&mut self, prefix: &str, tables: &mut Tables) -> Result<()> {
        let groups: Vec<u32> = (0..self.interner.len() as u32).collect();
        let mut columns = self.interner.keys(&groups)?;
        columns.push(Arc::new(UInt32Array::from(groups)));
        let fields: Vec<_> = columns
            .iter()
            .enumerate()
            .map(|(n, column)| Field::new(format!("k{n}"), column.data_type().clone(), true))
            .collect();
        tables.insert(format!("{prefix}keys"), RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?);
        self.aggregates.save(prefix, tables)
    }

    /// Loads what `save` wrote under `prefix`, into an empty pane.
    pub fn load(&mut self, prefix: &str, tables: &Tables) -> Result<()> {
        if let Some(keys) = tables.get(&format!("{prefix}keys")) {
            let columns = &keys.columns()[..keys.num_columns() - 1];
            self.interner.reserve(keys.num_rows());
            self.interner.intern(columns, keys.num_rows(), &mut Vec::new())?;
        }
        self.aggregates.load(prefix, tables)?;
        self.aggregates.resize(self.interner.len());
        Ok(())
    }

    /// Bytes in use, roughly.
    pub fn size(&self) -> usize {
        self.interner.size() + self.aggregates.size()
    }
}
