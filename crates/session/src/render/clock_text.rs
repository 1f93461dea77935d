//! Days, times and instants as text, exact to the unit of their column, and the zone in which instants
//! are shown.

use std::fmt::Write;

use arrow::datatypes::TimeUnit;
use chrono::{DateTime, FixedOffset, Offset, TimeZone, Utc};
use chrono_tz::Tz;

/// The zone of a session: `table.local-time-zone`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Zone {
    /// A named zone with its history of rules.
    Named(Tz),
    /// A constant distance from UTC.
    Fixed(FixedOffset),
}

impl Zone {
    /// UTC.
    pub const UTC: Zone = Zone::Named(Tz::UTC);

    /// Reads `Europe/Berlin`, `UTC`, `+08:00`, `GMT-3:30`; `None` if it is no zone.
    pub fn parse(text: &str) -> Option<Zone> {
        if let Ok(zone) = text.parse::<Tz>() {
            return Some(Zone::Named(zone));
        }
        let digits = text.trim_start_matches("GMT").trim_start_matches("UTC");
        let (negative, digits) = match digits.as_bytes().first()? {
            b'+' => (false, &digits[1..]),
            b'-' => (true, &digits[1..]),
            _ => return None,
        };
        let (hours, minutes) = digits.split_once(':').unwrap_or((digits, "0"));
        let (hours, minutes): (u8, u8) = (hours.parse().ok()?, minutes.parse().ok()?);
        let seconds = (i32::from(hours) * 60 + i32::from(minutes)) * 60;
        let fits = hours <= 18 && minutes < 60;
        FixedOffset::east_opt(if negative { -seconds } else { seconds }).filter(|_| fits).map(Zone::Fixed)
    }

    fn offset_seconds(self, instant: DateTime<Utc>) -> i64 {
        let naive = instant.naive_utc();
        let offset = match self {
            Zone::Named(zone) => zone.offset_from_utc_datetime(&naive).fix(),
            Zone::Fixed(offset) => offset,
        };
        i64::from(offset.local_minus_utc())
    }
}

/// Ticks per second, and the digits behind the point that they need.
fn scale(unit: TimeUnit) -> (i64, usize) {
    match unit {
        TimeUnit::Second => (1, 0),
        TimeUnit::Millisecond => (1_000, 3),
        TimeUnit::Microsecond => (1_000_000, 6),
        TimeUnit::Nanosecond => (1_000_000_000, 9),
    }
}

/// `2026-01-31`.
pub fn date(out: &mut String, days: i64) {
    let (year, month, day) = civil(days);
    let text = if (0..=9999).contains(&year) {
        write!(out, "{year:04}-{month:02}-{day:02}")
    } else {
        write!(out, "{year:+05}-{month:02}-{day:02}")
    };
    text.expect("a string takes everything");
}

/// `12:34:56.789`, with as many digits as the unit has.
pub fn time_of_day(out: &mut String, ticks: i64, unit: TimeUnit) {
    let (per_second, digits) = scale(unit);
    let seconds = ticks.div_euclid(per_second);
    write!(out, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
        .expect("a string takes everything");
    if digits > 0 {
        write!(out, ".{:0digits$}", ticks.rem_euclid(per_second)).expect("a string takes everything");
    }
}

/// `2026-01-31 12:34:56.789`.
pub fn timestamp(out: &mut String, ticks: i64, unit: TimeUnit) {
    let per_day = scale(unit).0 * 86_400;
    date(out, ticks.div_euclid(per_day));
    out.push(' ');
    time_of_day(out, ticks.rem_euclid(per_day), unit);
}

/// An instant on the wall clock of `zone`, written as a timestamp.
pub fn instant(out: &mut String, ticks: i64, unit: TimeUnit, zone: Zone) {
    let per_second = scale(unit).0;
    let offset = DateTime::from_timestamp(ticks.div_euclid(per_second), 0).map_or(0, |at| zone.offset_seconds(at));
    timestamp(out, ticks.saturating_add(offset * per_second), unit);
}

/// How far the wall clock of `zone` is ahead of UTC at a moment, in milliseconds.
pub fn offset_millis(at: i64, zone: Zone) -> i64 {
    DateTime::from_timestamp_millis(at).map_or(0, |at| zone.offset_seconds(at) * 1_000)
}

/// Days since 1970-01-01 as year, month, day of the proleptic Gregorian calendar (Howard Hinnant,
/// "chrono-compatible low-level date algorithms", civil_from_days).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use chrono::Datelike;

    use super::*;

    fn text(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn dates_agree_with_chrono() {
        for days in (-800_000..3_000_000).step_by(37) {
            let known = DateTime::from_timestamp(days * 86_400, 0).expect("in range").date_naive();
            let known = (i64::from(known.year()), i64::from(known.month()), i64::from(known.day()));
            assert_eq!(civil(days), known, "{days}");
        }
    }

    #[test]
    fn every_unit_shows_its_digits() {
        assert_eq!(text(|out| timestamp(out, 0, TimeUnit::Second)), "1970-01-01 00:00:00");
        assert_eq!(text(|out| timestamp(out, -1, TimeUnit::Millisecond)), "1969-12-31 23:59:59.999");
        assert_eq!(text(|out| timestamp(out, 1, TimeUnit::Microsecond)), "1970-01-01 00:00:00.000001");
        assert_eq!(text(|out| timestamp(out, 1, TimeUnit::Nanosecond)), "1970-01-01 00:00:00.000000001");
        assert_eq!(text(|out| timestamp(out, 253_402_300_800_000, TimeUnit::Millisecond)), "+10000-01-01 00:00:00.000");
    }

    #[test]
    fn the_ends_of_the_range_are_text_too() {
        for unit in [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond] {
            for ticks in [i64::MIN, i64::MAX] {
                assert!(!text(|out| instant(out, ticks, unit, Zone::parse("Asia/Tokyo").expect("known"))).is_empty());
            }
        }
    }

    #[test]
    fn instants_are_shown_on_the_wall_clock() {
        let berlin = Zone::parse("Europe/Berlin").expect("known");
        let noon = 1_767_265_200_000;
        assert_eq!(text(|out| instant(out, noon, TimeUnit::Millisecond, berlin)), "2026-01-01 12:00:00.000");
        let half = Zone::parse("GMT-3:30").expect("an offset");
        assert_eq!(text(|out| instant(out, noon, TimeUnit::Millisecond, half)), "2026-01-01 07:30:00.000");
        assert_eq!(Zone::parse("Mars/Olympus"), None);
        assert_eq!(Zone::parse("+99:00"), None);
    }
}
