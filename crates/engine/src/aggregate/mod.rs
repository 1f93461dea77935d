//! Aggregate functions over many groups at once.
//!
//! An accumulator holds one cell per group and takes whole columns: `groups[row]` says to which cell a row
//! belongs. Values can be taken back where the input retracts. Merging joins two sets of cells (panes of a
//! hopping window, sessions that meet), saving turns cells into a plain table.

mod arrival;
mod borrowed;
mod cells;
mod count;
mod distinct;
mod extreme;
mod lag;
mod list;
mod multiset;
mod native;
mod numeric;
mod set;
mod single;
mod texts;
mod user;

use std::any::Any;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow::datatypes::DataType;
use millstream_plan::{AggregateCall, AggregateKind, UserAggregate};
use millstream_record::Kinds;

use crate::error::{EngineError, Result};

pub use set::AggregateSet;

/// The rows of one update: argument columns, and which rows count how.
#[derive(Clone, Debug)]
pub struct Rows {
    /// One column per argument.
    pub args: Vec<ArrayRef>,
    /// Rows that pass the function's `FILTER`; all, if there is none.
    pub keep: Option<BooleanArray>,
    /// Which rows are taken back; none, if there are no kinds.
    pub kinds: Option<Kinds>,
    /// How many rows.
    pub len: usize,
}

impl Rows {
    /// Whether a row counts: it passes the filter, and its first argument is not null.
    fn counts(&self, row: usize) -> bool {
        let kept = self.keep.as_ref().is_none_or(|keep| keep.is_valid(row) && keep.value(row));
        kept && self.args.first().is_none_or(|arg| arg.is_valid(row))
    }

    /// Whether every row counts and none is taken back.
    fn plain(&self) -> bool {
        self.keep.is_none() && self.kinds.is_none() && self.args.first().is_none_or(|arg| arg.null_count() == 0)
    }

    /// Whether a row is taken back.
    fn retracts(&self, row: usize) -> bool {
        self.kinds.as_ref().is_some_and(|kinds| kinds.get(row).is_retraction())
    }

    /// One row alone.
    fn only(&self, row: usize) -> Rows {
        Rows {
            args: self.args.iter().map(|arg| arg.slice(row, 1)).collect(),
            keep: self.keep.as_ref().map(|keep| keep.slice(row, 1)),
            kinds: self.kinds.as_ref().map(|kinds| Kinds::new([kinds.get(row)])),
            len: 1,
        }
    }
}

/// One aggregate function over many groups.
pub trait Accumulator: Send {
    /// Makes room for groups `0..groups`. New cells are empty.
    fn resize(&mut self, groups: usize);

    /// Adds rows to their groups, or takes them back.
    fn update(&mut self, rows: &Rows, groups: &[u32]) -> Result<()>;

    /// Adds rows one after the other; the value of each row's group before and after it.
    fn scan(&mut self, rows: &Rows, groups: &[u32]) -> Result<(ArrayRef, ArrayRef)> {
        let (mut before, mut after) = (Vec::with_capacity(rows.len), Vec::with_capacity(rows.len));
        for (row, &group) in groups.iter().enumerate() {
            before.push(self.evaluate(&[group])?);
            self.update(&rows.only(row), &[group])?;
            after.push(self.evaluate(&[group])?);
        }
        Ok((join(&before)?, join(&after)?))
    }

    /// Adds the cells of another accumulator of the same function: its group `g` to our group `map[g]`.
    fn merge(&mut self, other: &mut dyn Accumulator, map: &[u32]) -> Result<()>;

    /// Adds our own group `from` to our group `to`, for sessions that meet. `from` keeps what it has.
    fn absorb(&mut self, from: u32, to: u32) -> Result<()>;

    /// The results of these groups, in this order.
    fn evaluate(&mut self, groups: &[u32]) -> Result<ArrayRef>;

    /// Empties a cell.
    fn reset(&mut self, group: u32);

    /// The cells as a table: row `g` for group `g`, unless its first column is named `group`, which then says
    /// whose the row is.
    fn save(&mut self) -> Result<RecordBatch>;

    /// Takes what `save` gave, into an empty accumulator.
    fn load(&mut self, table: &RecordBatch) -> Result<()>;

    /// Bytes in use, roughly.
    fn size(&self) -> usize;

    /// For `merge`.
    fn as_any(&mut self) -> &mut dyn Any;
}

fn join(pieces: &[ArrayRef]) -> Result<ArrayRef> {
    let pieces: Vec<&dyn Array> = pieces.iter().map(AsRef::as_ref).collect();
    Ok(arrow::compute::concat(&pieces)?)
}

/// The other accumulator of a merge, in our own type.
fn same<T: 'static>(other: &mut dyn Accumulator) -> &mut T {
    other.as_any().downcast_mut().expect("only accumulators of one call are merged")
}

/// Builds the accumulator of a call. `retracts`: rows may be taken back.
pub fn accumulator(call: &AggregateCall, args: &[DataType], retracts: bool) -> Result<Box<dyn Accumulator>> {
    if call.distinct && !matches!(call.kind, AggregateKind::Min | AggregateKind::Max) {
        let inner = AggregateCall { distinct: false, ..call.clone() };
        return Ok(Box::new(distinct::Distinct::new(accumulator(&inner, args, retracts)?, args)?));
    }
    let refused = |what: &str| EngineError::Compute(format!("{} cannot take rows back: {what}", call.kind.name()));
    match &call.kind {
        AggregateKind::Count => Ok(Box::new(count::Count::default())),
        AggregateKind::Sum => numeric::sum(&args[0], &call.data_type),
        AggregateKind::Avg => numeric::average(&args[0], &call.data_type),
        AggregateKind::Min | AggregateKind::Max => {
            let largest = call.kind == AggregateKind::Max;
            if retracts { multiset::extreme(&args[0], largest) } else { extreme::extreme(&args[0], largest) }
        }
        AggregateKind::First | AggregateKind::Last | AggregateKind::ListAgg { .. } if retracts => {
            Err(refused("its result depends on the order of arrival"))
        }
        AggregateKind::First => Ok(Box::new(arrival::Arrival::new(args[0].clone(), arrival::Which::First))),
        AggregateKind::Last => Ok(Box::new(arrival::Arrival::new(args[0].clone(), arrival::Which::Last))),
        AggregateKind::ListAgg { separator } => {
            Ok(Box::new(texts::Texts::new(list::Listed { separator: separator.clone() })))
        }
        AggregateKind::Single => Ok(Box::new(single::Single::new(args[0].clone()))),
        AggregateKind::Lag { .. } if retracts => Err(refused("it counts rows in order")),
        AggregateKind::Lag { offset } => Ok(Box::new(lag::Lag::new(*offset, args[0].clone()))),
        AggregateKind::Borrowed(function) => {
            if let Some(function) = UserAggregate::of(function) {
                if retracts && !function.retracts {
                    return Err(refused("its impl has no 'fn retract(&mut self, …)', which takes what update takes"));
                }
                return Ok(Box::new(user::User::new(function.clone())));
            }
            if retracts {
                return Err(refused("it is computed row by row, forward only"));
            }
            Ok(Box::new(borrowed::Borrowed::new(function.clone(), args, &call.data_type)?))
        }
    }
}
