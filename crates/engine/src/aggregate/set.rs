//! The aggregate functions of one operator side by side, over the same groups.

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use millstream_plan::AggregateCall;
use millstream_record::Kinds;

use crate::aggregate::count::Count;
use crate::aggregate::{Accumulator, Rows, accumulator};
use crate::error::Result;
use crate::state::Tables;

/// Several functions over the same groups.
pub struct AggregateSet {
    parts: Vec<Part>,
}

struct Part {
    args: Vec<usize>,
    filter: Option<usize>,
    accumulator: Box<dyn Accumulator>,
}

impl AggregateSet {
    /// The functions of `calls` over rows of `schema`. `retracts`: rows may be taken back.
    pub fn new(calls: &[AggregateCall], schema: &SchemaRef, retracts: bool) -> Result<Self> {
        let part = |call: &AggregateCall| -> Result<Part> {
            let types: Vec<DataType> = call.args.iter().map(|&arg| schema.field(arg).data_type().clone()).collect();
            Ok(Part { args: call.args.clone(), filter: call.filter, accumulator: accumulator(call, &types, retracts)? })
        };
        Ok(AggregateSet { parts: calls.iter().map(part).collect::<Result<_>>()? })
    }

    /// Makes room for groups `0..groups`.
    pub fn resize(&mut self, groups: usize) {
        self.parts.iter_mut().for_each(|part| part.accumulator.resize(groups));
    }

    /// Adds rows to their groups, or takes them back.
    pub fn update(&mut self, rows: &RecordBatch, kinds: Option<&Kinds>, groups: &[u32]) -> Result<()> {
        self.parts
            .iter_mut()
            .try_for_each(|part| part.accumulator.update(&rows_of(&part.args, part.filter, rows, kinds), groups))
    }

    /// Adds rows one after the other; per function the values before and after each row.
    pub fn scan(
        &mut self,
        rows: &RecordBatch,
        kinds: Option<&Kinds>,
        groups: &[u32],
    ) -> Result<(Vec<ArrayRef>, Vec<ArrayRef>)> {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for part in &mut self.parts {
            let (left, right) = part.accumulator.scan(&rows_of(&part.args, part.filter, rows, kinds), groups)?;
            before.push(left);
            after.push(right);
        }
        Ok((before, after))
    }

    /// Adds the groups of another set of the same functions: its group `g` to ours `map[g]`.
    pub fn merge(&mut self, other: &mut AggregateSet, map: &[u32]) -> Result<()> {
        let pairs = self.parts.iter_mut().zip(&mut other.parts);
        pairs.into_iter().try_for_each(|(ours, theirs)| ours.accumulator.merge(theirs.accumulator.as_mut(), map))
    }

    /// Adds our own group `from` to our group `to`.
    pub fn absorb(&mut self, from: u32, to: u32) -> Result<()> {
        self.parts.iter_mut().try_for_each(|part| part.accumulator.absorb(from, to))
    }

    /// The results of these groups, one column per function.
    pub fn evaluate(&mut self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        self.parts.iter_mut().map(|part| part.accumulator.evaluate(groups)).collect()
    }

    /// The last function of the set, where that is a `COUNT(*)` put there to tell which groups have rows.
    pub fn row_counts(&mut self) -> Option<&mut Count> {
        self.parts.last_mut()?.accumulator.as_any().downcast_mut()
    }

    /// Empties a group.
    pub fn reset(&mut self, group: u32) {
        self.parts.iter_mut().for_each(|part| part.accumulator.reset(group));
    }

    /// Saves all cells; the names of the tables begin with `prefix`.
    pub fn save(&mut self, prefix: &str, tables: &mut Tables) -> Result<()> {
        for (number, part) in self.parts.iter_mut().enumerate() {
            tables.insert(format!("{prefix}{number}"), part.accumulator.save()?);
        }
        Ok(())
    }

    /// Loads what `save` wrote under `prefix`.
    pub fn load(&mut self, prefix: &str, tables: &Tables) -> Result<()> {
        for (number, part) in self.parts.iter_mut().enumerate() {
            if let Some(table) = tables.get(&format!("{prefix}{number}")) {
                part.accumulator.load(table)?;
            }
        }
        Ok(())
    }

    /// Bytes in use, roughly.
    pub fn size(&self) -> usize {
        self.parts.iter().map(|part| part.accumulator.size()).sum()
    }
}

fn rows_of(args: &[usize], filter: Option<usize>, rows: &RecordBatch, kinds: Option<&Kinds>) -> Rows {
    Rows {
        args: args.iter().map(|&arg| rows.column(arg).clone()).collect(),
        keep: filter.map(|column| rows.column(column).as_boolean().clone()),
        kinds: kinds.cloned(),
        len: rows.num_rows(),
    }
}
