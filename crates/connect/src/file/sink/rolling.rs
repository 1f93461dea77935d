//! When a part file has been written for long enough: at a size, at an age, after a silence. The names and
//! the defaults are Flink's. Time is that of the clock that the connector was given.

use millstream_record::{Millis, Options};

/// When a part was begun and when rows came to it last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub begun: Millis,
    pub written: Millis,
}

/// The rules of one sink.
#[derive(Debug)]
pub(super) struct Rolling {
    /// A part of so many bytes is whole.
    bytes: u64,
    /// So many milliseconds after it was begun.
    age: i64,
    /// So many milliseconds after rows came to it last.
    silence: i64,
    /// How often to look at the times, in milliseconds.
    every: i64,
    looked: Millis,
}

impl Rolling {
    /// What the options say; the times are looked at for the first time one check interval from `now`.
    pub fn new(options: &Options, now: Millis) -> Rolling {
        let millis = |name: &str| {
            let time = options.duration(name).unwrap_or(std::time::Duration::MAX);
            i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
        };
        Rolling {
            bytes: options.bytes("sink.rolling-policy.file-size").unwrap_or(u64::MAX).max(1),
            age: millis("sink.rolling-policy.rollover-interval"),
            silence: millis("sink.rolling-policy.inactivity-interval"),
            every: millis("sink.rolling-policy.check-interval"),
            looked: now,
        }
    }

    /// Whether a part of so many bytes is whole.
    pub fn is_full(&self, bytes: u64) -> bool {
        bytes >= self.bytes
    }

    /// Whether it is time to look at the times of the parts; the next look is one check interval later.
    pub fn looks(&mut self, now: Millis) -> bool {
        let due = now.0.saturating_sub(self.looked.0) >= self.every;
        if due {
            self.looked = now;
        }
        due
    }

    /// Whether the time of a part is over.
    pub fn is_over(&self, times: Times, now: Millis) -> bool {
        now.0.saturating_sub(times.begun.0) >= self.age || now.0.saturating_sub(times.written.0) >= self.silence
    }
}
