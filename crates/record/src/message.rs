//! The one enum for all that flows between tasks, in band and in order. A barrier or a watermark
//! never travels beside the rows it speaks of, so nothing can overtake anything.

use std::fmt;

use crate::Batch;

/// Milliseconds of event time since 1970-01-01T00:00:00 UTC, or a stretch of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub i64);

impl Millis {
    /// Before every event: the watermark of an input that has not spoken yet.
    pub const MIN: Millis = Millis(i64::MIN);
    /// After every event: the watermark of an input that has ended.
    pub const MAX: Millis = Millis(i64::MAX);

    /// The sum, held inside the range of `i64`.
    pub fn plus(self, other: i64) -> Millis {
        Millis(self.0.saturating_add(other))
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Millis::MIN => f.write_str("-inf"),
            Millis::MAX => f.write_str("+inf"),
            Millis(ms) => write!(f, "{ms}"),
        }
    }
}

/// The number of a checkpoint: all rows between barrier `n - 1` and barrier `n` are epoch `n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// What one task hands to the next.
#[derive(Clone, Debug)]
pub enum Message {
    /// Rows, with the watermarks that stand between them.
    Batch(Batch),
    /// No row at or before this event time is expected any more; a later one is late.
    Watermark(Millis),
    /// The border of an epoch.
    Barrier(Epoch),
    /// This input says nothing for now and must not hold the others' watermark back. The next batch or
    /// watermark from it ends that.
    Idle,
    /// Nothing follows. Carries the meaning of a watermark at [`Millis::MAX`].
    End,
}
