//! Aggregates that users brought. A cell is bytes which only the function can read; it is called once for all
//! the cells that a batch touches, so that where it runs may be far away.

use std::any::Any;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, BinaryArray, BooleanArray, RecordBatch, UInt32Array};
use arrow::compute::{filter, prep_null_mask_filter};
use arrow::datatypes::{DataType, Field, Schema};
use millstream_plan::UserFunction;

use crate::aggregate::{Accumulator, Rows, same};
use crate::error::{EngineError, Result};

/// Where the layout of the cells is written beside them.
const LAYOUT: &str = "layout";

/// The bytes of a cell; `None` for one that is empty.
type Cell = Option<Box<[u8]>>;

/// The cells of one function.
pub struct User {
    function: Arc<UserFunction>,
    cells: Vec<Cell>,
}

impl User {
    /// No group yet.
    pub fn new(function: Arc<UserFunction>) -> Self {
        User { function, cells: Vec::new() }
    }

    fn gather(&self, groups: impl Iterator<Item = u32>) -> BinaryArray {
        groups.map(|group| self.cells[group as usize].as_deref()).collect()
    }

    fn put(&mut self, groups: &[u32], cells: &BinaryArray) {
        for (&group, cell) in groups.iter().zip(cells) {
            self.cells[group as usize] = cell.map(Into::into);
        }
    }

    /// Adds each of these cells to the one of ours at its place; a group may be named more than once.
    fn join(&mut self, pairs: impl Iterator<Item = (u32, Cell)>) -> Result<()> {
        let mut rest: Vec<(u32, Cell)> = pairs.filter(|(_, cell)| cell.is_some()).collect();
        rest.sort_by_key(|(group, _)| *group);
        while !rest.is_empty() {
            // One of each group at a time, in their order.
            let (mut now, mut later): (Vec<(u32, Cell)>, Vec<_>) = (Vec::new(), Vec::new());
            for pair in rest {
                let again = now.last().is_some_and(|(group, _)| *group == pair.0);
                if again { later.push(pair) } else { now.push(pair) }
            }
            let groups: Vec<u32> = now.iter().map(|(group, _)| *group).collect();
            let others: BinaryArray = now.iter().map(|(_, cell)| cell.as_deref()).collect();
            let joined = self.function.merge(&self.gather(groups.iter().copied()), &others)?;
            self.put(&groups, &joined);
            rest = later;
        }
        Ok(())
    }
}

impl Accumulator for User {
    fn resize(&mut self, groups: usize) {
        self.cells.resize(groups.max(self.cells.len()), None);
    }

    fn update(&mut self, rows: &Rows, groups: &[u32]) -> Result<()> {
        let keep = rows
            .keep
            .as_ref()
            .map(|keep| if keep.null_count() > 0 { prep_null_mask_filter(keep) } else { keep.clone() });
        let taken_back = rows
            .kinds
            .as_ref()
            .map(|kinds| (0..rows.len).map(|row| Some(kinds.get(row).is_retraction())).collect::<BooleanArray>());
        let (args, groups, taken_back) = match &keep {
            Some(keep) => {
                let args = rows.args.iter().map(|arg| filter(arg, keep)).collect::<Result<Vec<ArrayRef>, _>>()?;
                let kept = groups.iter().zip(keep.values()).filter(|(_, keep)| *keep);
                let groups = kept.map(|(group, _)| *group).collect::<Vec<u32>>();
                let taken_back = taken_back.map(|taken_back| filter(&taken_back, keep)).transpose()?;
                (args, groups, taken_back.map(|taken_back| taken_back.as_boolean().clone()))
            }
            None => (rows.args.clone(), groups.to_vec(), taken_back),
        };
        let mut touched = groups.clone();
        touched.sort_unstable();
        touched.dedup();
        let place = |group: &u32| touched.binary_search(group).expect("every group was gathered") as u32;
        let places = UInt32Array::from_iter_values(groups.iter().map(place));
        let cells = self.gather(touched.iter().copied());
        let updated = match &taken_back {
            Some(taken_back) if taken_back.true_count() > 0 => {
                self.function.change(&cells, &places, taken_back, &args)?
            }
            _ => self.function.update(&cells, &places, &args)?,
        };
        self.put(&touched, &updated);
        Ok(())
    }

    fn merge(&mut self, other: &mut dyn Accumulator, map: &[u32]) -> Result<()> {
        // A pane is merged into more than one window: it keeps its cells.
        let cells = &same::<Self>(other).cells;
        self.join(map.iter().copied().zip(cells.iter().cloned()))
    }

    fn absorb(&mut self, from: u32, to: u32) -> Result<()> {
        let cell = self.cells[from as usize].clone();
        self.join(std::iter::once((to, cell)))
    }

    fn evaluate(&mut self, groups: &[u32]) -> Result<ArrayRef> {
        Ok(self.function.finish(&self.gather(groups.iter().copied()))?)
    }

    fn reset(&mut self, group: u32) {
        self.cells[group as usize] = None;
    }

    fn save(&mut self) -> Result<RecordBatch> {
        let cells: BinaryArray = self.cells.iter().map(Option::as_deref).collect();
        let layout = [(LAYOUT.to_string(), format!("{:016x}", self.function.layout))].into();
        let schema = Schema::new_with_metadata(vec![Field::new("cell", DataType::Binary, true)], layout);
        Ok(RecordBatch::try_new(schema.into(), vec![Arc::new(cells)])?)
    }

    fn load(&mut self, table: &RecordBatch) -> Result<()> {
        let (ours, theirs) = (format!("{:016x}", self.function.layout), table.schema_ref().metadata().get(LAYOUT));
        if theirs.is_some_and(|theirs| *theirs != ours) {
            let uid = self.function.name.clone();
            let reason = "the fields in which the function keeps its cells have changed since they were saved".into();
            return Err(EngineError::State { uid, reason });
        }
        self.cells = table.column(0).as_binary::<i32>().iter().map(|cell| cell.map(Into::into)).collect();
        Ok(())
    }

    fn size(&self) -> usize {
        let bytes: usize = self.cells.iter().flatten().map(|cell| cell.len()).sum();
        bytes + self.cells.capacity() * size_of::<Cell>()
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

#[cfg(test)]
mod tests;
