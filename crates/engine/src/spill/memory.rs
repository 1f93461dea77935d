//! How much memory the operators of a run may use for their state, together.
//!
//! Every operator that can put state away has a share of it, and may use more while others leave theirs. Only
//! when all together are above the limit does an operator put away what it has above its share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::state::Shelf;

/// The memory for state, and the shelf for what does not fit in. One for each run.
pub struct Memory {
    limit: usize,
    used: AtomicUsize,
    seats: AtomicUsize,
    shelf: Arc<dyn Shelf>,
}

impl Memory {
    /// So many bytes, and where the rest goes.
    pub fn new(limit: u64, shelf: Arc<dyn Shelf>) -> Memory {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Memory { limit, used: AtomicUsize::new(0), seats: AtomicUsize::new(0), shelf }
    }

    /// Where the rest goes.
    pub fn shelf(&self) -> &dyn Shelf {
        self.shelf.as_ref()
    }

    /// One operator in one lane more has a share.
    pub(super) fn enrol(&self) {
        self.seats.fetch_add(1, Ordering::Relaxed);
    }

    /// What one operator in one lane may use in any case.
    pub(super) fn share(&self) -> usize {
        self.limit / self.seats.load(Ordering::Relaxed).max(1)
    }

    /// An operator holds so many bytes now, and held so many before.
    pub(super) fn changed(&self, bytes: usize, before: usize) {
        // Wraps below zero in between, and comes right again.
        self.used.fetch_add(bytes.wrapping_sub(before), Ordering::Relaxed);
    }

    /// Whether an operator that holds so many bytes is to put some of them away.
    pub(super) fn is_short(&self, bytes: usize) -> bool {
        bytes > self.share() && self.used.load(Ordering::Relaxed) > self.limit
    }

    /// Whether an operator that holds so many bytes in one piece is to divide them. While it does it holds
    /// them twice: so it begins at half of what it may use.
    pub(super) fn is_getting_short(&self, bytes: usize) -> bool {
        bytes > self.share() / 2 && self.used.load(Ordering::Relaxed) > self.limit / 2
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} bytes", self.used.load(Ordering::Relaxed), self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::MemoryShelf;

    #[test]
    fn an_operator_keeps_its_share_and_uses_what_others_leave() {
        let memory = Memory::new(100, Arc::new(MemoryShelf));
        memory.enrol();
        memory.enrol();
        memory.changed(90, 0);
        assert!(!memory.is_short(90), "the other leaves room");
        memory.changed(30, 0);
        assert!(memory.is_short(90));
        assert!(!memory.is_short(30), "that is within its share");
        memory.changed(40, 90);
        assert!(!memory.is_short(60));
        assert!(memory.is_getting_short(40));
    }
}
