//! The open sessions of all keys: rows of one key that follow each other within a gap. What a session holds is
//! the business of who asks; here it is a cell, a small number that is used again when its session is over.
//!
//! A row opens `[t, t + gap)` and joins every session of its key that overlaps or touches; only a row that
//! meets none is asked whether it is late.

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;
use millstream_record::Millis;

use crate::error::Result;
use crate::inspect::{OpenWindow, TOLD_WINDOWS, Windows};
use crate::keys::Interner;
use crate::operator::Wake;
use crate::state::Tables;
use crate::time::{WallClock, closes_at};
use crate::timers::Timers;

/// No cell.
const NONE: u32 = u32::MAX;

/// The number of a session that is over.
const OVER: i64 = -1;

/// So many keys without a session are kept at least before they are looked for: most come back soon.
const SPARE_KEYS: usize = 4096;

/// The open sessions of all keys.
pub struct Sessions {
    gap: i64,
    clock: WallClock,
    /// The cell of the oldest open session of each key; the key's others are linked behind it by age.
    first: Vec<u32>,
    /// By cell.
    sessions: Vec<Session>,
    /// Cells of sessions that are over, to be used again.
    free: Vec<u32>,
    /// Keys that were left without a session; some have one again.
    idle: Vec<u32>,
    numbers: i64,
    /// When to look at a session: at its end when this was noted; it may have grown since.
    timers: Timers<Waiting>,
    watermark: Millis,
}

/// A session `[start, end)`, in milliseconds of the wall clock.
#[derive(Clone, Copy, Debug)]
struct Session {
    start: i64,
    end: i64,
    /// The how-manyth session ever: sessions that close together come out in this order.
    number: i64,
    /// How many rows it took.
    rows: u32,
    /// The cell of the next younger session of its key.
    next: u32,
}

/// Whose time may be over; ordered as sessions close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    number: i64,
    key: u32,
    cell: u32,
}

/// A session that closed.
#[derive(Clone, Copy, Debug)]
pub struct Closed {
    /// The time of its first row.
    pub start: i64,
    /// The gap behind its last row.
    pub end: i64,
    /// Its key.
    pub key: u32,
    /// Where its contents are, until [`Sessions::forget`].
    pub cell: u32,
}

impl Sessions {
    /// No session yet.
    pub fn new(gap: i64, clock: WallClock) -> Self {
        Sessions {
            gap,
            clock,
            first: Vec::new(),
            sessions: Vec::new(),
            free: Vec::new(),
            idle: Vec::new(),
            numbers: 0,
            timers: Timers::new(gap),
            watermark: Millis::MIN,
        }
    }

    /// Makes room for keys `0..keys`.
    pub fn resize(&mut self, keys: usize) {
        self.first.resize(keys, NONE);
    }

    /// One more than the highest cell in use.
    pub fn cells(&self) -> usize {
        self.sessions.len()
    }

    /// The cell of the session that a row belongs to, or `None` if the row is late. When sessions meet,
    /// `absorb(from, to)` is called to move the contents of one to an older one.
    pub fn join(&mut self, key: u32, time: i64, mut absorb: impl FnMut(u32, u32) -> Result<()>) -> Result<Option<u32>> {
        let (start, end) = (time, time.saturating_add(self.gap));
        let Some(kept) = self.meeting(key, start, end, NONE) else {
            return Ok(self.open(key, start, end));
        };
        let (mut start, mut end) = self.sessions[kept as usize].grown(start, end);
        let mut rows = 1u32;
        while let Some(gone) = self.meeting(key, start, end, kept) {
            absorb(gone, kept)?;
            let taken = self.take(key, gone);
            (start, end) = taken.grown(start, end);
            rows = rows.saturating_add(taken.rows);
            self.free.push(gone);
        }
        let session = &mut self.sessions[kept as usize];
        (session.start, session.end, session.rows) = (start, end, session.rows.saturating_add(rows));
        Ok(Some(kept))
    }

    /// The oldest session of a key, other than `but`, that overlaps or touches `[start, end)`.
    fn meeting(&self, key: u32, start: i64, end: i64, but: u32) -> Option<u32> {
        let mut cell = self.first[key as usize];
        while cell != NONE {
            let session = &self.sessions[cell as usize];
            if cell != but && session.start <= end && start <= session.end {
                return Some(cell);
            }
            cell = session.next;
        }
        None
    }

    /// Opens a session, unless its time is over already.
    fn open(&mut self, key: u32, start: i64, end: i64) -> Option<u32> {
        let closes = closes_at(self.clock, end);
        if closes <= self.watermark {
            self.rest(key);
            return None;
        }
        let number = self.numbers;
        self.numbers += 1;
        let session = Session { start, end, number, rows: 1, next: NONE };
        let cell = match self.free.pop() {
            Some(cell) => {
                self.sessions[cell as usize] = session;
                cell
            }
            None => {
                self.sessions.push(session);
                (self.sessions.len() - 1) as u32
            }
        };
        *self.link(key, NONE) = cell;
        self.timers.set(closes.0, Waiting { number, key, cell });
        Some(cell)
    }

    /// Takes a session of a key out of the list of its sessions.
    fn take(&mut self, key: u32, cell: u32) -> Session {
        let taken = self.sessions[cell as usize];
        *self.link(key, cell) = taken.next;
        self.sessions[cell as usize].number = OVER;
        taken
    }

    /// The place in the list of a key's sessions where this cell is named; for none the end of the list.
    fn link(&mut self, key: u32, cell: u32) -> &mut u32 {
        if self.first[key as usize] == cell {
            return &mut self.first[key as usize];
        }
        let mut before = self.first[key as usize];
        while self.sessions[before as usize].next != cell {
            before = self.sessions[before as usize].next;
        }
        &mut self.sessions[before as usize].next
    }

    /// Notes a key that may have no session.
    fn rest(&mut self, key: u32) {
        if self.first[key as usize] == NONE {
            self.idle.push(key);
        }
    }

    /// The watermark moves: adds the sessions that close to `closed`.
    pub fn advance(&mut self, watermark: Millis, closed: &mut Vec<Closed>) {
        self.watermark = watermark;
        while let Some((noted, waiting)) = self.timers.due(watermark.0) {
            let session = self.sessions[waiting.cell as usize];
            if session.number != waiting.number {
                continue;
            }
            let closes = closes_at(self.clock, session.end).0;
            if closes <= noted {
                let Session { start, end, .. } = self.take(waiting.key, waiting.cell);
                closed.push(Closed { start, end, key: waiting.key, cell: waiting.cell });
                self.rest(waiting.key);
            } else {
                // It has grown: it comes out in its turn, if that is now.
                self.timers.set(closes, waiting);
            }
        }
    }

    /// Frees the cells of closed sessions, and in time the keys that have no session left: when they are more
    /// than the open sessions.
    pub fn forget(&mut self, closed: &[Closed], interner: &mut Interner) {
        self.free.extend(closed.iter().map(|closed| closed.cell));
        let open = self.sessions.len() - self.free.len();
        if self.idle.len() <= open + SPARE_KEYS {
            return;
        }
        let mut idle = std::mem::take(&mut self.idle);
        idle.retain(|&key| self.first[key as usize] == NONE);
        idle.sort_unstable();
        idle.dedup();
        idle.into_iter().for_each(|key| interner.remove(key));
    }

    /// The open sessions with their keys and cells. Those of one key come in the order of its list.
    fn all(&self) -> impl Iterator<Item = (u32, u32, &Session)> {
        let some = |cell: u32| Some(cell).filter(|&cell| cell != NONE);
        (0u32..).zip(&self.first).flat_map(move |(key, &first)| {
            let cells = std::iter::successors(some(first), move |&cell| some(self.sessions[cell as usize].next));
            cells.map(move |cell| (key, cell, &self.sessions[cell as usize]))
        })
    }

    /// Saves keys and sessions.
    pub fn save(&self, interner: &Interner, tables: &mut Tables) -> Result<()> {
        let open: Vec<(u32, u32, &Session)> = self.all().collect();
        let mut columns = interner.keys(&open.iter().map(|(key, ..)| *key).collect::<Vec<_>>())?;
        let longs = |values: &mut dyn Iterator<Item = i64>| Arc::new(Int64Array::from_iter_values(values)) as ArrayRef;
        columns.push(longs(&mut open.iter().map(|(.., session)| session.start)));
        columns.push(longs(&mut open.iter().map(|(.., session)| session.end)));
        columns.push(longs(&mut open.iter().map(|(_, cell, _)| i64::from(*cell))));
        columns.push(longs(&mut open.iter().map(|(.., session)| i64::from(session.rows))));
        columns.push(longs(&mut open.iter().map(|(.., session)| session.number)));
        let named = columns.into_iter().enumerate().map(|(number, column)| (format!("c{number}"), column, true));
        tables.insert("sessions".into(), RecordBatch::try_from_iter_with_nullable(named)?);
        let words = longs(&mut [self.watermark.0, self.cells() as i64, self.numbers].into_iter());
        tables.insert("watermark".into(), RecordBatch::try_from_iter([("watermark", words)])?);
        Ok(())
    }

    /// Takes back what `save` wrote, into an empty interner and no sessions.
    pub fn load(&mut self, interner: &mut Interner, tables: &Tables) -> Result<()> {
        let Some((sessions, words)) = tables.get("sessions").zip(tables.get("watermark")) else { return Ok(()) };
        let words = words.column(0).as_primitive::<Int64Type>();
        (self.watermark, self.numbers) = (Millis(words.value(0)), words.value(2));
        let over = Session { start: 0, end: 0, number: OVER, rows: 0, next: NONE };
        self.sessions.resize(words.value(1) as usize, over);
        let (columns, rest) = sessions.columns().split_at(sessions.num_columns() - 5);
        let mut keys = Vec::new();
        interner.intern(columns, sessions.num_rows(), &mut keys)?;
        self.resize(interner.len());
        let word = |column: usize, row: usize| rest[column].as_primitive::<Int64Type>().value(row);
        // Last first, so that every key's list has its order again.
        for (row, &key) in keys.iter().enumerate().rev() {
            let (start, end) = (word(0, row), word(1, row));
            let (cell, rows, number) = (word(2, row) as u32, word(3, row) as u32, word(4, row));
            let next = std::mem::replace(&mut self.first[key as usize], cell);
            self.sessions[cell as usize] = Session { start, end, number, rows, next };
            self.timers.set(closes_at(self.clock, end).0, Waiting { number, key, cell });
        }
        let over = |(_, session): &(u32, &Session)| session.number == OVER;
        self.free = (0u32..).zip(&self.sessions).filter(over).map(|(cell, _)| cell).collect();
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
        let mut all: Vec<&Session> = self.sessions.iter().filter(|session| session.number != OVER).collect();
        let open = all.len();
        if open > TOLD_WINDOWS {
            all.select_nth_unstable_by_key(TOLD_WINDOWS, |session| session.end);
            all.truncate(TOLD_WINDOWS);
        }
        Windows::of(open, true, all.into_iter().map(told).collect())
    }

    /// When a session may close.
    pub fn wake(&self) -> Wake {
        Wake::soon(self.timers.first())
    }

    /// Bytes in use, roughly.
    pub fn size(&self) -> usize {
        (self.first.capacity() + self.idle.capacity()) * size_of::<u32>()
            + self.sessions.capacity() * size_of::<Session>()
            + self.timers.size()
    }
}

impl Session {
    /// `[start, end)`, grown by this session.
    fn grown(&self, start: i64, end: i64) -> (i64, i64) {
        (start.min(self.start), end.max(self.end))
    }
}
