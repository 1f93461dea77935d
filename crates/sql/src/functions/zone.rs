//! Time zones: instants to the wall clock's reading and back. A reading that does not exist (the clock was
//! put forward) moves on by the length of the gap; one that exists twice means the first instant. So does
//! Java when Flink casts; windows fire by another rule, which is the engine's.

use chrono::{DateTime, FixedOffset, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;

/// A zone of the earth or a fixed distance from UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Zone {
    /// `Europe/Berlin`
    Named(Tz),
    /// `+02:00`
    Fixed(FixedOffset),
}

impl Zone {
    /// The zone of this name; UTC if there is none.
    pub(crate) fn named(name: &str) -> Zone {
        Zone::find(name).unwrap_or(Zone::Named(Tz::UTC))
    }

    /// The zone of this name, also in the forms `GMT+2`, `UTC-05:30` and `+02:00`.
    pub(crate) fn find(name: &str) -> Option<Zone> {
        if let Ok(zone) = name.parse::<Tz>() {
            return Some(Zone::Named(zone));
        }
        let rest = name.strip_prefix("GMT").or_else(|| name.strip_prefix("UTC")).unwrap_or(name);
        let whole = if rest.len() < 4 && rest.len() > 1 {
            format!("{}{:0>2}:00", &rest.get(..1)?, rest.get(1..)?)
        } else {
            rest.to_string()
        };
        whole.parse().ok().map(Zone::Fixed)
    }

    /// The wall clock's reading at an instant; both in milliseconds since 1970-01-01T00:00.
    pub(crate) fn to_wall(self, instant: i64) -> i64 {
        let Some(utc) = DateTime::from_timestamp_millis(instant) else { return instant };
        let seconds = match self {
            Zone::Named(zone) => zone.offset_from_utc_datetime(&utc.naive_utc()).fix().local_minus_utc(),
            Zone::Fixed(offset) => offset.local_minus_utc(),
        };
        instant.saturating_add(i64::from(seconds) * 1000)
    }

    /// The instant at which the wall clock reads so.
    pub(crate) fn to_instant(self, wall: i64) -> i64 {
        let Some(reading) = DateTime::from_timestamp_millis(wall).map(|reading| reading.naive_utc()) else {
            return wall;
        };
        match self {
            Zone::Named(Tz::UTC) => wall,
            Zone::Named(zone) => named_instant(zone, reading, wall),
            Zone::Fixed(offset) => wall.saturating_sub(i64::from(offset.local_minus_utc()) * 1000),
        }
    }
}

fn named_instant(zone: Tz, reading: NaiveDateTime, wall: i64) -> i64 {
    match zone.from_local_datetime(&reading).earliest() {
        Some(instant) => instant.timestamp_millis(),
        None => {
            // The gap is hours long at most: a day before it the old distance from UTC held.
            let before = reading - chrono::TimeDelta::days(1);
            wall - i64::from(zone.offset_from_utc_datetime(&before).fix().local_minus_utc()) * 1000
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn a_wall_clock_and_its_instants() {
        let berlin = Zone::named("Europe/Berlin");
        // 2021-03-28 02:00 CET becomes 03:00 CEST, at 01:00 UTC.
        let change = 1_616_893_200_000;
        assert_eq!(berlin.to_wall(change - 1), change - 1 + HOUR);
        assert_eq!(berlin.to_wall(change), change + 2 * HOUR);
        let missing = change + HOUR + HOUR / 2;
        assert_eq!(berlin.to_instant(missing), change + HOUR / 2, "02:30 does not exist");
        // 2021-10-31 03:00 CEST becomes 02:00 CET, at 01:00 UTC.
        let back = 1_635_642_000_000;
        assert_eq!(berlin.to_instant(back + HOUR + HOUR / 2), back - HOUR / 2, "02:30 exists twice");
    }

    #[test]
    fn zones_have_names_and_distances() {
        assert_eq!(Zone::find("+02:00").map(|zone| zone.to_wall(0)), Some(2 * HOUR));
        assert_eq!(Zone::find("GMT-8").map(|zone| zone.to_wall(0)), Some(-8 * HOUR));
        assert_eq!(Zone::find("Mars/Base"), None);
    }
}
