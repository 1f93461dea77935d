//! How many records a second go by, smoothed for the eye, and second by second for a small chart. Prompt, screens,
//! notebooks and `SHOW RUNS` all show this rate. The time is handed in.

use std::collections::VecDeque;
use std::time::Duration;

use millstream_record::Millis;

use crate::render::Zone;
use crate::status::Status;

/// The rate is measured anew after so many milliseconds.
const MEASURE: i64 = 200;
/// So many seconds are remembered.
const SECONDS: usize = 120;

/// The pace of a run.
#[derive(Debug)]
pub struct Pace {
    at: Millis,
    records: u64,
    rate: Option<f64>,
    /// When the second that is counted began, and how many records there were then.
    second: (Millis, u64),
    seconds: VecDeque<u64>,
}

impl Default for Pace {
    /// A run that begins when the clock stands at zero.
    fn default() -> Pace {
        Pace::new(Millis(0))
    }
}

impl Pace {
    /// A run that begins now.
    pub fn new(now: Millis) -> Pace {
        Pace { at: now, records: 0, rate: None, second: (now, 0), seconds: VecDeque::new() }
    }

    /// There are so many records now.
    pub fn tell(&mut self, now: Millis, records: u64) {
        let passed = now.0 - self.at.0;
        if passed >= MEASURE {
            let just_now = records.saturating_sub(self.records) as f64 * 1000.0 / passed as f64;
            self.rate = Some(self.rate.map_or(just_now, |before| 0.6 * before + 0.4 * just_now));
            (self.at, self.records) = (now, records);
        }
        let passed = now.0 - self.second.0.0;
        if passed >= 1000 {
            let whole = records.saturating_sub(self.second.1) as f64 * 1000.0 / passed as f64;
            // Nobody told for several seconds: they are taken as alike.
            let number = usize::try_from(passed / 1000).unwrap_or(SECONDS).min(SECONDS);
            self.seconds.extend(std::iter::repeat_n(whole.round() as u64, number));
            self.seconds.drain(..self.seconds.len().saturating_sub(SECONDS));
            self.second = (now, records);
        }
    }

    /// The status line of a run that began `elapsed` ago, when the clock of this pace stood at zero.
    pub fn line(&mut self, status: &Status, elapsed: Duration, zone: Zone) -> String {
        self.tell(Millis(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)), status.records);
        status.line(elapsed, self.rate(), zone)
    }

    /// Records per second, just now.
    pub fn rate(&self) -> f64 {
        self.rate.unwrap_or(0.0)
    }

    /// Records per second, second by second, the newest last.
    pub fn seconds(&self) -> Vec<u64> {
        self.seconds.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_follows_and_the_seconds_are_whole() {
        let mut pace = Pace::new(Millis(0));
        (1..=40).for_each(|quarter| pace.tell(Millis(quarter * 250), quarter as u64 * 100));
        assert_eq!(pace.rate().round(), 400.0);
        assert_eq!(pace.seconds(), vec![400; 10]);
        pace.tell(Millis(12_000), 4_000);
        assert_eq!(pace.seconds().len(), 12);
        assert!(pace.rate() < 400.0);
        pace.tell(Millis(1_000_000), 4_000);
        assert_eq!(pace.seconds().len(), SECONDS);
    }
}
