//! Aggregate functions of DataFusion behind our interface, one of its row accumulators per group. Slower
//! than our own, for the functions that are rarely asked for.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array, new_empty_array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::logical_expr::{Accumulator as RowAccumulator, AggregateUDF};
use datafusion::physical_expr::aggregate::{AggregateExprBuilder, AggregateFunctionExpr};
use datafusion::physical_expr::expressions::col;
use datafusion::scalar::ScalarValue;

use crate::aggregate::{Accumulator, Rows, same};
use crate::error::Result;

/// One of DataFusion's accumulators per group.
pub struct Borrowed {
    function: AggregateFunctionExpr,
    cells: Vec<Box<dyn RowAccumulator>>,
    states: Vec<FieldRef>,
    result: DataType,
    /// What went wrong where no error could be returned; said at the next chance.
    failed: Option<datafusion::error::DataFusionError>,
}

impl Borrowed {
    /// The function over arguments of these types.
    pub fn new(function: Arc<AggregateUDF>, args: &[DataType], result: &DataType) -> Result<Self> {
        let field = |(number, arg): (usize, &DataType)| Field::new(format!("a{number}"), arg.clone(), true);
        let schema = Arc::new(Schema::new(args.iter().enumerate().map(field).collect::<Vec<_>>()));
        let columns =
            (0..args.len()).map(|number| col(&format!("a{number}"), &schema)).collect::<Result<Vec<_>, _>>()?;
        let function = AggregateExprBuilder::new(function, columns).schema(schema).alias("result").build()?;
        let states = function.state_fields()?;
        Ok(Borrowed { function, cells: Vec::new(), states, result: result.clone(), failed: None })
    }

    /// The state of one group. Taking it may empty a cell, so it is put back.
    fn state_of(&mut self, group: usize) -> Result<Vec<ScalarValue>> {
        let state = self.cells[group].state()?;
        let columns = state.iter().map(ScalarValue::to_array).collect::<Result<Vec<_>, _>>()?;
        self.cells[group] = self.function.create_accumulator()?;
        self.cells[group].merge_batch(&columns)?;
        Ok(state)
    }
}

impl Accumulator for Borrowed {
    fn resize(&mut self, groups: usize) {
        while self.cells.len() < groups && self.failed.is_none() {
            match self.function.create_accumulator() {
                Ok(cell) => self.cells.push(cell),
                Err(error) => self.failed = Some(error),
            }
        }
    }

    fn update(&mut self, rows: &Rows, groups: &[u32]) -> Result<()> {
        if let Some(error) = self.failed.take() {
            return Err(error.into());
        }
        // Rows of one group stay in their order, because sorting by group is stable.
        let kept = |row: &usize| rows.keep.as_ref().is_none_or(|_| rows.counts(*row));
        let mut order: Vec<u32> = (0..rows.len).filter(kept).map(|row| row as u32).collect();
        order.sort_by_key(|&row| groups[row as usize]);
        for run in order.chunk_by(|&left, &right| groups[left as usize] == groups[right as usize]) {
            let indices = UInt32Array::from(run.to_vec());
            let args = rows.args.iter().map(|arg| take(arg, &indices, None)).collect::<Result<Vec<_>, _>>()?;
            self.cells[groups[run[0] as usize] as usize].update_batch(&args)?;
        }
        Ok(())
    }

    fn merge(&mut self, other: &mut dyn Accumulator, map: &[u32]) -> Result<()> {
        let other = same::<Self>(other);
        for (group, &ours) in map.iter().enumerate().take(other.cells.len()) {
            let state = other.state_of(group)?;
            let columns = state.iter().map(ScalarValue::to_array).collect::<Result<Vec<_>, _>>()?;
            self.cells[ours as usize].merge_batch(&columns)?;
        }
        Ok(())
    }

    fn absorb(&mut self, from: u32, to: u32) -> Result<()> {
        let state = self.state_of(from as usize)?;
        let columns = state.iter().map(ScalarValue::to_array).collect::<Result<Vec<_>, _>>()?;
        Ok(self.cells[to as usize].merge_batch(&columns)?)
    }

    fn evaluate(&mut self, groups: &[u32]) -> Result<ArrayRef> {
        if groups.is_empty() {
            return Ok(new_empty_array(&self.result));
        }
        let values = groups.iter().map(|&group| self.cells[group as usize].evaluate());
        let column = ScalarValue::iter_to_array(values.collect::<Result<Vec<_>, _>>()?)?;
        if column.data_type() == &self.result { Ok(column) } else { Ok(arrow::compute::cast(&column, &self.result)?) }
    }

    fn reset(&mut self, group: u32) {
        match self.function.create_accumulator() {
            Ok(cell) => self.cells[group as usize] = cell,
            Err(error) => self.failed = Some(error),
        }
    }

    fn save(&mut self) -> Result<RecordBatch> {
        let states = (0..self.cells.len()).map(|group| self.state_of(group)).collect::<Result<Vec<_>>>()?;
        let column = |(index, field): (usize, &FieldRef)| -> Result<ArrayRef> {
            if states.is_empty() {
                return Ok(new_empty_array(field.data_type()));
            }
            Ok(ScalarValue::iter_to_array(states.iter().map(|state| state[index].clone()))?)
        };
        let columns = self.states.iter().enumerate().map(column).collect::<Result<_>>()?;
        let named =
            |(index, field): (usize, &FieldRef)| Field::new(format!("s{index}"), field.data_type().clone(), true);
        let schema = Schema::new(self.states.iter().enumerate().map(named).collect::<Vec<_>>());
        Ok(RecordBatch::try_new(schema.into(), columns)?)
    }

    fn load(&mut self, table: &RecordBatch) -> Result<()> {
        self.resize(table.num_rows());
        for (row, cell) in self.cells.iter_mut().enumerate() {
            let columns: Vec<_> = table.columns().iter().map(|column| column.slice(row, 1)).collect();
            cell.merge_batch(&columns)?;
        }
        Ok(())
    }

    fn size(&self) -> usize {
        self.cells.iter().map(|cell| cell.size()).sum()
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}
