//! From where to where a partition is read. All rules about beginnings, ends and lost records are
//! here, as functions of what the user wants and what the cluster has; the asking is done by `cluster`.

use millstream_record::{Error, Offset, PartitionId, Positions, Result, TopicIds, shares};

use super::cluster::{Cluster, topics_of};
use super::options::{End, Reading, Start, Unseen};
use crate::loss::{OnLoss, lost, made_again};

/// The part of a partition that is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Which partition.
    pub partition: PartitionId,
    /// The first offset to read.
    pub start: i64,
    /// The offset before which reading ends; `None` if it never does.
    pub end: Option<i64>,
    /// The offset behind the last readable record when we asked.
    pub high: i64,
    /// Whether to begin with whatever is the first record, even if it moves before we get there.
    pub from_first: bool,
}

/// The spans of `partitions`, in their order. A partition that `resume` does not know is new since then
/// and begins with its first record; one of a topic that has another id since then, by the policy.
pub fn spans(
    cluster: Cluster<'_>,
    reading: &Reading,
    partitions: &[PartitionId],
    resume: Option<&Positions>,
    ids: &TopicIds,
) -> Result<Vec<Span>> {
    let other = |topic: &str| made_again(topic, resume?.topics(), ids);
    if reading.on_loss == OnLoss::Fail
        && let Some((topic, reason)) =
            topics_of(partitions.iter()).into_iter().find_map(|topic| Some((topic, other(topic)?)))
    {
        return Err(lost(topic, &reason));
    }
    let gone = resume.into_iter().flatten().find(|(partition, _)| !partitions.contains(partition));
    if let Some((partition, offset)) = gone
        && reading.on_loss == OnLoss::Fail
    {
        return Err(deleted(partition, *offset));
    }
    let wanted = match (resume, &reading.start) {
        (None, Start::Timestamp(millis)) => cluster.at_time(partitions, *millis)?,
        (None, Start::Group(_)) => cluster.committed(partitions)?,
        _ => vec![None; partitions.len()],
    };
    let until = match &reading.end {
        End::Timestamp(millis) => cluster.at_time(partitions, *millis)?,
        End::Group => cluster.committed(partitions)?,
        _ => vec![None; partitions.len()],
    };
    let extents = partitions.iter().map(|partition| cluster.extent(partition)).collect::<Result<Vec<_>>>()?;
    let wanted = match reading.start {
        Start::Newest(most) => newest(&extents, most),
        _ => wanted,
    };
    let ends = wanted.into_iter().zip(until);
    let mut spans = Vec::with_capacity(partitions.len());
    for ((partition, extent), (wanted, until)) in partitions.iter().zip(extents).zip(ends) {
        let place = resume.map(|positions| match (other(&partition.topic), reading.on_loss) {
            (None, _) => positions.get(partition).copied(),
            (Some(_), OnLoss::Latest) => Some(Offset(extent.1)),
            (Some(_), _) => None,
        });
        spans.push(span(reading, partition, extent, place, wanted, until)?);
    }
    Ok(spans)
}

/// Where to begin so that `most` offsets lie ahead.
fn newest(extents: &[(i64, i64)], most: u64) -> Vec<Option<i64>> {
    let lengths: Vec<u64> = extents.iter().map(|(low, high)| high.saturating_sub(*low).max(0) as u64).collect();
    extents.iter().zip(shares(&lengths, most)).map(|((_, high), share)| Some(high - share as i64)).collect()
}

fn span(
    reading: &Reading,
    partition: &PartitionId,
    (low, high): (i64, i64),
    resume: Option<Option<Offset>>,
    wanted: Option<i64>,
    until: Option<i64>,
) -> Result<Span> {
    let named = |offset: i64| within(reading.on_loss, partition, offset, (low, high));
    let (start, from_first) = match (resume, &reading.start) {
        (Some(Some(Offset(offset))), _) => (named(offset)?, false),
        (Some(None), _) | (None, Start::Earliest) => (low, true),
        (None, Start::Latest) => (high, false),
        (None, Start::Newest(_)) => (wanted.unwrap_or(low), false),
        (None, Start::Timestamp(_)) => (wanted.unwrap_or(high), false),
        (None, Start::Offsets(offsets)) => match offsets.get(&partition.number) {
            Some(&offset) => (named(offset)?, false),
            None => (low, true),
        },
        (None, Start::Group(unseen)) => match (wanted, unseen) {
            (Some(offset), _) => (named(offset)?, false),
            (None, Unseen::Earliest) => (low, true),
            (None, Unseen::Latest) => (high, false),
            (None, Unseen::Fail) => return Err(never_committed(reading, partition, "begin")),
        },
    };
    let end = match &reading.end {
        End::Never => None,
        End::Latest => Some(high),
        End::Timestamp(_) => Some(until.unwrap_or(high)),
        End::Group => Some(until.ok_or_else(|| never_committed(reading, partition, "end"))?),
        End::Offsets(offsets) => Some(offsets.get(&partition.number).copied().unwrap_or(start)),
    };
    Ok(Span { partition: partition.clone(), start, end, high, from_first })
}

/// The offset from which to read where `offset` is wanted and the log reaches from `low` to `high`; by the
/// policy if it is gone.
pub fn within(on_loss: OnLoss, partition: &PartitionId, offset: i64, (low, high): (i64, i64)) -> Result<i64> {
    if (low..=high).contains(&offset) {
        return Ok(offset);
    }
    let reason = || {
        if offset < low {
            let gone = low - offset;
            format!(
                "the next record to read is {offset}, but the log begins at {low} now; about {gone} records have been removed"
            )
        } else {
            format!(
                "the next record to read is {offset}, but the log ends at {high}; it was cut, or the topic was made anew"
            )
        }
    };
    on_loss.go_on(&partition.to_string(), reason, (low, high))
}

fn deleted(partition: &PartitionId, offset: Offset) -> Error {
    let reason = format!("the next record to read is {}, but the partition does not exist any more", offset.0);
    lost(&partition.to_string(), &reason)
}

fn never_committed(reading: &Reading, partition: &PartitionId, verb: &str) -> Error {
    let group = reading.client.setting("group.id").unwrap_or_default();
    let way_out = if verb == "begin" {
        "set 'properties.auto.offset.reset' to 'earliest' or 'latest', or choose another 'scan.startup.mode'"
    } else {
        "choose another 'scan.bounded.mode'"
    };
    Error::Invalid(format!("group '{group}' has no committed offset for {partition} at which to {verb}; {way_out}"))
}

#[cfg(test)]
mod tests {
    use millstream_record::Options;

    use super::super::options::{CLIENT_OPTIONS, SCAN_OPTIONS};
    use super::*;

    fn reading(typed: &[(&str, &str)]) -> Reading {
        let fixed = [("properties.bootstrap.servers", "localhost:9092"), ("topic", "t")];
        let typed = fixed.iter().chain(typed).copied();
        Reading::new(&Options::check(typed, &[CLIENT_OPTIONS, SCAN_OPTIONS]).expect("known")).expect("fits")
    }

    fn ends(
        typed: &[(&str, &str)],
        resume: Option<Option<i64>>,
        wanted: Option<i64>,
        until: Option<i64>,
    ) -> (i64, Option<i64>) {
        let partition = PartitionId::new("t", 1);
        let resume = resume.map(|place| place.map(Offset));
        let span = span(&reading(typed), &partition, (10, 20), resume, wanted, until).expect("no loss");
        (span.start, span.end)
    }

    #[test]
    fn every_mode_has_its_beginning_and_end() {
        assert_eq!(ends(&[], None, None, None), (10, None));
        assert_eq!(ends(&[("scan.startup.mode", "latest-offset")], None, None, None), (20, None));
        let time = [("scan.startup.mode", "timestamp"), ("scan.startup.timestamp-millis", "5")];
        assert_eq!(ends(&time, None, Some(13), None), (13, None));
        assert_eq!(ends(&time, None, None, None), (20, None), "nothing is that young yet");
        let bounded = [("scan.bounded.mode", "timestamp"), ("scan.bounded.timestamp-millis", "5")];
        assert_eq!(ends(&bounded, None, None, Some(15)), (10, Some(15)));
        assert_eq!(ends(&bounded, None, None, None), (10, Some(20)));
        let offsets =
            [("scan.bounded.mode", "specific-offsets"), ("scan.bounded.specific-offsets", "partition:1,offset:12")];
        assert_eq!(ends(&offsets, None, None, None), (10, Some(12)));
        let others = [offsets[0], ("scan.bounded.specific-offsets", "partition:0,offset:12")];
        assert_eq!(ends(&others, None, None, None), (10, Some(10)), "a partition that is not listed is not read");
    }

    #[test]
    fn a_position_goes_before_the_mode_and_a_new_partition_begins_at_its_first_record() {
        let latest = [("scan.startup.mode", "latest-offset")];
        assert_eq!(ends(&latest, Some(Some(14)), None, None), (14, None));
        assert_eq!(ends(&latest, Some(None), None, None), (10, None));
    }

    #[test]
    fn lost_records_follow_the_policy() {
        let partition = PartitionId::new("t", 0);
        let at = |on_loss, offset| within(on_loss, &partition, offset, (10, 20));
        assert_eq!(at(OnLoss::Fail, 20).expect("the end is no loss"), 20);
        assert_eq!(at(OnLoss::Earliest, 3).expect("policy"), 10);
        assert_eq!(at(OnLoss::Latest, 3).expect("policy"), 20);
        let gone = at(OnLoss::Fail, 3).expect_err("7 records are gone").to_string();
        assert!(
            gone.starts_with(
                "records are missing in t/0: the next record to read is 3, but the log begins at 10 now; about 7"
            ),
            "{gone}"
        );
        let cut = at(OnLoss::Fail, 21).expect_err("the log was cut").to_string();
        assert!(cut.contains("the log ends at 20"), "{cut}");
    }
}
