//! What leaves a run, and whether anybody takes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use millstream_record::Millis;

/// The counters of one output. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct OutputCounters(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    rows: AtomicU64,
    /// When the last row left; [`Millis::MIN`] for never.
    last: AtomicI64,
    /// Since when a row waits to be taken; [`Millis::MIN`] if none does.
    blocked: AtomicI64,
}

impl Default for Shared {
    fn default() -> Self {
        let never = || AtomicI64::new(Millis::MIN.0);
        Shared { rows: AtomicU64::new(0), last: never(), blocked: never() }
    }
}

impl OutputCounters {
    /// Rows are about to be handed over.
    pub fn offer(&self, now: Millis) {
        self.0.blocked.store(now.0, Ordering::Relaxed);
    }

    /// So many rows were taken.
    pub fn taken(&self, rows: usize, now: Millis) {
        self.0.blocked.store(Millis::MIN.0, Ordering::Relaxed);
        self.0.last.store(now.0, Ordering::Relaxed);
        self.0.rows.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// Rows that were taken.
    pub fn rows(&self) -> u64 {
        self.0.rows.load(Ordering::Relaxed)
    }

    /// When the last row was taken.
    pub fn last(&self) -> Option<Millis> {
        moment(&self.0.last)
    }

    /// Since when a row waits to be taken.
    pub fn blocked(&self) -> Option<Millis> {
        moment(&self.0.blocked)
    }
}

fn moment(of: &AtomicI64) -> Option<Millis> {
    Some(Millis(of.load(Ordering::Relaxed))).filter(|at| *at != Millis::MIN)
}
