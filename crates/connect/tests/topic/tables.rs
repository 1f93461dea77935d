//! Topics and demos as tables: rows in and out through the connectors.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Int32Type, Int64Type, TimeUnit, TimestampMillisecondType};
use millstream_connect::generate::{DemoConnector, START, demo};
use millstream_connect::topic::{Bound, Record, Start, TopicConnector};
use millstream_record::{
    Batch, Column, Connector, Kind, Kinds, Millis, Options, Origin, PartitionId, Poll, Positions, Reader, Result, Scan,
    Sink, Source, Stop,
};

use super::{NOW, Workspace, workspace};

const BOUNDED: (&str, &str) = ("scan.bounded.mode", "latest-offset");

fn column(name: &str, data_type: DataType) -> Column {
    Column { name: name.into(), data_type, nullable: true, origin: Origin::Payload }
}

fn metadata(key: &str, data_type: DataType) -> Column {
    Column { origin: Origin::Metadata(key.into()), ..column(key, data_type) }
}

fn options(connector: &dyn Connector, typed: &[(&str, &str)]) -> Options {
    Options::check(typed.iter().copied(), &[connector.options()]).expect("known options")
}

fn source(it: &Workspace, columns: &[Column], typed: &[(&str, &str)]) -> Box<dyn Source> {
    let connector = TopicConnector::new(it.topics.clone());
    connector.source("t", columns, &options(&connector, typed)).expect("fits")
}

fn sink(it: &Workspace, columns: &[Column], key: &[usize], typed: &[(&str, &str)]) -> Result<Box<dyn Sink>> {
    let connector = TopicConnector::new(it.topics.clone());
    connector.sink("t", columns, key, &options(&connector, typed))
}

fn scan(columns: usize, batch_rows: usize, resume: Option<Positions>) -> Scan {
    Scan { columns: (0..columns).collect(), resume, batch_rows, stop: Stop::default() }
}

/// What a reader said until its end: announced and ended partitions, and batches of rows by partition.
#[derive(Default)]
struct Heard {
    announced: Vec<PartitionId>,
    ended: Vec<PartitionId>,
    rows: Vec<(i32, RecordBatch)>,
    rejected: Vec<(i32, i64)>,
    records: u64,
}

fn hear(reader: &mut dyn Reader) -> Heard {
    let mut heard = Heard::default();
    loop {
        match reader.poll(Duration::from_secs(5)).expect("readable") {
            Poll::Partition(partition) => heard.announced.push(partition),
            Poll::PartitionEnd(partition) => heard.ended.push(partition),
            Poll::Rows(fetched) => {
                assert!(heard.announced.contains(&fetched.partition) && !heard.ended.contains(&fetched.partition));
                heard.records += fetched.records;
                let rejected = fetched.rejected.iter().map(|one| (one.partition.number, one.offset.0));
                heard.rejected.extend(rejected);
                heard.rows.push((fetched.partition.number, fetched.rows));
            }
            Poll::End => return heard,
            other => panic!("{other:?}"),
        }
    }
}

fn numbers(heard: &Heard, column: usize) -> Vec<i64> {
    let mut all: Vec<i64> = heard
        .rows
        .iter()
        .flat_map(|(_, rows)| rows.column(column).as_primitive::<Int64Type>().values().to_vec())
        .collect();
    all.sort();
    all
}

/// A topic `t` of three partitions with `{"n": 0}` to `{"n": count - 1}`, in appends of thirteen.
fn filled(count: i64) -> Workspace {
    let it = workspace();
    it.topics.create("t", 3).expect("new");
    let mut producer = it.topics.producer("t").expect("opens");
    for n in 0..count {
        let value = format!("{{\"n\":{n}}}");
        let record = Record { value: Some(value.as_bytes()), timestamp: Some(Millis(n)), ..Record::default() };
        producer.send(&record).expect("sent");
        if n % 13 == 0 {
            producer.append().expect("appended");
        }
    }
    producer.flush().expect("flushed");
    it
}

#[test]
fn a_topic_that_was_made_again_is_another_one_even_if_it_is_longer() {
    let it = filled(30);
    let columns = [column("n", DataType::Int64)];
    let from = |typed: &[(&str, &str)], at: &Positions| {
        let typed = [&[("format", "json"), BOUNDED], typed].concat();
        source(&it, &columns, &typed).open(scan(1, 100, Some(at.clone())))
    };
    let mut reader = from(&[], &Positions::new()).expect("opens");
    assert_eq!(numbers(&hear(&mut *reader), 0).len(), 30);
    let at = reader.positions();
    assert!(hear(&mut *from(&[], &at).expect("the same")).rows.is_empty());
    it.topics.delete("t").expect("it is there");
    it.topics.create("t", 3).expect("new");
    let mut producer = it.topics.producer("t").expect("opens");
    for n in 100..190 {
        let value = format!("{{\"n\":{n}}}");
        producer.send(&Record { value: Some(value.as_bytes()), ..Record::default() }).expect("sent");
    }
    producer.flush().expect("flushed");

    let error = from(&[], &at).err().expect("another one").to_string();
    let ids = it.topics.resume("t", &Positions::new(), &Bound::Latest).expect("opens").positions();
    let (was, is) = (&at.topics()["t"], &ids.topics()["t"]);
    assert_ne!(was, is);
    assert!(error.contains(&format!("had the id {was}")) && error.contains(&format!("has the id {is}")), "{error}");
    assert!(error.contains("set 'scan.on-data-loss' to 'earliest' or 'latest'"), "{error}");
    let policy = |word| hear(&mut *from(&[("scan.on-data-loss", word)], &at).expect("the policy allows it"));
    assert_eq!(numbers(&policy("earliest"), 0), (100..190).collect::<Vec<_>>());
    assert!(policy("latest").rows.is_empty());
}

#[test]
fn a_table_reads_each_row_once_at_any_batch_size() {
    let it = filled(500);
    let source = source(&it, &[column("n", DataType::Int64)], &[("format", "json"), BOUNDED]);
    assert!(source.bounded());
    for batch_rows in [1, 7, 100, 8192] {
        let heard = hear(&mut *source.open(scan(1, batch_rows, None)).expect("opens"));
        assert_eq!(numbers(&heard, 0), (0..500).collect::<Vec<_>>());
        assert_eq!((heard.announced.len(), heard.ended.len(), heard.records), (3, 3, 500));
        assert!(heard.rows.iter().all(|(_, rows)| (1..=batch_rows).contains(&rows.num_rows())));
        for partition in 0..3 {
            let of_it = heard.rows.iter().filter(|(number, _)| *number == partition);
            let order: Vec<i64> =
                of_it.flat_map(|(_, rows)| rows.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
            assert!(order.is_sorted(), "partition {partition}");
        }
    }
}

#[test]
fn metadata_tells_where_a_row_comes_from() {
    let it = workspace();
    it.topics.create("t", 2).expect("new");
    let mut producer = it.topics.producer("t").expect("opens");
    let record = Record {
        partition: Some(1),
        key: Some(b"k"),
        value: Some(b"{\"n\":5}"),
        timestamp: Some(Millis(77)),
        ..Record::default()
    };
    producer.send(&record).expect("sent");
    producer.flush().expect("flushed");
    let columns = [
        column("n", DataType::Int64),
        metadata("topic", DataType::Utf8),
        metadata("partition", DataType::Int32),
        metadata("offset", DataType::Int64),
        metadata("timestamp", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))),
        metadata("key", DataType::Binary),
    ];
    let source = source(&it, &columns, &[("format", "json"), BOUNDED]);
    let heard = hear(&mut *source.open(scan(6, 10, None)).expect("opens"));
    let rows = &heard.rows[0].1;
    assert_eq!(numbers(&heard, 0), [5]);
    assert_eq!(rows.column(1).as_string::<i32>().value(0), "t");
    assert_eq!(rows.column(2).as_primitive::<Int32Type>().value(0), 1);
    assert_eq!(rows.column(3).as_primitive::<Int64Type>().value(0), 0);
    assert_eq!(rows.column(4).as_primitive::<TimestampMillisecondType>().value(0), 77);
    assert_eq!(rows.column(5).as_binary::<i32>().value(0), b"k");
}

#[test]
fn starts_and_ends_are_options() {
    let it = filled(300);
    let read = |typed: &[(&str, &str)]| {
        let source = source(&it, &[column("n", DataType::Int64)], &[&[("format", "json")], typed].concat());
        numbers(&hear(&mut *source.open(scan(1, 64, None)).expect("opens")), 0)
    };
    let from_100 = [("scan.startup.mode", "timestamp"), ("scan.startup.timestamp-millis", "100")];
    assert_eq!(read(&[&from_100[..], &[BOUNDED]].concat()), (100..300).collect::<Vec<_>>());
    let to_100 = [("scan.bounded.mode", "timestamp"), ("scan.bounded.timestamp-millis", "100")];
    assert_eq!(read(&to_100), (0..100).collect::<Vec<_>>());
    let some = [
        ("scan.startup.mode", "specific-offsets"),
        ("scan.startup.specific-offsets", "partition:0,offset:98"),
        ("scan.bounded.mode", "specific-offsets"),
        ("scan.bounded.specific-offsets", "partition:0,offset:100;partition:2,offset:1"),
    ];
    assert_eq!(read(&some), [2, 294, 297]);
    assert_eq!(read(&[("scan.startup.mode", "latest-offset"), BOUNDED]), [] as [i64; 0]);
}

#[test]
fn a_resumed_reader_goes_on_where_the_other_stood() {
    let it = filled(400);
    let source = source(&it, &[column("n", DataType::Int64)], &[("format", "json"), BOUNDED]);
    for polls in [0, 3, 4, 9, 40] {
        let mut heard = Heard::default();
        let mut reader = source.open(scan(1, 11, None)).expect("opens");
        for _ in 0..polls {
            if let Poll::Rows(fetched) = reader.poll(Duration::from_secs(5)).expect("readable") {
                heard.rows.push((fetched.partition.number, fetched.rows));
            }
        }
        let positions = reader.positions();
        drop(reader);
        let rest = hear(&mut *source.open(scan(1, 17, Some(positions))).expect("opens"));
        heard.rows.extend(rest.rows);
        assert_eq!(numbers(&heard, 0), (0..400).collect::<Vec<_>>(), "after {polls} polls");
    }
}

#[test]
fn an_unbounded_table_gives_what_comes_and_knows_its_lag() {
    let it = filled(10);
    let source = source(&it, &[column("n", DataType::Int64)], &[("format", "json")]);
    assert!(!source.bounded());
    let mut reader = source.open(scan(1, 100, None)).expect("opens");
    let mut read = 0;
    assert_eq!(reader.lag(), Some(10));
    let mut read_until = |count: usize| {
        while read < count {
            match reader.poll(Duration::from_secs(5)).expect("readable") {
                Poll::Rows(fetched) => read += fetched.rows.num_rows(),
                Poll::Partition(_) | Poll::Nothing => {}
                other => panic!("{other:?}"),
            }
        }
        assert!(matches!(reader.poll(Duration::ZERO).expect("readable"), Poll::Nothing));
        assert_eq!((read, reader.lag()), (count, Some(0)));
    };
    read_until(10);
    let mut producer = it.topics.producer("t").expect("opens");
    producer.send(&Record { value: Some(b"{\"n\":10}"), ..Record::default() }).expect("sent");
    producer.append().expect("appended");
    read_until(11);
}

#[test]
fn unreadable_records_are_told_with_their_place() {
    let it = workspace();
    it.topics.create("t", 1).expect("new");
    let mut producer = it.topics.producer("t").expect("opens");
    for value in ["{\"n\":1}", "{", "{\"n\":3}", "no"] {
        producer.send(&Record { value: Some(value.as_bytes()), ..Record::default() }).expect("sent");
    }
    producer.flush().expect("flushed");
    let source = source(&it, &[column("n", DataType::Int64)], &[("format", "json"), BOUNDED]);
    let heard = hear(&mut *source.open(scan(1, 100, None)).expect("opens"));
    assert_eq!((numbers(&heard, 0), heard.rejected, heard.records), (vec![1, 3], vec![(0, 1), (0, 3)], 4));
}

fn people(ids: &[i64], names: &[&str]) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from(ids.to_vec()));
    let names: ArrayRef = Arc::new(StringArray::from(names.to_vec()));
    RecordBatch::try_from_iter([("id", ids), ("name", names)]).expect("two columns")
}

fn people_columns() -> [Column; 2] {
    [column("id", DataType::Int64), column("name", DataType::Utf8)]
}

#[test]
fn a_sink_appends_and_others_see_it_at_once() {
    let it = workspace();
    let missing = sink(&it, &people_columns(), &[], &[("format", "json")]).err().expect("no topic").to_string();
    assert!(missing.contains("millstream topic create t") && missing.contains("'partitions' = '1'"), "{missing}");
    let mut sink = sink(&it, &people_columns(), &[], &[("format", "json"), ("partitions", "2")]).expect("made");
    sink.write(&Batch::insert(people(&[1, 2], &["Ada", "Bo"]))).expect("written");
    assert_eq!(it.topics.describe("t").expect("there").ends, [1, 1]);
    sink.write(&Batch::insert(people(&[3], &["Cy"]))).expect("written");
    sink.flush().expect("flushed");
    let source = source(&it, &people_columns(), &[("format", "json"), BOUNDED]);
    assert_eq!(numbers(&hear(&mut *source.open(scan(2, 10, None)).expect("opens")), 0), [1, 2, 3]);
}

#[test]
fn a_sink_with_a_key_upserts() {
    let it = workspace();
    it.topics.create("t", 4).expect("new");
    let typed = [("value.format", "json"), ("key.format", "json")];
    let mut sink = sink(&it, &people_columns(), &[0], &typed).expect("fits");
    let kinds = Kinds::new([Kind::Insert, Kind::UpdateBefore, Kind::UpdateAfter, Kind::Delete]);
    sink.write(&Batch::changes(people(&[7, 7, 7, 7], &["Ada", "Ada", "Bea", "Bea"]), kinds)).expect("written");
    sink.flush().expect("flushed");
    let mut consumer = it.topics.consumer("t", &Start::Earliest, &Bound::Latest).expect("opens");
    let received = consumer.next(Duration::from_secs(1), &Stop::default()).expect("readable").expect("three records");
    let keys: Vec<_> =
        received.records.keys.as_ref().expect("asked for").iter().map(|key| key.map(<[u8]>::to_vec)).collect();
    assert_eq!(keys, vec![Some(b"{\"id\":7}".to_vec()); 3], "one key, so one partition");
    let values: Vec<_> = received.records.values.iter().map(|value| value.map(<[u8]>::to_vec)).collect();
    let row = |name: &str| Some(format!("{{\"id\":7,\"name\":\"{name}\"}}").into_bytes());
    assert_eq!(values, [row("Ada"), row("Bea"), None]);
}

fn demo_table(it: &Workspace, topic: &str, columns: &[Column], typed: &[(&str, &str)]) -> Box<dyn Source> {
    let connector = DemoConnector::new(it.clock.clone());
    let typed = [&[("topic", topic)], typed].concat();
    connector.source("d", columns, &options(&connector, &typed)).expect("fits")
}

fn bids() -> [Column; 2] {
    [column("price", DataType::Int64), column("dateTime", DataType::Timestamp(TimeUnit::Millisecond, None))]
}

#[test]
fn a_demo_table_holds_the_demo() {
    let it = workspace();
    let source = demo_table(&it, "bids", &bids(), &[("number-of-rows", "3000"), ("seed", "42")]);
    assert!(source.bounded());
    let mut wanted: Vec<i64> = (0..3000)
        .map(|index| {
            let mut value = Vec::new();
            demo("bids").expect("there").make(42, START, index, &mut Vec::new(), &mut value);
            let json: serde_json::Value = serde_json::from_slice(&value).expect("JSON");
            json["price"].as_i64().expect("a price")
        })
        .collect();
    wanted.sort();
    for batch_rows in [1, 7, 8192] {
        let heard = hear(&mut *source.open(scan(2, batch_rows, None)).expect("opens"));
        assert_eq!(numbers(&heard, 0), wanted);
        assert_eq!((heard.announced.len(), heard.ended.len(), heard.records), (4, 4, 3000));
        assert!(heard.rejected.is_empty());
    }
}

#[test]
fn a_demo_table_resumes_without_loss_or_double() {
    let it = workspace();
    let columns = [column("price", DataType::Int64), metadata("offset", DataType::Int64)];
    let source = demo_table(&it, "bids", &columns, &[("number-of-rows", "500"), ("partitions", "3")]);
    for polls in [0, 2, 5, 11, 30] {
        let mut heard = Heard::default();
        let mut reader = source.open(scan(2, 20, None)).expect("opens");
        for _ in 0..polls {
            if let Poll::Rows(fetched) = reader.poll(Duration::from_secs(5)).expect("made") {
                heard.rows.push((fetched.partition.number, fetched.rows));
            }
        }
        let rest = hear(&mut *source.open(scan(2, 33, Some(reader.positions()))).expect("opens"));
        heard.rows.extend(rest.rows);
        assert_eq!(numbers(&heard, 1), (0..500).collect::<Vec<_>>(), "after {polls} polls");
    }
}

#[test]
fn a_live_demo_keeps_pace_with_the_clock() {
    let it = workspace();
    let source = demo_table(&it, "bids", &bids(), &[("rows-per-second", "1000"), ("start-time", "now")]);
    assert!(!source.bounded());
    let mut reader = source.open(scan(2, 8192, None)).expect("opens");
    // Four partitions are announced; then the pace begins, with nothing due.
    (0..5).for_each(|_| assert!(!matches!(reader.poll(Duration::ZERO).expect("made"), Poll::Rows(_))));
    let mut after = |ms: i64, due: usize| {
        it.clock.set(Millis(NOW + ms));
        let mut times = Vec::new();
        while times.len() < due {
            if let Poll::Rows(fetched) = reader.poll(Duration::from_secs(5)).expect("made") {
                times.extend_from_slice(fetched.rows.column(1).as_primitive::<TimestampMillisecondType>().values());
            }
        }
        assert!(matches!(reader.poll(Duration::ZERO).expect("made"), Poll::Nothing), "nothing more is due");
        times
    };
    let times = after(250, 250);
    assert_eq!(times.len(), 250);
    assert!(times.iter().all(|time| (NOW..NOW + 300).contains(time)), "by the clock, which said now");
    assert_eq!(after(251, 1).len(), 1);
}

#[test]
fn a_live_demo_that_goes_on_does_so_in_the_present() {
    let it = workspace();
    let typed = [("rows-per-second", "1000"), ("start-time", "now"), ("partitions", "1")];
    let read = |reader: &mut dyn Reader, due: usize| {
        let mut times = Vec::new();
        while times.len() < due {
            if let Poll::Rows(fetched) = reader.poll(Duration::from_secs(5)).expect("made") {
                times.extend_from_slice(fetched.rows.column(1).as_primitive::<TimestampMillisecondType>().values());
            }
        }
        times
    };
    let mut first = demo_table(&it, "bids", &bids(), &typed).open(scan(2, 8192, None)).expect("opens");
    assert!(matches!(first.poll(Duration::ZERO).expect("made"), Poll::Partition(_)));
    assert!(matches!(first.poll(Duration::ZERO).expect("made"), Poll::Nothing));
    it.clock.set(Millis(NOW + 5000));
    assert_eq!(read(&mut *first, 5000).len(), 5000);
    it.clock.set(Millis(NOW + 60_000));
    let positions = first.positions();
    let mut second = demo_table(&it, "bids", &bids(), &typed).open(scan(2, 8192, Some(positions))).expect("opens");
    assert!(matches!(second.poll(Duration::ZERO).expect("made"), Poll::Partition(_)));
    assert!(matches!(second.poll(Duration::ZERO).expect("made"), Poll::Nothing));
    it.clock.set(Millis(NOW + 60_500));
    let times = read(&mut *second, 500);
    let (earliest, latest) = (NOW + 58_000, NOW + 60_600);
    assert!(times.iter().all(|time| (earliest..latest).contains(time)), "{:?}", times.iter().max());
}

#[test]
fn every_demo_fits_the_types_that_it_declares() {
    let it = workspace();
    let fields = |types: &[(&str, DataType)]| {
        let fields = types.iter().map(|(name, data_type)| arrow::datatypes::Field::new(*name, data_type.clone(), true));
        DataType::Struct(fields.collect())
    };
    let types = BTreeMap::from([
        ("STRING", DataType::Utf8),
        ("BIGINT", DataType::Int64),
        ("INT", DataType::Int32),
        ("DOUBLE", DataType::Float64),
        ("TIMESTAMP(3)", DataType::Timestamp(TimeUnit::Millisecond, None)),
        ("ROW<id STRING, zip STRING>", fields(&[("id", DataType::Utf8), ("zip", DataType::Utf8)])),
        (
            "ARRAY<ROW<plate STRING, confidence DOUBLE>>",
            DataType::List(Arc::new(arrow::datatypes::Field::new(
                "element",
                fields(&[("plate", DataType::Utf8), ("confidence", DataType::Float64)]),
                true,
            ))),
        ),
    ]);
    for demo in millstream_connect::generate::demos() {
        let columns: Vec<Column> = demo.columns.iter().map(|(name, sql)| column(name, types[sql].clone())).collect();
        let source = demo_table(&it, demo.topic, &columns, &[("number-of-rows", "2000")]);
        let heard = hear(&mut *source.open(scan(columns.len(), 512, None)).expect("opens"));
        let rows: usize = heard.rows.iter().map(|(_, rows)| rows.num_rows()).sum();
        assert_eq!((rows, heard.rejected.len()), (2000, 0), "{}", demo.topic);
        let nulls: usize =
            heard.rows.iter().flat_map(|(_, rows)| rows.columns()).map(|column| column.null_count()).sum();
        assert_eq!(nulls, 0, "{}", demo.topic);
    }
}
