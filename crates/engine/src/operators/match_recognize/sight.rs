//! What expressions of a pattern look at: the rows of a run, and perhaps a row at hand that a variable is about to
//! take. Many runs are looked at at once, so that a read is a column.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, TimestampMillisecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use millstream_plan::{AggregateCall, MatchRead, MatchValue};

use super::partition::Partition;
use super::queue::Run;
use crate::aggregate::AggregateSet;
use crate::error::Result;
use crate::rows::{NO_ROW, RowStore};

/// A run, seen from an expression.
#[derive(Clone, Copy)]
pub struct Sight<'a> {
    pub partition: &'a Partition,
    pub run: &'a Run,
    /// The row at hand by its number in the store, and the variable that counts it as its own.
    pub at_hand: Option<(usize, u64)>,
    /// The time at which a match comes out.
    pub time: i64,
}

impl Sight<'_> {
    /// How many rows a variable has, or all have.
    fn count(&self, of: Option<usize>) -> u64 {
        match of {
            None => self.run.len() + u64::from(self.at_hand.is_some()),
            Some(variable) => {
                let own = self.at_hand.is_some_and(|(taker, _)| taker == variable);
                u64::from(self.run.taken[variable]) + u64::from(own)
            }
        }
    }

    /// The number of one of those rows.
    fn number(&self, of: Option<usize>, index: u64) -> u64 {
        let (before, held) = match of {
            None => (0, self.run.len()),
            Some(variable) => {
                let before = self.run.taken[..variable].iter().map(|&rows| u64::from(rows)).sum();
                (before, u64::from(self.run.taken[variable]))
            }
        };
        match self.at_hand {
            Some((_, number)) if index >= held => number,
            _ => self.partition.number(self.run.start + before + index),
        }
    }
}

/// The reads of a pattern, ready to be computed.
pub struct Reads(Vec<Read>);

struct Read {
    data_type: DataType,
    of: Option<usize>,
    value: Value,
}

enum Value {
    First { column: usize, offset: u64 },
    Last { column: usize, offset: u64 },
    Aggregate { set: AggregateSet, args: Vec<usize>, schema: SchemaRef },
    Time,
}

impl Reads {
    /// The reads of a plan over rows of this schema.
    pub fn new(reads: &[MatchRead], input: &SchemaRef) -> Result<Reads> {
        let read = |read: &MatchRead| -> Result<Read> {
            let value = match &read.value {
                MatchValue::First { column, offset } => Value::First { column: *column, offset: *offset as u64 },
                MatchValue::Last { column, offset } => Value::Last { column: *column, offset: *offset as u64 },
                MatchValue::Aggregate(call) => aggregate(call, input)?,
                MatchValue::Time => Value::Time,
            };
            Ok(Read { data_type: read.data_type.clone(), of: read.of, value })
        };
        Ok(Reads(reads.iter().map(read).collect::<Result<_>>()?))
    }

    /// The values of one read, one for each sight.
    pub fn column(&mut self, read: usize, store: &RowStore, sights: &[Sight<'_>]) -> Result<ArrayRef> {
        let Read { data_type, of, value } = &mut self.0[read];
        let of = *of;
        let row = |index: Option<u64>, sight: &Sight<'_>| index.map_or(NO_ROW, |index| sight.number(of, index));
        match value {
            Value::First { column, offset } => {
                let first = |sight: &Sight<'_>| row((sight.count(of) > *offset).then_some(*offset), sight);
                store.column(*column, &sights.iter().map(first).collect::<Vec<_>>())
            }
            Value::Last { column, offset } => {
                let last = |sight: &Sight<'_>| row(sight.count(of).checked_sub(*offset + 1), sight);
                store.column(*column, &sights.iter().map(last).collect::<Vec<_>>())
            }
            Value::Aggregate { set, args, schema } => {
                let (mut numbers, mut groups) = (Vec::new(), Vec::new());
                for (group, sight) in (0u32..).zip(sights) {
                    let rows = sight.count(of);
                    numbers.extend((0..rows).map(|index| sight.number(of, index)));
                    groups.extend(std::iter::repeat_n(group, rows as usize));
                }
                let columns = args.iter().map(|&arg| store.column(arg, &numbers)).collect::<Result<Vec<_>>>()?;
                let options = RecordBatchOptions::new().with_row_count(Some(numbers.len()));
                let rows = RecordBatch::try_new_with_options(schema.clone(), columns, &options)?;
                set.resize(sights.len());
                set.update(&rows, None, &groups)?;
                let all: Vec<u32> = (0..sights.len() as u32).collect();
                let values = set.evaluate(&all)?.swap_remove(0);
                all.into_iter().for_each(|group| set.reset(group));
                Ok(values)
            }
            Value::Time => {
                let times = TimestampMillisecondArray::from_iter_values(sights.iter().map(|sight| sight.time));
                Ok(cast(&times.with_data_type(data_type.clone()), data_type)?)
            }
        }
    }
}

/// The function over its arguments alone.
fn aggregate(call: &AggregateCall, input: &SchemaRef) -> Result<Value> {
    let fields: Vec<Field> = call.args.iter().map(|&arg| input.field(arg).clone().with_nullable(true)).collect();
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let own = AggregateCall { args: (0..call.args.len()).collect(), ..call.clone() };
    let set = AggregateSet::new(std::slice::from_ref(&own), &schema, false)?;
    Ok(Value::Aggregate { set, args: call.args.clone(), schema })
}
