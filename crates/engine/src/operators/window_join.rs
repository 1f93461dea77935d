//! Two streams joined window by window, as Flink's `WindowJoinOperator` does it: rows are kept under the window that they
//! carry, and when it ends all rows of the one side in it meet all rows of the other, once and for good. So nothing is
//! ever taken back, also not by an outer join, and nothing is kept for longer than its window.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, UInt32Array, new_null_array};
use arrow::compute::{take, take_record_batch};
use arrow::datatypes::{Field, SchemaRef};
use millstream_plan::{Changes, JoinKind, RowType, WindowJoin};
use millstream_record::{Batch, Millis};

use crate::attached::AttachedWindow;
use crate::equality::{JoinKeys, LEFT, RIGHT};
use crate::error::{EngineError, Result};
use crate::inspect::{Detail, KeySample, Side};
use crate::keys::Interner;
use crate::operator::{Operator, Output};
use crate::residual::{Residual, both_sides};
use crate::rows::RowStore;
use crate::state::Tables;

/// So many pairs are tested together.
const PAIRS: usize = 8192;
/// The names of the sides' tables.
const NAMES: [&str; 2] = ["left", "right"];

/// Joins the rows of equal windows.
pub struct WindowJoinOperator {
    kind: JoinKind,
    keys: JoinKeys,
    residual: Option<Residual>,
    /// The columns of both sides.
    both: SchemaRef,
    schema: SchemaRef,
    windows: [AttachedWindow; 2],
    stores: [RowStore; 2],
    /// The rows of each open window, by its end.
    open: BTreeMap<i64, [Vec<u64>; 2]>,
    samples: [KeySample; 2],
}

/// Rows of both sides that belong together; a row without a partner stands beside `None`.
#[derive(Default)]
struct Pairs {
    left: Vec<Option<u32>>,
    right: Vec<Option<u32>>,
}

impl Pairs {
    fn put(&mut self, left: Option<u32>, right: Option<u32>) {
        self.left.push(left);
        self.right.push(right);
    }

    fn columns(&self, left: &RecordBatch, right: &RecordBatch) -> Result<Vec<ArrayRef>> {
        let (at_left, at_right) = (UInt32Array::from(self.left.clone()), UInt32Array::from(self.right.clone()));
        let left = left.columns().iter().map(|column| Ok(take(column, &at_left, None)?));
        left.chain(right.columns().iter().map(|column| Ok(take(column, &at_right, None)?))).collect()
    }
}

impl WindowJoinOperator {
    /// The operator for a plan over two streams; `schema` is what comes out.
    pub fn new(plan: &WindowJoin, left: &RowType, right: &RowType, schema: SchemaRef) -> Result<Self> {
        if left.changes == Changes::Retract || right.changes == Changes::Retract {
            let reason = "a join of windows needs rows that only come; one of its inputs also takes rows back";
            return Err(EngineError::Compute(reason.into()));
        }
        let join = &plan.join;
        let window = |side: usize| AttachedWindow::new(plan.ends[side], plan.zone.as_deref());
        Ok(WindowJoinOperator {
            kind: join.kind,
            keys: JoinKeys::new(&join.on, left, right)?,
            residual: Residual::new(join.residual.as_ref(), &left.schema, &right.schema)?,
            both: both_sides(&left.schema, &right.schema),
            schema,
            windows: [window(LEFT)?, window(RIGHT)?],
            stores: [RowStore::new(left.schema.clone()), RowStore::new(right.schema.clone())],
            open: BTreeMap::new(),
            samples: Default::default(),
        })
    }

    /// Takes rows of open windows in; which are late.
    fn take(&mut self, side: usize, rows: &RecordBatch) -> Result<Vec<u32>> {
        let ends = self.windows[side].ends(rows)?;
        let first = self.stores[side].push(rows);
        let mut late = Vec::new();
        for (row, &end) in (0u32..).zip(ends.values()) {
            let number = first + u64::from(row);
            if self.windows[side].closed(end) {
                late.push(row);
                self.stores[side].release(number);
            } else {
                self.open.entry(end).or_default()[side].push(number);
            }
        }
        self.stores[side].settle()?;
        Ok(late)
    }

    /// Late rows of a side as rows of both, so that those of either side can be kept together.
    fn late(&self, side: usize, rows: &RecordBatch) -> Result<Batch> {
        let absent = |field: &Arc<Field>| new_null_array(field.data_type(), rows.num_rows());
        let nulls: Vec<ArrayRef> = self.stores[1 - side].schema().fields().iter().map(absent).collect();
        let own = rows.columns().to_vec();
        let columns = if side == LEFT { [own, nulls].concat() } else { [nulls, own].concat() };
        Ok(Batch::insert(RecordBatch::try_new(self.both.clone(), columns)?))
    }

    /// All that the rows of one window give.
    fn join(&self, left: &RecordBatch, right: &RecordBatch) -> Result<RecordBatch> {
        let mut pairs = Pairs::default();
        let mut met = vec![false; right.num_rows()];
        let mut candidates = Pairs::default();
        let partners = self.partners(left, right)?;
        let mut begun = 0;
        for row in 0..left.num_rows() {
            partners.of(row).iter().for_each(|&partner| candidates.put(Some(row as u32), Some(partner)));
            if candidates.left.len() >= PAIRS || row + 1 == left.num_rows() {
                let told = std::mem::take(&mut candidates);
                self.settle(begun..row + 1, told, [left, right], &mut met, &mut pairs)?;
                begun = row + 1;
            }
        }
        if self.kind.pads_right() {
            let alone = (0u32..).zip(&met).filter(|(_, met)| !**met);
            alone.for_each(|(row, _)| pairs.put(None, Some(row)));
        }
        if self.kind.is_half() {
            let left = take_record_batch(left, &UInt32Array::from(pairs.left))?;
            return Ok(left.with_schema(self.schema.clone())?);
        }
        Ok(RecordBatch::try_new(self.schema.clone(), pairs.columns(left, right)?)?)
    }

    /// Tests the candidates of some left rows, and pads those that are left alone.
    fn settle(
        &self,
        rows: std::ops::Range<usize>,
        candidates: Pairs,
        [left, right]: [&RecordBatch; 2],
        met: &mut [bool],
        pairs: &mut Pairs,
    ) -> Result<()> {
        let test = |residual: &Residual| residual.test(candidates.columns(left, right)?);
        let verdicts = self.residual.as_ref().map(test).transpose()?;
        let holds =
            |place: usize| verdicts.as_ref().is_none_or(|verdicts| verdicts.is_valid(place) && verdicts.value(place));
        let mut place = 0;
        for row in rows {
            let mut found = 0;
            while let (Some(Some(of)), Some(Some(partner))) = (candidates.left.get(place), candidates.right.get(place))
                && *of as usize == row
            {
                if holds(place) {
                    found += 1;
                    met[*partner as usize] = true;
                    if !self.kind.is_half() {
                        pairs.put(Some(*of), Some(*partner));
                    }
                }
                place += 1;
            }
            let alone = match self.kind {
                JoinKind::Semi => found > 0,
                JoinKind::Anti | JoinKind::Left | JoinKind::Full => found == 0,
                JoinKind::Inner | JoinKind::Right => false,
            };
            if alone {
                pairs.put(Some(row as u32), None);
            }
        }
        Ok(())
    }

    fn partners(&self, left: &RecordBatch, right: &RecordBatch) -> Result<Partners> {
        let mut interner = Interner::new(self.keys.types())?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let (columns, valid) = self.keys.of(RIGHT, right);
        interner.intern(&columns, right.num_rows(), &mut theirs)?;
        let mut by_key = vec![Vec::new(); interner.len()];
        for (row, &key) in (0u32..).zip(&theirs) {
            if valid.as_ref().is_none_or(|valid| valid.is_valid(row as usize)) {
                by_key[key as usize].push(row);
            }
        }
        let (columns, valid) = self.keys.of(LEFT, left);
        interner.intern(&columns, left.num_rows(), &mut ours)?;
        by_key.resize(interner.len() + 1, Vec::new());
        let nobody = interner.len() as u32;
        let key = |(row, key): (usize, u32)| if valid.as_ref().is_none_or(|v| v.is_valid(row)) { key } else { nobody };
        Ok(Partners { keys: ours.into_iter().enumerate().map(key).collect(), by_key })
    }

    /// The rows of the windows that have closed.
    fn fire(&mut self, out: &mut Output) -> Result<()> {
        while let Some(window) = self.open.first_entry()
            && self.windows[LEFT].closed(*window.key())
        {
            let [left, right] = window.remove();
            let joined = self.join(&self.stores[LEFT].batch(&left)?, &self.stores[RIGHT].batch(&right)?)?;
            out.emit(Batch::insert(joined));
            for (store, rows) in self.stores.iter_mut().zip([left, right]) {
                rows.into_iter().for_each(|row| store.release(row));
                store.settle()?;
            }
        }
        Ok(())
    }
}

/// The right rows whose keys equal those of each left row.
struct Partners {
    keys: Vec<u32>,
    by_key: Vec<Vec<u32>>,
}

impl Partners {
    fn of(&self, row: usize) -> &[u32] {
        &self.by_key[self.keys[row] as usize]
    }
}

impl Operator for WindowJoinOperator {
    fn on_rows(&mut self, side: usize, batch: Batch, out: &mut Output) -> Result<()> {
        self.samples[side].look(&batch.rows, &self.keys.of(side, &batch.rows).0);
        let late = self.take(side, &batch.rows)?;
        if !late.is_empty() {
            out.late(self.late(side, &batch.expand(&UInt32Array::from(late))?.rows)?);
        }
        Ok(())
    }

    fn on_watermark(&mut self, watermark: Millis, out: &mut Output) -> Result<Millis> {
        self.windows.iter_mut().for_each(|window| window.advance(watermark));
        self.fire(out)?;
        Ok(watermark)
    }

    fn deadline(&self, side: usize, rows: &Batch) -> Millis {
        self.windows[side].deadline(self.open.keys().next().copied(), &rows.rows)
    }

    fn save(&mut self) -> Result<Tables> {
        let mut tables: Tables = [("watermark".into(), self.windows[LEFT].save()?)].into();
        for (name, store) in NAMES.into_iter().zip(&self.stores) {
            tables.insert(name.into(), store.batch(&store.live())?);
        }
        Ok(tables)
    }

    fn load(&mut self, mut tables: Tables) -> Result<()> {
        for (side, name) in NAMES.into_iter().enumerate() {
            if let Some(rows) = tables.remove(name) {
                self.take(side, &rows.with_schema(self.stores[side].schema())?)?;
            }
        }
        if let Some(watermark) = tables.get("watermark") {
            self.windows.iter_mut().for_each(|window| window.load(watermark));
        }
        Ok(())
    }

    fn size(&self) -> usize {
        let rows = self.open.values().flatten().map(|rows| rows.capacity() * 8).sum::<usize>();
        rows + self.stores.iter().map(RowStore::size).sum::<usize>()
    }

    fn inspect(&self) -> Detail {
        let side = |side: usize| Side {
            held: self.stores[side].len() as u64,
            times: None,
            keys: self.samples[side].shown(),
            whole: false,
        };
        Detail::Join(Box::new([side(LEFT), side(RIGHT)]))
    }
}
