//! Rows joined with the version of others that held at their time, as Flink's `TemporalRowTimeJoinOperator` does it.
//!
//! Each right row is a version of its key from its time on, until the next one or until a deletion. A left row waits
//! until the watermark, the lower one of both sides, has reached its time: then no version from before can come any more.
//! Versions that are over then are forgotten. So a late row is not lost: it meets what is left of them at the next
//! watermark. (Flink forgets them when it next looks at the key; what that is hangs on which watermarks there were between
//! two rows, and nothing here may.)

mod line;

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, UInt8Array};
use arrow::compute::{max, min};
use arrow::datatypes::{SchemaRef, UInt8Type};
use millstream_plan::{Changes, JoinKind, RowType, TemporalJoin};
use millstream_record::{Batch, Kind, Mark, Millis};

use crate::equality::{JoinKeys, LEFT, RIGHT};
use crate::error::{EngineError, Result};
use crate::inspect::{Detail, KeySample, Side};
use crate::keys::Interner;
use crate::operator::{Operator, Output, Wake};
use crate::pairs::{Pairs, Shape};
use crate::rows::{NO_ROW, RowStore};
use crate::state::Tables;
use crate::time::times_of;
use crate::timers::Timers;
use line::{Line, NEVER, Waiting};

/// So many pairs are noted before they are gathered and emitted.
const NOTED_PAIRS: usize = 1 << 16;
/// Timers are mostly set within so many milliseconds from now.
const SPAN: i64 = 10 * 60_000;
/// The names of the sides' tables.
const NAMES: [&str; 2] = ["left", "right"];

/// Joins rows with versions.
pub struct TemporalJoinOperator {
    keys: JoinKeys,
    times: [usize; 2],
    /// Whether left rows come out padded when no version held.
    pads: [bool; 2],
    /// Whether the rest of a condition may still part a row from its version.
    tests: bool,
    /// Whether a `-U` ends a version.
    retracts: bool,
    /// Whether left rows carry their kinds.
    changes: bool,
    shape: Shape,
    interner: Interner,
    /// By the number of the key.
    lines: Vec<Line>,
    timers: Timers<u32>,
    stores: [RowStore; 2],
    /// Per side the extremes of all event times, and keys of the first rows.
    times_seen: [Option<(i64, i64)>; 2],
    samples: [KeySample; 2],
}

/// The pass over one batch.
#[derive(Default)]
struct Pass {
    pairs: Pairs,
    leaving: Vec<(Waiting, Option<u64>)>,
    /// Rows that are not needed once the pairs are out.
    released: [Vec<u64>; 2],
    /// Keys that may have nothing left.
    emptied: Vec<u32>,
}

impl TemporalJoinOperator {
    /// The operator for a plan over a stream and its versions; `schema` is what comes out.
    pub fn new(plan: &TemporalJoin, left: &RowType, right: &RowType, schema: SchemaRef) -> Result<Self> {
        let join = &plan.join;
        if !matches!(join.kind, JoinKind::Inner | JoinKind::Left) {
            return Err(EngineError::Compute("a join with versions is INNER or LEFT".into()));
        }
        let keys = JoinKeys::new(&join.on, left, right)?;
        Ok(TemporalJoinOperator {
            interner: Interner::new(keys.types())?,
            keys,
            times: [plan.left_time, plan.right_time],
            pads: [join.kind.pads_left(), false],
            tests: join.residual.is_some(),
            retracts: plan.retracts,
            changes: left.changes == Changes::Retract,
            shape: Shape::new(join.residual.as_ref(), &left.schema, &right.schema, schema)?,
            lines: Vec::new(),
            timers: Timers::new(SPAN),
            stores: [RowStore::new(left.schema.clone()), RowStore::new(right.schema.clone())],
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

    /// The numbers of the rows' keys, each of which has a line.
    fn number(&mut self, columns: &[ArrayRef], rows: usize) -> Result<Vec<u32>> {
        let mut keys = Vec::new();
        self.interner.intern(columns, rows, &mut keys)?;
        self.lines.resize_with(self.lines.len().max(self.interner.len()), Line::default);
        Ok(keys)
    }

    /// Sees to it that a key is looked at when there is something to do.
    fn look_after(&mut self, key: u32) {
        let line = &mut self.lines[key as usize];
        let due = line.due();
        if due < line.timer {
            line.timer = due;
            self.timers.set(due, key);
        }
    }

    /// A right row is a version, or ends one. Where a null stands in its key it is nobody's.
    fn version(&mut self, key: u32, (row, time): (u64, i64), kind: Kind, partner: bool, pass: &mut Pass) {
        let told = partner && (kind != Kind::UpdateBefore || self.retracts);
        if !told {
            pass.released[RIGHT].push(row);
            pass.emptied.push(key);
            return;
        }
        pass.released[RIGHT].extend(self.lines[key as usize].put(time, row, kind.is_retraction()));
        self.look_after(key);
    }

    /// The watermark moves.
    fn advance(&mut self, watermark: Millis, pass: &mut Pass) {
        while let Some((at, key)) = self.timers.due(watermark.0) {
            let line = &mut self.lines[key as usize];
            // An earlier one has taken its place since it was set.
            if line.timer != at {
                continue;
            }
            line.timer = NEVER;
            line.leave(watermark.0, &mut pass.leaving);
            pass.released[RIGHT].extend(line.forget(watermark.0));
            self.look_after(key);
            pass.emptied.push(key);
        }
        // Rows of all keys come out in the order in which they came.
        pass.leaving.sort_unstable_by_key(|(waiting, _)| waiting.row);
        for (waiting, version) in pass.leaving.drain(..) {
            let pads = self.pads[LEFT] && (version.is_none() || self.tests);
            for partner in version.into_iter().chain(pads.then_some(NO_ROW)) {
                pass.pairs.put(LEFT, waiting.row, partner);
                if self.changes {
                    pass.pairs.of_kind(waiting.kind);
                }
            }
            pass.released[LEFT].push(waiting.row);
        }
        pass.pairs.mark(watermark);
    }

    /// Gathers and emits what was noted.
    fn flush(&mut self, pass: &mut Pass, out: &mut Output) -> Result<()> {
        self.shape.emit(&mut pass.pairs, &mut self.stores, self.pads, out)
    }

    /// Frees what is not needed any more.
    fn forget(&mut self, pass: Pass) -> Result<()> {
        for (store, released) in self.stores.iter_mut().zip(pass.released) {
            released.into_iter().for_each(|number| store.release(number));
            store.settle()?;
        }
        let mut emptied = pass.emptied;
        emptied.retain(|&key| self.lines[key as usize].is_empty());
        emptied.sort_unstable();
        emptied.dedup();
        emptied.into_iter().for_each(|key| self.interner.remove(key));
        Ok(())
    }

    /// The rows of a side, and beside each of them a word: the kind of a left row, whether a right one ends a version.
    fn save_side(&self, side: usize, tables: &mut Tables) -> Result<()> {
        let mut rows: Vec<(u64, u8)> = Vec::new();
        for line in &self.lines {
            match side {
                LEFT => rows.extend(line.waiting().map(|(row, kind)| (row, kind as u8))),
                _ => rows.extend(line.versions().map(|(row, ends)| (row, u8::from(ends)))),
            }
        }
        rows.sort_unstable();
        let numbers: Vec<u64> = rows.iter().map(|&(row, _)| row).collect();
        let words: ArrayRef = Arc::new(UInt8Array::from_iter_values(rows.iter().map(|&(_, word)| word)));
        tables.insert(format!("{}.words", NAMES[side]), RecordBatch::try_from_iter([("word", words)])?);
        tables.insert(NAMES[side].into(), self.stores[side].batch(&numbers)?);
        Ok(())
    }

    fn load_side(&mut self, side: usize, rows: RecordBatch, words: &RecordBatch) -> Result<()> {
        let rows = rows.with_schema(self.stores[side].schema())?;
        let (columns, _) = self.keys.of(side, &rows);
        let keys = self.number(&columns, rows.num_rows())?;
        let times = times_of(rows.column(self.times[side]))?;
        let words = words.column(0).as_primitive::<UInt8Type>().values();
        let first = self.stores[side].push(&rows);
        for (place, row) in (first..first + rows.num_rows() as u64).enumerate() {
            let (key, time) = (keys[place], times.value(place));
            if side == LEFT {
                let unknown = || EngineError::Compute("a saved row is of no known kind".into());
                let kind = Kind::from_u8(words[place]).ok_or_else(unknown)?;
                self.lines[key as usize].wait(Waiting { row, time, kind });
            } else {
                self.lines[key as usize].put(time, row, words[place] != 0);
            }
            self.look_after(key);
        }
        Ok(())
    }
}

impl Operator for TemporalJoinOperator {
    fn on_batch(&mut self, side: usize, batch: Batch, out: &mut Output) -> Result<()> {
        let times = times_of(batch.rows.column(self.times[side]))?;
        let (columns, partners) = self.keys.of(side, &batch.rows);
        self.note(side, &times, &batch.rows, &columns);
        let keys = self.number(&columns, batch.len())?;
        let first = self.stores[side].push(&batch.rows);
        let mut pass = Pass::default();
        let mut marks = batch.marks.iter().peekable();
        for (place, (&key, &time)) in keys.iter().zip(times.values()).enumerate() {
            while let Some(mark) = marks.next_if(|mark: &&Mark| mark.after as usize <= place) {
                self.advance(mark.watermark, &mut pass);
            }
            let (row, kind) = (first + place as u64, batch.kind(place));
            if side == LEFT {
                self.lines[key as usize].wait(Waiting { row, time, kind });
                self.look_after(key);
            } else {
                let partner = partners.as_ref().is_none_or(|partners| partners.is_valid(place));
                self.version(key, (row, time), kind, partner, &mut pass);
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
        self.save_side(LEFT, &mut tables)?;
        self.save_side(RIGHT, &mut tables)?;
        Ok(tables)
    }

    fn load(&mut self, mut tables: Tables) -> Result<()> {
        for side in [LEFT, RIGHT] {
            let name = NAMES[side];
            if let Some((rows, words)) = tables.remove(name).zip(tables.remove(&format!("{name}.words"))) {
                self.load_side(side, rows, &words)?;
            }
        }
        Ok(())
    }

    fn wake(&self) -> Wake {
        Wake::soon(self.timers.first())
    }

    fn size(&self) -> usize {
        let notes = self.stores[LEFT].len() * size_of::<Waiting>() + self.stores[RIGHT].len() * 24;
        let lines = self.lines.capacity() * size_of::<Line>() + notes + self.timers.size();
        self.interner.size() + lines + self.stores.iter().map(RowStore::size).sum::<usize>()
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
