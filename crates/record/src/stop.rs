//! The signal by which an owner stops what it started. Whoever waits looks at it at least every 50 ms,
//! so that Ctrl-C is felt at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A flag that is raised to stop. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// A signal that is raised by whoever sets this flag, for a handler of signals of the system.
    pub fn of(flag: Arc<AtomicBool>) -> Stop {
        Stop(flag)
    }

    /// Raises the flag.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it has been raised.
    pub fn raised(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
