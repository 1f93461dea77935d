//! What is held of a watched step, in bounded memory: the newest changes as they came, and where rows are taken back
//! the rows that stand. Questions are answered from it; only rows that are asked for become text, but for a filter,
//! which reads them all.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{SortColumn, SortOptions, concat_batches, lexsort_to_indices, take_record_batch};
use arrow::error::ArrowError;
use millstream_plan::Changes;
use millstream_record::{Batch, Kinds, Millis};

use super::ask::{Ask, Fresh, Order, Row, Rows};
use super::filter::Filter;
use crate::chart::{Chart, Points, Sketch};
use crate::fold::{Fold, Standing};
use crate::render::{Cell, Columns, Look};

/// So many rows, and so many changes, are held.
pub const ROOM: usize = 10_000;
/// Changes are held up to so many bytes.
const BYTES: usize = 32 << 20;
/// For so many milliseconds what is new is marked.
const MARKED: i64 = 1_000;

/// What is held of a step.
pub struct Board {
    columns: Columns,
    /// The columns that tell rows apart, if that is known.
    key: Vec<usize>,
    stands: Stands,
    log: VecDeque<(Millis, Batch)>,
    logged: usize,
    bytes: usize,
    changes: u64,
    room: usize,
}

/// The rows that stand.
enum Stands {
    /// Rows only come: they are those of the log.
    Logged,
    /// Rows are taken back.
    Folded(Box<Fold>),
    /// They were taken back until a moment at which all was frozen.
    Frozen(Box<Frozen>),
}

struct Frozen {
    held: Held,
    before: RecordBatch,
    total: u64,
}

/// Rows out of which some are to be shown, in the order in which they came.
#[derive(Clone)]
struct Held {
    rows: Batch,
    since: Vec<Millis>,
    /// Which of them took the place of another version; empty if none did.
    renewed: Vec<bool>,
}

impl Board {
    /// Nothing yet, of at most `room` rows and changes.
    pub fn new(columns: Columns, changes: Changes, key: Vec<usize>, room: usize) -> Result<Board, ArrowError> {
        let stands = match changes {
            Changes::Append => Stands::Logged,
            Changes::Retract => Stands::Folded(Box::new(Fold::bounded(columns.schema.clone(), room)?)),
        };
        Ok(Board { columns, key, stands, log: VecDeque::new(), logged: 0, bytes: 0, changes: 0, room })
    }

    /// Takes rows, which came at this time.
    pub fn take(&mut self, batch: &Batch, now: Millis) -> Result<(), ArrowError> {
        if batch.is_empty() {
            return Ok(());
        }
        if let Stands::Folded(fold) = &mut self.stands {
            fold.take_at(batch, now)?;
        }
        self.changes += batch.len() as u64;
        self.logged += batch.len();
        self.bytes += batch.rows.get_array_memory_size();
        self.log.push_back((now, batch.slice(0, batch.len())));
        while let Some((_, oldest)) = self.log.front()
            && self.log.len() > 1
            && (self.logged - oldest.len() >= self.room || self.bytes > BYTES)
        {
            self.logged -= oldest.len();
            self.bytes = self.bytes.saturating_sub(oldest.rows.get_array_memory_size());
            self.log.pop_front();
        }
        Ok(())
    }

    /// How many changes have come.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Forgets all that came: these rows stand now, and none of them is new.
    pub fn restart(&mut self, rows: &[RecordBatch]) -> Result<(), ArrowError> {
        self.log.clear();
        (self.logged, self.bytes, self.changes) = (0, 0, 0);
        if let Stands::Folded(fold) = &mut self.stands {
            **fold = Fold::bounded(self.columns.schema.clone(), self.room)?;
        }
        for rows in rows {
            let batch = Batch::insert(rows.clone());
            match &mut self.stands {
                Stands::Folded(fold) => fold.take_at(&batch, Millis::MIN)?,
                _ => self.take(&batch, Millis::MIN)?,
            }
        }
        Ok(())
    }

    /// A board that shows what this one shows now, and takes nothing any more.
    pub fn frozen(&self) -> Result<Board, ArrowError> {
        let stands = match &self.stands {
            Stands::Logged => Stands::Logged,
            Stands::Folded(fold) => {
                let standing: Vec<&Standing> = fold.standing().collect();
                let (held, before) = (folded(fold)?, fold.before(&standing)?);
                Stands::Frozen(Box::new(Frozen { held, before, total: fold.total() }))
            }
            Stands::Frozen(frozen) => {
                let Frozen { held, before, total } = &**frozen;
                Stands::Frozen(Box::new(Frozen { held: held.clone(), before: before.clone(), total: *total }))
            }
        };
        Ok(Board { stands, columns: self.columns.clone(), key: self.key.clone(), log: self.log.clone(), ..*self })
    }

    /// The rows that stand.
    pub fn table(&self, ask: &Ask, look: &Look, now: Millis) -> Result<Rows, ArrowError> {
        let (held, total) = self.standing()?;
        let order = order(&held, ask.order);
        let (order, mut page) = self.pick(&held, order, ask, look, total);
        let shown: Vec<usize> = order.into_iter().skip(page.first).take(ask.count).collect();
        let is_new = |row: &usize| now.0.saturating_sub(held.since[*row].0) < MARKED;
        let before = self.before(&shown)?;
        let row = |(place, row): (usize, &usize)| {
            let cells = self.columns.cells(&held.rows, *row, look);
            let fresh = match &before {
                _ if !is_new(row) => Fresh::None,
                Some(before) if held.renewed[*row] => differing(&self.columns.cells(before, place, look), &cells),
                _ => Fresh::Row,
            };
            Row { at: held.since[*row], kind: None, cells, fresh }
        };
        page.rows = shown.iter().enumerate().map(row).collect();
        Ok(page)
    }

    /// Changes, the newest first. Of one key, the cells are marked that differ from the change before.
    pub fn log(&self, ask: &Ask, look: &Look, now: Millis) -> Result<Rows, ArrowError> {
        let held = self.logged()?;
        let newest: Vec<usize> = (0..held.rows.len()).rev().collect();
        let (order, mut page) = self.pick(&held, newest, ask, look, self.changes);
        let history = !ask.key.is_empty();
        let row = |place: usize| {
            let row = order[place];
            let cells = self.columns.cells(&held.rows, row, look);
            let fresh = match order.get(place + 1) {
                Some(before) if history => differing(&self.columns.cells(&held.rows, *before, look), &cells),
                _ if !history && now.0.saturating_sub(held.since[row].0) < MARKED => Fresh::Row,
                _ => Fresh::None,
            };
            Row { at: held.since[row], kind: Some(held.rows.kind(row)), cells, fresh }
        };
        page.rows = (page.first..order.len().min(page.first + ask.count)).map(row).collect();
        Ok(page)
    }

    /// The rows that stand, drawn.
    pub fn chart(&self, sketch: &Sketch, look: &Look) -> Result<Chart, ArrowError> {
        let (held, total) = self.standing()?;
        let drawn = held.rows.len().min(Points::ROOM);
        let rows = held.rows.slice(held.rows.len() - drawn, drawn);
        Ok(Points::new(sketch, &self.columns, look.zone).chart(&[rows], total))
    }

    /// Which of the rows fit, in this order, and the page without its rows.
    fn pick(&self, held: &Held, order: Vec<usize>, ask: &Ask, look: &Look, total: u64) -> (Vec<usize>, Rows) {
        let heads = self.columns.heads();
        let filter = Filter::read(&ask.filter, &heads);
        let fits = |row: &usize| {
            let cells = self.columns.cells(&held.rows, *row, look);
            let of_key = |(column, text): &(usize, String)| cells.get(*column).is_some_and(|cell| cell.text == *text);
            ask.key.iter().all(of_key) && filter.passes(&cells)
        };
        let order: Vec<usize> =
            if filter.is_empty() && ask.key.is_empty() { order } else { order.into_iter().filter(fits).collect() };
        let fit = order.len();
        let page = Rows {
            heads,
            key: self.key.clone(),
            rows: Vec::new(),
            first: ask.first.min(fit.saturating_sub(1)),
            fit,
            held: held.rows.len(),
            total,
        };
        (order, page)
    }

    /// The rows that stand and are held, and how many stand in all.
    fn standing(&self) -> Result<(Held, u64), ArrowError> {
        Ok(match &self.stands {
            Stands::Logged => (self.logged()?, self.changes),
            Stands::Folded(fold) => (folded(fold)?, fold.total()),
            Stands::Frozen(frozen) => (frozen.held.clone(), frozen.total),
        })
    }

    /// The version before each of these rows, where rows have versions.
    fn before(&self, shown: &[usize]) -> Result<Option<Batch>, ArrowError> {
        let before = match &self.stands {
            Stands::Logged => return Ok(None),
            Stands::Folded(fold) => {
                let all: Vec<&Standing> = fold.standing().collect();
                fold.before(&shown.iter().map(|row| all[*row]).collect::<Vec<_>>())?
            }
            Stands::Frozen(frozen) => {
                take_record_batch(&frozen.before, &UInt32Array::from_iter_values(shown.iter().map(|row| *row as u32)))?
            }
        };
        Ok(Some(Batch::insert(before)))
    }

    /// The changes that are held, as they came.
    fn logged(&self) -> Result<Held, ArrowError> {
        let rows = concat_batches(&self.columns.schema, self.log.iter().map(|(_, batch)| &batch.rows))?;
        let each = |(at, batch): &(Millis, Batch)| std::iter::repeat_n(*at, batch.len());
        let kinds = self.log.iter().flat_map(|(_, batch)| (0..batch.len()).map(|row| batch.kind(row)));
        let rows = Batch::changes(rows, Kinds::new(kinds));
        let more = rows.len().saturating_sub(self.room);
        let since = self.log.iter().flat_map(each).skip(more).collect();
        Ok(Held { rows: rows.slice(more, rows.len() - more), since, renewed: Vec::new() })
    }
}

fn folded(fold: &Fold) -> Result<Held, ArrowError> {
    let standing: Vec<&Standing> = fold.standing().collect();
    let since = standing.iter().map(|standing| standing.since).collect();
    let renewed = standing.iter().map(|standing| standing.is_new_version()).collect();
    Ok(Held { rows: Batch::insert(fold.decoded(&standing)?), since, renewed })
}

/// The places of rows in this order. What cannot be sorted stays as it came.
fn order(held: &Held, order: Order) -> Vec<usize> {
    let came = 0..held.rows.len();
    match order {
        Order::Came => came.collect(),
        Order::Newest => {
            // What came at one moment stays in its order; among rows that only come this changes nothing.
            let mut newest: Vec<usize> = came.rev().collect();
            newest.sort_by_key(|row| std::cmp::Reverse(held.since[*row]));
            newest
        }
        Order::Column(column, descending) => {
            let sorted = held.rows.rows.columns().get(column).map(|values| sorted(values, descending));
            sorted.and_then(Result::ok).unwrap_or_else(|| came.collect())
        }
    }
}

/// Equal values stay as they came; nulls stand last.
fn sorted(values: &ArrayRef, descending: bool) -> Result<Vec<usize>, ArrowError> {
    let places: ArrayRef = Arc::new(UInt32Array::from_iter_values(0..values.len() as u32));
    let by = |values: ArrayRef, descending: bool| SortColumn {
        values,
        options: Some(SortOptions { descending, nulls_first: false }),
    };
    let order = lexsort_to_indices(&[by(values.clone(), descending), by(places, false)], None)?;
    Ok(order.values().iter().map(|row| *row as usize).collect())
}

fn differing(before: &[Cell], now: &[Cell]) -> Fresh {
    Fresh::Cells(before.iter().zip(now).map(|(before, now)| before.text != now.text).collect())
}

/// A table of rows as text, the newest first, for what was set aside.
pub fn newest(rows: &[RecordBatch], most: usize, look: &Look) -> (Columns, Vec<Vec<Cell>>) {
    let columns = rows.first().map(|batch| Columns::of(batch.schema()));
    let columns = columns.unwrap_or_else(|| Columns::of(Arc::new(arrow::datatypes::Schema::empty())));
    let batches = rows.iter().rev().map(|batch| Batch::insert(batch.clone()));
    let mut cells = Vec::new();
    for batch in batches {
        let room = most.saturating_sub(cells.len());
        cells.extend((0..batch.len()).rev().take(room).map(|row| columns.cells(&batch, row, look)));
    }
    (columns, cells)
}
