//! Which column tells when a record happened, how far records are out of order, and which partitions are
//! silent: the evidence on which a watermark is proposed.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType,
};
use millstream_record::{Millis, PartitionId, Sample};

use super::number::Epoch;

/// How a column tells a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// As a timestamp.
    Timestamp {
        /// Whether it has a zone.
        zoned: bool,
        /// Digits behind the second, as declared.
        precision: u8,
    },
    /// As a whole number since 1970.
    Epoch(Epoch),
    /// As seconds since 1970 with a fraction.
    Fraction,
}

/// A column, or a field of one, that may tell when a record happened.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The column and the fields that lead to the place.
    pub path: Vec<String>,
    /// How it tells the moment.
    pub told: Told,
}

/// The moments of the records of one partition, in its order; `None` where there is none.
#[derive(Clone, Debug)]
pub struct Series {
    /// The partition.
    pub partition: PartitionId,
    /// Milliseconds since 1970.
    pub moments: Vec<Option<i64>>,
    /// When the log says that each was written, if it does.
    pub written: Vec<Option<i64>>,
}

/// How a candidate does.
#[derive(Clone, Debug)]
pub struct Score {
    /// Points; more is better.
    pub points: i64,
    /// In words.
    pub why: String,
}

/// Words of names that mean the moment of the event, the best first.
const BEST: [&str; 14] = [
    "event_time",
    "eventtime",
    "event_timestamp",
    "event_ts",
    "rowtime",
    "ts",
    "timestamp",
    "@timestamp",
    "time",
    "ts_ms",
    "occurred_at",
    "happened_at",
    "datetime",
    "date_time",
];
/// Parts of names of other moments: when a thing was made, changed, or ends.
const OTHERS: [&str; 12] =
    ["create", "update", "modif", "expir", "birth", "due", "valid", "delete", "end", "ingest", "process", "load"];

/// Points for a name: it may say that this is the moment, that it is another one, or nothing.
fn name_points(path: &[String]) -> i64 {
    let name = path.last().map(|name| name.to_lowercase()).unwrap_or_default();
    let depth = 4 * (path.len() as i64 - 1);
    if let Some(place) = BEST.iter().position(|best| *best == name) {
        return 60 - place as i64 - depth;
    }
    let other = if OTHERS.iter().any(|part| name.contains(part)) { 25 } else { 0 };
    let ends = ["_at", "_ts", "_time", "time", "date", "timestamp", "_ms", "epoch", "zeit", "when"];
    let hint = if ends.iter().any(|end| name.ends_with(end) || name.starts_with(end)) { 40 } else { 0 };
    hint - other.min(hint) - depth
}

/// Judges a candidate by its name, its gaps, whether it moves forward, and how near it is to the log's own
/// times. `None` if nothing but its size says that it is a moment.
pub fn judge(candidate: &Candidate, all: &[Series]) -> Option<Score> {
    let total: usize = all.iter().map(|series| series.moments.len()).sum();
    let there: usize = all.iter().map(|series| series.moments.iter().flatten().count()).sum();
    if there == 0 {
        return None;
    }
    let name = name_points(&candidate.path);
    let mut why = Vec::new();
    let (mut steps, mut forward) = (0u64, 0u64);
    let mut distances = Vec::new();
    for series in all {
        let known: Vec<i64> = series.moments.iter().flatten().copied().collect();
        steps += known.len().saturating_sub(1) as u64;
        forward += known.windows(2).filter(|pair| pair[1] >= pair[0]).count() as u64;
        let pairs = series.moments.iter().zip(&series.written);
        distances.extend(pairs.filter_map(|(moment, written)| Some(((*moment)? - (*written)?).abs())));
    }
    distances.sort_unstable();
    let near = distances.get(distances.len() / 2).copied();
    let is_near = near.is_some_and(|near| near < 3_600_000);
    if !matches!(candidate.told, Told::Timestamp { .. }) && name <= 0 && !is_near {
        return None;
    }
    let mut points = name + if matches!(candidate.told, Told::Timestamp { .. }) { 15 } else { 5 };
    if name >= 40 {
        why.push("named like a time".to_string());
    }
    if there < total {
        points -= 40;
        why.push(format!("missing in {} records", total - there));
    }
    if let (Some(thirtieth), Some(share)) = ((forward * 30).checked_div(steps), (forward * 100).checked_div(steps)) {
        points += thirtieth as i64 - 15;
        why.push(format!("goes forward in {share} % of steps"));
    }
    if let Some(near) = near.filter(|_| is_near) {
        points += 20;
        why.push(format!("{} from the log's own times", duration(near)));
    }
    Some(Score { points, why: why.join(", ") })
}

/// The moments that a column of decoded rows tells.
pub fn moments(column: &ArrayRef, fields: &[String], told: Told) -> Vec<Option<i64>> {
    let mut array = column.clone();
    let mut valid: Vec<bool> = (0..array.len()).map(|row| array.is_valid(row)).collect();
    for name in fields {
        let Some(row) = array.as_struct_opt() else { return vec![None; valid.len()] };
        let Some(next) = row.column_by_name(name).cloned() else { return vec![None; valid.len()] };
        valid.iter_mut().enumerate().for_each(|(index, valid)| *valid &= next.is_valid(index));
        array = next;
    }
    let value = |row: usize| match array.data_type() {
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            Some(array.as_primitive::<TimestampMillisecondType>().value(row))
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Some(array.as_primitive::<TimestampMicrosecondType>().value(row).div_euclid(1_000))
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            Some(array.as_primitive::<TimestampNanosecondType>().value(row).div_euclid(1_000_000))
        }
        DataType::Int64 => Some(match told {
            Told::Epoch(unit) => unit.millis(array.as_primitive::<Int64Type>().value(row)),
            _ => array.as_primitive::<Int64Type>().value(row),
        }),
        DataType::Float64 => Some((array.as_primitive::<Float64Type>().value(row) * 1e3) as i64),
        _ => None,
    };
    (0..valid.len()).map(|row| if valid[row] { value(row) } else { None }).collect()
}

/// How far the records of a topic are out of order. Each partition is measured by itself, as a watermark is
/// made; the lowest partition then holds the others back, so this is the worst case.
#[derive(Clone, Debug, Default)]
pub struct Disorder {
    /// Of each record how many milliseconds it is behind the latest one before it in its partition; sorted.
    behind: Vec<i64>,
    /// Records with a moment.
    pub rows: u64,
    /// Partitions from which nothing came, or nothing for long while others spoke.
    pub idle: Vec<PartitionId>,
    /// How many partitions.
    pub partitions: usize,
    /// The longest silence of a partition that is not idle: milliseconds of arrival.
    pub longest_gap: i64,
}

/// A partition that is silent for so long, while another speaks, is idle: milliseconds.
const IDLE_AFTER: i64 = 30_000;

impl Disorder {
    /// Measures the moments of all partitions, and the silences of the sample.
    pub fn of(all: &[Series], sample: &Sample) -> Disorder {
        let mut disorder = Disorder { partitions: sample.partitions().len(), ..Disorder::default() };
        let mut latest: BTreeMap<&PartitionId, i64> = BTreeMap::new();
        for series in all {
            for &moment in series.moments.iter().flatten() {
                disorder.rows += 1;
                let before = latest.entry(&series.partition).or_insert(i64::MIN);
                if *before >= moment {
                    disorder.behind.push(before.saturating_sub(moment));
                }
                *before = moment.max(*before);
            }
        }
        disorder.behind.sort_unstable();
        disorder.silences(sample);
        disorder
    }

    fn silences(&mut self, sample: &Sample) {
        let mut last: BTreeMap<&PartitionId, (Millis, i64)> = BTreeMap::new();
        for (record, arrival) in sample.records() {
            let (at, gap) = last.entry(record.partition).or_insert((arrival.at, 0));
            (*at, *gap) = (arrival.at, (arrival.at.0 - at.0).max(*gap));
        }
        let newest = last.values().map(|(at, _)| at.0).max().unwrap_or_default();
        let from_files = sample.parts().iter().any(|part| part.file.is_some());
        for partition in sample.partitions().iter().filter(|_| !from_files) {
            match last.get(partition) {
                Some((at, gap)) if newest - at.0 < IDLE_AFTER => self.longest_gap = self.longest_gap.max(*gap),
                _ => self.idle.push(partition.clone()),
            }
        }
    }

    /// How many rows a watermark of `bound` milliseconds finds late: those at or before it.
    pub fn late(&self, bound: i64) -> u64 {
        (self.behind.len() - self.behind.partition_point(|behind| *behind < bound)) as u64
    }

    /// How far the latest row is behind; `None` if all are in order.
    pub fn latest(&self) -> Option<i64> {
        self.behind.last().copied().filter(|behind| *behind > 0)
    }

    /// The bound to propose: the first round one that leaves no row late. Where a few stragglers in a
    /// thousand would ask for ten times more than all others, they are left late.
    pub fn bound(&self) -> i64 {
        let Some(latest) = self.latest() else { return 1_000 };
        let whole = round_up(latest + 1);
        let spared = self.rows / 1_000;
        let index = self.behind.len().saturating_sub(spared as usize + 1);
        let most = round_up(self.behind.get(index).copied().unwrap_or(0).max(0) + 1);
        if spared > 0 && most.saturating_mul(10) <= whole { most } else { whole }
    }

    /// The timeout to propose if partitions are idle: well above the silences of the others.
    pub fn idle_timeout(&self) -> Option<i64> {
        (!self.idle.is_empty() && self.partitions > 1).then(|| round_up((self.longest_gap * 2).clamp(5_000, 60_000)))
    }
}

/// Bounds that people write: milliseconds.
pub const ROUND: [i64; 20] = [
    100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000,
    3_600_000, 7_200_000, 21_600_000, 43_200_000, 86_400_000,
];

/// The first round bound that is at least `ms`; whole days beyond the last.
pub fn round_up(ms: i64) -> i64 {
    let days = || (ms + 86_399_999) / 86_400_000 * 86_400_000;
    ROUND.into_iter().find(|round| *round >= ms).unwrap_or_else(days)
}

/// A stretch of milliseconds as one says it: `1.4 s`.
pub fn duration(ms: i64) -> String {
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..60_000 => decimal(ms, 1_000, "s"),
        60_000..3_600_000 => decimal(ms, 60_000, "min"),
        3_600_000..86_400_000 => decimal(ms, 3_600_000, "h"),
        _ => decimal(ms, 86_400_000, "d"),
    }
}

fn decimal(ms: i64, unit: i64, name: &str) -> String {
    let tenths = ms * 10 / unit;
    if tenths % 10 == 0 { format!("{} {name}", tenths / 10) } else { format!("{}.{} {name}", tenths / 10, tenths % 10) }
}

/// A stretch of milliseconds as an interval of SQL.
pub fn interval(ms: i64) -> String {
    match ms {
        _ if ms % 86_400_000 == 0 && ms > 0 => format!("INTERVAL '{}' DAY", ms / 86_400_000),
        _ if ms % 3_600_000 == 0 && ms > 0 => format!("INTERVAL '{}' HOUR", ms / 3_600_000),
        _ if ms % 60_000 == 0 && ms > 0 => format!("INTERVAL '{}' MINUTE", ms / 60_000),
        _ if ms % 1_000 == 0 => format!("INTERVAL '{}' SECOND", ms / 1_000),
        _ => format!("INTERVAL '{}.{:03}' SECOND", ms / 1_000, ms % 1_000),
    }
}

/// The series of a candidate over decoded parts: the rows of each partition with when the log got them.
pub fn series(candidate: &Candidate, parts: &[Part]) -> Vec<Series> {
    let of = |part: &Part| {
        let index = part.rows.schema().index_of(&candidate.path[0]);
        let moments = match index {
            Ok(index) => moments(part.rows.column(index), &candidate.path[1..], candidate.told),
            Err(_) => Vec::new(),
        };
        Series { partition: part.partition.clone(), written: part.written.clone(), moments }
    };
    parts.iter().map(of).collect()
}

/// Decoded rows of one partition.
#[derive(Clone, Debug)]
pub struct Part {
    /// The partition.
    pub partition: PartitionId,
    /// The rows.
    pub rows: arrow::array::RecordBatch,
    /// When the log says that each was written.
    pub written: Vec<Option<i64>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disorder(moments: &[i64]) -> Disorder {
        let series = Series {
            partition: PartitionId::new("t", 0),
            moments: moments.iter().copied().map(Some).collect(),
            written: vec![None; moments.len()],
        };
        Disorder::of(&[series], &Sample::default())
    }

    #[test]
    fn rows_at_or_behind_the_watermark_are_late() {
        let disorder = disorder(&[1_000, 5_000, 3_600, 5_000, 6_000]);
        assert_eq!(disorder.latest(), Some(1_400));
        assert_eq!([0, 1, 1_400, 1_401].map(|bound| disorder.late(bound)), [2, 1, 1, 0]);
        assert_eq!(disorder.bound(), 2_000);
    }

    #[test]
    fn a_few_stragglers_do_not_make_everybody_wait() {
        let mut moments: Vec<i64> = (0..5_000).map(|n| n * 10 - (n % 7) * 10).collect();
        moments[4_000] -= 39_000;
        let disorder = disorder(&moments);
        assert_eq!(disorder.bound(), 100);
        assert_eq!(disorder.late(100), 1);
    }

    #[test]
    fn stretches_are_said_as_people_say_them() {
        assert_eq!([40, 1_400, 90_000, 7_200_000].map(duration), ["40 ms", "1.4 s", "1.5 min", "2 h"]);
        assert_eq!(interval(500), "INTERVAL '0.500' SECOND");
        assert_eq!(
            [2_000, 60_000, 3_600_000].map(interval),
            ["INTERVAL '2' SECOND", "INTERVAL '1' MINUTE", "INTERVAL '1' HOUR"]
        );
        assert_eq!(round_up(86_400_001), 2 * 86_400_000);
    }
}
