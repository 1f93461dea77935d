//! The frames of all partitions: which rows each holds, what is late for it, and when it is forgotten.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, Int64Array};
use arrow::datatypes::Int64Type;
use millstream_plan::Frame;
use millstream_record::Millis;

use super::results::Sequence;

/// The frame of each partition, by its number.
pub struct Frames {
    frame: Frame,
    lines: Vec<Line>,
    /// When partitions of a bounded `RANGE` are forgotten, unless that moves on.
    ends: BTreeSet<(i64, u32)>,
}

/// One partition.
#[derive(Clone, Default)]
struct Line {
    /// The rows in the frame, oldest first; none, where the frame is unbounded.
    held: VecDeque<(i64, u64)>,
    /// The time of the last row that came out.
    last: Option<i64>,
    /// When it is forgotten.
    end: Option<i64>,
    /// Rows that wait for their time.
    waiting: usize,
}

impl Frames {
    /// How many columns [`Frames::save`] gives.
    pub const SAVED: usize = 2;

    /// No partition yet.
    pub fn new(frame: Frame) -> Frames {
        Frames { frame, lines: Vec::new(), ends: BTreeSet::new() }
    }

    /// Makes room for partitions `0..groups`.
    pub fn resize(&mut self, groups: usize) {
        self.lines.resize(groups.max(self.lines.len()), Line::default());
    }

    /// Whether a row has come after its time.
    pub fn is_late(&self, group: u32, time: i64, watermark: Millis) -> bool {
        match self.frame.is_bounded() {
            // Flink's last time begins at the epoch.
            true => time <= self.lines[group as usize].last.unwrap_or(0),
            false => time <= watermark.0,
        }
    }

    /// Notes that a row waits for its time.
    pub fn await_row(&mut self, group: u32, time: i64) {
        let line = &mut self.lines[group as usize];
        line.waiting += 1;
        let Frame::Range(Some(preceding)) = self.frame else { return };
        let after = |span: i64| time.saturating_add(span).saturating_add(1);
        if line.end.is_none_or(|end| end < after(preceding)) {
            let end = after(preceding.saturating_add(preceding / 2));
            if let Some(before) = line.end.replace(end) {
                self.ends.remove(&(before, group));
            }
            self.ends.insert((end, group));
        }
    }

    /// The next time at which a partition may be forgotten.
    pub fn next_end(&self) -> Option<i64> {
        self.ends.first().map(|&(end, _)| end)
    }

    /// Forgets the partitions whose time is `now`.
    pub fn end(&mut self, now: i64, sequence: &mut Sequence) {
        while let Some(&(end, group)) = self.ends.first()
            && end <= now
        {
            self.ends.pop_first();
            let line = &mut self.lines[group as usize];
            line.held.drain(..).for_each(|(_, number)| sequence.remove(number, group));
            (line.last, line.end) = (None, None);
            sequence.end(group);
        }
    }

    /// Takes a row into the frame of its partition, and those out that it leaves behind.
    pub fn take(&mut self, group: u32, time: i64, number: u64, sequence: &mut Sequence) {
        let line = &mut self.lines[group as usize];
        line.waiting -= 1;
        line.last = Some(time);
        match self.frame {
            Frame::Rows(None) | Frame::Range(None) => {}
            Frame::Rows(Some(preceding)) => {
                while line.held.len() as u64 > preceding {
                    line.held.pop_front().into_iter().for_each(|(_, oldest)| sequence.remove(oldest, group));
                }
                line.held.push_back((time, number));
            }
            Frame::Range(Some(preceding)) => {
                let oldest = time.saturating_sub(preceding);
                while let Some((_, number)) = line.held.pop_front_if(|(held, _)| *held < oldest) {
                    sequence.remove(number, group);
                }
                line.held.push_back((time, number));
            }
        }
        sequence.add(number, group, time, !self.frame.is_bounded());
    }

    /// Whether nothing of a partition is left.
    pub fn is_gone(&self, group: u32) -> bool {
        let line = &self.lines[group as usize];
        line.last.is_none() && line.waiting == 0
    }

    /// Last time and end of these partitions.
    pub fn save(&self, groups: &[u32]) -> [ArrayRef; Frames::SAVED] {
        let column = |pick: fn(&Line) -> Option<i64>| -> ArrayRef {
            Arc::new(groups.iter().map(|&group| pick(&self.lines[group as usize])).collect::<Int64Array>())
        };
        [column(|line| line.last), column(|line| line.end)]
    }

    /// Takes what `save` gave.
    pub fn load(&mut self, groups: &[u32], columns: &[ArrayRef]) {
        let value = |column: usize, row: usize| {
            let column = columns[column].as_primitive::<Int64Type>();
            column.is_valid(row).then(|| column.value(row))
        };
        for (row, &group) in groups.iter().enumerate() {
            let line = &mut self.lines[group as usize];
            (line.last, line.end) = (value(0, row), value(1, row));
            self.ends.extend(line.end.map(|end| (end, group)));
        }
    }

    /// Takes back a row that was in a frame when it was saved.
    pub fn keep(&mut self, group: u32, time: i64, number: u64) {
        self.lines[group as usize].held.push_back((time, number));
    }

    /// Counts a row that waited when it was saved.
    pub fn keep_waiting(&mut self, group: u32) {
        self.lines[group as usize].waiting += 1;
    }

    /// Puts rows that were taken back by number into the order of their time.
    pub fn settle(&mut self) {
        self.lines.iter_mut().for_each(|line| line.held.make_contiguous().sort_unstable());
    }

    /// Bytes in use, roughly.
    pub fn size(&self) -> usize {
        self.lines.iter().map(|line| size_of::<Line>() + line.held.capacity() * 16).sum()
    }
}
