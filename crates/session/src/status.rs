//! How far a run has come, in the words of the status line, and what became of every record when it is
//! over: `in = used + late + bad + filtered`.

use std::time::Duration;

use millstream_record::Millis;

use crate::infer::duration;
use crate::render::{Zone, timestamp_text};

/// How far a run has come.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Records read over all taps.
    pub records: u64,
    /// Bytes read over all taps.
    pub bytes: u64,
    /// Rows that the query has given.
    pub rows: u64,
    /// Records that wait behind what was read, if all taps can tell.
    pub lag: Option<u64>,
    /// Whether it ends when those have been read.
    pub ends: bool,
    /// How far event time has come, if it has begun.
    pub watermark: Option<Millis>,
    /// Rows that came after their time.
    pub late: u64,
    /// Records that could not be read.
    pub bad: u64,
    /// Why a tap waits, if one does.
    pub stalled: Option<String>,
}

impl Status {
    /// The status line: `rate` is records per second, just now.
    pub fn line(&self, elapsed: Duration, rate: f64, zone: Zone) -> String {
        let mut parts =
            vec![format!("{:.1} s", elapsed.as_secs_f64()), format!("{} rows/s", count(rate.round() as u64))];
        if self.bytes > 0 && self.records > 0 {
            parts.push(format!("{}/s", size((rate * self.bytes as f64 / self.records as f64) as u64)));
        }
        parts.push(format!("{} in", count(self.records)));
        match self.watermark {
            Some(Millis::MAX) => parts.push("watermark at the end".into()),
            Some(Millis(at)) => parts.push(format!("watermark {}", timestamp_text(Millis(at), zone))),
            None => {}
        }
        parts.extend(self.lag.map(|lag| format!("lag {}", count(lag))));
        if let Some(left) = self.lag.filter(|left| self.ends && *left > 0 && rate >= 1.0) {
            parts.push(format!("ends in {}", duration((left as f64 * 1e3 / rate) as i64)));
        }
        parts.push(format!("late {}", count(self.late)));
        parts.push(format!("errors {}", count(self.bad)));
        parts.extend(self.stalled.as_ref().map(|reason| format!("waiting: {}", crate::render::gate::shown(reason))));
        parts.join(" · ")
    }
}

/// So many bytes as one says it: `133.1 kB`.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// What became of the records of one tap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The tap.
    pub tap: String,
    /// Records read.
    pub records: u64,
    /// Records that the query used.
    pub used: u64,
    /// Rows that came after their time.
    pub late: u64,
    /// Records that could not be read.
    pub bad: u64,
    /// Records that the query left out.
    pub filtered: u64,
    /// Keys that stood more than once in their JSON object; the last of them counted.
    pub duplicate_keys: u64,
}

impl Account {
    /// `bids: 1000 in = 990 used + 4 late + 1 bad + 5 filtered`.
    pub fn line(&self) -> String {
        let Account { tap, records, used, late, bad, filtered, duplicate_keys } = self;
        let tap = crate::render::gate::shown(tap);
        let twice = match duplicate_keys {
            0 => String::new(),
            keys => format!(" · duplicate JSON keys: {keys}, the last of each counted"),
        };
        format!("{tap}: {records} in = {used} used + {late} late + {bad} bad + {filtered} filtered{twice}")
    }
}

/// A number with a space between thousands: `1 234 567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_line_says_what_matters() {
        let status = Status {
            records: 1_234_567,
            bytes: 123_456_700,
            watermark: Some(Millis(1_767_225_600_000)),
            lag: Some(12),
            late: 3,
            stalled: Some("no route to\x1b broker".into()),
            ..Status::default()
        };
        assert_eq!(
            status.line(Duration::from_millis(2500), 999.6, Zone::UTC),
            "2.5 s · 1 000 rows/s · 100.0 kB/s · 1 234 567 in · watermark 2026-01-01 00:00:00.000 · lag 12 · late 3 · errors 0 \
             · waiting: no route to\\x1b broker"
        );
    }

    #[test]
    fn a_run_that_ends_says_when() {
        let status = Status { records: 10, lag: Some(90_000), ends: true, ..Status::default() };
        let line = |status: &Status, rate| status.line(Duration::ZERO, rate, Zone::UTC);
        assert!(line(&status, 1_000.0).contains(" · lag 90 000 · ends in 1.5 min · "), "{}", line(&status, 1_000.0));
        for endless in [(Status { ends: false, ..status.clone() }, 1_000.0), (status, 0.0)] {
            assert!(!line(&endless.0, endless.1).contains("ends in"));
        }
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(
            ["0", "999", "1 000", "12 345", "1 000 000"],
            [0, 999, 1000, 12345, 1_000_000].map(count).each_ref().map(String::as_str)
        );
    }
}
