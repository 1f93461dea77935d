//! Upserts to changes. Records of a table with a primary key say only what a row is now; what follows must
//! also hear what it was. So the last row of each key is kept: the first gives `+I`, another one `-U` and
//! `+U`, the same one nothing, a deletion `-D` with the row as it was, or nothing if there was none (Flink's
//! ChangelogNormalize).

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray};
use arrow::datatypes::SchemaRef;
use millstream_plan::RowType;
use millstream_record::{Batch, Kind, Kinds, Mark};

use crate::error::Result;
use crate::keys::Interner;
use crate::operator::{Operator, Output, Wake};
use crate::rows::{NO_ROW, RowStore};
use crate::same::same_rows;
use crate::state::Tables;

/// Repeats the old row with every change.
pub struct NormalizeOperator {
    keys: Vec<usize>,
    interner: Interner,
    rows: RowStore,
    /// The last row of each key, or `NO_ROW`.
    last: Vec<u64>,
    schema: SchemaRef,
}

/// What a batch does to its keys.
#[derive(Default)]
struct Changed {
    rows: Vec<u64>,
    kinds: Vec<Kind>,
    origins: Vec<u32>,
    /// Places of `-U` rows; the `+U` stands behind each.
    updates: Vec<usize>,
    released: Vec<u64>,
    emptied: Vec<u32>,
}

impl NormalizeOperator {
    /// The operator for rows of type `input` with this key.
    pub fn new(keys: &[usize], input: &RowType) -> Result<Self> {
        let types = keys.iter().map(|&key| input.data_type(key).clone()).collect();
        Ok(NormalizeOperator {
            keys: keys.to_vec(),
            interner: Interner::new(types)?,
            rows: RowStore::new(input.schema.clone()),
            last: Vec::new(),
            schema: input.schema.clone(),
        })
    }

    fn groups(&mut self, rows: &arrow::array::RecordBatch) -> Result<Vec<u32>> {
        let keys: Vec<ArrayRef> = self.keys.iter().map(|&key| rows.column(key).clone()).collect();
        let mut groups = Vec::new();
        self.interner.intern(&keys, rows.num_rows(), &mut groups)?;
        self.last.resize(self.interner.len(), NO_ROW);
        Ok(groups)
    }

    /// Walks the rows of a batch, which begin at number `first` of the store.
    fn walk(&mut self, batch: &Batch, groups: &[u32], first: u64) -> Changed {
        let mut changed = Changed::default();
        for ((origin, &group), row) in (0u32..).zip(groups).zip(first..) {
            let before = self.last[group as usize];
            let mut put = |row, kind| {
                changed.rows.push(row);
                changed.kinds.push(kind);
                changed.origins.push(origin);
            };
            let retracts = batch.kind(origin as usize).is_retraction();
            match (retracts, before) {
                (false, NO_ROW) => put(row, Kind::Insert),
                (false, before) => {
                    put(before, Kind::UpdateBefore);
                    put(row, Kind::UpdateAfter);
                    changed.updates.push(changed.rows.len() - 2);
                }
                (true, NO_ROW) => {}
                (true, before) => put(before, Kind::Delete),
            }
            if before != NO_ROW {
                changed.released.push(before);
            }
            if retracts {
                changed.released.push(row);
                changed.emptied.push(group);
            }
            self.last[group as usize] = if retracts { NO_ROW } else { row };
        }
        changed
    }

    /// Which of the changes are worth telling: an update that changes nothing is not.
    fn told(&self, changed: &Changed) -> Result<BooleanArray> {
        let side = |step: usize| -> Result<Vec<ArrayRef>> {
            self.rows.gather(&changed.updates.iter().map(|&place| changed.rows[place + step]).collect::<Vec<_>>())
        };
        let same = same_rows(&side(0)?, &side(1)?, changed.updates.len())?;
        let mut told = vec![true; changed.rows.len()];
        for (&place, same) in changed.updates.iter().zip(same.values()) {
            (told[place], told[place + 1]) = (!same, !same);
        }
        Ok(BooleanArray::from(told))
    }

    /// Frees what is not needed any more.
    fn forget(&mut self, changed: Changed) -> Result<()> {
        changed.released.iter().for_each(|&row| self.rows.release(row));
        let mut emptied = changed.emptied;
        emptied.retain(|&group| self.last[group as usize] == NO_ROW);
        emptied.sort_unstable();
        emptied.dedup();
        emptied.into_iter().for_each(|group| self.interner.remove(group));
        self.rows.settle()
    }
}

impl Operator for NormalizeOperator {
    fn on_batch(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<()> {
        let groups = self.groups(&batch.rows)?;
        let first = self.rows.push(&batch.rows);
        let changed = self.walk(&batch, &groups, first);
        let rows = self.rows.batch(&changed.rows)?;
        let told = self.told(&changed)?;
        let changes = Batch {
            marks: Mark::replace(&batch.marks, &changed.origins),
            ..Batch::changes(rows, Kinds::new(changed.kinds.iter().copied()))
        };
        self.forget(changed)?;
        out.emit(changes.filter(&told)?);
        Ok(())
    }

    fn save(&mut self) -> Result<Tables> {
        Ok([("rows".into(), self.rows.batch(&self.rows.live())?)].into())
    }

    fn load(&mut self, mut tables: Tables) -> Result<()> {
        let Some(rows) = tables.remove("rows") else { return Ok(()) };
        let rows = rows.with_schema(Arc::clone(&self.schema))?;
        let groups = self.groups(&rows)?;
        let first = self.rows.push(&rows);
        for (&group, row) in groups.iter().zip(first..) {
            self.last[group as usize] = row;
        }
        Ok(())
    }

    fn wake(&self) -> Wake {
        Wake::Never
    }

    fn size(&self) -> usize {
        self.interner.size() + self.rows.size() + self.last.capacity() * 8
    }
}
