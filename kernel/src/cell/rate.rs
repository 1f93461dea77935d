//! Records per second of a run, smoothed, for the line below a display.

use std::time::{Duration, Instant};

use millstream_session::{Status, Zone};

/// The rate is measured anew after so long.
const MEASURE: Duration = Duration::from_millis(100);

/// The pace of a run.
pub struct Rate {
    began: Instant,
    at: Instant,
    records: u64,
    rate: f64,
}

impl Rate {
    /// A run that begins now.
    pub fn new() -> Rate {
        let now = Instant::now();
        Rate { began: now, at: now, records: 0, rate: 0.0 }
    }

    /// How long the run has taken so far.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Records per second, just now.
    pub fn after(&mut self, records: u64) -> f64 {
        let passed = self.at.elapsed();
        if passed > MEASURE {
            let now = records.saturating_sub(self.records) as f64 / passed.as_secs_f64();
            self.rate = if self.rate == 0.0 { now } else { 0.6 * self.rate + 0.4 * now };
            (self.at, self.records) = (Instant::now(), records);
        }
        self.rate
    }

    /// The status line of the run.
    pub fn line(&mut self, status: &Status, zone: Zone) -> String {
        let rate = self.after(status.records);
        status.line(self.elapsed(), rate, zone)
    }
}
