//! The state of a pattern's search as tables: the rows that wait or are looked at, and beside each its place in its
//! partition; the matches under way, with the key of their partition; the watermark.

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, UInt32Array};
use arrow::datatypes::{Int64Type, UInt32Type};
use millstream_record::Millis;

use super::MatchRecognizeOperator;
use super::partition::Partition;
use super::queue::{Queue, Run, UNBEGUN};
use crate::error::{EngineError, Result};
use crate::state::Tables;
use crate::time::times_of;

/// The place of a row that waits for the watermark.
const WAITS: i64 = -1;

/// The columns of the table of runs behind the key and before what each variable has taken.
const BESIDES: usize = 3;

impl MatchRecognizeOperator {
    /// The state as tables.
    pub(super) fn saved(&self) -> Result<Tables> {
        let mut kept: Vec<(u64, i64)> = self.waiting.values().flatten().map(|&(number, _)| (number, WAITS)).collect();
        for partition in &self.partitions {
            kept.extend(partition.rows.iter().copied().zip(0..));
        }
        kept.sort_unstable();
        let (numbers, places): (Vec<u64>, Vec<i64>) = kept.into_iter().unzip();
        let places: ArrayRef = Arc::new(Int64Array::from(places));
        let watermark: ArrayRef = Arc::new(Int64Array::from(vec![self.watermark.0]));
        Ok([
            ("rows".to_string(), self.rows.batch(&numbers)?),
            ("places".to_string(), RecordBatch::try_from_iter([("place", places)])?),
            ("runs".to_string(), self.saved_runs()?),
            ("watermark".to_string(), RecordBatch::try_from_iter([("watermark", watermark)])?),
        ]
        .into())
    }

    /// The runs of partitions that have any under way, as they lie in their queues.
    fn saved_runs(&self) -> Result<RecordBatch> {
        let mut groups = Vec::new();
        let mut runs: Vec<(&Partition, &Run, bool)> = Vec::new();
        for (group, partition) in (0u32..).zip(&self.partitions) {
            if partition.runs.runs().iter().all(|run| !run.has_begun()) && partition.complete.first().is_none() {
                continue;
            }
            let under_way = partition.runs.runs().iter().map(|run| (partition, run, false));
            runs.extend(under_way.chain(partition.complete.runs().iter().map(|run| (partition, run, true))));
            groups.resize(runs.len(), group);
        }
        let start = |&(partition, run, _): &(&Partition, &Run, bool)| {
            if run.has_begun() { (run.start - partition.first) as i64 } else { WAITS }
        };
        let mut columns = self.interner.keys(&groups)?;
        columns.push(Arc::new(BooleanArray::from_iter(runs.iter().map(|&(.., complete)| Some(complete)))));
        columns.push(Arc::new(Int64Array::from_iter_values(runs.iter().map(start))));
        columns.push(Arc::new(UInt32Array::from_iter_values(runs.iter().map(|(_, run, _)| u32::from(run.state)))));
        for variable in 0..self.seeker.search.names.len() {
            let taken = runs.iter().map(|(_, run, _)| run.taken[variable]);
            columns.push(Arc::new(UInt32Array::from_iter_values(taken)));
        }
        let named = columns.into_iter().enumerate().map(|(number, column)| (format!("k{number}"), column, true));
        Ok(RecordBatch::try_from_iter_with_nullable(named)?)
    }

    /// Takes what [`MatchRecognizeOperator::saved`] gave.
    pub(super) fn restore(&mut self, mut tables: Tables) -> Result<()> {
        let (Some(rows), Some(places), Some(runs)) =
            (tables.remove("rows"), tables.remove("places"), tables.remove("runs"))
        else {
            return Ok(());
        };
        if let Some(watermark) = tables.get("watermark") {
            self.watermark = Millis(watermark.column(0).as_primitive::<Int64Type>().value(0));
        }
        let times = self.restore_rows(rows, &places)?;
        self.restore_runs(&runs, &times)?;
        for group in 0..self.partitions.len() as u32 {
            let partition = &mut self.partitions[group as usize];
            if let Some(at) = partition.expires_at(&self.seeker.search) {
                partition.timed = true;
                self.timers.set(at, group);
            }
        }
        Ok(())
    }

    /// Puts the rows in; the times of those that runs look at, per partition.
    fn restore_rows(&mut self, rows: RecordBatch, places: &RecordBatch) -> Result<Vec<Vec<i64>>> {
        let rows = rows.with_schema(self.rows.schema())?;
        let groups = self.groups(&rows)?;
        let times = times_of(rows.column(self.time))?;
        let places = places.column(0).as_primitive::<Int64Type>().values();
        let mut taken: Vec<Vec<(i64, u64, i64)>> = vec![Vec::new(); self.partitions.len()];
        for ((number, &group), (&place, &time)) in
            (self.rows.push(&rows)..).zip(&groups).zip(places.iter().zip(times.values()))
        {
            match place {
                WAITS => self.wait(time, number, group),
                place => taken[group as usize].push((place, number, time)),
            }
        }
        let in_order = |(partition, mut taken): (&mut Partition, Vec<(i64, u64, i64)>)| {
            taken.sort_unstable();
            partition.rows = taken.iter().map(|&(_, number, _)| number).collect();
            taken.into_iter().map(|(.., time)| time).collect()
        };
        Ok(self.partitions.iter_mut().zip(taken).map(in_order).collect())
    }

    fn restore_runs(&mut self, table: &RecordBatch, times: &[Vec<i64>]) -> Result<()> {
        let keys = self.partition.len();
        let mut groups = Vec::new();
        self.interner.intern(&table.columns()[..keys], table.num_rows(), &mut groups)?;
        let variables = self.seeker.search.names.len();
        if table.num_columns() != keys + BESIDES + variables {
            return Err(damaged("the runs have other variables"));
        }
        let complete = table.column(keys).as_boolean();
        let starts = table.column(keys + 1).as_primitive::<Int64Type>().values();
        let word = |column: usize, row: usize| table.column(column).as_primitive::<UInt32Type>().value(row);
        let mut queues: Vec<[Vec<Run>; 2]> = vec![Default::default(); self.partitions.len()];
        for (row, (&group, &start)) in groups.iter().zip(starts).enumerate() {
            let taken = (0..variables).map(|variable| word(keys + BESIDES + variable, row)).collect();
            let state = word(keys + 2, row) as u16;
            let times = times.get(group as usize).map_or(&[][..], Vec::as_slice);
            let (start, begun) = match start {
                WAITS => (UNBEGUN, i64::MAX),
                start => {
                    let begun = times.get(start as usize).ok_or_else(|| damaged("a run has begun with no row"))?;
                    (start as u64, *begun)
                }
            };
            let run = Run { start, begun, state, taken };
            if usize::from(state) >= self.seeker.search.automaton.len()
                || run.has_begun() && start + run.len() > times.len() as u64
            {
                return Err(damaged("a run has more rows than there are"));
            }
            let queues = queues.get_mut(group as usize).ok_or_else(|| damaged("a run has no partition"))?;
            queues[usize::from(complete.value(row))].push(run);
        }
        for (partition, [runs, complete]) in self.partitions.iter_mut().zip(queues) {
            partition.runs = Queue::restored(runs);
            partition.complete = Queue::restored(complete);
        }
        Ok(())
    }
}

fn damaged(reason: &str) -> EngineError {
    EngineError::Compute(format!("its saved state is damaged: {reason}"))
}
