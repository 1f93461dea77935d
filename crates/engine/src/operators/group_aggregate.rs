//! Aggregation without a window: its result changes with every row, and it says so. A group's first row
//! gives `+I`, a later one `-U` and `+U` if the result is another, the last one to be taken back `-D`.

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::interleave;
use arrow::datatypes::{Int64Type, SchemaRef, UInt32Type};
use millstream_plan::{Changes, GroupAggregate, RowType};
use millstream_record::{Batch, Kind, Kinds, Mark};

use crate::aggregate::AggregateSet;
use crate::error::Result;
use crate::keys::Interner;
use crate::operator::{Operator, Output, Wake};
use crate::pane::rows_call;
use crate::same::same_rows;
use crate::state::Tables;
use crate::take::take_column;

/// So many rows are worked on at once, so that what is made of them stays in the cache: a batch that was
/// unnested may be a hundred times as long.
const PIECE_ROWS: usize = 8192;

/// Aggregates per key, for ever.
pub struct GroupAggregateOperator {
    keys: Vec<usize>,
    interner: Interner,
    /// The functions, and behind them a `COUNT(*)` that tells whether a group exists.
    aggregates: AggregateSet,
    schema: SchemaRef,
    retracts: bool,
}

/// What a batch changed: places in the values before (0) and after (1), with the kind and the row.
#[derive(Default)]
struct Changed {
    places: Vec<(usize, usize)>,
    kinds: Vec<Kind>,
    rows: Vec<u32>,
}

impl GroupAggregateOperator {
    /// The operator for a plan over rows of type `input`; `schema` is what comes out.
    pub fn new(plan: &GroupAggregate, input: &RowType, schema: SchemaRef) -> Result<Self> {
        let retracts = input.changes == Changes::Retract;
        let calls: Vec<_> = plan.aggregates.iter().cloned().chain([rows_call()]).collect();
        let types = plan.keys.iter().map(|&key| input.data_type(key).clone()).collect();
        Ok(GroupAggregateOperator {
            keys: plan.keys.clone(),
            interner: Interner::new(types)?,
            aggregates: AggregateSet::new(&calls, &input.schema, retracts)?,
            schema,
            retracts,
        })
    }

    /// The changes of a batch, and the row that each of them came from.
    fn change(&mut self, batch: &Batch) -> Result<(Batch, Vec<u32>)> {
        let keys: Vec<ArrayRef> = self.keys.iter().map(|&key| batch.rows.column(key).clone()).collect();
        let mut groups = Vec::new();
        self.interner.intern(&keys, batch.len(), &mut groups)?;
        self.aggregates.resize(self.interner.len());
        let (mut before, mut after) = self.aggregates.scan(&batch.rows, batch.kinds.as_ref(), &groups)?;
        let counts = before.pop().zip(after.pop()).expect("the last aggregate counts the rows");
        let changed = changed_rows(&before, &after, counts)?;
        let columns = self.columns(&keys, &before, &after, &changed)?;
        if self.retracts {
            self.forget(&mut groups);
        }
        let rows = RecordBatch::try_new(self.schema.clone(), columns)?;
        Ok((Batch::changes(rows, Kinds::new(changed.kinds)), changed.rows))
    }

    fn columns(
        &self,
        keys: &[ArrayRef],
        before: &[ArrayRef],
        after: &[ArrayRef],
        changed: &Changed,
    ) -> Result<Vec<ArrayRef>> {
        let rows = UInt32Array::from(changed.rows.clone());
        let keys = keys.iter().map(|key| take_column(key, &rows));
        let values = before.iter().zip(after).map(|(before, after)| Ok(interleave(&[before, after], &changed.places)?));
        keys.chain(values).collect()
    }

    fn exists(&mut self, group: u32) -> bool {
        self.aggregates.row_counts().is_some_and(|counts| counts.get(group) != 0)
    }

    /// Frees the groups that have no row left.
    fn forget(&mut self, groups: &mut Vec<u32>) {
        groups.sort_unstable();
        groups.dedup();
        groups.retain(|&group| !self.exists(group));
        for &group in groups.iter() {
            self.aggregates.reset(group);
            self.interner.remove(group);
        }
    }
}

/// Which rows change the result, and how.
fn changed_rows(
    before: &[ArrayRef],
    after: &[ArrayRef],
    (count_before, count_after): (ArrayRef, ArrayRef),
) -> Result<Changed> {
    let (count_before, count_after) = (
        count_before.as_primitive::<Int64Type>().values().clone(),
        count_after.as_primitive::<Int64Type>().values().clone(),
    );
    let same = same_rows(before, after, count_after.len())?;
    let mut changed = Changed::default();
    let mut push = |row: usize, side: usize, kind: Kind| {
        changed.places.push((side, row));
        changed.kinds.push(kind);
        changed.rows.push(row as u32);
    };
    for (row, (&had, &has)) in count_before.iter().zip(count_after.iter()).enumerate() {
        match (had > 0, has > 0) {
            (false, true) => push(row, 1, Kind::Insert),
            (true, false) => push(row, 0, Kind::Delete),
            (true, true) if !same.value(row) => {
                push(row, 0, Kind::UpdateBefore);
                push(row, 1, Kind::UpdateAfter);
            }
            _ => {}
        }
    }
    Ok(changed)
}

impl Operator for GroupAggregateOperator {
    fn on_batch(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<()> {
        if batch.is_empty() {
            if let Some(watermark) = batch.watermark() {
                out.watermark(watermark);
            }
            return Ok(());
        }
        let mut marks = batch.marks.iter().peekable();
        for start in (0..batch.len()).step_by(PIECE_ROWS) {
            let end = batch.len().min(start + PIECE_ROWS);
            let (changes, origins) = self.change(&batch.slice(start, end - start))?;
            let here = std::iter::from_fn(|| marks.next_if(|mark| (mark.after as usize) < end || end == batch.len()));
            let here: Vec<Mark> = here.map(|mark| Mark { after: mark.after - start as u32, ..*mark }).collect();
            out.emit(Batch { marks: Mark::replace(&here, &origins), ..changes });
        }
        Ok(())
    }

    fn save(&mut self) -> Result<Tables> {
        let all = self.interner.len() as u32;
        let groups: Vec<u32> = (0..all).filter(|&group| self.exists(group)).collect();
        let mut tables = Tables::new();
        let mut columns = self.interner.keys(&groups)?;
        columns.push(Arc::new(UInt32Array::from(groups)));
        let named = columns.into_iter().enumerate().map(|(number, column)| (format!("k{number}"), column, true));
        tables.insert("keys".into(), RecordBatch::try_from_iter_with_nullable(named)?);
        self.aggregates.save("", &mut tables)?;
        Ok(tables)
    }

    fn load(&mut self, tables: Tables) -> Result<()> {
        if let Some(keys) = tables.get("keys") {
            let columns = &keys.columns()[..keys.num_columns() - 1];
            let slots = keys.column(columns.len()).as_primitive::<UInt32Type>();
            self.interner.restore(columns, slots.values())?;
            self.aggregates.load("", &tables)?;
            self.aggregates.resize(self.interner.len());
        }
        Ok(())
    }

    fn wake(&self) -> Wake {
        Wake::Never
    }

    fn size(&self) -> usize {
        self.interner.size() + self.aggregates.size()
    }
}
