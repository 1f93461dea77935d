//! The ready-made topics, record by record.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDateTime;
use millstream_connect::generate::{Demo, Made, START, demo, demos, fill};
use millstream_connect::topic::{Bound, Start, Topics, partition_of_key};
use millstream_record::{ManualClock, Millis, Stop};
use serde_json::Value;

struct Parsed {
    times: Made,
    key: String,
    json: Value,
    length: usize,
}

fn record(demo: &Demo, seed: u64, index: u64) -> Parsed {
    let (mut key, mut value) = (Vec::new(), Vec::new());
    let times = demo.make(seed, START, index, &mut key, &mut value);
    let json = serde_json::from_slice(&value).unwrap_or_else(|error| panic!("{} {index}: {error}", demo.topic));
    Parsed { times, key: String::from_utf8(key).expect("text"), json, length: value.len() }
}

fn records(name: &str, count: u64) -> impl Iterator<Item = Parsed> {
    let demo = demo(name).expect("there is such a demo");
    (0..count).map(|index| record(demo, 42, index))
}

fn bytes(demo: &Demo, seed: u64, range: std::ops::Range<u64>) -> Vec<u8> {
    let (mut keys, mut values) = (Vec::new(), Vec::new());
    for index in range {
        demo.make(seed, START, index, &mut keys, &mut values);
    }
    keys.extend(values);
    keys
}

/// Whether a JSON value is one of a column of the type.
fn fits(json: &Value, data_type: &str) -> bool {
    match data_type {
        "STRING" => json.is_string(),
        "BIGINT" => json.is_i64(),
        "INT" => json.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        "DOUBLE" => json.is_f64(),
        "TIMESTAMP(3)" => json.as_str().is_some_and(|text| time(text).is_some()),
        "ROW<id STRING, zip STRING>" => json["id"].is_string() && json["zip"].is_string(),
        "ARRAY<ROW<plate STRING, confidence DOUBLE>>" => json
            .as_array()
            .is_some_and(|all| all.iter().all(|one| one["plate"].is_string() && one["confidence"].is_f64())),
        other => panic!("a type that this test does not know: {other}"),
    }
}

fn time(text: &str) -> Option<i64> {
    let parsed = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.3f").ok()?;
    Some(parsed.and_utc().timestamp_millis())
}

#[test]
fn the_list_is_complete_and_each_name_is_found() {
    let names: Vec<_> = demos().iter().map(|demo| demo.topic).collect();
    assert_eq!(names, ["bids", "auctions", "persons", "trades", "chat", "accelerometer", "camera"]);
    for demo in demos() {
        assert_eq!(millstream_connect::generate::demo(&demo.name()).expect("by its full name").topic, demo.topic);
        assert!(demo.columns.iter().any(|(name, _)| *name == demo.time_column));
        let seconds = demo.disorder_ms() / 1000;
        assert_eq!(demo.watermark, format!("{} - INTERVAL '{seconds}' SECOND", demo.time_column));
        assert!(demo.partitions > 1);
    }
    assert!(demo("demo.nothing").is_none());
}

#[test]
fn records_have_the_columns_that_are_declared() {
    for demo in demos() {
        for index in (0..3000).chain([1_000_000, 1_000_000_000]) {
            let made = record(demo, 42, index);
            let object = made.json.as_object().expect("an object");
            assert_eq!(object.len(), demo.columns.len(), "{}", demo.topic);
            for (name, data_type) in demo.columns {
                assert!(fits(&object[*name], data_type), "{} {index}: {name} = {}", demo.topic, object[*name]);
            }
            let happened = time(object[demo.time_column].as_str().expect("text"));
            assert_eq!(happened, Some(made.times.happened.0), "{} {index}", demo.topic);
            assert!(!made.key.is_empty());
        }
    }
}

#[test]
fn equal_seeds_give_equal_bytes_and_other_seeds_others() {
    for demo in demos() {
        let once = bytes(demo, 42, 0..2000);
        assert_eq!(once, bytes(demo, 42, 0..2000), "{}", demo.topic);
        assert_ne!(once, bytes(demo, 43, 0..2000), "{}", demo.topic);
    }
}

/// These bytes must not change: recorded answers are computed from them.
#[test]
fn the_first_records_of_seed_1() {
    let all: Vec<String> = demos()
        .iter()
        .map(|demo| {
            let mut value = Vec::new();
            demo.make(1, START, 0, &mut Vec::new(), &mut value);
            String::from_utf8(value).expect("text")
        })
        .collect();
    let recorded: Vec<&str> = include_str!("first.jsonl").lines().collect();
    assert_eq!(all, recorded);
}

#[test]
fn arrival_never_falls_and_disorder_is_as_stated() {
    for demo in demos() {
        let (mut newest, mut arrived, mut behind, mut worst) = (i64::MIN, i64::MIN, 0, 0);
        let count = 20_000;
        for index in 0..count {
            let made = demo.make(42, START, index, &mut Vec::new(), &mut Vec::new());
            assert!(made.arrival.0 >= arrived && made.happened <= made.arrival && made.happened >= START);
            arrived = made.arrival.0;
            behind += u64::from(made.happened.0 < newest);
            worst = worst.max(newest.saturating_sub(made.happened.0));
            newest = newest.max(made.happened.0);
        }
        let limit = demo.disorder_ms() as i64;
        assert!(worst < limit, "{}: {worst} ms behind", demo.topic);
        assert!(worst > limit / 2, "{}: only {worst} ms behind", demo.topic);
        assert!(behind > count / 20, "{}: only {behind} behind", demo.topic);
        let rate = count as f64 * 1000.0 / (arrived - START.0) as f64;
        assert!((rate / demo.rows_per_second() as f64 - 1.0).abs() < 0.01, "{}: {rate} a second", demo.topic);
    }
}

#[test]
fn bids_are_for_auctions_that_are_there_by_persons_who_are_there() {
    let auctions: BTreeMap<i64, i64> =
        records("auctions", 3_000).map(|made| (made.json["id"].as_i64().expect("id"), made.times.arrival.0)).collect();
    let persons: BTreeMap<i64, i64> =
        records("persons", 1_000).map(|made| (made.json["id"].as_i64().expect("id"), made.times.arrival.0)).collect();
    let mut length = 0;
    for bid in records("bids", 40_000) {
        let at = bid.times.arrival.0;
        assert!(auctions[&bid.json["auction"].as_i64().expect("auction")] <= at);
        assert!(persons[&bid.json["bidder"].as_i64().expect("bidder")] <= at);
        assert!(bid.json["price"].as_i64().expect("price") > 0);
        length += bid.length;
    }
    for auction in records("auctions", 2_000) {
        assert!(persons[&auction.json["seller"].as_i64().expect("seller")] <= auction.times.arrival.0);
    }
    let mean = length / 40_000;
    assert!((220..280).contains(&mean), "{mean} bytes a bid");
}

#[test]
fn phones_mostly_feel_the_earth_and_seldom_a_blow() {
    let force = |made: &Parsed| {
        let axis = |name: &str| made.json[name].as_f64().expect("a number");
        (axis("x").powi(2) + axis("y").powi(2) + axis("z").powi(2)).sqrt()
    };
    let (mut calm, mut blows, mut weightless) = (0, BTreeSet::new(), 0);
    for made in records("accelerometer", 200_000) {
        let force = force(&made);
        calm += u32::from((3.0..17.0).contains(&force));
        weightless += u32::from(force < 1.5);
        if force > 30.0 {
            blows.insert(made.key);
        }
    }
    assert!(calm > 190_000, "{calm} calm samples");
    assert!(weightless > 50, "{weightless} weightless samples");
    assert!((2..18).contains(&blows.len()), "blows to {blows:?}");
}

#[test]
fn prices_wander_without_leaping() {
    let mut last: BTreeMap<String, f64> = BTreeMap::new();
    let (mut least, mut most) = (f64::MAX, f64::MIN);
    for made in records("trades", 60_000) {
        let price = made.json["price"].as_f64().expect("a price");
        let before = last.insert(made.key.clone(), price).unwrap_or(price);
        assert!((price / before - 1.0).abs() < 0.02, "{}: {before} then {price}", made.key);
        if made.key == "AAPL" {
            (least, most) = (least.min(price), most.max(price));
        }
    }
    assert_eq!(last.len(), 16);
    assert!(most / least > 1.003, "{least} to {most} in two minutes");
}

#[test]
fn an_embedded_topic_is_filled() {
    let folder = tempfile::tempdir().expect("a folder");
    let topics = Topics::open(folder.path(), Arc::new(ManualClock::at(Millis(0))));
    let bids = demo("bids").expect("there");
    fill(&topics, &bids.name(), bids, 42, START, 5_000).expect("filled");
    let summary = topics.describe("demo.bids").expect("there");
    assert_eq!((summary.partitions, summary.records), (bids.partitions, 5_000));
    assert!(summary.ends.iter().all(|&end| end > 500), "{:?}", summary.ends);
    let mut consumer = topics.consumer("demo.bids", &Start::Earliest, &Bound::Latest).expect("opens");
    let mut found = Vec::new();
    while let Some(received) = consumer.next(Duration::from_secs(1), &Stop::default()).expect("readable") {
        let records = received.records;
        for index in 0..records.len() {
            let key = records.keys.as_ref().and_then(|keys| keys.get(index)).expect("a key");
            assert_eq!(partition_of_key(key, bids.partitions), records.partition.number as u32);
            assert_eq!(received.arrivals[index].at.0, records.timestamps.as_ref().expect("asked for")[index]);
            found.push((received.arrivals[index], records.values.get(index).expect("a value").to_vec()));
        }
    }
    found.sort();
    let wanted = (0..5_000).map(|index| {
        let mut value = Vec::new();
        bids.make(42, START, index, &mut Vec::new(), &mut value);
        value
    });
    assert!(found.into_iter().map(|(_, value)| value).eq(wanted), "in order of arrival they are the demo");
}
