//! Topics as they are: what is listed and read without a schema, and that a sample of a topic, decoded,
//! gives the rows that the topic's own source gives.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, TimeUnit};
use millstream_connect::file::Filesystem;
use millstream_connect::generate::{DemoConnector, demo};
use millstream_connect::sample::SampleSource;
use millstream_connect::topic::{Record, TopicConnector, Topics};
use millstream_record::{
    Column, Connector, Limits, ManualClock, Millis, Offset, Options, Origin, PartitionId, Poll, Positions, RawPoll,
    RawScan, RawStart, Sample, Scan, Source, Stop,
};
use tempfile::TempDir;

const NOW: i64 = 1_767_225_600_000;

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Millis(NOW)))
}

fn options(connector: &dyn Connector, typed: &[(&str, &str)]) -> Options {
    Options::check(typed.iter().copied(), &[connector.options()]).expect("known options")
}

fn sample(connector: &dyn Connector, options: &Options, start: RawStart, limits: Limits) -> Sample {
    let scan = RawScan { start, ..RawScan::default() };
    let mut reader = connector.browse(Some("t"), options).expect("records").read(&scan).expect("opens");
    Sample::draw(reader.as_mut(), limits, &Stop::default()).expect("drawn")
}

fn values(sample: &Sample) -> Vec<(i32, i64, String)> {
    let record = |(record, _): (millstream_record::RawRecord<'_>, _)| {
        let value = String::from_utf8_lossy(record.value.unwrap_or(b"-")).into_owned();
        (record.partition.number, record.offset.0, value)
    };
    sample.records().map(record).collect()
}

/// What a source gives: the rows of each partition, and the refused offsets.
type Rows = BTreeMap<PartitionId, (Option<RecordBatch>, Vec<i64>)>;

fn rows(source: &dyn Source, batch_rows: usize, resume: Option<Positions>) -> Rows {
    let schema = source.schema();
    let columns = (0..schema.fields().len()).collect();
    let mut reader = source.open(Scan { columns, resume, batch_rows, stop: Stop::default() }).expect("opens");
    let mut all = Rows::new();
    loop {
        match reader.poll(Duration::from_secs(5)).expect("readable") {
            Poll::Partition(partition) => drop(all.insert(partition, (None, Vec::new()))),
            Poll::Rows(fetched) => {
                let of = all.get_mut(&fetched.partition).expect("it was announced");
                of.1.extend(fetched.rejected.iter().map(|rejected| rejected.offset.0));
                let before = of.0.take().unwrap_or_else(|| RecordBatch::new_empty(schema.clone()));
                of.0 = Some(concat_batches(&schema, [&before, &fetched.rows]).expect("one schema"));
            }
            Poll::End => return all,
            _ => {}
        }
    }
}

fn column(name: &str, data_type: DataType) -> Column {
    Column { name: name.into(), data_type, nullable: true, origin: Origin::Payload }
}

fn metadata(key: &str, data_type: DataType) -> Column {
    Column { origin: Origin::Metadata(key.into()), ..column(key, data_type) }
}

/// A sample of everything gives what the source gives, at any batch size and from any position.
fn check_alike(connector: &dyn Connector, columns: &[Column], options: &Options) {
    let source = connector.source("t", columns, options).expect("a source");
    let wanted = rows(source.as_ref(), 1000, None);
    let whole = sample(connector, options, RawStart::Earliest, Limits { records: usize::MAX, bytes: usize::MAX });
    assert!(whole.ended());
    let middle = |part: &millstream_record::RawRecords| (part.partition.clone(), Offset(part.offsets[part.len() / 2]));
    let positions: Positions = whole.parts().iter().map(middle).collect();
    let format = connector.format(options).expect("a format");
    let over = SampleSource::new("t", columns, &format, Arc::new(whole)).expect("over the sample");
    assert_eq!((over.schema(), over.has_kinds()), (source.schema(), source.has_kinds()));
    for batch_rows in [1, 7, 1000] {
        assert_eq!(rows(&over, batch_rows, None), wanted, "{batch_rows}");
    }
    let half = rows(&over, 5, Some(positions.clone()));
    let count = |rows: &Rows| rows.values().filter_map(|(rows, _)| Some(rows.as_ref()?.num_rows())).sum::<usize>();
    assert_eq!(count(&half), count(&rows(source.as_ref(), 1000, Some(positions))));
}

struct Workspace {
    topics: Topics,
    folder: TempDir,
}

/// A topic `t` of three partitions: numbers, one record that is no JSON, one tombstone, a key and a header.
fn filled() -> Workspace {
    let folder = tempfile::tempdir().expect("a folder");
    let topics = Topics::open(folder.path(), clock());
    topics.create("t", 3).expect("new");
    let mut producer = topics.producer("t").expect("opens");
    for n in 0..100i64 {
        let text = if n == 40 { "not json".to_string() } else { format!("{{\"n\":{n}}}") };
        let value = (n != 50).then_some(text.as_bytes());
        let key = format!("k{n}");
        let headers: &[(&str, Option<&[u8]>)] = &[("h", Some(b"1"))];
        let timestamp = Some(Millis(NOW + n * 10));
        let partition = Some((n % 3) as u32);
        let record = Record { partition, timestamp, value, key: Some(key.as_bytes()), headers, ..Record::default() };
        producer.send(&record).expect("sent");
        if n % 13 == 0 {
            producer.append().expect("appended");
        }
    }
    producer.flush().expect("flushed");
    Workspace { topics, folder }
}

fn record_columns() -> Vec<Column> {
    vec![
        column("n", DataType::Int64),
        metadata("partition", DataType::Int32),
        metadata("offset", DataType::Int64),
        metadata("timestamp", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))),
        metadata("key", DataType::Binary),
    ]
}

#[test]
fn a_sampled_topic_is_like_the_topic() {
    let it = filled();
    let connector = TopicConnector::new(it.topics.clone());
    let typed = [("format", "json"), ("scan.bounded.mode", "latest-offset")];
    check_alike(&connector, &record_columns(), &options(&connector, &typed));
}

#[test]
fn a_topic_is_read_in_the_order_of_arrival_from_anywhere() {
    let it = filled();
    let connector = TopicConnector::new(it.topics.clone());
    let named = options(&connector, &[("topic", "t")]);
    let all = sample(&connector, &named, RawStart::Earliest, Limits::default());
    let numbers: Vec<i64> =
        values(&all).iter().map(|(partition, offset, _)| offset * 3 + i64::from(*partition)).collect();
    assert_eq!(numbers, (0..100).collect::<Vec<_>>());
    let newest = values(&sample(&connector, &named, RawStart::Newest(7), Limits::default()));
    assert_eq!(newest.iter().map(|(_, _, value)| value.as_str()).next_back(), Some("{\"n\":99}"));
    assert_eq!(newest.len(), 7);
    let late = sample(&connector, &named, RawStart::Timestamp(Millis(NOW + 975)), Limits::default());
    assert_eq!(values(&late).len(), 2);
    assert_eq!(late.partitions().len(), 3, "a silent partition is known");
    assert!(sample(&connector, &named, RawStart::Latest, Limits::default()).is_empty());
    let browse = connector.browse(None, &named).expect("records");
    let one = RawScan { start: RawStart::Newest(4), partition: Some(1), ..RawScan::default() };
    let one =
        Sample::draw(&mut *browse.read(&one).expect("opens"), Limits::default(), &Stop::default()).expect("drawn");
    assert_eq!(values(&one).iter().map(|(partition, ..)| *partition).collect::<Vec<_>>(), [1; 4]);
    let wrong = browse.read(&RawScan { partition: Some(3), ..RawScan::default() }).err().expect("there are three");
    assert_eq!(wrong.to_string(), "topic 't' has no partition 3: it has 3, counted from 0");
}

#[test]
fn following_waits_for_more() {
    let it = filled();
    let connector = TopicConnector::new(it.topics.clone());
    let browse = connector.browse(None, &options(&connector, &[("topic", "t")])).expect("records");
    let mut reader =
        browse.read(&RawScan { start: RawStart::Latest, follow: true, ..RawScan::default() }).expect("opens");
    while let RawPoll::Partition(_) = reader.poll(Duration::ZERO).expect("open") {}
    let mut producer = it.topics.producer("t").expect("opens");
    producer.send(&Record { value: Some(b"new"), partition: Some(2), ..Record::default() }).expect("sent");
    producer.flush().expect("flushed");
    let RawPoll::Records(received) = reader.poll(Duration::from_secs(5)).expect("open") else {
        panic!("no record came")
    };
    assert_eq!(received.records.record(0).value, Some(&b"new"[..]));
    let positions = reader.positions();
    let resumed = RawScan { start: RawStart::Positions(positions), ..RawScan::default() };
    let rest = Sample::draw(&mut *browse.read(&resumed).expect("opens"), Limits::default(), &Stop::default());
    assert!(rest.expect("drawn").is_empty(), "positions stand behind what was read");
}

#[test]
fn topics_are_listed_with_a_glimpse() {
    let it = filled();
    it.topics.create("empty", 2).expect("new");
    let connector = TopicConnector::new(it.topics.clone());
    let all =
        connector.browse(None, &options(&connector, &[])).expect("records").topics(&Stop::default()).expect("listed");
    let told: Vec<_> = all.iter().map(|info| (info.name.as_str(), info.partitions, info.records)).collect();
    assert_eq!(told, [("empty", 2, Some(0)), ("t", 3, Some(100))]);
    assert_eq!((all[0].newest, all[1].newest), (None, Some(Millis(NOW + 990))));
    assert!(all[0].glimpse.is_empty());
    assert_eq!(all[1].glimpse.iter().map(|records| records.len()).sum::<usize>(), 8);
    assert!(it.folder.path().exists());
}

#[test]
fn a_sampled_file_is_like_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("a.csv"), "\u{feff}n,text\n1,\"two\nlines\"\nx,bad\n3,c\n").expect("written");
    let mut packed = flate2::write::GzEncoder::new(
        std::fs::File::create(path("b.csv.gz")).expect("made"),
        flate2::Compression::fast(),
    );
    packed.write_all(b"text,n\nd,4\ne,5\n").expect("packed");
    packed.finish().expect("written");
    let columns = [column("n", DataType::Int64), column("text", DataType::Utf8), metadata("file.name", DataType::Utf8)];
    let text = folder.path().display().to_string();
    let typed = [("path", text.as_str()), ("format", "csv"), ("csv.header", "true")];
    check_alike(&Filesystem::default(), &columns, &options(&Filesystem::default(), &typed));
    let lines = sample(
        &Filesystem::default(),
        &options(&Filesystem::default(), &typed[..1]),
        RawStart::Newest(100),
        Limits::default(),
    );
    assert_eq!(values(&lines).len(), 8, "without a format every line is a record");
    let listed = Filesystem::default()
        .browse(None, &options(&Filesystem::default(), &typed[..1]))
        .expect("records")
        .topics(&Stop::default());
    let listed = listed.expect("listed");
    assert_eq!(listed.len(), 2);
    assert!(listed[0].name.ends_with("a.csv") && listed[1].bytes.is_some_and(|bytes| bytes > 10));
    let rows_only = options(&Filesystem::default(), &[("path", text.as_str()), ("format", "parquet")]);
    assert!(!Filesystem::default().has_records(&rows_only) && Filesystem::default().browse(None, &rows_only).is_err());
}

#[test]
fn a_sampled_demo_is_like_the_demo() {
    let connector = DemoConnector::new(clock());
    let typed = [("topic", "trades"), ("number-of-rows", "500"), ("partitions", "3")];
    let columns =
        [column("symbol", DataType::Utf8), column("price", DataType::Float64), metadata("offset", DataType::Int64)];
    check_alike(&connector, &columns, &options(&connector, &typed));
}

#[test]
fn an_endless_demo_is_taken_to_have_run_until_now() {
    let connector = DemoConnector::new(clock());
    let named = options(&connector, &[("topic", "trades"), ("start-time", "now")]);
    let drawn = sample(&connector, &named, RawStart::Newest(1000), Limits::default());
    assert_eq!((drawn.len(), drawn.ended()), (1000, true));
    let at: Vec<i64> = drawn.records().map(|(_, arrival)| arrival.at.0).collect();
    assert!(at.is_sorted());
    assert_eq!(at.last(), Some(&NOW), "the newest arrives now");
    assert_eq!(NOW - at[0], demo("trades").expect("known").arrival(Millis(0), 999).0);
    let all =
        connector.browse(None, &options(&connector, &[])).expect("records").topics(&Stop::default()).expect("listed");
    assert_eq!(all.len(), 7);
    assert!(all.iter().all(|info| info.name.starts_with("demo.") && !info.glimpse.is_empty()));
}

#[test]
fn a_raised_signal_ends_the_wait() {
    let it = filled();
    let connector = TopicConnector::new(it.topics.clone());
    let stop = Stop::default();
    stop.raise();
    let named = options(&connector, &[("topic", "t")]);
    let mut reader = connector.browse(None, &named).expect("records").read(&RawScan::default()).expect("opens");
    let stopped = Sample::draw(&mut *reader, Limits::default(), &stop).expect_err("nobody waits");
    assert!(matches!(stopped, millstream_record::Error::Stopped));
}
