//! Top-N and deduplication per window: the rows of each partition and window come out in order when the
//! window ends. No more of them are kept than will come out.

use std::collections::BTreeMap;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::datatypes::SchemaRef;
use millstream_plan::{Changes, Rank, RowType};
use millstream_record::{Batch, Millis};

use super::line::Line;
use super::numbered;
use crate::attached::AttachedWindow;
use crate::error::{EngineError, Result};
use crate::keys::Interner;
use crate::operator::{Operator, Output, Wake};
use crate::order::SortKeys;
use crate::rows::RowStore;
use crate::state::Tables;

/// The first rows of each window.
pub struct WindowRank {
    plan: Rank,
    newest_first: bool,
    window: AttachedWindow,
    schema: SchemaRef,
    sort: SortKeys,
    interner: Interner,
    rows: RowStore,
    lines: Vec<Line>,
    /// The partitions of each open window, by its end, in the order in which they came.
    open: BTreeMap<i64, Vec<u32>>,
}

impl WindowRank {
    /// The operator for a plan over rows of type `input`; `schema` is what comes out.
    pub fn new(
        plan: &Rank,
        end: usize,
        zone: Option<&str>,
        newest_first: bool,
        input: &RowType,
        schema: SchemaRef,
    ) -> Result<Self> {
        if input.changes == Changes::Retract {
            let reason = "a Top-N per window needs rows that only come, and these are taken back";
            return Err(EngineError::Compute(reason.into()));
        }
        let types = plan.partition.iter().map(|&key| input.data_type(key).clone()).collect();
        Ok(WindowRank {
            plan: plan.clone(),
            newest_first,
            window: AttachedWindow::new(end, zone)?,
            schema,
            sort: SortKeys::new(&plan.order, input)?,
            interner: Interner::new(types)?,
            rows: RowStore::new(input.schema.clone()),
            lines: Vec::new(),
            open: BTreeMap::new(),
        })
    }

    /// Takes rows of open windows in; what is late comes back.
    fn take(&mut self, rows: &RecordBatch) -> Result<Vec<u32>> {
        let ends = self.window.ends(rows)?;
        let columns: Vec<ArrayRef> = self.plan.partition.iter().map(|&key| rows.column(key).clone()).collect();
        let late: Vec<u32> =
            (0u32..).zip(ends.values()).filter(|(_, end)| self.window.closed(**end)).map(|(row, _)| row).collect();
        let mut groups = Vec::new();
        self.interner.intern(&columns, rows.num_rows(), &mut groups)?;
        self.lines.resize_with(self.interner.len(), Line::default);
        let keys = self.sort.of(rows)?;
        let first = self.rows.push(rows);
        let last = usize::try_from(self.plan.last).unwrap_or(usize::MAX);
        for (row, (&group, &end)) in groups.iter().zip(ends.values()).enumerate() {
            let (line, number) = (&mut self.lines[group as usize], first + row as u64);
            if self.window.closed(end) {
                self.rows.release(number);
                continue;
            }
            if line.len() == 0 {
                self.open.entry(end).or_default().push(group);
            }
            let place = line.place(keys.get(row), self.newest_first);
            line.insert(place, keys.get(row), 0, number);
            line.truncate(last).for_each(|number| self.rows.release(number));
        }
        let idle = late.iter().map(|&row| groups[row as usize]);
        let mut idle: Vec<u32> = idle.filter(|&group| self.lines[group as usize].len() == 0).collect();
        idle.sort_unstable();
        idle.dedup();
        idle.into_iter().for_each(|group| self.interner.remove(group));
        self.rows.settle()?;
        Ok(late)
    }

    /// The rows of the windows that have closed.
    fn fire(&mut self) -> Result<RecordBatch> {
        let (mut numbers, mut ranks, mut released) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(window) = self.open.first_entry()
            && self.window.closed(*window.key())
        {
            for group in window.remove() {
                for (rank, number) in (1i64..).zip(self.lines[group as usize].truncate(0)) {
                    released.push(number);
                    if rank as u64 >= self.plan.first {
                        numbers.push(number);
                        ranks.push(rank);
                    }
                }
                self.interner.remove(group);
            }
        }
        let rows = numbered(&self.rows, &numbers, ranks, &self.schema)?;
        released.into_iter().for_each(|number| self.rows.release(number));
        self.rows.settle()?;
        Ok(rows)
    }
}

impl Operator for WindowRank {
    fn on_rows(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<()> {
        let late = self.take(&batch.rows)?;
        out.late(batch.expand(&UInt32Array::from(late))?);
        Ok(())
    }

    fn on_watermark(&mut self, watermark: Millis, out: &mut Output) -> Result<Millis> {
        self.window.advance(watermark);
        out.emit(Batch::insert(self.fire()?));
        Ok(watermark)
    }

    fn deadline(&self, _: usize, rows: &Batch) -> Millis {
        self.window.deadline(self.open.keys().next().copied(), &rows.rows)
    }

    fn save(&mut self) -> Result<Tables> {
        let rows = self.rows.batch(&self.rows.live())?;
        Ok([("rows".into(), rows), ("watermark".into(), self.window.save()?)].into())
    }

    fn load(&mut self, mut tables: Tables) -> Result<()> {
        let (Some(rows), Some(watermark)) = (tables.remove("rows"), tables.get("watermark")) else { return Ok(()) };
        self.take(&rows.with_schema(self.rows.schema())?)?;
        self.window.load(watermark);
        Ok(())
    }

    fn wake(&self) -> Wake {
        self.open.keys().next().map_or(Wake::Never, |&end| Wake::At(self.window.closes(end)))
    }

    fn size(&self) -> usize {
        self.interner.size() + self.rows.size() + self.lines.iter().map(Line::size).sum::<usize>()
    }
}
