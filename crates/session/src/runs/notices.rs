//! The queue between the runs and a front end: rows, ends and faults, to be shown above the line that is
//! being typed. It is bounded: where nobody takes rows, the oldest go, and how many is told.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use millstream_record::Batch;

use crate::fault::Fault;
use crate::render::Columns;

/// So many rows wait at most.
const MOST_ROWS: usize = 1000;

/// Something that a run has to say.
#[derive(Clone)]
pub struct Notice {
    /// The name of the run.
    pub run: String,
    /// What it says.
    pub said: Said,
}

/// What a run can say.
#[derive(Clone)]
pub enum Said {
    /// Rows.
    Rows {
        /// Their columns.
        columns: Columns,
        /// The rows.
        rows: Batch,
    },
    /// So many rows that nobody took in time.
    Missed(u64),
    /// It is over; what became of every record, a line each.
    Ended(Vec<String>),
    /// It failed.
    Failed(Fault),
}

/// The queue. Clones speak of the same one.
#[derive(Clone, Default)]
pub struct Notices(Arc<Shared>);

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
}

#[derive(Default)]
struct Queue {
    notices: VecDeque<Notice>,
    rows: usize,
}

impl Notices {
    /// All that waits, oldest first.
    pub fn take(&self) -> Vec<Notice> {
        let mut queue = self.queue();
        queue.rows = 0;
        queue.notices.drain(..).collect()
    }

    /// The same; waits for something at most so long.
    pub fn wait(&self, wait: Duration) -> Vec<Notice> {
        let empty = |queue: &mut Queue| queue.notices.is_empty();
        drop(self.0.filled.wait_timeout_while(self.queue(), wait, empty));
        self.take()
    }

    pub(super) fn put(&self, run: &str, said: Said) {
        let mut queue = self.queue();
        if let Said::Rows { rows, .. } = &said {
            queue.rows += rows.len();
        }
        queue.notices.push_back(Notice { run: run.to_string(), said });
        queue.shed();
        self.0.filled.notify_all();
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Lets the oldest rows go until the rest fits; what is said besides rows stays.
    fn shed(&mut self) {
        let mut at = 0;
        while self.rows > MOST_ROWS && at < self.notices.len() {
            let over = self.rows - MOST_ROWS;
            let notice = &mut self.notices[at];
            let Said::Rows { rows, .. } = &mut notice.said else {
                at += 1;
                continue;
            };
            let gone = over.min(rows.len());
            *rows = rows.slice(gone, rows.len() - gone);
            self.rows -= gone;
            let (run, emptied) = (notice.run.clone(), rows.is_empty());
            if emptied {
                self.notices.remove(at);
            }
            at += self.missed(run, gone as u64, at);
        }
    }

    /// Counts rows that went; says how many places the queue grew by before `at`.
    fn missed(&mut self, run: String, gone: u64, at: usize) -> usize {
        let counted = self.notices.iter_mut().find_map(|notice| match &mut notice.said {
            Said::Missed(count) if notice.run == run => Some(count),
            _ => None,
        });
        match counted {
            Some(count) => {
                *count += gone;
                0
            }
            None => {
                self.notices.insert(at, Notice { run, said: Said::Missed(gone) });
                1
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, RecordBatch};

    use super::*;

    fn rows(from: i64, count: usize) -> Said {
        let values = Int64Array::from_iter_values(from..from + count as i64);
        let rows = RecordBatch::try_from_iter([("v", Arc::new(values) as _)]).expect("one column");
        Said::Rows { columns: Columns::of(rows.schema()), rows: Batch::insert(rows) }
    }

    #[test]
    fn where_nobody_takes_rows_the_oldest_go_and_are_counted() {
        let notices = Notices::default();
        notices.put("a", rows(0, 600));
        notices.put("b", Said::Ended(vec!["done".into()]));
        notices.put("a", rows(600, 600));
        notices.put("a", rows(1200, 1500));
        let said = notices.take();
        let shown: Vec<String> = said
            .iter()
            .map(|notice| match &notice.said {
                Said::Rows { rows, .. } => format!("{} {} rows", notice.run, rows.len()),
                Said::Missed(count) => format!("{} missed {count}", notice.run),
                Said::Ended(_) => format!("{} ended", notice.run),
                Said::Failed(_) => format!("{} failed", notice.run),
            })
            .collect();
        assert_eq!(shown, ["a missed 1700", "b ended", "a 1000 rows"]);
        assert!(notices.take().is_empty());
        assert!(notices.wait(Duration::ZERO).is_empty());
    }
}
