//! `'connector' = 'demo'`: a ready-made topic as a table, without a server and without a file.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::DataType;
use chrono::NaiveDateTime;
use millstream_record::{
    Browse, Clock, Column, Connector, Error, Millis, OptionKind, OptionSpec, Options, PartitionId, Result, Sink, Source,
};

use super::browse::DemoBrowse;
use super::demo::{Demo, demo, demos};
use super::source::DemoSource;
use crate::format::{FORMAT_OPTIONS, metadata};
use crate::topic::MOST_PARTITIONS;

/// Makes the records of demos on the fly.
pub struct DemoConnector {
    clock: Arc<dyn Clock>,
}

impl DemoConnector {
    /// A connector whose unbounded tables keep pace with `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        DemoConnector { clock }
    }
}

static TOPICS: LazyLock<Vec<&'static str>> = LazyLock::new(|| demos().iter().map(|demo| demo.topic).collect());

/// 2026-01-01 00:00:00 UTC: where event time begins if nothing else is said.
pub const START: Millis = Millis(1_767_225_600_000);

static OPTIONS: LazyLock<Vec<OptionSpec>> = LazyLock::new(|| {
    let spec = |name, kind, default, example, doc| OptionSpec { name, kind, default, doc, example };
    let integer = OptionKind::Integer;
    vec![
        spec("topic", OptionKind::Choice(&TOPICS), None, "bids", "which demo"),
        spec("seed", integer, Some("1"), "42", "equal seeds give equal records"),
        spec("number-of-rows", integer, None, "100000", "end after so many records"),
        spec(
            "rows-per-second",
            integer,
            None,
            "500",
            "how fast records arrive; without it the demo's own rate, or no limit where number-of-rows is given",
        ),
        spec("partitions", integer, None, "2", "over how many partitions records are spread by their keys"),
        spec(
            "start-time",
            OptionKind::Text,
            Some("2026-01-01 00:00:00"),
            "now",
            "the event time of the first record, or now",
        ),
    ]
});

impl Connector for DemoConnector {
    fn name(&self) -> &'static str {
        "demo"
    }

    fn doc(&self) -> &'static str {
        "a ready-made topic, seeded and out of order: bids, auctions, persons, trades, chat, accelerometer, camera"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &OPTIONS
    }

    fn metadata(&self) -> Vec<(&'static str, DataType)> {
        metadata::of_records()
    }

    fn source(&self, name: &str, columns: &[Column], options: &Options) -> Result<Box<dyn Source>> {
        let (run, json) = (self.run(options)?, self.format(options)?);
        Ok(Box::new(DemoSource::new(name, columns.to_vec(), json, run, self.clock.clone())))
    }

    fn sink(&self, name: &str, _: &[Column], _: &[usize], _: &Options) -> Result<Box<dyn Sink>> {
        Err(Error::Invalid(format!("'{name}' is a demo: it can be read, not written")))
    }

    fn has_records(&self, _: &Options) -> bool {
        true
    }

    fn browse(&self, _: Option<&str>, options: &Options) -> Result<Box<dyn Browse>> {
        let run = if options.given("topic") { Some(self.run(options)?) } else { None };
        Ok(Box::new(DemoBrowse { run, clock: self.clock.clone() }))
    }

    fn format(&self, _: &Options) -> Result<Options> {
        Ok(Options::check([("format", "json")], &[FORMAT_OPTIONS])?)
    }
}

fn starts_now(options: &Options) -> bool {
    options.text("start-time").unwrap_or("now").trim().eq_ignore_ascii_case("now")
}

impl DemoConnector {
    fn run(&self, options: &Options) -> Result<Run> {
        let topic = options.required("topic")?;
        let demo = demo(topic).ok_or_else(|| Error::Invalid(format!("there is no demo '{topic}'")))?;
        let rows = count(options, "number-of-rows", u64::MAX)?;
        let rate = count(options, "rows-per-second", 1_000_000_000)?.filter(|&rate| rate > 0);
        Ok(Run {
            demo,
            seed: options.integer("seed").unwrap_or_default() as u64,
            start: self.start(options)?,
            partitions: count(options, "partitions", u64::from(MOST_PARTITIONS))?
                .map_or(demo.partitions, |count| count.max(1) as u32),
            rows,
            rows_per_second: rate.or(rows.is_none().then(|| demo.rows_per_second())),
            from_now: starts_now(options),
        })
    }

    fn start(&self, options: &Options) -> Result<Millis> {
        if starts_now(options) {
            return Ok(self.clock.now());
        }
        let text = options.text("start-time").unwrap_or_default().trim();
        let parsed = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f");
        parsed.map(|time| Millis(time.and_utc().timestamp_millis())).map_err(|_| {
            Error::Invalid(format!(
                "option 'start-time' = '{text}' is not a time, for example '2026-01-01 00:00:00' or 'now'"
            ))
        })
    }
}

/// A whole number of `0..=most`, if the option is given.
pub(super) fn count(options: &Options, name: &str, most: u64) -> Result<Option<u64>> {
    let Some(number) = options.integer(name) else { return Ok(None) };
    match u64::try_from(number) {
        Ok(number) if number <= most => Ok(Some(number)),
        Ok(_) => Err(Error::Invalid(format!("option '{name}' = '{number}' is too great: at most {most}"))),
        Err(_) => Err(Error::Invalid(format!("option '{name}' = '{number}' must not be negative"))),
    }
}

/// What one table of a demo gives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// Which demo.
    pub demo: &'static Demo,
    /// The seed.
    pub seed: u64,
    /// Where event time begins.
    pub start: Millis,
    /// Over how many partitions records are spread.
    pub partitions: u32,
    /// How many records there are; `None` for no end.
    pub rows: Option<u64>,
    /// How fast they arrive; `None` for as fast as can be.
    pub rows_per_second: Option<u64>,
    /// Whether event time begins when the demo is opened, and not at a time that is fixed.
    pub from_now: bool,
}

impl Run {
    /// A demo as it usually runs: without end, at its own rate, from `start`.
    pub fn usual(demo: &'static Demo, start: Millis) -> Run {
        let rows_per_second = Some(demo.rows_per_second());
        Run { demo, seed: 1, start, partitions: demo.partitions, rows: None, rows_per_second, from_now: true }
    }

    /// The run, begun so early that `records` of it are there now, if it is without end and has no fixed beginning.
    pub fn begun_before(self, records: u64) -> Run {
        if !self.from_now || self.rows.is_some() {
            return self;
        }
        let took = self.demo.arrival(Millis(0), records.max(1) - 1).0;
        Run { start: self.start.plus(-took), ..self }
    }

    /// Its partitions.
    pub fn partition_ids(&self) -> Vec<PartitionId> {
        let topic: Arc<str> = self.demo.name().into();
        (0..self.partitions as i32).map(|number| PartitionId::new(topic.clone(), number)).collect()
    }
}
