//! How fast a generator may go: as fast as it can, or so many rows a second by the clock it was handed.

use std::sync::Arc;
use std::time::Duration;

use millstream_record::{Clock, Millis, Stop};

/// The longest nap between two looks at the clock.
const NAP: Duration = Duration::from_millis(10);

/// Counts out rows by the clock.
pub(super) struct Pace {
    clock: Arc<dyn Clock>,
    per_second: Option<u64>,
    began: Option<Millis>,
    given: u64,
}

impl Pace {
    /// At most `per_second` rows a second from the first call on; `None` does not hold back.
    pub fn new(clock: Arc<dyn Clock>, per_second: Option<u64>) -> Pace {
        Pace { clock, per_second, began: None, given: 0 }
    }

    /// How many rows may be made now: at most `most`, which is greater than 0. Waits until there is one,
    /// at most `wait` and not when `stop` is raised; 0 if there is none then.
    pub fn take(&mut self, most: u64, wait: Duration, stop: &Stop) -> u64 {
        let Some(per_second) = self.per_second else { return most };
        let mut left = wait;
        loop {
            let now = self.clock.now();
            let since = now.0.saturating_sub(self.began.get_or_insert(now).0).max(0) as u64;
            let due = (u128::from(since) * u128::from(per_second) / 1000) as u64;
            let ready = due.saturating_sub(self.given).min(most);
            if ready > 0 || left.is_zero() || stop.raised() {
                self.given += ready;
                return ready;
            }
            let nap = NAP.min(left);
            std::thread::sleep(nap);
            left -= nap;
        }
    }
}

#[cfg(test)]
mod tests {
    use millstream_record::ManualClock;

    use super::*;

    #[test]
    fn rows_come_as_the_clock_says() {
        let clock = Arc::new(ManualClock::at(Millis(5_000)));
        let mut pace = Pace::new(clock.clone(), Some(100));
        let mut take = |at: i64, most| {
            clock.set(Millis(at));
            pace.take(most, Duration::ZERO, &Stop::default())
        };
        assert_eq!(take(5_000, 10), 0);
        assert_eq!(take(5_009, 10), 0);
        assert_eq!(take(5_050, 10), 5);
        assert_eq!(take(5_050, 10), 0);
        assert_eq!((take(6_000, 10), take(6_000, 1000), take(6_000, 10)), (10, 85, 0));
        assert_eq!(take(4_000, 10), 0, "a clock that is set back gives nothing");
        assert_eq!(Pace::new(clock, None).take(7, Duration::ZERO, &Stop::default()), 7);
    }
}
