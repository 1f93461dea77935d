//! Windowing table functions over rows: a row comes out once for each of its windows. The order of the
//! windows of one row is Flink's: of a hopping window the latest first, of a cumulating one the shortest
//! first. Rows behind the watermark pass too; only who closes windows can say that a row is late.

use arrow::array::{RecordBatch, UInt32Array};
use arrow::datatypes::SchemaRef;
use millstream_plan::Window;
use millstream_record::Batch;

use crate::error::Result;
use crate::slices::floor;
use crate::stage::{Stage, check_rows, multiplied};
use crate::time::{WallClock, local_times, window_columns};

/// Puts rows into windows whose borders do not depend on other rows.
pub struct AssignWindow {
    window: Window,
    time: usize,
    clock: WallClock,
    schema: SchemaRef,
}

impl AssignWindow {
    /// The stage for a plan other than SESSION; the last three columns of `schema` are the window.
    pub fn new(plan: &millstream_plan::AssignWindow, schema: SchemaRef) -> Result<Self> {
        let clock = WallClock::of(plan.zone.as_deref())?;
        Ok(AssignWindow { window: plan.window, time: plan.time, clock, schema })
    }
}

/// The windows of a row at this time, each as start and end, in the order in which they come out.
fn windows(window: Window, time: i64, mut put: impl FnMut(i64, i64)) {
    match window {
        Window::Tumble { size, offset } => {
            let start = floor(time, size, offset);
            put(start, start.saturating_add(size));
        }
        Window::Hop { size, slide, offset } => {
            let mut start = floor(time, slide, offset);
            while start > time.saturating_sub(size) {
                put(start, start.saturating_add(size));
                start = start.saturating_sub(slide);
            }
        }
        Window::Cumulate { size, step, offset } => {
            let start = floor(time, size, offset);
            let mut end = floor(time, step, offset).saturating_add(step);
            let last = start.saturating_add(size);
            while end <= last {
                put(start, end);
                if end == i64::MAX {
                    break;
                }
                end = end.saturating_add(step);
            }
        }
        Window::Session { .. } => {}
    }
}

/// At most so many windows hold one row.
fn most_windows(window: Window) -> usize {
    match window {
        Window::Tumble { .. } | Window::Session { .. } => 1,
        Window::Hop { size, slide, .. } => usize::try_from(size / slide).unwrap_or(usize::MAX).saturating_add(1),
        Window::Cumulate { size, step, .. } => usize::try_from(size / step).unwrap_or(usize::MAX),
    }
}

impl Stage for AssignWindow {
    fn apply(&mut self, batch: Batch) -> Result<Batch> {
        check_rows(batch.len().saturating_mul(most_windows(self.window)), batch.len())?;
        let times = local_times(batch.rows.column(self.time), self.clock)?;
        let (mut origins, mut starts, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        for (row, &time) in (0u32..).zip(times.values()) {
            windows(self.window, time, |start, end| {
                origins.push(row);
                starts.push(start);
                ends.push(end);
            });
        }
        let alone = matches!(self.window, Window::Tumble { .. });
        let mut columns = if alone {
            batch.rows.columns().to_vec()
        } else {
            arrow::compute::take_arrays(batch.rows.columns(), &UInt32Array::from(origins.clone()), None)?
        };
        columns.extend(window_columns(starts, ends, self.clock, &self.schema)?);
        let rows = RecordBatch::try_new(self.schema.clone(), columns)?;
        Ok(if alone { batch.with_rows(rows) } else { multiplied(&batch, &origins, rows) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(window: Window, time: i64) -> Vec<(i64, i64)> {
        let mut all = Vec::new();
        windows(window, time, |start, end| all.push((start, end)));
        assert!(all.len() <= most_windows(window), "{window} has too many windows at {time}");
        all
    }

    #[test]
    fn windows_come_in_the_order_of_flink() {
        let hop = Window::Hop { size: 10, slide: 4, offset: 0 };
        assert_eq!(of(hop, 0), [(0, 10), (-4, 6), (-8, 2)]);
        assert_eq!(of(hop, 5), [(4, 14), (0, 10), (-4, 6)]);
        assert_eq!(of(Window::Hop { size: 2, slide: 5, offset: 0 }, 3), []);
        assert_eq!(of(Window::Cumulate { size: 15, step: 5, offset: 0 }, 7), [(0, 10), (0, 15)]);
        assert_eq!(of(Window::Cumulate { size: 15, step: 5, offset: 2 }, -1), [(-13, 2)]);
        assert_eq!(of(Window::Tumble { size: 5, offset: 1 }, -1), [(-4, 1)]);
    }

    #[test]
    fn the_ends_of_time_are_no_trap() {
        for time in [i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX] {
            of(Window::Tumble { size: 10, offset: 3 }, time);
            of(Window::Hop { size: 10, slide: 3, offset: 0 }, time);
            of(Window::Cumulate { size: 10, step: 2, offset: 0 }, time);
        }
    }
}
