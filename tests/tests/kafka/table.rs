//! A Kafka table as the engine sees it: options and columns in, polls out. Waiting is always waiting for
//! an answer, with a deadline that only a broken reader meets.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use millstream_connect::kafka::{Kafka, UpsertKafka};
use millstream_record::{
    Column, Connector, Fetched, Options, Origin, Poll, Positions, Reader, Result, Scan, Sink, Source, Stop,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// What the tests read of a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    pub partition: i32,
    pub offset: i64,
    pub n: i64,
}

/// `n BIGINT, p INT METADATA FROM 'partition', o BIGINT METADATA FROM 'offset'`.
pub fn columns() -> Vec<Column> {
    vec![
        payload("n", DataType::Int64),
        metadata("p", "partition", DataType::Int32),
        metadata("o", "offset", DataType::Int64),
    ]
}

pub fn payload(name: &str, data_type: DataType) -> Column {
    Column { name: name.into(), data_type, nullable: true, origin: Origin::Payload }
}

pub fn metadata(name: &str, key: &str, data_type: DataType) -> Column {
    Column { name: name.into(), data_type, nullable: true, origin: Origin::Metadata(key.into()) }
}

/// The options of a JSON table at `servers`, checked as the session does.
pub fn options(servers: &str, typed: &[(&str, &str)]) -> Options {
    let mut all = vec![("properties.bootstrap.servers", servers)];
    if !typed.iter().any(|(name, _)| name.ends_with("format")) {
        all.push(("format", "json"));
    }
    all.extend(typed);
    Options::check(all, &[Kafka::default().options()]).expect("the options are known")
}

/// The source of the table.
pub fn source(servers: &str, typed: &[(&str, &str)]) -> Result<Box<dyn Source>> {
    Kafka::default().source("t", &columns(), &options(servers, typed))
}

/// Everything one scan wants.
pub fn scan(resume: Option<Positions>) -> Scan {
    Scan { columns: vec![0, 1, 2], resume, batch_rows: 1000, stop: Stop::default() }
}

/// A reader of the table from its beginning.
pub fn open(servers: &str, typed: &[(&str, &str)]) -> Result<Reading> {
    open_at(servers, typed, None)
}

/// A reader of the table from these positions.
pub fn open_at(servers: &str, typed: &[(&str, &str)], resume: Option<Positions>) -> Result<Reading> {
    Ok(Reading { reader: source(servers, typed)?.open(scan(resume))?, rows: Vec::new(), announced: Vec::new() })
}

/// A sink for columns `n BIGINT, s STRING` and whatever else; with a key it upserts.
pub fn sink(servers: &str, columns: &[Column], key: &[usize], typed: &[(&str, &str)]) -> Result<Box<dyn Sink>> {
    let options = options(servers, typed);
    if key.is_empty() {
        Kafka::default().sink("t", columns, key, &options)
    } else {
        UpsertKafka::default().sink("t", columns, key, &options)
    }
}

/// A reader and what it has given.
pub struct Reading {
    pub reader: Box<dyn Reader>,
    pub rows: Vec<Row>,
    /// The partitions that were announced, as `topic/number`.
    pub announced: Vec<String>,
}

impl Reading {
    /// Polls until `enough` says so after an answer.
    pub fn until(&mut self, what: &str, mut enough: impl FnMut(&Reading, &Poll) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "waiting for {what}: {} rows so far", self.rows.len());
            let poll = self.reader.poll(Duration::from_millis(100)).expect("reading does not fail");
            match &poll {
                Poll::Rows(fetched) => self.note(fetched),
                Poll::Partition(partition) => self.announced.push(partition.to_string()),
                _ => {}
            }
            if enough(self, &poll) {
                return;
            }
        }
    }

    /// Reads until there are `count` rows.
    pub fn rows(&mut self, count: usize) -> &mut Self {
        if self.rows.len() < count {
            self.until(&format!("{count} rows"), |reading, _| reading.rows.len() >= count);
        }
        self
    }

    /// Reads to the end of a bounded table.
    pub fn finish(mut self) -> Vec<Row> {
        self.until("the end", |_, poll| matches!(poll, Poll::End));
        self.rows
    }

    /// What has been read of each partition, in the order in which it came.
    pub fn by_partition(&self) -> BTreeMap<i32, Vec<i64>> {
        by_partition(&self.rows)
    }

    fn note(&mut self, fetched: &Fetched) {
        assert_eq!(fetched.rejected, [], "every record of the tests can be read");
        let (n, partition, offset) = (
            fetched.rows.column(0).as_primitive::<Int64Type>(),
            fetched.rows.column(1).as_primitive::<Int32Type>(),
            fetched.rows.column(2).as_primitive::<Int64Type>(),
        );
        for row in 0..fetched.rows.num_rows() {
            assert_eq!(partition.value(row), fetched.partition.number);
            self.rows.push(Row { partition: partition.value(row), offset: offset.value(row), n: n.value(row) });
        }
    }
}

/// The numbers of each partition, in the order in which they came.
pub fn by_partition(rows: &[Row]) -> BTreeMap<i32, Vec<i64>> {
    let mut found: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
    for row in rows {
        found.entry(row.partition).or_default().push(row.n);
    }
    found
}
