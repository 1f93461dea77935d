//! What is written is read: order, offsets, times, starts, ends, positions.

use std::collections::BTreeMap;
use std::time::Duration;

use millstream_connect::topic::{Bound, Record, Start, Topics, partition_of_key};
use millstream_record::{Millis, Offset, PartitionId, Positions, Stop};
use proptest::prelude::*;

use super::{NOW, Workspace, read, rest, send, workspace};

const WAIT: Duration = Duration::from_secs(1);

/// `count` records over three partitions in small appends; record `i` is `i` at time `i * 10`.
fn filled(count: usize) -> Workspace {
    let it = workspace();
    it.topics.create("t", 3).expect("new");
    let mut producer = it.topics.producer("t").expect("opens");
    for i in 0..count {
        send(&mut producer, (i % 3) as u32, i as i64 * 10, &i.to_string());
        if i % 7 == 6 {
            producer.append().expect("appended");
        }
    }
    producer.flush().expect("flushed");
    it
}

#[test]
fn a_record_comes_back_with_all_that_belongs_to_it() {
    let it = workspace();
    it.topics.create("t", 1).expect("new");
    let mut producer = it.topics.producer("t").expect("opens");
    let headers: &[(&str, Option<&[u8]>)] = &[("trace", Some(b"\x00\xff")), ("empty", Some(b"")), ("none", None)];
    let full = Record {
        key: Some(b"k"),
        value: Some(b"v"),
        headers,
        timestamp: Some(Millis(-5)),
        arrival: Some(Millis(42)),
        ..Record::default()
    };
    producer.send(&full).expect("sent");
    it.clock.set(Millis(NOW + 9));
    producer.send(&Record { key: Some(b""), ..Record::default() }).expect("sent");
    producer.flush().expect("flushed");

    let mut consumer = it.topics.consumer("t", &Start::Earliest, &Bound::Latest).expect("opens");
    let received = consumer.next(WAIT, &Stop::default()).expect("readable").expect("two records");
    let records = &received.records;
    assert_eq!(records.partition, PartitionId::new("t", 0));
    assert_eq!(records.offsets, [0, 1]);
    assert_eq!(records.timestamps.as_deref(), Some(&[-5, NOW][..]));
    assert_eq!(received.arrivals.iter().map(|arrival| arrival.at.0).collect::<Vec<_>>(), [42, NOW]);
    let keys: Vec<_> = records.keys.as_ref().expect("asked for").iter().map(|key| key.map(<[u8]>::to_vec)).collect();
    assert_eq!(keys, [Some(b"k".to_vec()), Some(Vec::new())]);
    let values: Vec<_> = records.values.iter().map(|value| value.map(<[u8]>::to_vec)).collect();
    assert_eq!(values, [Some(b"v".to_vec()), None]);
    let wanted: Vec<_> = headers.iter().map(|(name, value)| (name.to_string(), value.map(<[u8]>::to_vec))).collect();
    assert_eq!(records.headers, Some(vec![wanted, Vec::new()]));
    assert!(consumer.ended());
    assert!(consumer.next(WAIT, &Stop::default()).expect("readable").is_none());
}

#[test]
fn partitions_keep_their_order_and_equal_keys_their_partition() {
    let it = workspace();
    it.topics.create("t", 4).expect("new");
    let mut producer = it.topics.producer("t").expect("opens");
    for i in 0..5_000u32 {
        let key = format!("user-{}", i % 37);
        let record = Record { key: Some(key.as_bytes()), value: Some(&i.to_be_bytes()), ..Record::default() };
        assert_eq!(producer.send(&record).expect("sent"), partition_of_key(key.as_bytes(), 4));
    }
    producer.flush().expect("flushed");
    let mut consumer = it.topics.consumer("t", &Start::Earliest, &Bound::Latest).expect("opens");
    let mut last = [None::<u32>; 4];
    let mut next = [0; 4];
    while let Some(received) = consumer.next(WAIT, &Stop::default()).expect("readable") {
        let records = received.records;
        let partition = records.partition.number as usize;
        for (index, &offset) in records.offsets.iter().enumerate() {
            let value = u32::from_be_bytes(records.values.get(index).expect("a value").try_into().expect("four bytes"));
            let key = records.keys.as_ref().expect("asked for").get(index).expect("a key");
            assert_eq!(key, format!("user-{}", value % 37).as_bytes());
            assert_eq!(offset, next[partition]);
            assert!(last[partition] < Some(value));
            (next[partition], last[partition]) = (offset + 1, Some(value));
        }
    }
    assert_eq!(next.iter().sum::<i64>(), 5_000);
}

#[test]
fn records_without_key_go_round_also_one_by_one() {
    let it = workspace();
    it.topics.create("t", 3).expect("new");
    let mut took = Vec::new();
    for _ in 0..3 {
        // As three runs of the command line would.
        let topics = Topics::open(it.folder.path(), it.clock.clone());
        let mut producer = topics.producer("t").expect("opens");
        took.push(producer.send(&Record::default()).expect("sent"));
        took.push(producer.send(&Record::default()).expect("sent"));
        producer.flush().expect("flushed");
    }
    assert_eq!(took, [0, 1, 2, 0, 1, 2]);
    assert_eq!(it.topics.describe("t").expect("there").ends, [2, 2, 2]);
}

#[test]
fn order_of_arrival_over_all_partitions_can_be_had_back() {
    let it = filled(100);
    let mut consumer = it.topics.consumer("t", &Start::Earliest, &Bound::Latest).expect("opens");
    let mut all = Vec::new();
    while let Some(received) = consumer.next(WAIT, &Stop::default()).expect("readable") {
        for (index, arrival) in received.arrivals.iter().enumerate() {
            all.push((*arrival, received.records.values.get(index).expect("a value").to_vec()));
        }
    }
    all.sort();
    let values: Vec<_> = all.into_iter().map(|(_, value)| String::from_utf8(value).expect("text")).collect();
    assert_eq!(values, (0..100).map(|i| i.to_string()).collect::<Vec<_>>());
}

#[test]
fn reading_starts_where_it_is_told() {
    let it = filled(100);
    let values = |start: Start| {
        let mut values: Vec<usize> =
            read(&it.topics, "t", &start).into_iter().map(|(_, _, value)| value.parse().expect("a number")).collect();
        values.sort();
        values
    };
    assert_eq!(values(Start::Earliest), (0..100).collect::<Vec<_>>());
    assert_eq!(values(Start::Latest), Vec::<usize>::new());
    assert_eq!(values(Start::Timestamp(Millis(i64::MIN))), (0..100).collect::<Vec<_>>());
    assert_eq!(values(Start::Timestamp(Millis(400))), (40..100).collect::<Vec<_>>());
    assert_eq!(values(Start::Timestamp(Millis(401))), (41..100).collect::<Vec<_>>());
    assert_eq!(values(Start::Timestamp(Millis(991))), Vec::<usize>::new());
    let offsets = BTreeMap::from([(0, 33), (1, 32), (2, 33)]);
    assert_eq!(values(Start::Offsets(offsets)), [97, 99]);
    assert_eq!(values(Start::Offsets(BTreeMap::from([(0, 34), (1, 33)]))), (2..100).step_by(3).collect::<Vec<_>>());
}

#[test]
fn reading_ends_where_it_is_told() {
    let it = filled(100);
    let values = |bound: Bound| {
        let mut consumer = it.topics.consumer("t", &Start::Earliest, &bound).expect("opens");
        let mut values: Vec<usize> =
            rest(&mut consumer).into_iter().map(|(_, _, value)| value.parse().expect("a number")).collect();
        values.sort();
        (values, consumer.ended())
    };
    assert_eq!(values(Bound::Latest), ((0..100).collect(), true));
    assert_eq!(values(Bound::Unbounded), ((0..100).collect(), false));
    assert_eq!(values(Bound::Timestamp(Millis(300))), ((0..30).collect(), true));
    assert_eq!(values(Bound::Timestamp(Millis(0))), (vec![], true));
    assert_eq!(values(Bound::Offsets(BTreeMap::from([(1, 2)]))), (vec![1, 4], true));
    assert_eq!(values(Bound::Offsets(BTreeMap::from([(1, 34)]))), ((1..100).step_by(3).collect(), false));
}

#[test]
fn a_timestamp_finds_the_first_record_that_is_as_late_though_times_are_out_of_order() {
    let it = workspace();
    it.topics.create("t", 1).expect("new");
    let mut producer = it.topics.producer("t").expect("opens");
    for (append, times) in [[10, 40, 20], [30, 50, 15], [60, 5, 70]].into_iter().enumerate() {
        for (place, time) in times.into_iter().enumerate() {
            send(&mut producer, 0, time, &format!("{append}.{place}"));
        }
        producer.append().expect("appended");
    }
    let first = |time| read(&it.topics, "t", &Start::Timestamp(Millis(time))).into_iter().next().map(|found| found.2);
    let wanted = [(0, "0.0"), (11, "0.1"), (40, "0.1"), (41, "1.1"), (51, "2.0"), (61, "2.2")];
    for (time, value) in wanted {
        assert_eq!(first(time).as_deref(), Some(value), "from {time} on");
    }
    assert_eq!(first(71), None);
}

#[test]
fn what_does_not_fit_the_topic_is_refused() {
    let it = filled(9);
    let open = |start: Start, bound: Bound| it.topics.consumer("t", &start, &bound).map(drop);
    let offsets = |pairs: &[(u32, i64)]| pairs.iter().copied().collect::<BTreeMap<_, _>>();
    assert_eq!(
        open(Start::Offsets(offsets(&[(3, 0)])), Bound::Latest).expect_err("no such partition").to_string(),
        "topic 't' has no partition 3: it has 3, counted from 0"
    );
    open(Start::Earliest, Bound::Offsets(offsets(&[(7, 0)]))).expect_err("no such partition");
    assert_eq!(
        open(Start::Offsets(offsets(&[(1, 4)])), Bound::Latest).expect_err("beyond").to_string(),
        "reading of topic 't' cannot begin at offset 4 of partition 1: the partition ends at 3"
    );
    let resume = |topic: &str, number, offset| {
        let positions = Positions::from([(PartitionId::new(topic, number), Offset(offset))]);
        it.topics.resume("t", &positions, &Bound::Latest).map(drop)
    };
    resume("t", 0, 3).expect("at the end");
    assert_eq!(
        resume("t", 0, 4).expect_err("beyond").to_string(),
        "records are missing in partition 0 of topic 't': reading was at offset 4, but the partition ends at 3; \
         to go on all the same, set 'scan.on-data-loss' to 'earliest' or 'latest'"
    );
    resume("t", 9, 0).expect_err("no such partition");
    resume("other", 0, 0).expect_err("of another topic");
}

#[test]
fn a_follower_sees_what_comes_and_stops_when_told() {
    let it = filled(3);
    let mut consumer = it.topics.consumer("t", &Start::Latest, &Bound::Unbounded).expect("opens");
    assert!(consumer.next(Duration::from_millis(5), &Stop::default()).expect("readable").is_none());
    let mut producer = it.topics.producer("t").expect("opens");
    for round in 0..20 {
        send(&mut producer, round % 3, 0, &format!("new {round}"));
        producer.append().expect("appended");
        let received = consumer.next(WAIT, &Stop::default()).expect("readable").expect("it was appended");
        assert_eq!(received.records.values.get(0), Some(format!("new {round}").as_bytes()));
        assert_eq!(consumer.lag().expect("known"), 0);
    }
    let stop = Stop::default();
    stop.raise();
    assert!(consumer.next(Duration::from_secs(3600), &stop).expect("readable").is_none());
}

#[test]
fn what_was_split_over_many_openings_stays_whole_and_in_few_files() {
    let it = workspace();
    it.topics.create("t", 1).expect("new");
    for i in 0..60 {
        let topics = Topics::open(it.folder.path(), it.clock.clone());
        let mut producer = topics.producer("t").expect("opens");
        send(&mut producer, 0, i, &i.to_string());
        producer.flush().expect("flushed");
    }
    let values: Vec<_> = read(&it.topics, "t", &Start::Earliest).into_iter().map(|found| found.2).collect();
    assert_eq!(values, (0..60).map(|i| i.to_string()).collect::<Vec<_>>());
    let files = std::fs::read_dir(it.folder.path().join("t/log")).expect("there").flatten();
    let tables = files.filter(|file| file.path().extension().is_some_and(|end| end == "sst")).count();
    assert!(tables < 30, "{tables} files hold 60 records");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Reads some, saves the positions, drops the reader, goes on from there, at any points.
    #[test]
    fn resuming_neither_loses_nor_repeats(cuts in prop::collection::vec(0usize..40, 1..6), small in 1usize..30) {
        let it = workspace();
        it.topics.create("t", 3).expect("new");
        let mut producer = it.topics.producer("t").expect("opens");
        for i in 0..120usize {
            send(&mut producer, (i * 7 % 3) as u32, i as i64, &i.to_string());
            if i % small == 0 {
                producer.append().expect("appended");
            }
        }
        producer.flush().expect("flushed");
        let mut positions = Positions::new();
        let mut seen = Vec::new();
        for cut in cuts.into_iter().chain([usize::MAX]) {
            let mut consumer = it.topics.resume("t", &positions, &Bound::Latest).expect("opens");
            for _ in 0..cut {
                let Some(received) = consumer.next(WAIT, &Stop::default()).expect("readable") else { break };
                seen.extend(received.records.values.iter().map(|value| value.expect("a value").to_vec()));
            }
            positions = consumer.positions();
        }
        let mut seen: Vec<usize> =
            seen.into_iter().map(|value| String::from_utf8(value).expect("text").parse().expect("a number")).collect();
        seen.sort();
        prop_assert_eq!(seen, (0..120).collect::<Vec<_>>());
    }
}
