//! Aggregation per window: rows are added to the slice they fall in, and a window comes out when the
//! watermark passes its end. State is one pane per open slice, so memory is bounded by open slices × keys.
//!
//! A row is late when the last window that would hold it has closed. Rows of a hopping or cumulating
//! window whose first windows have closed still count in those that are open.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, TimestampMillisecondArray, UInt32Array};
use arrow::compute::cast;
use arrow::datatypes::{Int64Type, SchemaRef};
use millstream_plan::{Changes, RowType, WindowAggregate, WindowInput};
use millstream_record::{Batch, Millis};

use crate::error::{EngineError, Result};
use crate::inspect::{Detail, OpenWindow, TOLD_WINDOWS, Windows};
use crate::operator::{Operator, Output, Wake};
use crate::pane::{Pane, PaneShape};
use crate::slices::{Slices, Span};
use crate::state::Tables;
use crate::time::{WallClock, closes_at, local_times, time_of, times_of};

/// Aggregates per key and window.
pub struct WindowAggregateOperator {
    shape: PaneShape,
    cut: Cut,
    clock: WallClock,
    schema: SchemaRef,
    panes: BTreeMap<Span, Pane>,
    /// Windows with rows that have not come out yet.
    open: BTreeSet<Span>,
    watermark: Millis,
    groups: Vec<u32>,
}

/// How a row finds its slice.
enum Cut {
    /// By its time.
    Time { column: usize, slices: Slices },
    /// By the window it carries, which is one slice then.
    Attached { start: usize, end: usize },
}

impl WindowAggregateOperator {
    /// The operator for a plan over rows of type `input`; `schema` is what comes out.
    pub fn new(plan: &WindowAggregate, input: &RowType, schema: SchemaRef) -> Result<Self> {
        let (cut, zone) = match &plan.input {
            WindowInput::Time { window, time, zone } => {
                let slices =
                    Slices::of(*window).ok_or_else(|| EngineError::Compute("a session window has no slices".into()))?;
                (Cut::Time { column: *time, slices }, zone)
            }
            WindowInput::Attached { start, end, zone } => (Cut::Attached { start: *start, end: *end }, zone),
        };
        let retracts = input.changes == Changes::Retract;
        Ok(WindowAggregateOperator {
            shape: PaneShape::new(&plan.keys, &plan.aggregates, input.schema.clone(), retracts),
            cut,
            clock: WallClock::of(zone.as_deref())?,
            schema,
            panes: BTreeMap::new(),
            open: BTreeSet::new(),
            watermark: Millis::MIN,
            groups: Vec::new(),
        })
    }

    /// The slice of each row, as runs of rows with the same slice where there is only one, else row lists.
    fn sort_rows(&self, rows: &RecordBatch) -> Result<Vec<(Span, Vec<u32>)>> {
        match &self.cut {
            Cut::Time { column, slices } => {
                let times = local_times(rows.column(*column), self.clock)?;
                let mut sorter = Sorter::default();
                let mut span = Span { start: 0, end: 0 };
                for (row, &time) in times.values().iter().enumerate() {
                    if time < span.start || time >= span.end {
                        span = slices.slice(time);
                    }
                    sorter.put(span, row as u32);
                }
                Ok(sorter.slices)
            }
            Cut::Attached { start, end } => {
                let (starts, ends) = (times_of(rows.column(*start))?, times_of(rows.column(*end))?);
                let mut sorter = Sorter::default();
                for (row, (&start, &end)) in starts.values().iter().zip(ends.values()).enumerate() {
                    sorter.put(Span { start, end }, row as u32);
                }
                Ok(sorter.slices)
            }
        }
    }

    /// The end of the last window that holds a slice.
    fn last_end(&self, slice: Span) -> Option<i64> {
        match &self.cut {
            Cut::Time { slices, .. } => slices.last_end(slice),
            Cut::Attached { .. } => Some(slice.end),
        }
    }

    fn closed(&self, end: i64) -> bool {
        closes_at(self.clock, end) <= self.watermark
    }

    /// Notes the windows that a slice will be part of.
    fn open_windows(&mut self, slice: Span) {
        match &self.cut {
            Cut::Time { slices, .. } => {
                let (clock, watermark) = (self.clock, self.watermark);
                self.open.extend(slices.windows(slice).filter(|window| closes_at(clock, window.end) > watermark));
            }
            Cut::Attached { .. } => {
                self.open.insert(slice);
            }
        }
    }

    /// Adds rows of one slice.
    fn add(&mut self, slice: Span, batch: Batch, out: &mut Output) -> Result<()> {
        match self.last_end(slice) {
            None => return Ok(()),
            Some(end) if self.closed(end) => {
                out.late(batch);
                return Ok(());
            }
            Some(_) => {}
        }
        if !self.panes.contains_key(&slice) {
            self.panes.insert(slice, self.shape.pane()?);
            self.open_windows(slice);
        }
        let pane = self.panes.get_mut(&slice).expect("it has just been put there");
        pane.update(&self.shape, &batch.rows, batch.kinds.as_ref(), &mut self.groups)
    }

    /// The slices with rows that make a window.
    fn parts(&self, window: Span) -> Vec<Span> {
        let exact = matches!(self.cut, Cut::Attached { .. });
        let before = self.panes.range(..=Span { end: window.end, start: i64::MAX }).map(|(span, _)| *span);
        before.filter(|span| if exact { *span == window } else { span.start >= window.start }).collect()
    }

    fn open_window(&self, window: Span) -> OpenWindow {
        let panes: Vec<&Pane> = self.parts(window).iter().filter_map(|part| self.panes.get(part)).collect();
        OpenWindow {
            closes: closes_at(self.clock, window.end),
            end: window.end,
            start: window.start,
            rows: panes.iter().map(|pane| pane.rows()).sum(),
            keys: Pane::count_keys(&self.shape, &panes).unwrap_or_default(),
        }
    }

    /// A window comes out.
    fn fire(&mut self, window: Span, out: &mut Output) -> Result<()> {
        let parts = self.parts(window);
        let (columns, rows) = match parts.as_slice() {
            [] => return Ok(()),
            [one] => self.panes.get_mut(one).expect("listed above").results(&self.shape)?,
            many => {
                let mut sum = self.shape.pane()?;
                for part in many {
                    sum.merge(self.panes.get_mut(part).expect("listed above"), &mut self.groups)?;
                }
                let results = sum.results(&self.shape)?;
                if matches!(&self.cut, Cut::Time { slices, .. } if slices.accumulate()) {
                    many.iter().for_each(|part| drop(self.panes.remove(part)));
                    self.panes.insert(window, sum);
                }
                results
            }
        };
        if rows > 0 {
            out.emit(Batch::insert(self.with_window(columns, window, rows)?));
        }
        Ok(())
    }

    /// Puts the window behind keys and aggregates.
    fn with_window(&self, mut columns: Vec<ArrayRef>, window: Span, rows: usize) -> Result<RecordBatch> {
        let fields = &self.schema.fields()[columns.len()..];
        let times = [window.start, window.end, time_of(self.clock, window.end)];
        for (field, time) in fields.iter().zip(times) {
            let column: ArrayRef = Arc::new(TimestampMillisecondArray::from_value(time, rows));
            columns.push(cast(&column, field.data_type())?);
        }
        Ok(RecordBatch::try_new(self.schema.clone(), columns)?)
    }
}

/// Sorts rows by slice; rows of one slice mostly follow each other.
#[derive(Default)]
struct Sorter {
    slices: Vec<(Span, Vec<u32>)>,
    last: usize,
}

impl Sorter {
    fn put(&mut self, slice: Span, row: u32) {
        if self.slices.get(self.last).is_none_or(|(span, _)| *span != slice) {
            self.last = self.slices.iter().position(|(span, _)| *span == slice).unwrap_or(self.slices.len());
            if self.last == self.slices.len() {
                self.slices.push((slice, Vec::new()));
            }
        }
        self.slices[self.last].1.push(row);
    }
}

impl Operator for WindowAggregateOperator {
    fn on_rows(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<()> {
        let slices = self.sort_rows(&batch.rows)?;
        if let [(slice, _)] = slices.as_slice() {
            return self.add(*slice, batch, out);
        }
        for (slice, rows) in slices {
            let part = batch.expand(&UInt32Array::from(rows))?;
            self.add(slice, part, out)?;
        }
        Ok(())
    }

    fn on_watermark(&mut self, watermark: Millis, out: &mut Output) -> Result<Millis> {
        self.watermark = watermark;
        while let Some(&window) = self.open.first()
            && self.closed(window.end)
        {
            self.open.pop_first();
            self.fire(window, out)?;
        }
        let (cut, clock) = (&self.cut, self.clock);
        let over = |slice: &Span| match cut {
            Cut::Time { slices, .. } => slices.last_end(*slice).is_none_or(|end| closes_at(clock, end) <= watermark),
            Cut::Attached { .. } => closes_at(clock, slice.end) <= watermark,
        };
        self.panes.retain(|slice, _| !over(slice));
        Ok(watermark)
    }

    fn deadline(&self, _: usize, rows: &Batch) -> Millis {
        if self.watermark == Millis::MIN {
            return Millis::MIN.plus(1);
        }
        match &self.cut {
            Cut::Time { slices, .. } => {
                let mut end = slices.next_end(self.clock.local(self.watermark.0));
                while self.closed(end) && end < i64::MAX {
                    end = slices.next_end(end);
                }
                closes_at(self.clock, end)
            }
            Cut::Attached { end, .. } => {
                let coming = times_of(rows.rows.column(*end)).map(|ends| {
                    let ends = ends.values().iter().filter(|&&end| !self.closed(end));
                    ends.min().copied()
                });
                let open = self.open.first().map(|window| window.end);
                match coming {
                    Ok(coming) => {
                        coming.into_iter().chain(open).min().map_or(Millis::MAX, |end| closes_at(self.clock, end))
                    }
                    // The error comes again, and is told, when the rows are taken.
                    Err(_) => Millis::MAX,
                }
            }
        }
    }

    fn save(&mut self) -> Result<Tables> {
        let mut tables = Tables::new();
        let spans: Vec<Span> = self.panes.keys().copied().collect();
        let rows: Vec<i64> = self.panes.values().map(|pane| pane.rows() as i64).collect();
        for (number, pane) in self.panes.values_mut().enumerate() {
            pane.save(&format!("pane{number}."), &mut tables)?;
        }
        let column = |values: &mut dyn Iterator<Item = i64>| Arc::new(Int64Array::from_iter_values(values)) as ArrayRef;
        let panes = RecordBatch::try_from_iter([
            ("start", column(&mut spans.iter().map(|span| span.start))),
            ("end", column(&mut spans.iter().map(|span| span.end))),
            ("rows", column(&mut rows.into_iter())),
        ])?;
        let watermark = RecordBatch::try_from_iter([("watermark", column(&mut std::iter::once(self.watermark.0)))])?;
        tables.insert("panes".into(), panes);
        tables.insert("watermark".into(), watermark);
        Ok(tables)
    }

    fn load(&mut self, tables: Tables) -> Result<()> {
        let (Some(panes), Some(watermark)) = (tables.get("panes"), tables.get("watermark")) else { return Ok(()) };
        self.watermark = Millis(watermark.column(0).as_primitive::<Int64Type>().value(0));
        let word = |column: usize| panes.column(column).as_primitive::<Int64Type>();
        let (starts, ends, rows) = (word(0), word(1), word(2));
        for number in 0..panes.num_rows() {
            let span = Span { start: starts.value(number), end: ends.value(number) };
            let mut pane = self.shape.pane()?;
            pane.load(&format!("pane{number}."), &tables)?;
            pane.set_rows(rows.value(number) as u64);
            self.panes.insert(span, pane);
            self.open_windows(span);
        }
        Ok(())
    }

    fn wake(&self) -> Wake {
        self.open.first().map_or(Wake::Never, |window| Wake::At(closes_at(self.clock, window.end)))
    }

    fn size(&self) -> usize {
        self.panes.values().map(Pane::size).sum()
    }
    fn inspect(&self) -> Detail {
        let first = self.open.iter().take(TOLD_WINDOWS).map(|window| self.open_window(*window)).collect();
        Detail::Windows(Windows::of(self.open.len(), false, first))
    }
}
