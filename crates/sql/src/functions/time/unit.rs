//! The units of the calendar: a part of a time, the start of a unit, and distances in units.

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveDateTime, NaiveTime};
use datafusion::common::{Result, exec_datafusion_err};

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Millennium,
    Century,
    Decade,
    Year,
    Quarter,
    Month,
    Week,
    Day,
    DayOfWeek,
    IsoDayOfWeek,
    DayOfYear,
    IsoYear,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    Nanosecond,
    Epoch,
}

const NAMES: &[(&str, Unit)] = &[
    ("MILLENNIUM", Unit::Millennium),
    ("CENTURY", Unit::Century),
    ("DECADE", Unit::Decade),
    ("YEAR", Unit::Year),
    ("QUARTER", Unit::Quarter),
    ("MONTH", Unit::Month),
    ("WEEK", Unit::Week),
    ("DAY", Unit::Day),
    ("DOW", Unit::DayOfWeek),
    ("DAYOFWEEK", Unit::DayOfWeek),
    ("ISODOW", Unit::IsoDayOfWeek),
    ("DOY", Unit::DayOfYear),
    ("DAYOFYEAR", Unit::DayOfYear),
    ("ISOYEAR", Unit::IsoYear),
    ("HOUR", Unit::Hour),
    ("MINUTE", Unit::Minute),
    ("SECOND", Unit::Second),
    ("MILLISECOND", Unit::Millisecond),
    ("MICROSECOND", Unit::Microsecond),
    ("NANOSECOND", Unit::Nanosecond),
    ("EPOCH", Unit::Epoch),
];

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

impl Unit {
    /// The unit of this name, singular or plural, also as `SQL_TSI_…`.
    pub(super) fn named(name: &str) -> Result<Unit> {
        let upper = name.trim().to_uppercase();
        let word = upper.strip_prefix("SQL_TSI_").unwrap_or(&upper);
        let word = word.strip_suffix('S').unwrap_or(word);
        NAMES
            .iter()
            .find(|(known, _)| *known == word || *known == upper)
            .map(|(_, unit)| *unit)
            .ok_or_else(|| exec_datafusion_err!("'{name}' is not a unit of time, such as YEAR, DAY or SECOND"))
    }

    /// This part of a wall clock's reading.
    pub(super) fn part(self, wall: i64) -> i64 {
        let moment = moment(wall);
        let year = i64::from(moment.year());
        let past = wall.rem_euclid(DAY);
        match self {
            Unit::Millennium => (year + 999).div_euclid(1000),
            Unit::Century => (year + 99).div_euclid(100),
            Unit::Decade => year.div_euclid(10),
            Unit::Year => year,
            Unit::Quarter => i64::from(moment.month0() / 3 + 1),
            Unit::Month => i64::from(moment.month()),
            Unit::Week => i64::from(moment.iso_week().week()),
            Unit::Day => i64::from(moment.day()),
            Unit::DayOfWeek => i64::from(moment.weekday().num_days_from_sunday() + 1),
            Unit::IsoDayOfWeek => i64::from(moment.weekday().number_from_monday()),
            Unit::DayOfYear => i64::from(moment.ordinal()),
            Unit::IsoYear => i64::from(moment.iso_week().year()),
            Unit::Hour => past / HOUR,
            Unit::Minute => past / 60_000 % 60,
            Unit::Second => past / 1000 % 60,
            Unit::Millisecond => past % 60_000,
            Unit::Microsecond => past % 60_000 * 1000,
            Unit::Nanosecond => past % 60_000 * 1_000_000,
            Unit::Epoch => wall.div_euclid(1000),
        }
    }

    /// The length of a unit that is always the same.
    fn millis(self) -> Option<i64> {
        Some(match self {
            Unit::Week => 7 * DAY,
            Unit::Day | Unit::DayOfWeek | Unit::DayOfYear | Unit::IsoDayOfWeek => DAY,
            Unit::Hour => HOUR,
            Unit::Minute => 60_000,
            Unit::Second | Unit::Epoch => 1000,
            Unit::Millisecond => 1,
            _ => return None,
        })
    }

    fn months(self) -> Option<i64> {
        Some(match self {
            Unit::Millennium => 12_000,
            Unit::Century => 1200,
            Unit::Decade => 120,
            Unit::Year | Unit::IsoYear => 12,
            Unit::Quarter => 3,
            Unit::Month => 1,
            _ => return None,
        })
    }

    /// The start of the unit; weeks start on Sunday. `None` for parts of a millisecond.
    pub(super) fn floor(self, wall: i64) -> Option<i64> {
        let moment = moment(wall);
        let first = |year: i32, month: u32| Some(start(NaiveDate::from_ymd_opt(year, month, 1)?));
        match self {
            Unit::Millennium => first((moment.year() - 1).div_euclid(1000) * 1000 + 1, 1),
            Unit::Century => first((moment.year() - 1).div_euclid(100) * 100 + 1, 1),
            Unit::Decade => first(moment.year().div_euclid(10) * 10, 1),
            Unit::Year | Unit::IsoYear => first(moment.year(), 1),
            Unit::Quarter => first(moment.year(), moment.month0() / 3 * 3 + 1),
            Unit::Month => first(moment.year(), moment.month()),
            Unit::Week => {
                let day = wall.div_euclid(DAY) - i64::from(moment.weekday().num_days_from_sunday());
                Some(day * DAY)
            }
            Unit::Microsecond | Unit::Nanosecond => Some(wall),
            fixed => fixed.millis().map(|length| wall.div_euclid(length) * length),
        }
    }

    /// The reading moved by so many units; `None` beyond the calendar.
    pub(super) fn add(self, wall: i64, count: i64) -> Option<i64> {
        if let Some(length) = self.millis() {
            return wall.checked_add(count.checked_mul(length)?);
        }
        let Some(months) = self.months() else {
            let divisor = if self == Unit::Microsecond { 1000 } else { 1_000_000 };
            return wall.checked_add(count.div_euclid(divisor));
        };
        let months = count.checked_mul(months)?;
        let moment = moment(wall);
        let distance = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
        let moved = if months < 0 { moment.checked_sub_months(distance) } else { moment.checked_add_months(distance) };
        moved.map(|moment| moment.and_utc().timestamp_millis())
    }

    /// How many whole units lie between two readings; negative if `to` is earlier.
    pub(super) fn between(self, from: i64, to: i64) -> i64 {
        if let Some(length) = self.millis() {
            return (to - from) / length;
        }
        let Some(months) = self.months() else {
            return (to - from).saturating_mul(if self == Unit::Microsecond { 1000 } else { 1_000_000 });
        };
        let (first, last) = (moment(from), moment(to));
        let mut count =
            i64::from(last.year() - first.year()) * 12 + i64::from(last.month0()) - i64::from(first.month0());
        let inside = |m: &NaiveDateTime| (m.day(), m.time());
        if count > 0 && inside(&last) < inside(&first) {
            count -= 1;
        } else if count < 0 && inside(&last) > inside(&first) {
            count += 1;
        }
        count / months
    }
}

fn moment(wall: i64) -> NaiveDateTime {
    DateTime::from_timestamp_millis(wall).unwrap_or_default().naive_utc()
}

fn start(day: NaiveDate) -> i64 {
    day.and_time(NaiveTime::MIN).and_utc().timestamp_millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").expect("a time").and_utc().timestamp_millis()
    }

    #[test]
    fn parts_as_flink_documents_them() {
        let wall = at("1994-09-27 13:14:15");
        let part = |name: &str| Unit::named(name).expect("a unit").part(wall);
        assert_eq!([part("YEAR"), part("QUARTER"), part("MONTH"), part("WEEK")], [1994, 3, 9, 39]);
        assert_eq!([part("DOY"), part("DAY"), part("DOW")], [270, 27, 3]);
        assert_eq!([part("HOUR"), part("MINUTE"), part("SECOND")], [13, 14, 15]);
        assert_eq!([part("CENTURY"), part("MILLENNIUM"), part("DECADE")], [20, 2, 199]);
        assert!(Unit::named("FORTNIGHT").is_err());
    }

    #[test]
    fn distances_are_whole_units() {
        let (from, to) = (at("2003-01-02 10:00:00"), at("2003-01-03 10:00:00"));
        assert_eq!(Unit::Day.between(from, to), 1);
        assert_eq!(Unit::Hour.between(to, from), -24);
        assert_eq!(Unit::Month.between(at("2020-01-31 00:00:00"), at("2020-02-29 00:00:00")), 0);
        assert_eq!(Unit::Month.add(at("2020-01-31 00:00:00"), 1), Some(at("2020-02-29 00:00:00")));
        assert_eq!(Unit::Week.floor(at("2024-05-15 12:00:00")), Some(at("2024-05-12 00:00:00")));
        assert_eq!(Unit::Year.add(0, i64::MAX), None);
    }
}
