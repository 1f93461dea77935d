//! Rows into topics: what was written is read back by the plain client.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, Int64Array, MapArray, MapBuilder, MapFieldNames, RecordBatch, StringArray, StringBuilder,
    TimestampMillisecondArray,
};
use arrow::datatypes::DataType;
use millstream_connect::format::metadata as format;
use millstream_connect::kafka::Kafka;
use millstream_record::{Batch, Column, Connector, Kind, Kinds, Poll, Sink};
use millstream_tests::broker::Broker;
use millstream_tests::topics::{Record, Topics};

use super::table::{metadata, open, options, payload, scan, sink};

fn columns() -> Vec<Column> {
    vec![payload("n", DataType::Int64), payload("s", DataType::Utf8)]
}

fn rows(values: &[(i64, &str)]) -> RecordBatch {
    let n: ArrayRef = Arc::new(values.iter().map(|(n, _)| *n).collect::<Int64Array>());
    let s: ArrayRef = Arc::new(values.iter().map(|(_, s)| Some(*s)).collect::<StringArray>());
    RecordBatch::try_from_iter([("n", n), ("s", s)]).expect("two columns")
}

#[test]
fn rows_go_in_turn_to_all_partitions_and_come_back() {
    let servers = Broker::shared().address();
    let (name, topics) = ("sinks-append", Topics::at(&servers));
    topics.create(name, 3);
    let typed = [("topic", name), ("sink.partitioner", "round-robin")];
    let mut sink = sink(&servers, &columns(), &[], &typed).expect("it opens");
    sink.write(&Batch::insert(rows(&[(1, "a"), (2, "b"), (3, "c")]))).expect("it is sent");
    sink.write(&Batch::insert(rows(&[(4, "d")]))).expect("it is sent");
    sink.flush().expect("it arrives");
    let found = topics.read(name);
    let values = |partition: i32| found[&partition].iter().map(|record| record.value.as_deref()).collect::<Vec<_>>();
    assert_eq!(values(0), [Some(r#"{"n":1,"s":"a"}"#), Some(r#"{"n":4,"s":"d"}"#)]);
    assert_eq!(values(1), [Some(r#"{"n":2,"s":"b"}"#)]);
    assert_eq!(values(2), [Some(r#"{"n":3,"s":"c"}"#)]);
    let bounded = [("topic", name), ("scan.bounded.mode", "latest-offset")];
    let mut read: Vec<i64> = open(&servers, &bounded).expect("it opens").finish().iter().map(|row| row.n).collect();
    read.sort_unstable();
    assert_eq!(read, [1, 2, 3, 4]);
}

#[test]
fn an_upsert_sink_writes_keys_and_tombstones() {
    let servers = Broker::shared().address();
    let (name, topics) = ("sinks-upsert", Topics::at(&servers));
    topics.create(name, 1);
    let typed = [("topic", name), ("key.format", "json"), ("value.format", "json")];
    let mut sink = sink(&servers, &columns(), &[0], &typed).expect("it opens");
    let kinds = [Kind::Insert, Kind::Insert, Kind::UpdateBefore, Kind::UpdateAfter, Kind::Delete];
    let changes = rows(&[(1, "a"), (2, "b"), (1, "a"), (1, "c"), (2, "b")]);
    sink.write(&Batch::changes(changes, Kinds::new(kinds))).expect("it is sent");
    sink.flush().expect("it arrives");
    let pairs: Vec<(Option<String>, Option<String>)> =
        topics.read(name)[&0].iter().map(|record| (record.key.clone(), record.value.clone())).collect();
    let pair = |key: &str, value: Option<&str>| (Some(key.to_string()), value.map(str::to_string));
    assert_eq!(
        pairs,
        [
            pair(r#"{"n":1}"#, Some(r#"{"n":1,"s":"a"}"#)),
            pair(r#"{"n":2}"#, Some(r#"{"n":2,"s":"b"}"#)),
            pair(r#"{"n":1}"#, Some(r#"{"n":1,"s":"c"}"#)),
            pair(r#"{"n":2}"#, None),
        ]
    );
}

#[test]
fn equal_keys_meet_in_the_partition_that_java_clients_choose() {
    let servers = Broker::shared().address();
    let (name, topics) = ("sinks-keyed", Topics::at(&servers));
    topics.create(name, 4);
    let typed = [("topic", name), ("key.format", "raw"), ("key.fields", "s"), ("value.format", "json")];
    let mut sink = sink(&servers, &columns(), &[], &typed).expect("it opens");
    let words = ["tick", "tock", "tick", "Alice", "tock"];
    let numbered: Vec<(i64, &str)> = words.iter().enumerate().map(|(n, word)| (n as i64, *word)).collect();
    sink.write(&Batch::insert(rows(&numbered))).expect("it is sent");
    sink.flush().expect("it arrives");
    for (partition, records) in topics.read(name) {
        for Record { key, .. } in records {
            let key = key.expect("every record has a key");
            assert_eq!(partition, java_partition(key.as_bytes(), 4), "{key}");
        }
    }
}

/// The partition of a key in Java clients: murmur2 with their seed, sign bit cleared (Kafka's
/// `Utils.murmur2`, after Austin Appleby's MurmurHash2).
fn java_partition(key: &[u8], partitions: i32) -> i32 {
    const MIX: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c_u32 ^ key.len() as u32;
    let mut words = key.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes(word.try_into().expect("four bytes")).wrapping_mul(MIX);
        k = (k ^ (k >> 24)).wrapping_mul(MIX);
        hash = hash.wrapping_mul(MIX) ^ k;
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0u32, |tail, &byte| tail << 8 | u32::from(byte));
        hash = (hash ^ tail).wrapping_mul(MIX);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(MIX);
    ((hash ^ (hash >> 15)) & 0x7fff_ffff) as i32 % partitions
}

#[test]
fn timestamp_and_headers_become_the_records_own_and_are_read_back() {
    let servers = Broker::shared().address();
    let (name, topics) = ("sinks-metadata", Topics::at(&servers));
    topics.create(name, 1);
    let (time, map) = (format::timestamp_type(), format::headers_type());
    let columns = [payload("n", DataType::Int64), metadata("ts", "timestamp", time), metadata("h", "headers", map)];
    let n: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let ts: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![5000, 6000]).with_timezone("UTC"));
    let headers: ArrayRef = Arc::new(headers(&[&[("trace", Some("a1")), ("empty", None)], &[]]));
    let rows = RecordBatch::try_from_iter([("n", n), ("ts", ts), ("h", headers)]).expect("three columns");
    let mut sink = sink(&servers, &columns, &[], &[("topic", name)]).expect("it opens");
    sink.write(&Batch::insert(rows.clone())).expect("it is sent");
    sink.flush().expect("it arrives");

    let found = topics.read(name).remove(&0).expect("one partition");
    let record = |n: i64, timestamp| Record { timestamp: Some(timestamp), ..Record::new(0, format!("{{\"n\":{n}}}")) };
    let traced = vec![("trace".to_string(), Some("a1".to_string())), ("empty".to_string(), None)];
    assert_eq!(found, [Record { headers: traced, ..record(1, 5000) }, record(2, 6000)]);

    let bounded = options(&servers, &[("topic", name), ("scan.bounded.mode", "latest-offset")]);
    let source = Kafka::default().source("t", &columns, &bounded).expect("it fits");
    let mut reader = source.open(scan(None)).expect("it opens");
    let mut read = Vec::new();
    loop {
        match reader.poll(std::time::Duration::from_secs(10)).expect("the broker is there") {
            Poll::Rows(fetched) => read.push(fetched.rows),
            Poll::End => break,
            _ => {}
        }
    }
    let read = arrow::compute::concat_batches(&read[0].schema(), &read).expect("one schema");
    assert_eq!(read.columns(), rows.columns());
}

/// A MAP<STRING, BYTES> a row.
fn headers(rows: &[&[(&str, Option<&str>)]]) -> MapArray {
    let names = MapFieldNames { entry: "entries".into(), key: "key".into(), value: "value".into() };
    let mut map = MapBuilder::new(Some(names), StringBuilder::new(), BinaryBuilder::new());
    for row in rows {
        for (name, value) in *row {
            map.keys().append_value(name);
            map.values().append_option(value.map(str::as_bytes));
        }
        map.append(true).expect("as many names as values");
    }
    map.finish()
}

#[test]
fn a_record_that_cannot_be_delivered_fails_the_flush_and_all_after_it() {
    let servers = Broker::shared().address();
    let (name, topics) = ("sinks-large", Topics::at(&servers));
    topics.create(name, 1);
    let typed = [("topic", name), ("properties.message.max.bytes", "2000")];
    let mut sink = sink(&servers, &columns(), &[], &typed).expect("it opens");
    let large = "x".repeat(5000);
    let outcome = sink.write(&Batch::insert(rows(&[(1, &large), (2, "small")]))).and_then(|()| sink.flush());
    let error = outcome.expect_err("one record is too large").to_string();
    assert!(error.contains("sinks-large") && error.contains("MessageSizeTooLarge"), "{error}");
    assert!(sink.write(&Batch::insert(rows(&[(3, "small")]))).is_err(), "the epoch cannot be committed any more");
    assert!(sink.flush().is_err());
}

#[test]
fn a_flush_waits_for_a_broker_that_restarts_and_nothing_is_lost_or_doubled() {
    let mut broker = Broker::start();
    let servers = broker.address();
    let topics = Topics::at(&servers);
    topics.create("sinks-restart", 1);
    let mut sink = sink(&servers, &columns(), &[], &[("topic", "sinks-restart")]).expect("it opens");
    let write = |sink: &mut Box<dyn Sink>, range: std::ops::Range<i64>| {
        let numbered: Vec<(i64, &str)> = range.map(|n| (n, "x")).collect();
        sink.write(&Batch::insert(rows(&numbered))).expect("there is room");
    };
    write(&mut sink, 0..1000);
    sink.flush().expect("it arrives");
    write(&mut sink, 1000..2000);
    broker.stop();
    write(&mut sink, 2000..3000);
    let flushing = std::thread::spawn(move || sink.flush());
    assert!(!flushing.is_finished(), "nobody could confirm the last records");
    broker.resume();
    flushing.join().expect("no panic").expect("it arrives after all");
    let values: Vec<Option<String>> =
        topics.read("sinks-restart")[&0].iter().map(|record| record.value.clone()).collect();
    let expected: Vec<Option<String>> = (0..3000).map(|n| Some(format!("{{\"n\":{n},\"s\":\"x\"}}"))).collect();
    assert!(
        values == expected,
        "{} records, first difference at {:?}",
        values.len(),
        values.iter().zip(&expected).position(|(a, b)| a != b)
    );
}

#[test]
fn a_broker_that_stays_away_fails_the_flush_with_address_and_reason() {
    let mut broker = Broker::start();
    let servers = broker.address();
    Topics::at(&servers).create("sinks-away", 1);
    let typed = [("topic", "sinks-away"), ("properties.message.timeout.ms", "2000")];
    let mut sink = sink(&servers, &columns(), &[], &typed).expect("it opens");
    broker.stop();
    sink.write(&Batch::insert(rows(&[(1, "a")]))).expect("there is room");
    let error = sink.flush().expect_err("nobody takes it").to_string();
    assert!(
        error.starts_with(&format!("cannot reach {servers}: a record for topic 'sinks-away' was not delivered")),
        "{error}"
    );
}

#[test]
fn what_cannot_be_written_is_refused_before_the_first_row() {
    let servers = Broker::shared().address();
    let refusal = |key: &[usize], typed: &[(&str, &str)]| {
        sink(&servers, &columns(), key, typed).err().expect("it must be refused").to_string()
    };
    assert!(refusal(&[], &[("topic", "sinks-missing")]).starts_with("topic 'sinks-missing' does not exist on "));
    assert!(refusal(&[], &[("topic", "a;b")]).contains("name exactly one in 'topic'"));
    assert!(refusal(&[], &[("topic-pattern", "a.*")]).starts_with("option 'topic' is missing"));
    assert!(
        refusal(&[], &[("topic", "a"), ("sink.delivery-guarantee", "exactly-once")])
            .contains("needs the checkpoints of a job")
    );
}
