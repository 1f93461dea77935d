//! How much is under way between the threads of a run, and when the last of it is done.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Counts envelopes that were sent and not yet worked off, and sources that have not ended.
#[derive(Debug)]
pub struct Gate {
    count: Mutex<Count>,
    room: Condvar,
    limit: usize,
}

#[derive(Debug)]
struct Count {
    under_way: usize,
    sources: usize,
}

impl Gate {
    /// A gate that holds sources back while more than `limit` envelopes are under way.
    pub fn new(limit: usize, sources: usize) -> Self {
        Gate { count: Mutex::new(Count { under_way: 0, sources }), room: Condvar::new(), limit }
    }

    /// Waits for room; false if there was none in time.
    pub fn wait(&self, wait: Duration) -> bool {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |count: &mut Count| count.under_way > self.limit;
        let (count, _) = self.room.wait_timeout_while(count, wait, full).unwrap_or_else(PoisonError::into_inner);
        count.under_way <= self.limit
    }

    /// An envelope was sent.
    pub fn enter(&self) {
        self.count.lock().unwrap_or_else(PoisonError::into_inner).under_way += 1;
    }

    /// So many envelopes more (or fewer) wait for a barrier, in the lane that took them.
    pub fn hold(&self, more: isize) {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        count.under_way = count.under_way.saturating_add_signed(more);
        if count.under_way <= self.limit {
            self.room.notify_all();
        }
    }

    /// An envelope was worked off, and all that followed from it sent. Whether it was the last one ever.
    pub fn leave(&self) -> bool {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        count.under_way -= 1;
        if count.under_way == self.limit {
            self.room.notify_all();
        }
        count.under_way == 0 && count.sources == 0
    }

    /// Whether all sources have ended and nothing is under way any more.
    pub fn drained(&self) -> bool {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        count.under_way == 0 && count.sources == 0
    }

    /// A source has sent all it had. Whether nothing is under way any more.
    pub fn source_ended(&self) -> bool {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        count.sources -= 1;
        count.under_way == 0 && count.sources == 0
    }
}
