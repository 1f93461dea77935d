//! The watermark of a source: per partition the highest value seen, over the source the lowest of its
//! partitions; a partition that is idle or has ended is left out. When none is left it stands still.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Int32Type, Int64Type};
use millstream_record::{Mark, Millis, PartitionId};

use crate::error::Result;
use crate::woven::Order;

/// How watermarks are made.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Where a watermark starts: [`Millis::MIN`], or zero as in Flink, for which nothing before 1970 is late.
    pub start: Millis,
    /// A watermark is emitted when it has advanced by more than this, in milliseconds; 0 for every advance.
    pub interval: i64,
    /// A partition that is silent for so long does not hold the others back; `None` for never.
    pub idle: Option<Duration>,
    /// A row whose event time, or watermark, lies further ahead of the clock than so many milliseconds is not
    /// believed: it is set aside and moves nothing. `None` believes all.
    pub max_future: Option<i64>,
}

impl Default for Timing {
    fn default() -> Self {
        Timing { start: Millis::MIN, interval: 0, idle: None, max_future: None }
    }
}

/// Follows the partitions of one source.
#[derive(Clone, Debug)]
pub struct Generator {
    timing: Timing,
    partitions: BTreeMap<PartitionId, State>,
    emitted: Millis,
}

#[derive(Clone, Copy, Debug)]
struct State {
    highest: Millis,
    idle: bool,
    heard: Millis,
}

/// The partitions of a batch while its rows are gone through.
struct Lines<'a> {
    heard: Vec<&'a mut State>,
    /// The lowest of them that is awake.
    lowest: Millis,
    /// The lowest of the partitions that are not heard of, and awake.
    rest: Millis,
}

impl Lines<'_> {
    /// A partition has its turn: how far it has come, and how far the others let the watermark go.
    fn begin(&mut self, seat: usize, at: Millis) -> (i64, i64) {
        let state = &mut *self.heard[seat];
        (state.heard, state.idle) = (at, false);
        // Whoever is not the lowest has the lowest before him.
        let others = if state.highest > self.lowest { self.lowest } else { lowest(&self.heard, Some(seat)) };
        self.lowest = others;
        (self.heard[seat].highest.0, others.min(self.rest).0)
    }

    /// Its turn is over, and it has come so far.
    fn end(&mut self, seat: usize, highest: Millis) {
        self.heard[seat].highest = highest;
        self.lowest = self.lowest.min(highest);
    }
}

/// How far the slowest of these partitions has come that is awake, apart from one.
fn lowest(heard: &[&mut State], but: Option<usize>) -> Millis {
    let awake = heard.iter().enumerate().filter(|(seat, state)| Some(*seat) != but && !state.idle);
    awake.map(|(_, state)| state.highest).min().unwrap_or(Millis::MAX)
}

impl Generator {
    /// No partition yet.
    pub fn new(timing: Timing) -> Self {
        Generator { timing, partitions: BTreeMap::new(), emitted: timing.start }
    }

    /// The last event time that is believed when the clock shows `now`.
    pub fn believed(&self, now: Millis) -> Millis {
        self.timing.max_future.filter(|_| now > Millis::MIN).map_or(Millis::MAX, |ahead| now.plus(ahead))
    }

    /// The watermark that was emitted last.
    pub fn watermark(&self) -> Millis {
        self.emitted
    }

    /// A partition exists from now on.
    pub fn partition(&mut self, partition: &PartitionId, now: Millis) {
        let state = State { highest: self.timing.start, idle: false, heard: now };
        // One that was restored is heard of anew: silence counts from now on.
        self.partitions.entry(partition.clone()).or_insert(state).heard = now;
    }

    /// A partition has been read to its end. The watermark, if that moves it.
    pub fn ended(&mut self, partition: &PartitionId) -> Option<Millis> {
        self.partitions.remove(partition);
        self.advance()
    }

    /// Adds the marks between the rows of a batch; `values` are their watermark values. Null changes nothing. Each
    /// partition of the order is looked up once, however often it has its turn.
    pub fn rows(&mut self, order: &Order, values: &Int64Array, marks: &mut Vec<Mark>) {
        // One that nobody announced is there from its first turn on, and holds nothing back before.
        let new = State { highest: self.timing.start, idle: true, heard: Millis::MIN };
        for (number, id) in order.partitions.iter().enumerate() {
            if !self.partitions.contains_key(id) && order.stretches.iter().any(|stretch| stretch.partition == number) {
                self.partitions.insert(id.clone(), new);
            }
        }
        let mut heard: Vec<&mut State> = Vec::with_capacity(order.partitions.len());
        let mut seats = vec![0; order.partitions.len()];
        let mut rest = Millis::MAX;
        for (id, state) in &mut self.partitions {
            let mut speaks = false;
            for (number, _) in order.partitions.iter().enumerate().filter(|(_, other)| *other == id) {
                (seats[number], speaks) = (heard.len(), true);
            }
            match speaks {
                true => heard.push(state),
                false if !state.idle => rest = rest.min(state.highest),
                false => {}
            }
        }
        let mut lines = Lines { lowest: lowest(&heard, None), heard, rest };
        let (mut emitted, interval) = (self.emitted.0, self.timing.interval);
        let all_valid = values.null_count() == 0;
        for (start, stretch) in order.starts() {
            let (mut highest, cap) = lines.begin(seats[stretch.partition], stretch.at);
            for (row, &value) in (start as u32 + 1..).zip(&values.values()[start..start + stretch.rows]) {
                if value > highest && (all_valid || values.is_valid(row as usize - 1)) {
                    highest = value;
                    let lowest = highest.min(cap);
                    if lowest.saturating_sub(emitted) > interval {
                        emitted = lowest;
                        marks.push(Mark { after: row, watermark: Millis(lowest) });
                    }
                }
            }
            lines.end(seats[stretch.partition], Millis(highest));
        }
        self.emitted = Millis(emitted);
    }

    /// The first time at which a partition can fall asleep, when nothing comes before `from`: one that is awake, or
    /// one that is heard of then and wakes up.
    pub fn falls_asleep(&self, from: Millis) -> Option<Millis> {
        let idle = i64::try_from(self.timing.idle?.as_millis()).unwrap_or(i64::MAX);
        let awake = self.partitions.values().filter(|state| !state.idle);
        awake.map(|state| state.heard).chain([from]).map(|heard| heard.plus(idle)).min()
    }

    /// Looks for partitions that have been silent for too long at this time of the clock. The watermark, if
    /// that moves it, and whether all partitions are idle now.
    ///
    /// They fall asleep one after the other, as they fell silent, and of those that fell silent together the
    /// lowest first: so it does not matter how often somebody looks, and the last that was awake has its say.
    pub fn silence(&mut self, now: Millis) -> (Option<Millis>, bool) {
        let Some(idle) = self.timing.idle else { return (None, false) };
        let limit = i64::try_from(idle.as_millis()).unwrap_or(i64::MAX);
        let silent = |state: &State| !state.idle && now.0.saturating_sub(state.heard.0) >= limit;
        let due = self.partitions.iter().filter(|(_, state)| silent(state));
        let mut due: Vec<_> = due.map(|(id, state)| (state.heard, state.highest, id.clone())).collect();
        due.sort_unstable();
        let mut moved = None;
        for (.., id) in &due {
            if let Some(state) = self.partitions.get_mut(id) {
                state.idle = true;
            }
            moved = self.advance().or(moved);
        }
        // Partitions that ended before may have left the others further than was said.
        moved = self.advance().or(moved);
        let all = !due.is_empty() && self.partitions.values().all(|state| state.idle);
        (moved, all)
    }

    /// The partitions that are idle.
    pub fn idle(&self) -> impl Iterator<Item = &PartitionId> {
        self.partitions.iter().filter(|(_, state)| state.idle).map(|(partition, _)| partition)
    }

    /// How far one partition has come by itself.
    pub fn watermark_of(&self, partition: &PartitionId) -> Millis {
        self.partitions.get(partition).map_or(self.timing.start, |state| state.highest)
    }

    /// The partition that holds the watermark back, with its own.
    pub fn lowest(&self) -> Option<(&PartitionId, Millis)> {
        let awake = self.partitions.iter().filter(|(_, state)| !state.idle);
        awake.min_by_key(|(_, state)| state.highest).map(|(partition, state)| (partition, state.highest))
    }

    fn advance(&mut self) -> Option<Millis> {
        let (_, lowest) = self.lowest()?;
        let moved = lowest > self.emitted;
        self.emitted = self.emitted.max(lowest);
        moved.then_some(lowest)
    }

    /// The generator as a table: a row per partition, and one for the source.
    pub fn save(&self) -> Result<RecordBatch> {
        let ids = self.partitions.keys();
        let topics: ArrayRef =
            Arc::new(ids.clone().map(|id| Some(id.topic.as_ref())).chain([None]).collect::<StringArray>());
        let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(ids.map(|id| id.number).chain([0])));
        let highest = self.partitions.values().map(|state| state.highest.0).chain([self.emitted.0]);
        let highest: ArrayRef = Arc::new(Int64Array::from_iter_values(highest));
        let columns = [("topic", topics, true), ("partition", numbers, false), ("watermark", highest, false)];
        Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
    }

    /// Takes what `save` gave.
    pub fn load(&mut self, table: &RecordBatch) {
        let topics = table.column(0).as_string::<i32>();
        let (numbers, marks) =
            (table.column(1).as_primitive::<Int32Type>(), table.column(2).as_primitive::<Int64Type>());
        for row in 0..table.num_rows() {
            let highest = Millis(marks.value(row));
            if topics.is_null(row) {
                self.emitted = highest;
            } else {
                let id = PartitionId::new(topics.value(row), numbers.value(row));
                self.partitions.insert(id, State { highest, idle: false, heard: Millis::MIN });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::woven::Stretch;

    fn rows(generator: &mut Generator, partition: i32, values: &[i64]) -> Vec<(u32, i64)> {
        rows_at(generator, &[(partition, 0, values)])
    }

    /// Rows of several partitions, each with the time at which they came.
    fn rows_at(generator: &mut Generator, of: &[(i32, i64, &[i64])]) -> Vec<(u32, i64)> {
        let values: Int64Array = of.iter().flat_map(|(.., values)| values.to_vec()).map(Some).collect();
        let mut partitions: Vec<PartitionId> = of.iter().map(|of| PartitionId::new("t", of.0)).collect();
        partitions.sort();
        partitions.dedup();
        let stretch = |(number, at, values): &(i32, i64, &[i64])| Stretch {
            partition: partitions.iter().position(|id| id.number == *number).expect("it is there"),
            rows: values.len(),
            at: Millis(*at),
        };
        let order = Order { stretches: of.iter().map(stretch).collect(), partitions };
        let mut marks = Vec::new();
        generator.rows(&order, &values, &mut marks);
        marks.iter().map(|mark| (mark.after, mark.watermark.0)).collect()
    }

    proptest! {
        #[test]
        fn a_batch_gives_the_marks_of_its_rows(
            rows in prop::collection::vec((0..5i32, 0..60i64, prop::option::weighted(0.9, 0..40i64)), 0..60),
            cuts in prop::collection::vec(1..20usize, 0..20),
            idle in prop::option::of(5..40u64),
            interval in 0..3i64,
        ) {
            let timing = Timing { idle: idle.map(Duration::from_millis), interval, ..Timing::default() };
            let (mut whole, mut single) = (Generator::new(timing), Generator::new(timing));
            for generator in [&mut whole, &mut single] {
                (0..4).for_each(|number| generator.partition(&PartitionId::new("t", number), Millis(0)));
            }
            let (mut now, mut start, mut cuts) = (0, 0, cuts.into_iter());
            while start < rows.len() {
                let end = (start + cuts.next().unwrap_or(7)).min(rows.len());
                // Somebody looks for sleepers now and then; both see the same.
                prop_assert_eq!(whole.silence(Millis(now)), single.silence(Millis(now)));
                let ids: Vec<PartitionId> = (0..5).rev().map(|number| PartitionId::new("t", number)).collect();
                let taken = |range: std::ops::Range<usize>, now: &mut i64| {
                    let stretch = |&(number, step, _): &(i32, i64, Option<i64>)| {
                        *now += step / 20;
                        Stretch { partition: 4 - number as usize, rows: 1, at: Millis(*now) }
                    };
                    let stretches = rows[range].iter().map(stretch).collect();
                    Order { partitions: ids.clone(), stretches }
                };
                let values: Int64Array = rows[start..end].iter().map(|row| row.2).collect();
                let (mut clock, mut marks, mut one_by_one) = (now, Vec::new(), Vec::new());
                whole.rows(&taken(start..end, &mut clock), &values, &mut marks);
                for row in start..end {
                    let order = taken(row..row + 1, &mut now);
                    // Only the partition that speaks is named.
                    let order = Order {
                        partitions: vec![ids[order.stretches[0].partition].clone()],
                        stretches: vec![Stretch { partition: 0, ..order.stretches[0] }],
                    };
                    let mut own = Vec::new();
                    single.rows(&order, &values.slice(row - start, 1), &mut own);
                    one_by_one.extend(own.iter().map(|mark| (mark.after as usize + row - start, mark.watermark)));
                }
                let marks: Vec<_> = marks.iter().map(|mark| (mark.after as usize, mark.watermark)).collect();
                prop_assert_eq!(marks, one_by_one);
                prop_assert_eq!(whole.watermark(), single.watermark());
                start = end;
            }
        }
    }

    #[test]
    fn the_watermark_rises_behind_the_row_that_carries_it() {
        let mut generator = Generator::new(Timing::default());
        assert_eq!(rows(&mut generator, 0, &[10, 5, 30, 30, 20]), [(1, 10), (3, 30)]);
        assert_eq!(rows(&mut generator, 0, &[29, 31]), [(2, 31)]);
    }

    #[test]
    fn the_slowest_partition_holds_it_unless_it_is_idle() {
        let idle = Some(Duration::from_millis(100));
        let mut generator = Generator::new(Timing { idle, ..Timing::default() });
        for partition in 0..2 {
            generator.partition(&PartitionId::new("t", partition), Millis(0));
        }
        assert_eq!(rows(&mut generator, 0, &[10, 20]), []);
        assert_eq!(rows(&mut generator, 1, &[15, 25]), [(1, 15), (2, 20)]);
        assert_eq!(rows_at(&mut generator, &[(1, 90, &[])]), [], "it was heard of, and said nothing");
        assert_eq!(generator.silence(Millis(120)), (Some(Millis(25)), false));
        assert_eq!(generator.silence(Millis(190)), (None, true), "all idle: it stands still");
        assert_eq!(rows(&mut generator, 0, &[26]), [(1, 26)], "awake again, and the other still asleep");
    }

    #[test]
    fn the_last_that_was_awake_has_its_say_however_seldom_somebody_looks() {
        let idle = Some(Duration::from_millis(100));
        let mut generator = Generator::new(Timing { idle, ..Timing::default() });
        for partition in 0..3 {
            generator.partition(&PartitionId::new("t", partition), Millis(0));
        }
        for (partition, value) in [(0, 30), (1, 10), (2, 20)] {
            rows(&mut generator, partition, &[value]);
        }
        rows_at(&mut generator, &[(0, 3, &[])]);
        assert_eq!(generator.silence(Millis(99)), (None, false));
        assert_eq!(generator.silence(Millis(500)), (Some(Millis(30)), true), "1 and 2 fell silent before 0 did");
    }

    #[test]
    fn an_interval_leaves_small_advances_out() {
        let mut generator = Generator::new(Timing { interval: 200, start: Millis(0), ..Timing::default() });
        assert_eq!(rows(&mut generator, 0, &[-5, 100, 200, 201, 401, 402]), [(4, 201), (6, 402)]);
    }
}
