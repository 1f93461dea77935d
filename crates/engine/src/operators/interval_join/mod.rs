//! Two streams joined within an interval of time, as Flink's `TimeIntervalJoin` does it.
//!
//! A row meets the cached rows of the other side when it comes, and the pairs come out at once. It is cached
//! itself only while partners can still come: while the operator's time is before the upper end of their
//! interval. Rows without a partner come out padded when they leave the cache, or at once if they never
//! got there. The watermark is held back, because a pair carries the older of two times.
//!
//! A batch is walked row by row and mark by mark, which only notes numbers: pairs, paddings, rows that go.
//! The columns are gathered, tested and emitted for thousands of pairs at a time.

mod cache;

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch};
use arrow::compute::{max, min};
use arrow::datatypes::{Int64Type, SchemaRef};
use millstream_plan::{Changes, IntervalJoin, RowType};
use millstream_record::{Batch, Mark, Millis};

use crate::equality::{JoinKeys, LEFT, RIGHT};
use crate::error::{EngineError, Result};
use crate::inspect::{Detail, KeySample, Side};
use crate::keys::Interner;
use crate::operator::{Operator, Output, Wake};
use crate::operators::interval_join::cache::{Cache, Held, Waiting};
use crate::pairs::{Pairs, Shape};
use crate::rows::RowStore;
use crate::state::Tables;
use crate::time::times_of;

/// So many pairs are noted before they are gathered and emitted.
const NOTED_PAIRS: usize = 1 << 16;

/// Joins two streams within an interval.
pub struct IntervalJoinOperator {
    keys: JoinKeys,
    times: [usize; 2],
    /// Whether rows of a side come out padded when they find no partner.
    pads: [bool; 2],
    /// No pair can ever be: the lower bound is above the upper one.
    empty: bool,
    /// How far the output's watermark stays behind.
    hold: i64,
    shape: Shape,
    interner: Interner,
    cache: Cache,
    stores: [RowStore; 2],
    watermark: Millis,
    /// Per side the extremes of all event times, and keys of the first rows.
    times_seen: [Option<(i64, i64)>; 2],
    samples: [KeySample; 2],
}

/// The pass over one batch.
struct Pass {
    pairs: Pairs,
    /// Rows that are not needed once the pairs are out.
    released: [Vec<u64>; 2],
    /// Keys that may have no row left.
    emptied: Vec<u32>,
}

impl IntervalJoinOperator {
    /// The operator for a plan over two streams; `schema` is what comes out.
    pub fn new(plan: &IntervalJoin, left: &RowType, right: &RowType, schema: SchemaRef) -> Result<Self> {
        if left.changes == Changes::Retract || right.changes == Changes::Retract {
            let reason = "an interval join needs rows that only come; one of its inputs also takes rows back";
            return Err(EngineError::Compute(reason.into()));
        }
        if plan.kind.is_half() {
            return Err(EngineError::Compute("an interval join is INNER, LEFT, RIGHT or FULL".into()));
        }
        let keys = JoinKeys::new(&plan.on, left, right)?;
        let (lower, upper) = (plan.lower.saturating_neg(), plan.upper);
        Ok(IntervalJoinOperator {
            interner: Interner::new(keys.types())?,
            keys,
            times: [plan.left_time, plan.right_time],
            pads: [plan.kind.pads_left(), plan.kind.pads_right()],
            empty: plan.lower > plan.upper,
            hold: if plan.lower > plan.upper { 0 } else { lower.max(upper) },
            shape: Shape::new(plan.residual.as_ref(), &left.schema, &right.schema, schema)?,
            cache: Cache::new([(upper, lower), (lower, upper)]),
            stores: [RowStore::new(left.schema.clone()), RowStore::new(right.schema.clone())],
            watermark: Millis::MIN,
            times_seen: [None; 2],
            samples: Default::default(),
        })
    }

    /// Notes what somebody who looks inside will want to know of a side.
    fn note(&mut self, side: usize, times: &Int64Array, rows: &RecordBatch, keys: &[ArrayRef]) {
        if let Some((lowest, highest)) = min(times).zip(max(times)) {
            let (low, high) = self.times_seen[side].unwrap_or((lowest, highest));
            self.times_seen[side] = Some((low.min(lowest), high.max(highest)));
        }
        self.samples[side].look(rows, keys);
    }

    /// One row meets the other side, and is cached or let go.
    fn meet(&mut self, side: usize, key: u32, held: Held, partner: bool, pass: &mut Pass) {
        if self.empty || !partner && !self.pads[side] {
            self.let_go(side, held, pass);
            return;
        }
        let now = self.watermark.0.max(0);
        let mut found = |other: Held| pass.pairs.put(side, held.number, other.number);
        if partner && self.cache.partners(side, key, held.time, now, &mut found) {
            self.drop_expired(1 - side, key, now, pass);
        }
        if now < self.cache.partner_end(side, held.time) {
            self.cache.insert(side, key, held);
        } else {
            pass.emptied.push(key);
            self.let_go(side, held, pass);
        }
    }

    /// A row leaves, padded if it found no partner.
    fn let_go(&self, side: usize, held: Held, pass: &mut Pass) {
        if self.pads[side] {
            pass.pairs.pad(side, held.number);
        }
        pass.released[side].push(held.number);
    }

    /// Lets the rows of a key go whose time is over.
    fn drop_expired(&mut self, side: usize, key: u32, now: i64, pass: &mut Pass) {
        while let Some(held) = self.cache.pop_expired(side, key, now) {
            self.let_go(side, held, pass);
        }
    }

    /// The watermark moves.
    fn advance(&mut self, watermark: Millis, pass: &mut Pass) {
        self.watermark = watermark;
        let now = watermark.0.max(0);
        while let Some(waiting) = self.cache.due(now) {
            self.drop_expired(usize::from(waiting.side), waiting.key, now, pass);
            if !self.cache.rearm(waiting) {
                pass.emptied.push(waiting.key);
            }
        }
        if watermark != Millis::MAX && watermark.0.checked_sub(self.hold).is_none() {
            return;
        }
        let held_back = if watermark == Millis::MAX { watermark } else { watermark.plus(-self.hold) };
        pass.pairs.mark(held_back);
    }

    /// Gathers and emits what was noted.
    fn flush(&mut self, pass: &mut Pass, out: &mut Output) -> Result<()> {
        let pads = self.pads;
        self.shape.emit(&mut pass.pairs, &mut self.stores, pads, out)
    }

    /// Frees what is not needed any more.
    fn forget(&mut self, pass: Pass) -> Result<()> {
        for (store, released) in self.stores.iter_mut().zip(pass.released) {
            released.into_iter().for_each(|number| store.release(number));
            store.settle()?;
        }
        let mut emptied = pass.emptied;
        emptied.retain(|&key| self.cache.is_empty(key));
        emptied.sort_unstable();
        emptied.dedup();
        emptied.into_iter().for_each(|key| self.interner.remove(key));
        Ok(())
    }

    fn save_side(&self, side: usize, name: &str, tables: &mut Tables) -> Result<()> {
        let live = self.stores[side].live();
        let timers = self.cache.timers_of(side);
        let timer = |number: &u64| timers.get(number).copied().unwrap_or_default();
        let words = |of: &dyn Fn(&u64) -> i64| Arc::new(live.iter().map(|n| Some(of(n))).collect::<Int64Array>());
        let marked: BooleanArray = live.iter().map(|&number| Some(self.stores[side].marked(number))).collect();
        let columns: [(&str, ArrayRef); 3] = [
            ("matched", Arc::new(marked)),
            ("timer", words(&|number| timer(number).0)),
            ("order", words(&|number| timer(number).1)),
        ];
        tables.insert(format!("{name}.timers"), RecordBatch::try_from_iter(columns)?);
        tables.insert(name.into(), self.stores[side].batch(&live)?);
        Ok(())
    }

    fn load_side(&mut self, side: usize, schema: &SchemaRef, rows: RecordBatch, timers: &RecordBatch) -> Result<()> {
        let rows = rows.with_schema(schema.clone())?;
        let (columns, _) = self.keys.of(side, &rows);
        let mut keys = Vec::new();
        self.interner.intern(&columns, rows.num_rows(), &mut keys)?;
        self.cache.resize(self.interner.len());
        let times = times_of(rows.column(self.times[side]))?;
        let word = |column: usize, row: usize| timers.column(column).as_primitive::<Int64Type>().value(row);
        let first = self.stores[side].push(&rows);
        for (row, (&key, &time)) in keys.iter().zip(times.values()).enumerate() {
            let number = first + row as u64;
            if timers.column(0).as_boolean().value(row) {
                self.stores[side].mark(number);
            }
            let waiting = Waiting { order: word(2, row), key, side: side as u8 };
            self.cache.restore(Held { time, number }, word(1, row), waiting);
        }
        Ok(())
    }
}

impl Operator for IntervalJoinOperator {
    fn on_batch(&mut self, side: usize, batch: Batch, out: &mut Output) -> Result<()> {
        let times = times_of(batch.rows.column(self.times[side]))?;
        let (columns, partners) = self.keys.of(side, &batch.rows);
        self.note(side, &times, &batch.rows, &columns);
        let mut keys = Vec::new();
        self.interner.intern(&columns, batch.len(), &mut keys)?;
        self.cache.resize(self.interner.len());
        let first = self.stores[side].push(&batch.rows);
        let mut pass = Pass { pairs: Pairs::default(), released: [Vec::new(), Vec::new()], emptied: Vec::new() };
        let mut marks = batch.marks.iter().peekable();
        for (row, (&key, &time)) in keys.iter().zip(times.values()).enumerate() {
            while let Some(mark) = marks.next_if(|mark: &&Mark| mark.after as usize <= row) {
                self.advance(mark.watermark, &mut pass);
            }
            let partner = partners.as_ref().is_none_or(|partners| partners.is_valid(row));
            self.meet(side, key, Held { time, number: first + row as u64 }, partner, &mut pass);
            if self.cache.is_empty(key) {
                pass.emptied.push(key);
            }
            if pass.pairs.len() >= NOTED_PAIRS {
                self.flush(&mut pass, out)?;
            }
        }
        for mark in marks {
            self.advance(mark.watermark, &mut pass);
        }
        self.flush(&mut pass, out)?;
        self.forget(pass)
    }

    fn save(&mut self) -> Result<Tables> {
        let mut tables = Tables::new();
        self.save_side(LEFT, "left", &mut tables)?;
        self.save_side(RIGHT, "right", &mut tables)?;
        let words: ArrayRef = Arc::new(Int64Array::from(vec![self.watermark.0, self.cache.orders()]));
        tables.insert("watermark".into(), RecordBatch::try_from_iter([("watermark", words)])?);
        Ok(tables)
    }

    fn load(&mut self, mut tables: Tables) -> Result<()> {
        let Some(words) = tables.remove("watermark") else { return Ok(()) };
        let words = words.column(0).as_primitive::<Int64Type>().clone();
        for (side, name) in [(LEFT, "left"), (RIGHT, "right")] {
            let schema = self.stores[side].schema();
            if let Some((rows, timers)) = tables.remove(name).zip(tables.remove(&format!("{name}.timers"))) {
                self.load_side(side, &schema, rows, &timers)?;
            }
        }
        self.watermark = Millis(words.value(0));
        self.cache.set_orders(words.value(1));
        Ok(())
    }

    fn wake(&self) -> Wake {
        Wake::soon(self.cache.first_timer())
    }

    fn size(&self) -> usize {
        self.interner.size() + self.cache.size() + self.stores.iter().map(RowStore::size).sum::<usize>()
    }
    fn inspect(&self) -> Detail {
        let side = |side: usize| Side {
            held: self.stores[side].len() as u64,
            times: self.times_seen[side].map(|(lowest, highest)| (Millis(lowest), Millis(highest))),
            keys: self.samples[side].shown(),
            whole: false,
        };
        Detail::Join(Box::new([side(LEFT), side(RIGHT)]))
    }
}
