//! Event time of any column type as milliseconds, and the wall clock of a zone.
//!
//! Windows of `TIMESTAMP` are cut in UTC digits. Windows of `TIMESTAMP_LTZ` are cut on the wall clock of the
//! session's zone: an instant is shifted to its local time, windows are computed there, and a window fires
//! when its local end is reached. A local time that does not exist stands for the first instant after the
//! gap, one that exists twice for its second instant (Flink's `TimeWindowUtil`).

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, Int64Array, TimestampMillisecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, SchemaRef, TimeUnit};
use chrono::{DateTime, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;
use millstream_record::Millis;

use crate::error::{EngineError, Result};

/// The values of a time column in milliseconds since the epoch; a finer unit is cut toward the past.
pub fn millis(column: &ArrayRef) -> Result<Int64Array> {
    let per_milli = match column.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => return scaled(column, |value| value.checked_mul(1000)),
        DataType::Timestamp(TimeUnit::Millisecond, _) | DataType::Int64 => 1,
        DataType::Timestamp(TimeUnit::Microsecond, _) => 1_000,
        DataType::Timestamp(TimeUnit::Nanosecond, _) => 1_000_000,
        other => return Err(EngineError::Compute(format!("event time must be a TIMESTAMP, not {other}"))),
    };
    if per_milli == 1 {
        return Ok(words(column)?.as_primitive::<Int64Type>().clone());
    }
    scaled(column, |value| Some(value.div_euclid(per_milli)))
}

fn words(column: &ArrayRef) -> Result<Cow<'_, ArrayRef>> {
    Ok(if column.data_type() == &DataType::Int64 {
        Cow::Borrowed(column)
    } else {
        Cow::Owned(cast(column, &DataType::Int64)?)
    })
}

fn scaled(column: &ArrayRef, scale: impl Fn(i64) -> Option<i64>) -> Result<Int64Array> {
    let words = words(column)?;
    let overflow = || EngineError::Compute("an event time does not fit into 64-bit milliseconds".into());
    words
        .as_primitive::<Int64Type>()
        .try_unary(|value| scale(value).ok_or_else(|| arrow::error::ArrowError::ComputeError(String::new())))
        .map_err(|_| overflow())
}

/// A wall clock: UTC digits, or those of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WallClock {
    /// `TIMESTAMP`: the digits as they stand.
    Utc,
    /// `TIMESTAMP_LTZ`: the digits that a clock in this zone shows.
    Zone(Tz),
}

impl WallClock {
    /// The wall clock of a zone by its name (`Europe/Berlin`, `UTC`), or UTC without one.
    pub fn of(zone: Option<&str>) -> Result<WallClock> {
        match zone {
            None | Some("UTC" | "Z" | "GMT") => Ok(WallClock::Utc),
            Some(name) => name.parse().map(WallClock::Zone).map_err(|_| {
                EngineError::Compute(format!("there is no time zone '{name}'; write one like 'Europe/Berlin'"))
            }),
        }
    }

    /// What the clock shows at an instant, in milliseconds as if UTC.
    pub fn local(&self, instant: i64) -> i64 {
        match self {
            WallClock::Utc => instant,
            WallClock::Zone(zone) => match DateTime::from_timestamp_millis(instant) {
                Some(utc) => {
                    instant + i64::from(zone.offset_from_utc_datetime(&utc.naive_utc()).fix().local_minus_utc()) * 1000
                }
                None => instant,
            },
        }
    }

    /// The instant at which the clock shows this.
    pub fn instant(&self, local: i64) -> i64 {
        let WallClock::Zone(zone) = self else { return local };
        let Some(digits) = DateTime::from_timestamp_millis(local).map(|utc| utc.naive_utc()) else { return local };
        match zone.from_local_datetime(&digits) {
            chrono::LocalResult::Single(instant) => instant.timestamp_millis(),
            chrono::LocalResult::Ambiguous(_, second) => second.timestamp_millis(),
            chrono::LocalResult::None => after_gap(*zone, digits, local),
        }
    }
}

/// `window_time` of a window that ends at `local_end`, as an instant. Flink reads it by Java's rule, which is
/// not the one by which it fires: of two instants the first, and in a gap on by the length of the gap.
pub fn time_of(clock: WallClock, local_end: i64) -> i64 {
    let local = local_end.saturating_sub(1);
    let WallClock::Zone(zone) = clock else { return local };
    let Some(digits) = DateTime::from_timestamp_millis(local).map(|utc| utc.naive_utc()) else { return local };
    match zone.from_local_datetime(&digits).earliest() {
        Some(instant) => instant.timestamp_millis(),
        None => {
            let before = zone.offset_from_utc_datetime(&(digits - chrono::TimeDelta::days(1)));
            local - i64::from(before.fix().local_minus_utc()) * 1000
        }
    }
}

/// The first instant after the gap in which these digits lie: gaps are shorter than a day, and the offset
/// changes once within it.
fn after_gap(zone: Tz, digits: NaiveDateTime, local: i64) -> i64 {
    let offset = |instant: i64| -> i64 {
        let utc = DateTime::from_timestamp_millis(instant).map_or(digits, |utc| utc.naive_utc());
        i64::from(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc()) * 1000
    };
    let (mut before, mut after) = (local - 86_400_000, local + 86_400_000);
    let old = offset(before);
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        if offset(middle) == old { before = middle } else { after = middle }
    }
    after
}

/// The first watermark that closes a window which ends at `local_end` on this clock.
pub fn closes_at(clock: WallClock, local_end: i64) -> Millis {
    Millis(clock.instant(local_end.saturating_sub(1)))
}

/// The columns `window_start`, `window_end` and `window_time` of windows that are given as the wall clock
/// shows them, in the types of the last three fields of `schema`.
pub fn window_columns(starts: Vec<i64>, ends: Vec<i64>, clock: WallClock, schema: &SchemaRef) -> Result<Vec<ArrayRef>> {
    let times = ends.iter().map(|&end| time_of(clock, end)).collect();
    let fields = &schema.fields()[schema.fields().len() - 3..];
    let columns = [starts, ends, times].into_iter().zip(fields).map(|(column, field)| {
        let column: ArrayRef = Arc::new(TimestampMillisecondArray::from(column));
        Ok(cast(&column, field.data_type())?)
    });
    columns.collect()
}

/// Event times in milliseconds; a null is an error.
pub fn times_of(column: &ArrayRef) -> Result<Int64Array> {
    let times = millis(column)?;
    if times.null_count() > 0 {
        return Err(EngineError::Compute("a row has no event time: filter NULL times below the window".into()));
    }
    Ok(times)
}

/// Event times as the wall clock shows them.
pub fn local_times(column: &ArrayRef, clock: WallClock) -> Result<Int64Array> {
    let times = times_of(column)?;
    Ok(match clock {
        WallClock::Utc => times,
        WallClock::Zone(_) => times.unary(|instant| clock.local(instant)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").expect("a time").and_utc().timestamp_millis()
    }

    #[test]
    fn local_times_around_the_changes_of_a_zone() {
        let clock = WallClock::of(Some("America/Los_Angeles")).expect("a zone");
        assert_eq!(clock.local(at("2021-03-14 09:59:59")), at("2021-03-14 01:59:59"));
        assert_eq!(clock.local(at("2021-03-14 10:00:00")), at("2021-03-14 03:00:00"));
        assert_eq!(clock.instant(at("2021-03-14 02:30:00")), at("2021-03-14 10:00:00"), "the gap ends here");
        assert_eq!(clock.instant(at("2021-11-07 01:30:00")), at("2021-11-07 09:30:00"), "the second of two");
        assert_eq!(time_of(clock, at("2021-03-14 02:45:00")), at("2021-03-14 10:45:00") - 1, "past the gap");
        assert_eq!(time_of(clock, at("2021-11-07 01:30:00")), at("2021-11-07 08:30:00") - 1, "the first of two");
        assert!(WallClock::of(Some("Mars/Olympus")).is_err());
    }
}
