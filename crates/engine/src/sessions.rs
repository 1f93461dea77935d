//! Sessions: rows of one key that follow each other within a gap. What a session holds is the business of
//! who asks; here it is a cell, a small number that is used again when its session is over.
//!
//! A row opens `[t, t + gap)` and joins every session of its key that overlaps or touches; only a row that
//! meets none is asked whether it is late.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;
use millstream_record::Millis;

use crate::error::Result;
use crate::inspect::{OpenWindow, TOLD_WINDOWS, Windows};
use crate::keys::Interner;
use crate::state::Tables;
use crate::time::{WallClock, closes_at};

/// The open sessions of all keys.
pub struct Sessions {
    gap: i64,
    clock: WallClock,
    /// The open sessions of each key, few and in no order.
    keys: Vec<Vec<Session>>,
    /// Cells of sessions that are over, to be used again.
    free: Vec<u32>,
    cells: u32,
    numbers: i64,
    /// When to look at a session: at its end when this was noted; it may have grown since.
    timers: BinaryHeap<Reverse<Timer>>,
    watermark: Millis,
}

/// A session `[start, end)`, in milliseconds of the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// The time of its first row.
    pub start: i64,
    /// The gap behind its last row.
    pub end: i64,
    /// Where its contents are.
    pub cell: u32,
    /// How many rows it took.
    rows: u32,
    /// The how-manyth session ever: sessions that close together come out in this order.
    number: i64,
}

/// A session that closed.
#[derive(Clone, Copy, Debug)]
pub struct Closed {
    /// The session; its cell is still in use.
    pub session: Session,
    /// Its key.
    pub key: u32,
}

/// Ordered as sessions close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Timer {
    closes: Millis,
    number: i64,
    key: u32,
}

impl Sessions {
    /// No session yet.
    pub fn new(gap: i64, clock: WallClock) -> Self {
        Sessions {
            gap,
            clock,
            keys: Vec::new(),
            free: Vec::new(),
            cells: 0,
            numbers: 0,
            timers: BinaryHeap::new(),
            watermark: Millis::MIN,
        }
    }

    /// Makes room for keys `0..keys`.
    pub fn resize(&mut self, keys: usize) {
        self.keys.resize(keys, Vec::new());
    }

    /// One more than the highest cell in use.
    pub fn cells(&self) -> usize {
        self.cells as usize
    }

    /// The cell of the session that a row belongs to, or `None` if the row is late. When sessions meet,
    /// `absorb(cells, from, to)` is called to add the contents of one to another.
    pub fn join(
        &mut self,
        key: u32,
        time: i64,
        absorb: &mut dyn FnMut(usize, u32, u32) -> Result<()>,
    ) -> Result<Option<u32>> {
        let (mut start, mut end) = (time, time.saturating_add(self.gap));
        let cells = self.cells as usize;
        let sessions = &mut self.keys[key as usize];
        let Some(first) = sessions.iter().position(|session| session.meets(start, end)) else {
            return Ok(self.open(key, start, end));
        };
        let mut kept = sessions.swap_remove(first);
        (start, end) = (start.min(kept.start), end.max(kept.end));
        while let Some(other) = sessions.iter().position(|session| session.meets(start, end)) {
            let gone = sessions.swap_remove(other);
            absorb(cells, gone.cell, kept.cell)?;
            self.free.push(gone.cell);
            kept.rows = kept.rows.saturating_add(gone.rows);
            (start, end) = (start.min(gone.start), end.max(gone.end));
        }
        (kept.start, kept.end) = (start, end);
        kept.rows = kept.rows.saturating_add(1);
        sessions.push(kept);
        Ok(Some(kept.cell))
    }

    /// Opens a session, unless its time is over already.
    fn open(&mut self, key: u32, start: i64, end: i64) -> Option<u32> {
        let closes = closes_at(self.clock, end);
        if closes <= self.watermark {
            return None;
        }
        let cell = self.free.pop().unwrap_or_else(|| {
            self.cells += 1;
            self.cells - 1
        });
        let number = self.numbers;
        self.numbers += 1;
        self.keys[key as usize].push(Session { start, end, cell, rows: 1, number });
        self.timers.push(Reverse(Timer { closes, number, key }));
        Some(cell)
    }

    /// The watermark moves: adds the sessions that close to `closed`.
    pub fn advance(&mut self, watermark: Millis, closed: &mut Vec<Closed>) {
        self.watermark = watermark;
        while let Some(Reverse(timer)) = self.timers.peek().copied()
            && timer.closes <= watermark
        {
            self.timers.pop();
            let sessions = &mut self.keys[timer.key as usize];
            let Some(place) = sessions.iter().position(|session| session.number == timer.number) else { continue };
            let closes = closes_at(self.clock, sessions[place].end);
            if closes <= timer.closes {
                closed.push(Closed { session: sessions.swap_remove(place), key: timer.key });
            } else {
                // It has grown: it comes out in its turn, if that is now.
                self.timers.push(Reverse(Timer { closes, ..timer }));
            }
        }
    }

    /// Frees the cells of closed sessions, and the keys among `keys` that have no session left.
    pub fn forget(&mut self, closed: &[Closed], mut keys: Vec<u32>, interner: &mut Interner) {
        self.free.extend(closed.iter().map(|closed| closed.session.cell));
        keys.extend(closed.iter().map(|closed| closed.key));
        keys.retain(|&key| self.keys[key as usize].is_empty());
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter().for_each(|key| interner.remove(key));
    }

    /// Saves keys and sessions.
    pub fn save(&self, interner: &Interner, tables: &mut Tables) -> Result<()> {
        let open = (0u32..).zip(&self.keys);
        let open: Vec<(u32, Session)> =
            open.flat_map(|(key, sessions)| sessions.iter().map(move |session| (key, *session))).collect();
        let mut columns = interner.keys(&open.iter().map(|(key, _)| *key).collect::<Vec<_>>())?;
        let longs = |values: &mut dyn Iterator<Item = i64>| Arc::new(Int64Array::from_iter_values(values)) as ArrayRef;
        columns.push(longs(&mut open.iter().map(|(_, session)| session.start)));
        columns.push(longs(&mut open.iter().map(|(_, session)| session.end)));
        columns.push(longs(&mut open.iter().map(|(_, session)| i64::from(session.cell))));
        columns.push(longs(&mut open.iter().map(|(_, session)| i64::from(session.rows))));
        columns.push(longs(&mut open.iter().map(|(_, session)| session.number)));
        let named = columns.into_iter().enumerate().map(|(number, column)| (format!("c{number}"), column, true));
        tables.insert("sessions".into(), RecordBatch::try_from_iter_with_nullable(named)?);
        let words = longs(&mut [self.watermark.0, i64::from(self.cells), self.numbers].into_iter());
        tables.insert("watermark".into(), RecordBatch::try_from_iter([("watermark", words)])?);
        Ok(())
    }

    /// Takes back what `save` wrote, into an empty interner and no sessions.
    pub fn load(&mut self, interner: &mut Interner, tables: &Tables) -> Result<()> {
        let Some((sessions, words)) = tables.get("sessions").zip(tables.get("watermark")) else { return Ok(()) };
        let words = words.column(0).as_primitive::<Int64Type>();
        (self.watermark, self.cells, self.numbers) = (Millis(words.value(0)), words.value(1) as u32, words.value(2));
        let (columns, rest) = sessions.columns().split_at(sessions.num_columns() - 5);
        let mut keys = Vec::new();
        interner.intern(columns, sessions.num_rows(), &mut keys)?;
        self.resize(interner.len());
        let word = |column: usize, row: usize| rest[column].as_primitive::<Int64Type>().value(row);
        let mut used = vec![false; self.cells()];
        for (row, &key) in keys.iter().enumerate() {
            let session = Session {
                start: word(0, row),
                end: word(1, row),
                cell: word(2, row) as u32,
                rows: word(3, row) as u32,
                number: word(4, row),
            };
            used[session.cell as usize] = true;
            self.keys[key as usize].push(session);
            let closes = closes_at(self.clock, session.end);
            self.timers.push(Reverse(Timer { closes, number: session.number, key }));
        }
        self.free = (0..self.cells).rev().filter(|&cell| !used[cell as usize]).collect();
        Ok(())
    }

    /// The sessions that are open.
    pub fn open_windows(&self) -> Windows {
        let told = |session: &Session| OpenWindow {
            closes: closes_at(self.clock, session.end),
            end: session.end,
            start: session.start,
            rows: u64::from(session.rows),
            keys: 1,
        };
        let mut all: Vec<&Session> = self.keys.iter().flatten().collect();
        let open = all.len();
        if open > TOLD_WINDOWS {
            all.select_nth_unstable_by_key(TOLD_WINDOWS, |session| session.end);
            all.truncate(TOLD_WINDOWS);
        }
        Windows::of(open, true, all.into_iter().map(told).collect())
    }

    /// Bytes in use, roughly.
    pub fn size(&self) -> usize {
        let open = self.keys.capacity() * size_of::<Vec<Session>>() + self.cells() * size_of::<Session>();
        open + self.timers.len() * size_of::<Timer>()
    }
}

impl Session {
    /// Whether it overlaps or touches `[start, end)`.
    fn meets(&self, start: i64, end: i64) -> bool {
        self.start <= end && start <= self.end
    }
}
