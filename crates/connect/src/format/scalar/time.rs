//! Dates, times of day and timestamps, as Flink's formats write them: `2026-01-31 12:30:00.5` (SQL) and
//! `2026-01-31T12:30:00.5` (ISO-8601), with `Z` behind an instant. Days are counted by the civil calendar
//! (Hinnant, "chrono-compatible low-level date algorithms"), years 1 to 9999. The day of the value before
//! is remembered, since streams stay on one day for long.

use arrow::array::ArrowPrimitiveType;
use arrow::datatypes::{Date32Type, TimeUnit};

use super::{Parse, Refusal, trim};
use crate::format::cells::Piece;

const NANOS: i64 = 1_000_000_000;

/// Days since 1970-01-01 of a day of the proleptic Gregorian calendar.
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of a number of days since 1970-01-01.
pub(crate) fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * shifted + 2) / 5 + 1, (shifted + 2) % 12 + 1);
    (era * 400 + year + i64::from(month <= 2), month, day)
}

/// Two digits, or a value above 99.
#[inline]
fn two(text: &[u8], at: usize) -> i64 {
    let (tens, ones) = (text[at].wrapping_sub(b'0'), text[at + 1].wrapping_sub(b'0'));
    if tens > 9 || ones > 9 { 1_000 } else { i64::from(tens) * 10 + i64::from(ones) }
}

/// The day that exactly ten bytes `YYYY-MM-DD` name.
fn day(text: &[u8; 10]) -> Result<i64, Refusal> {
    let (century, of_century, month, day) = (two(text, 0), two(text, 2), two(text, 5), two(text, 8));
    if text[4] != b'-' || text[7] != b'-' || [century, of_century, month, day].iter().any(|part| *part > 99) {
        return Err(Refusal::NotA);
    }
    let year = century * 100 + of_century;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return Err(Refusal::Range),
    };
    if year == 0 || !(1..=length).contains(&day) {
        return Err(Refusal::Range);
    }
    Ok(days_from_civil(year, month, day))
}

/// Seconds of the day and nanoseconds of the second that `text` begins with, and how many bytes they
/// take: `HH:MM:SS[.f…]`, or `HH:MM` where seconds may be left out.
fn time_of_day(text: &[u8], seconds_optional: bool) -> Result<(i64, i64, usize), Refusal> {
    let clock = |at: usize, above: i64| match text.get(at..at + 2) {
        Some(digits) if two(digits, 0) < above => Ok(two(digits, 0)),
        Some(digits) if two(digits, 0) <= 99 => Err(Refusal::Range),
        _ => Err(Refusal::NotA),
    };
    let (hour, minute) = (clock(0, 24)?, clock(3, 60)?);
    if text[2] != b':' {
        return Err(Refusal::NotA);
    }
    if text.get(5) != Some(&b':') {
        return if seconds_optional { Ok((hour * 3_600 + minute * 60, 0, 5)) } else { Err(Refusal::NotA) };
    }
    let seconds = hour * 3_600 + minute * 60 + clock(6, 60)?;
    if text.get(8) != Some(&b'.') {
        return Ok((seconds, 0, 8));
    }
    let (mut nanos, mut count) = (0, 0);
    while let Some(digit) = text.get(9 + count).filter(|byte| byte.is_ascii_digit()) {
        count += 1;
        if count > 9 {
            return Err(Refusal::NotA);
        }
        nanos = nanos * 10 + i64::from(digit - b'0');
    }
    let nanos = nanos * 10i64.pow(9 - count as u32);
    if count == 0 { Err(Refusal::NotA) } else { Ok((seconds, nanos, 9 + count)) }
}

/// What may stand behind the clock: nothing, `Z`, `±HH:MM`. Seconds east of UTC, if there is a zone.
fn zone(text: &[u8]) -> Result<Option<i64>, Refusal> {
    match text {
        [] => Ok(None),
        b"Z" => Ok(Some(0)),
        [sign @ (b'+' | b'-'), rest @ ..] if rest.len() == 5 && rest[2] == b':' => {
            let (hours, minutes) = (two(rest, 0), two(rest, 3));
            if hours > 18 || minutes > 59 {
                return Err(Refusal::NotA);
            }
            let east = hours * 3_600 + minutes * 60;
            Ok(Some(if *sign == b'+' { east } else { -east }))
        }
        _ => Err(Refusal::NotA),
    }
}

fn unit_nanos(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => NANOS,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    }
}

/// `DATE`: `2026-01-31`.
pub(super) struct Date;

impl Parse for Date {
    type Type = Date32Type;

    fn number(&mut self, _: Piece<'_>) -> Result<i32, Refusal> {
        Err(Refusal::NotA)
    }

    fn text(&mut self, text: Piece<'_>) -> Result<i32, Refusal> {
        let text: &[u8; 10] = trim(text.bytes()).try_into().map_err(|_| Refusal::NotA)?;
        // Years 1 to 9999 are within four million days.
        Ok(day(text)? as i32)
    }
}

/// `TIME(p)`: `12:30:00.5`.
pub(super) struct Time<T> {
    pub(super) unit: TimeUnit,
    pub(super) marker: std::marker::PhantomData<T>,
}

impl<T: ArrowPrimitiveType> Parse for Time<T>
where
    T::Native: TryFrom<i64>,
{
    type Type = T;

    fn number(&mut self, _: Piece<'_>) -> Result<T::Native, Refusal> {
        Err(Refusal::NotA)
    }

    fn text(&mut self, text: Piece<'_>) -> Result<T::Native, Refusal> {
        let text = trim(text.bytes());
        let (seconds, nanos, length) = time_of_day(text, true)?;
        let rest = &text[length..];
        if !rest.is_empty() && rest != b"Z" {
            return Err(Refusal::NotA);
        }
        T::Native::try_from((seconds * NANOS + nanos) / unit_nanos(self.unit)).map_err(|_| Refusal::Range)
    }
}

/// Which character may stand between day and clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Separators {
    /// A blank (`SQL`).
    Blank,
    /// A `T` (`ISO-8601`).
    T,
    /// Either: the user did not say.
    Either,
}

/// `TIMESTAMP(p)` and `TIMESTAMP_LTZ(p)`. Digits behind the precision are cut off.
pub(super) struct Timestamp<T> {
    pub(super) unit: TimeUnit,
    pub(super) zoned: bool,
    pub(super) separators: Separators,
    last_day: ([u8; 10], i64),
    marker: std::marker::PhantomData<T>,
}

impl<T> Timestamp<T> {
    pub(super) fn new(unit: TimeUnit, zoned: bool, separators: Separators) -> Self {
        Timestamp { unit, zoned, separators, last_day: (*b"1970-01-01", 0), marker: std::marker::PhantomData }
    }

    fn day(&mut self, text: &[u8; 10]) -> Result<i64, Refusal> {
        if self.last_day.0 != *text {
            self.last_day = (*text, day(text)?);
        }
        Ok(self.last_day.1)
    }

    #[inline]
    fn in_unit(&self, seconds: i64, nanos: i64) -> Result<i64, Refusal> {
        let per_unit = unit_nanos(self.unit);
        let units = seconds.checked_mul(NANOS / per_unit).and_then(|units| units.checked_add(nanos / per_unit));
        units.ok_or(Refusal::Range)
    }

    /// The usual 23 bytes with milliseconds, and `Z` behind them for an instant; `None` if it is anything else.
    #[inline]
    fn usual(&mut self, text: &[u8]) -> Option<Result<i64, Refusal>> {
        let clock: &[u8; 23] = match text {
            [clock @ .., b'Z'] if self.zoned => clock.try_into().ok()?,
            clock if !self.zoned => clock.try_into().ok()?,
            _ => return None,
        };
        let separated = match self.separators {
            Separators::Blank => clock[10] == b' ',
            Separators::T => clock[10] == b'T',
            Separators::Either => clock[10] == b'T' || clock[10] == b' ',
        };
        let points = clock[13] == b':' && clock[16] == b':' && clock[19] == b'.';
        let (hour, minute, second) = (two(clock, 11), two(clock, 14), two(clock, 17));
        let (tens, ones) = (two(clock, 20), clock[22].wrapping_sub(b'0'));
        if !separated || !points || hour > 23 || minute > 59 || second > 59 || tens > 99 || ones > 9 {
            return None;
        }
        let date = clock.first_chunk::<10>().expect("23 bytes hold 10");
        let seconds = hour * 3_600 + minute * 60 + second;
        let nanos = (tens * 10 + i64::from(ones)) * 1_000_000;
        Some(self.day(date).and_then(|day| self.in_unit(day * 86_400 + seconds, nanos)))
    }

    #[cold]
    fn general(&mut self, text: &[u8]) -> Result<i64, Refusal> {
        let (date, rest) = text.split_first_chunk::<10>().ok_or(Refusal::NotA)?;
        let (separator, clock) = rest.split_first().ok_or(Refusal::NotA)?;
        match (separator, self.separators) {
            (b' ', Separators::Blank | Separators::Either) | (b'T', Separators::T | Separators::Either) => {}
            _ => return Err(Refusal::NotA),
        }
        let day = self.day(date)?;
        let (seconds, nanos, length) = time_of_day(clock, *separator == b'T')?;
        let east = match (zone(&clock[length..])?, self.zoned) {
            (Some(east), true) => east,
            (None, false) => 0,
            (None, true) => return Err(Refusal::NoZone),
            (Some(_), false) => return Err(Refusal::Zone),
        };
        self.in_unit(day * 86_400 + seconds - east, nanos)
    }
}

impl<T: ArrowPrimitiveType<Native = i64>> Parse for Timestamp<T> {
    type Type = T;

    fn number(&mut self, _: Piece<'_>) -> Result<i64, Refusal> {
        Err(Refusal::NotA)
    }

    #[inline]
    fn text(&mut self, text: Piece<'_>) -> Result<i64, Refusal> {
        match self.usual(text.bytes()) {
            Some(result) => result,
            None => self.general(trim(text.bytes())),
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{Time32MillisecondType, TimestampMillisecondType, TimestampNanosecondType};
    use chrono::{DateTime, Datelike, NaiveDate};
    use proptest::prelude::*;

    use super::*;

    fn piece(text: &str) -> Piece<'_> {
        Piece { tail: text.as_bytes(), length: text.len() }
    }

    fn millis(zoned: bool, text: &str) -> Result<i64, Refusal> {
        Timestamp::<TimestampMillisecondType>::new(TimeUnit::Millisecond, zoned, Separators::Either).text(piece(text))
    }

    #[test]
    fn local_times_and_instants() {
        assert_eq!(millis(false, "1970-01-01 00:00:00"), Ok(0));
        assert_eq!(millis(false, "1969-12-31T23:59:59.9999"), Ok(-1));
        assert_eq!(millis(false, "2026-01-01T00:00"), Ok(1_767_225_600_000));
        assert_eq!(millis(false, "2026-01-01 00:00"), Err(Refusal::NotA));
        assert_eq!(millis(false, "2026-01-01 00:00:00.5"), Ok(1_767_225_600_500));
        assert_eq!(millis(false, "2026-01-01 00:00:00.500Z"), Err(Refusal::Zone));
        assert_eq!(millis(true, "2026-01-01T00:00:00.500Z"), Ok(1_767_225_600_500));
        assert_eq!(millis(true, "2026-01-01T02:00:00.5+02:00"), Ok(1_767_225_600_500));
        assert_eq!(millis(true, "2026-01-01 00:00:00.500"), Err(Refusal::NoZone));
        assert_eq!(millis(false, "0001-01-01 00:00:00.000"), Ok(-62_135_596_800_000));
        assert_eq!(millis(false, "9999-12-31 23:59:59.999"), Ok(253_402_300_799_999));
    }

    #[test]
    fn no_such_time() {
        for text in ["2024-02-30 00:00:00", "2023-02-29 00:00:00.000", "2026-13-01 00:00:00", "2026-00-01 00:00:00"] {
            assert_eq!(millis(false, text), Err(Refusal::Range), "{text}");
        }
        for text in ["2026-01-01 24:00:00.000", "2016-12-31 23:59:60", "0000-01-01 00:00:00", "2026-01-01 00:60:00"] {
            assert_eq!(millis(false, text), Err(Refusal::Range), "{text}");
        }
        for text in [
            "",
            "2026-01-01",
            "10000-01-01 00:00:00",
            "2026-1-1 00:00:00",
            "2026-01-01_00:00:00",
            "1767225600000",
            "2026-01-01 00:00:00.",
            "2026-01-01 00:00:00.0000000001",
            "2026-01-01 00:00:00x",
            "-001-01-01 00:00:00",
        ] {
            assert_eq!(millis(false, text), Err(Refusal::NotA), "{text}");
        }
    }

    #[test]
    fn a_nanosecond_timestamp_ends_in_2262() {
        let read = |text| {
            Timestamp::<TimestampNanosecondType>::new(TimeUnit::Nanosecond, false, Separators::Blank).text(piece(text))
        };
        assert_eq!(read("2262-04-11 23:47:16.854775807"), Ok(i64::MAX));
        assert_eq!(read("2262-04-11 23:47:16.854775808"), Err(Refusal::Range));
        assert_eq!(read("2026-01-01T00:00:00"), Err(Refusal::NotA));
    }

    #[test]
    fn times_of_day() {
        let read = |text| {
            let marker = std::marker::PhantomData::<Time32MillisecondType>;
            Time { unit: TimeUnit::Millisecond, marker }.text(piece(text))
        };
        assert_eq!(read("23:59:59.9999"), Ok(86_399_999));
        assert_eq!(read("24:00:00"), Err(Refusal::Range));
        assert_eq!(read("1:00:00"), Err(Refusal::NotA));
        assert_eq!(read("12:00:00Z"), Ok(43_200_000));
    }

    proptest! {
        #[test]
        fn the_calendar_agrees_with_chrono(days in -719_162i64..2_932_896) {
            let date = NaiveDate::from_num_days_from_ce_opt(days as i32 + 719_163).expect("in range");
            prop_assert_eq!(civil_from_days(days), (date.year().into(), date.month().into(), date.day().into()));
            prop_assert_eq!(Date.text(piece(&date.to_string())), Ok(days as i32));
        }

        #[test]
        fn timestamps_agree_with_chrono(ms in -62_135_596_800_000i64..253_402_300_800_000) {
            let text = DateTime::from_timestamp_millis(ms).expect("in range").format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
            prop_assert_eq!(millis(true, &text), Ok(ms));
            prop_assert_eq!(millis(false, text.trim_end_matches('Z')), Ok(ms));
        }
    }
}
