//! The options of the Kafka connectors, under Flink's names, and what they mean: text becomes
//! [`Reading`] or [`Writing`] here, and nobody behind it sees text again.

use std::collections::BTreeMap;
use std::time::Duration;

use millstream_record::{Error, OptionError, OptionKind, OptionSpec, Options, PartitionId, Result};
use regex::{Regex, RegexBuilder};

use super::client::Client;
use crate::loss::{ON_LOSS, OnLoss};

const STARTS: &[&str] = &["earliest-offset", "latest-offset", "group-offsets", "timestamp", "specific-offsets"];
const ENDS: &[&str] = &["unbounded", "latest-offset", "group-offsets", "timestamp", "specific-offsets"];

const fn spec(
    name: &'static str,
    kind: OptionKind,
    default: Option<&'static str>,
    example: &'static str,
    doc: &'static str,
) -> OptionSpec {
    OptionSpec { name, kind, default, doc, example }
}

/// Whom to ask, and how; for sources and sinks.
#[rustfmt::skip]
pub const CLIENT_OPTIONS: &[OptionSpec] = &[
    spec("properties.bootstrap.servers", OptionKind::Text, None, "localhost:9092", "the brokers to ask first, with commas between them"),
    spec("properties.group.id", OptionKind::Text, None, "my-group", "the consumer group whose committed offsets scan.startup.mode = group-offsets reads; nothing is committed"),
    spec("properties.sasl.password", OptionKind::Secret, None, "${env:KAFKA_PASSWORD}", "the password for SASL"),
    spec("properties.sasl.jaas.config", OptionKind::Secret, None, "…PlainLoginModule required username=\"u\" password=\"p\";", "user and password as Java clients write them"),
    spec("properties.ssl.key.pem", OptionKind::Secret, None, "${file:key.pem}", "the private key for TLS, as text"),
    spec("properties.ssl.key.password", OptionKind::Secret, None, "${env:KEY_PASSWORD}", "the password of the private key"),
    spec("properties.*", OptionKind::Text, None, "snappy", "any other setting of the Kafka client (librdkafka), under its own name"),
];

/// What to read.
#[rustfmt::skip]
pub const SCAN_OPTIONS: &[OptionSpec] = &[
    spec("topic", OptionKind::Text, None, "bids;auctions", "the topics to read, with ; between them"),
    spec("topic-pattern", OptionKind::Text, None, "bids-.*", "read every topic whose whole name fits this regular expression, also those that appear later"),
    spec("scan.startup.mode", OptionKind::Choice(STARTS), None, "earliest-offset", "where to begin; group-offsets if a group is named, else earliest-offset"),
    spec("scan.startup.timestamp-millis", OptionKind::Integer, None, "1767225600000", "begin with the first record at or after this time"),
    spec("scan.startup.specific-offsets", OptionKind::Text, None, "partition:0,offset:42;partition:1,offset:300", "begin at these offsets; a partition that is not listed begins with its earliest record"),
    spec("scan.bounded.mode", OptionKind::Choice(ENDS), Some("unbounded"), "latest-offset", "where to end"),
    spec("scan.bounded.timestamp-millis", OptionKind::Integer, None, "1767225600000", "end before the first record at or after this time"),
    spec("scan.bounded.specific-offsets", OptionKind::Text, None, "partition:0,offset:42;partition:1,offset:300", "end before these offsets; a partition that is not listed is not read"),
    spec("scan.topic-partition-discovery.interval", OptionKind::Duration, Some("30 s"), "5 min", "how often to look for new partitions and topics; 0 is never"),
    ON_LOSS,
];

/// How to write.
#[rustfmt::skip]
pub const SINK_OPTIONS: &[OptionSpec] = &[
    spec("sink.partitioner", OptionKind::Choice(&["default", "fixed", "round-robin"]), Some("default"), "round-robin", "which partition a record goes to: by its key as Java clients do, always the first, or one after the other"),
    spec("sink.delivery-guarantee", OptionKind::Choice(&["at-least-once", "none", "exactly-once"]), Some("at-least-once"), "at-least-once", "whether a flush waits until the broker has confirmed every record; exactly-once in the jobs of millstream run"),
    spec("sink.transactional-id-prefix", OptionKind::Text, Some("millstream"), "orders", "how the transactional id begins; the job's own id follows"),
];

/// Which topics to read.
#[derive(Clone, Debug)]
pub enum Topics {
    /// These.
    Named(Vec<String>),
    /// All whose whole name fits, except Kafka's own (`__…`).
    Fitting(Regex),
}

impl Topics {
    /// Whether a topic of the cluster is meant.
    pub fn include(&self, topic: &str) -> bool {
        match self {
            Topics::Named(names) => names.iter().any(|name| name == topic),
            Topics::Fitting(pattern) => !topic.starts_with("__") && pattern.is_match(topic),
        }
    }
}

/// Offsets by partition number, as in `partition:0,offset:42;partition:1,offset:300`.
pub type Offsets = BTreeMap<i32, i64>;

/// Where to begin a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// With its first record.
    Earliest,
    /// With the next record to be written.
    Latest,
    /// Where the group stands; the second says what to do where it has never been.
    Group(Unseen),
    /// With the first record at or after this time (milliseconds).
    Timestamp(i64),
    /// Where the user says; elsewhere with the first record.
    Offsets(Offsets),
    /// So that about so many records lie ahead, spread over the partitions.
    Newest(u64),
}

/// What `properties.auto.offset.reset` says of a partition in which the group has no offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// Fail, as Flink does by default.
    Fail,
    /// Begin with the first record.
    Earliest,
    /// Begin with the next record to be written.
    Latest,
}

/// Where to end a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Never.
    Never,
    /// Before the record that would be written next when reading begins.
    Latest,
    /// Where the group stands.
    Group,
    /// Before the first record at or after this time (milliseconds).
    Timestamp(i64),
    /// Where the user says; other partitions are not read.
    Offsets(Offsets),
}

/// Everything a Kafka source was told.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The servers and how to speak with them.
    pub client: Client,
    /// Which topics.
    pub topics: Topics,
    /// Where to begin.
    pub start: Start,
    /// Where to end.
    pub end: End,
    /// How often to look for new partitions, if at all.
    pub discovery: Option<Duration>,
    /// What to do about lost records.
    pub(crate) on_loss: OnLoss,
    /// Only the partition of this number of each topic.
    pub partition: Option<i32>,
}

impl Reading {
    /// Reads the options of a source; an error names the option.
    pub fn new(options: &Options) -> Result<Reading> {
        let client = Client::new(options)?;
        let topics = topics(options)?;
        let start = start(options)?;
        let end = end(options)?;
        let by_offsets = matches!(start, Start::Offsets(_)) || matches!(end, End::Offsets(_));
        if by_offsets && !matches!(&topics, Topics::Named(names) if names.len() == 1) {
            return Err(Error::Invalid(
                "specific offsets speak of the partitions of one topic; name exactly one in 'topic'".into(),
            ));
        }
        let interval = options.duration("scan.topic-partition-discovery.interval").unwrap_or_default();
        let discovery = (!interval.is_zero() && end == End::Never).then_some(interval);
        let on_loss = OnLoss::of(options);
        Ok(Reading { client, topics, start, end, discovery, on_loss, partition: None })
    }

    /// Of the options of a source only whom to ask, and for which topics: all if none is named. Reading
    /// goes from the first record to the last there is now.
    pub fn to_browse(options: &Options) -> Result<Reading> {
        let named = options.given("topic") || options.given("topic-pattern");
        let every = || Topics::Fitting(Regex::new("").expect("the empty expression fits everything"));
        Ok(Reading {
            client: Client::new(options)?,
            topics: if named { topics(options)? } else { every() },
            start: Start::Earliest,
            end: End::Latest,
            discovery: None,
            on_loss: OnLoss::Earliest,
            partition: None,
        })
    }

    /// Those of `partitions` that are wanted.
    pub fn only(&self, partitions: Vec<PartitionId>) -> Result<Vec<PartitionId>> {
        let Some(number) = self.partition else { return Ok(partitions) };
        let (wanted, others): (Vec<_>, Vec<_>) = partitions.into_iter().partition(|known| known.number == number);
        match others.first() {
            Some(other) if wanted.is_empty() => Err(crate::topic::no_partition(&other.topic, number, others.len())),
            _ => Ok(wanted),
        }
    }
}

/// The names in the option `topic`.
pub fn topic_names(options: &Options) -> Vec<String> {
    let names = options.text("topic").unwrap_or_default().split(';').map(str::trim);
    names.filter(|name| !name.is_empty()).map(str::to_string).collect()
}

fn topics(options: &Options) -> Result<Topics> {
    match (topic_names(options), options.text("topic-pattern")) {
        (names, None) if !names.is_empty() => Ok(Topics::Named(names)),
        (names, Some(pattern)) if names.is_empty() => {
            let whole = format!("^(?:{pattern})$");
            let regex = RegexBuilder::new(&whole).size_limit(1 << 20).build().map_err(|error| {
                let reason = error.to_string();
                let last = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_string();
                Error::Invalid(format!("option 'topic-pattern' = '{pattern}' is no regular expression: {last}"))
            })?;
            Ok(Topics::Fitting(regex))
        }
        (names, Some(_)) if !names.is_empty() => {
            Err(Error::Invalid("options 'topic' and 'topic-pattern' cannot stand together; leave one out".into()))
        }
        _ => Err(options.required("topic").expect_err("no topic is named").into()),
    }
}

fn start(options: &Options) -> Result<Start> {
    let named = options.given("properties.group.id");
    let mode = options.text("scan.startup.mode").unwrap_or(if named { "group-offsets" } else { "earliest-offset" });
    Ok(match mode {
        "latest-offset" => Start::Latest,
        "group-offsets" => {
            options.required("properties.group.id")?;
            Start::Group(unseen(options)?)
        }
        "timestamp" => Start::Timestamp(integer(options, "scan.startup.timestamp-millis")?),
        "specific-offsets" => Start::Offsets(offsets(options, "scan.startup.specific-offsets")?),
        _ => Start::Earliest,
    })
}

fn end(options: &Options) -> Result<End> {
    Ok(match options.text("scan.bounded.mode").unwrap_or("unbounded") {
        "latest-offset" => End::Latest,
        "group-offsets" => {
            options.required("properties.group.id")?;
            End::Group
        }
        "timestamp" => End::Timestamp(integer(options, "scan.bounded.timestamp-millis")?),
        "specific-offsets" => End::Offsets(offsets(options, "scan.bounded.specific-offsets")?),
        _ => End::Never,
    })
}

fn unseen(options: &Options) -> Result<Unseen> {
    match options.text("properties.auto.offset.reset") {
        None | Some("none" | "error") => Ok(Unseen::Fail),
        Some("earliest" | "smallest" | "beginning") => Ok(Unseen::Earliest),
        Some("latest" | "largest" | "end") => Ok(Unseen::Latest),
        Some(other) => Err(Error::Option(OptionError::Value {
            name: "properties.auto.offset.reset".into(),
            value: other.into(),
            wanted: "one of none, earliest, latest".into(),
            example: "earliest",
        })),
    }
}

fn integer(options: &Options, name: &str) -> Result<i64> {
    options.required(name)?;
    Ok(options.integer(name).expect("the table says that it is a whole number, and it is there"))
}

fn offsets(options: &Options, name: &str) -> Result<Offsets> {
    let text = options.required(name)?;
    let wrong = || {
        Error::Option(OptionError::Value {
            name: name.into(),
            value: text.into(),
            wanted: "a list of partitions and offsets, each partition once".into(),
            example: "partition:0,offset:42;partition:1,offset:300",
        })
    };
    let mut offsets = Offsets::new();
    for pair in text.split(';').filter(|pair| !pair.trim().is_empty()) {
        let (partition, offset) = pair.split_once(',').ok_or_else(wrong)?;
        let partition: i32 = labelled(partition, "partition").ok_or_else(wrong)?;
        let offset: i64 = labelled(offset, "offset").ok_or_else(wrong)?;
        if partition < 0 || offset < 0 || offsets.insert(partition, offset).is_some() {
            return Err(wrong());
        }
    }
    if offsets.is_empty() { Err(wrong()) } else { Ok(offsets) }
}

fn labelled<T: std::str::FromStr>(text: &str, label: &str) -> Option<T> {
    let (name, value) = text.split_once(':')?;
    (name.trim() == label).then(|| value.trim().parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(typed: &[(&str, &str)]) -> Result<Reading> {
        let servers = [("properties.bootstrap.servers", "localhost:9092")];
        let typed = servers.iter().chain(typed).copied();
        Reading::new(&Options::check(typed, &[CLIENT_OPTIONS, SCAN_OPTIONS])?)
    }

    fn refusal(typed: &[(&str, &str)]) -> String {
        reading(typed).expect_err("it must be refused").to_string()
    }

    #[test]
    fn the_start_depends_on_whether_a_group_is_named() {
        assert_eq!(reading(&[("topic", "t")]).expect("fine").start, Start::Earliest);
        let grouped = [("topic", "t"), ("properties.group.id", "g")];
        assert_eq!(reading(&grouped).expect("fine").start, Start::Group(Unseen::Fail));
        let reset = [grouped[0], grouped[1], ("properties.auto.offset.reset", "latest")];
        assert_eq!(reading(&reset).expect("fine").start, Start::Group(Unseen::Latest));
    }

    #[test]
    fn specific_offsets_are_read_as_flink_writes_them() {
        let typed = [
            ("topic", "t"),
            ("scan.startup.mode", "specific-offsets"),
            ("scan.startup.specific-offsets", "partition:0,offset:42; partition:3,offset:7"),
        ];
        assert_eq!(reading(&typed).expect("fine").start, Start::Offsets(Offsets::from([(0, 42), (3, 7)])));
        for wrong in ["", "0:42", "partition:0,offset:x", "partition:0,offset:1;partition:0,offset:2", "partition:0"] {
            let typed = [typed[0], typed[1], ("scan.startup.specific-offsets", wrong)];
            assert!(refusal(&typed).contains("is not a list of partitions and offsets"), "{wrong}");
        }
        let two = [("topic", "t;u"), typed[1], typed[2]];
        assert!(refusal(&two).contains("name exactly one in 'topic'"));
    }

    #[test]
    fn a_pattern_means_the_whole_name_and_never_kafkas_own_topics() {
        let topics = reading(&[("topic-pattern", "bids-.*|_.*")]).expect("fine").topics;
        assert!(topics.include("bids-1") && topics.include("_x"));
        assert!(!topics.include("my-bids-1") && !topics.include("__consumer_offsets"));
        assert!(
            refusal(&[("topic-pattern", "bids-(")])
                .starts_with("option 'topic-pattern' = 'bids-(' is no regular expression")
        );
        assert!(refusal(&[("topic-pattern", "a{900}{900}{900}")]).contains("no regular expression"));
        assert!(refusal(&[("topic", "a"), ("topic-pattern", "b")]).contains("cannot stand together"));
        assert!(refusal(&[]).starts_with("option 'topic' is missing"));
    }

    #[test]
    fn what_a_mode_needs_must_be_there() {
        assert!(
            refusal(&[("topic", "t"), ("scan.startup.mode", "timestamp")]).contains("scan.startup.timestamp-millis")
        );
        assert!(refusal(&[("topic", "t"), ("scan.bounded.mode", "group-offsets")]).contains("properties.group.id"));
        let bounded = reading(&[("topic", "t"), ("scan.bounded.mode", "latest-offset")]).expect("fine");
        assert_eq!((bounded.end, bounded.discovery), (End::Latest, None));
    }
}
