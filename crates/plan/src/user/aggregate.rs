//! A user's function of groups. Its cells are bytes that only the function itself can read, so a cell is its
//! own checkpoint, and who computes the function keeps nothing between two calls. The engine works on
//! many cells at once through [`UserAggregate::function`]; the row accumulator here is for the batch referee.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, BinaryArray, BooleanArray, UInt32Array};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};

use super::{UserFunction, UserKind, Work};

/// A function of groups, for a plan.
pub struct UserAggregate {
    function: Arc<UserFunction>,
    signature: Signature,
}

impl UserFunction {
    /// The function for a plan; `None` if it is not one of groups.
    pub fn aggregate(self: &Arc<Self>) -> Option<Arc<AggregateUDF>> {
        if self.kind != UserKind::Aggregate {
            return None;
        }
        let signature = Signature::user_defined(Volatility::Immutable);
        Some(Arc::new(AggregateUDF::new_from_impl(UserAggregate { function: Arc::clone(self), signature })))
    }

    /// Adds rows to cells, which are bytes (null: empty): `groups[row]` says to which. Every cell has a row.
    pub fn update(&self, cells: &BinaryArray, groups: &UInt32Array, args: &[ArrayRef]) -> Result<BinaryArray> {
        if groups.is_empty() {
            return Ok(cells.clone());
        }
        let mut columns: Vec<ArrayRef> = vec![Arc::new(cells.clone()), Arc::new(groups.clone())];
        columns.extend_from_slice(args);
        Ok(self.run(Work::Update, &columns, groups.len())?.as_binary::<i32>().clone())
    }

    /// The same, in the order of the rows, with those that are taken back.
    pub fn change(
        &self,
        cells: &BinaryArray,
        groups: &UInt32Array,
        taken_back: &BooleanArray,
        args: &[ArrayRef],
    ) -> Result<BinaryArray> {
        if groups.is_empty() {
            return Ok(cells.clone());
        }
        let mut columns: Vec<ArrayRef> =
            vec![Arc::new(cells.clone()), Arc::new(groups.clone()), Arc::new(taken_back.clone())];
        columns.extend_from_slice(args);
        Ok(self.run(Work::Change, &columns, groups.len())?.as_binary::<i32>().clone())
    }

    /// Joins each cell with the other at its place.
    pub fn merge(&self, cells: &BinaryArray, others: &BinaryArray) -> Result<BinaryArray> {
        let columns: [ArrayRef; 2] = [Arc::new(cells.clone()), Arc::new(others.clone())];
        Ok(self.run(Work::Merge, &columns, cells.len())?.as_binary::<i32>().clone())
    }

    /// The result of each cell.
    pub fn finish(&self, cells: &BinaryArray) -> Result<ArrayRef> {
        self.run(Work::Finish, &[Arc::new(cells.clone()) as ArrayRef], cells.len())
    }
}

impl UserAggregate {
    /// The user's function behind an aggregate function of a plan, if it is one.
    pub fn of(function: &AggregateUDF) -> Option<&Arc<UserFunction>> {
        function.inner().downcast_ref::<UserAggregate>().map(|own| &own.function)
    }
}

impl std::fmt::Debug for UserAggregate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.function.fmt(f)
    }
}

impl PartialEq for UserAggregate {
    fn eq(&self, other: &Self) -> bool {
        self.function == other.function
    }
}

impl Eq for UserAggregate {}

impl Hash for UserAggregate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.version.hash(state);
    }
}

impl AggregateUDFImpl for UserAggregate {
    fn name(&self) -> &str {
        &self.function.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(self.function.gives.clone())
    }

    fn is_nullable(&self) -> bool {
        self.function.nullable
    }

    fn coerce_types(&self, args: &[DataType]) -> Result<Vec<DataType>> {
        self.function.coerced(args)
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Cell { function: Arc::clone(&self.function), bytes: BinaryArray::new_null(1) }))
    }

    fn state_fields(&self, _args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new("cell", DataType::Binary, true))])
    }
}

/// One cell.
#[derive(Debug)]
struct Cell {
    function: Arc<UserFunction>,
    bytes: BinaryArray,
}

impl Accumulator for Cell {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let rows = values.first().map_or(0, |column| column.len());
        let groups = UInt32Array::from(vec![0; rows]);
        self.bytes = self.function.update(&self.bytes, &groups, values)?;
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let others = states[0].as_binary::<i32>();
        for row in 0..others.len() {
            self.bytes = self.function.merge(&self.bytes, &others.slice(row, 1))?;
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&self.function.finish(&self.bytes)?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::try_from_array(&self.bytes, 0)?])
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.bytes.get_array_memory_size()
    }
}
