//! Where reading begins and where it ends, in Flink's words.

use std::collections::BTreeMap;

use millstream_record::{Error, Millis, OptionKind, OptionSpec, Options, Result};

use crate::loss::ON_LOSS;

/// Where to begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// At the oldest record.
    #[default]
    Earliest,
    /// Behind the newest record there is now.
    Latest,
    /// In each partition at the first record that is as late as this or later.
    Timestamp(Millis),
    /// At these offsets by partition; partitions that are not named begin at the oldest record.
    Offsets(BTreeMap<u32, i64>),
}

/// Where to end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Bound {
    /// Nowhere: wait for more.
    #[default]
    Unbounded,
    /// Behind the newest record there is when reading begins.
    Latest,
    /// In each partition before the first record that is as late as this or later, or at its end.
    Timestamp(Millis),
    /// Before these offsets by partition; partitions that are not named are not read.
    Offsets(BTreeMap<u32, i64>),
}

const STARTS: &[&str] = &["earliest-offset", "latest-offset", "timestamp", "specific-offsets"];
const BOUNDS: &[&str] = &["unbounded", "latest-offset", "timestamp", "specific-offsets"];
const OFFSETS: &str = "partition:0,offset:42;partition:1,offset:300";

const fn spec(
    name: &'static str,
    kind: OptionKind,
    default: Option<&'static str>,
    example: &'static str,
    doc: &'static str,
) -> OptionSpec {
    OptionSpec { name, kind, default, doc, example }
}

/// The options of a topic as a table.
#[rustfmt::skip]
pub(super) const OPTIONS: &[OptionSpec] = &[
    spec("topic", OptionKind::Text, None, "orders", "the name of the topic"),
    spec("scan.startup.mode", OptionKind::Choice(STARTS), Some("earliest-offset"), "latest-offset", "where reading begins"),
    spec("scan.startup.timestamp-millis", OptionKind::Integer, None, "1767225600000", "the time at which reading begins, in the mode timestamp"),
    spec("scan.startup.specific-offsets", OptionKind::Text, None, OFFSETS, "the offsets at which reading begins, in the mode specific-offsets"),
    spec("scan.bounded.mode", OptionKind::Choice(BOUNDS), Some("unbounded"), "latest-offset", "where reading ends"),
    spec("scan.bounded.timestamp-millis", OptionKind::Integer, None, "1767225600000", "the time at which reading ends, in the mode timestamp"),
    spec("scan.bounded.specific-offsets", OptionKind::Text, None, OFFSETS, "the offsets before which reading ends, in the mode specific-offsets"),
    ON_LOSS,
    spec("partitions", OptionKind::Integer, None, "4", "a sink makes the topic with so many partitions if there is none"),
];

impl Start {
    /// What `scan.startup.*` say.
    pub fn from_options(options: &Options) -> Result<Start> {
        Ok(match options.text("scan.startup.mode").unwrap_or("earliest-offset") {
            "latest-offset" => Start::Latest,
            "timestamp" => Start::Timestamp(time(options, "scan.startup.timestamp-millis")?),
            "specific-offsets" => Start::Offsets(offsets(options, "scan.startup.specific-offsets")?),
            _ => Start::Earliest,
        })
    }
}

impl Bound {
    /// What `scan.bounded.*` say.
    pub fn from_options(options: &Options) -> Result<Bound> {
        Ok(match options.text("scan.bounded.mode").unwrap_or("unbounded") {
            "latest-offset" => Bound::Latest,
            "timestamp" => Bound::Timestamp(time(options, "scan.bounded.timestamp-millis")?),
            "specific-offsets" => Bound::Offsets(offsets(options, "scan.bounded.specific-offsets")?),
            _ => Bound::Unbounded,
        })
    }
}

fn time(options: &Options, name: &str) -> Result<Millis> {
    options.required(name)?;
    options.integer(name).map(Millis).ok_or_else(|| wrong(name))
}

fn offsets(options: &Options, name: &str) -> Result<BTreeMap<u32, i64>> {
    parse_offsets(options.required(name)?).ok_or_else(|| wrong(name))
}

fn wrong(name: &str) -> Error {
    Error::Invalid(format!("the value of '{name}' cannot be read; write it like '{OFFSETS}'"))
}

/// Reads `partition:0,offset:42;partition:1,offset:300`.
pub fn parse_offsets(text: &str) -> Option<BTreeMap<u32, i64>> {
    let mut offsets = BTreeMap::new();
    for pair in text.trim().trim_end_matches(';').split(';') {
        let (partition, offset) = pair.split_once(',')?;
        let partition = partition.trim().strip_prefix("partition:")?.trim().parse().ok()?;
        let offset: i64 = offset.trim().strip_prefix("offset:")?.trim().parse().ok()?;
        if offset < 0 || offsets.insert(partition, offset).is_some() {
            return None;
        }
    }
    Some(offsets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_read_as_flink_writes_them() {
        assert_eq!(parse_offsets(OFFSETS), Some(BTreeMap::from([(0, 42), (1, 300)])));
        assert_eq!(parse_offsets(" partition:7, offset:0 ; "), Some(BTreeMap::from([(7, 0)])));
        for wrong in ["", "0:42", "partition:0,offset:-1", "partition:0,offset:1;partition:0,offset:2", "partition:0"] {
            assert_eq!(parse_offsets(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn modes_want_their_option() {
        let parse = |typed: &[(&str, &str)]| {
            let options = Options::check(typed.iter().copied(), &[OPTIONS]).expect("known");
            (Start::from_options(&options), Bound::from_options(&options))
        };
        let (start, bound) = parse(&[]);
        assert_eq!((start.expect("default"), bound.expect("default")), (Start::Earliest, Bound::Unbounded));
        let (start, bound) = parse(&[
            ("scan.startup.mode", "timestamp"),
            ("scan.startup.timestamp-millis", "5"),
            ("scan.bounded.mode", "specific-offsets"),
        ]);
        assert_eq!(start.expect("given"), Start::Timestamp(Millis(5)));
        assert_eq!(
            bound.expect_err("missing").to_string(),
            format!(
                "option 'scan.bounded.specific-offsets' is missing: the offsets before which reading ends, \
                 in the mode specific-offsets, for example '{OFFSETS}'"
            )
        );
    }
}
