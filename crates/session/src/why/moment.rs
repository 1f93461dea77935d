//! Times, stretches of time and counts as a sentence needs them: `12:00:04.2`, `42 s`, `812 rows`.

use arrow::datatypes::TimeUnit;
use millstream_record::Millis;

use crate::render::{Zone, clock_text};
use crate::status::count;

/// `1 row`, `812 rows`.
pub fn rows(number: u64) -> String {
    counted(number, "row")
}

/// `1 record`, `812 records`.
pub fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// `0.3 s`, `42 s`, `3 min 5 s`, `2 h 1 min`, `3 d 4 h`.
pub fn stretch(ms: i64) -> String {
    let seconds = ms / 1000;
    let two = |large: i64, name: &str, small: i64, rest: &str| match small {
        0 => format!("{large} {name}"),
        _ => format!("{large} {name} {small} {rest}"),
    };
    match seconds {
        _ if seconds < 10 && ms % 1000 != 0 => trimmed(format!("{}.{:03}", seconds, ms.unsigned_abs() % 1000)) + " s",
        _ if seconds < 60 => format!("{seconds} s"),
        _ if seconds < 3_600 => two(seconds / 60, "min", seconds % 60, "s"),
        _ if seconds < 86_400 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

/// A length of time as SQL takes it: `INTERVAL '1.500' SECOND`, `INTERVAL '2' SECOND`.
pub fn interval(ms: i64) -> String {
    let seconds = trimmed(format!("{}.{:03}", ms / 1000, ms.unsigned_abs() % 1000));
    format!("INTERVAL '{seconds}' SECOND")
}

/// How moments are shown: on which wall clock, and as seen from which day.
pub struct Clockface {
    zone: Zone,
    today: String,
}

impl Clockface {
    /// Moments on the wall clock of `zone`; those of the day of `now` are shown without it.
    pub fn new(zone: Zone, now: Millis) -> Clockface {
        Clockface { zone, today: day(&full(zone, now)).to_string() }
    }

    /// Moments that are digits of a wall clock in `zone` already.
    pub fn digits(zone: Zone, now: Millis) -> Clockface {
        Clockface { zone: Zone::UTC, ..Clockface::new(zone, now) }
    }

    /// `12:00:04.2` today, `2026-01-31 12:00:04.2` on another day.
    pub fn at(&self, at: Millis) -> String {
        let text = full(self.zone, at);
        match text.split_once(' ') {
            Some((day, time)) if day == self.today => trimmed(time.to_string()),
            _ => trimmed(text),
        }
    }
}

fn full(zone: Zone, at: Millis) -> String {
    let mut text = String::new();
    clock_text::instant(&mut text, at.0, TimeUnit::Millisecond, zone);
    text
}

fn day(text: &str) -> &str {
    text.split(' ').next().unwrap_or(text)
}

/// Without zeros behind the point that say nothing.
fn trimmed(text: String) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_say_two_units_at_most() {
        let said = [300, 4_250, 42_000, 185_000, 7_260_000, 273_600_000, 60_000].map(stretch);
        assert_eq!(said, ["0.3 s", "4.25 s", "42 s", "3 min 5 s", "2 h 1 min", "3 d 4 h", "1 min"]);
        assert_eq!([interval(1_500), interval(2_000)], ["INTERVAL '1.5' SECOND", "INTERVAL '2' SECOND"]);
    }

    #[test]
    fn the_day_is_said_if_it_is_another() {
        let noon = 1_767_268_800_000;
        let face = Clockface::new(Zone::UTC, Millis(noon));
        assert_eq!(face.at(Millis(noon + 4_200)), "12:00:04.2");
        assert_eq!(face.at(Millis(noon - 86_400_000)), "2025-12-31 12:00:00");
        let tokyo = Clockface::new(Zone::parse("Asia/Tokyo").expect("a zone"), Millis(noon));
        assert_eq!(tokyo.at(Millis(noon)), "21:00:00");
    }
}
