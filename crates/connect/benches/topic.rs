//! How fast embedded topics take records and give them back, and how fast demos make them. Plain figures:
//! the medians of five rounds, printed as a table. `ROWS=1000000` sets the size.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the wall clock")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::datatypes::{DataType, TimeUnit};
use millstream_connect::generate::{START, demo, demos, produce};
use millstream_connect::topic::{Bound, Record, Start, TopicConnector, Topics};
use millstream_record::{Column, Connector, Options, Origin, Poll, Scan, Stop, SystemClock};

const ROUNDS: usize = 5;
const BATCH_ROWS: usize = 8192;

fn main() {
    let rows: u64 = std::env::var("ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(1_000_000);
    println!("{:<34} {:>14} {:>10} {:>12}", "what", "rows/s", "MB/s", "CPU us/row");
    for demo in demos() {
        let (mut key, mut value) = (Vec::new(), Vec::new());
        let bytes = make(demo.topic, rows / 4, &mut key, &mut value);
        report(&format!("make {}", demo.topic), rows, bytes * 4, || {
            make(demo.topic, rows, &mut key, &mut value);
        });
    }
    let folder = tempfile::tempdir().expect("a folder");
    let topics = Topics::open(folder.path(), Arc::new(SystemClock));
    let bytes = append(&topics, rows);
    one_by_one(&topics);
    handing_over(&topics, folder.path());
    scan_raw(&topics, rows, bytes);
    for columns in [&["auction", "price", "dateTime"][..], &["auction"], &[]] {
        scan_columns(&topics, rows, bytes, columns);
    }
    following(&topics);
}

fn make(topic: &str, rows: u64, key: &mut Vec<u8>, value: &mut Vec<u8>) -> u64 {
    let demo = demo(topic).expect("there is such a demo");
    let mut bytes = 0;
    for index in 0..rows {
        key.clear();
        value.clear();
        demo.make(1, START, index, key, value);
        bytes += value.len() as u64;
    }
    bytes
}

/// Wall time, and the time that all threads of this process spent on a processor (in steps of 10 ms; 0
/// where the system does not tell).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Spent {
    wall: Duration,
    cpu: Duration,
}

fn measure(run: impl FnOnce()) -> Spent {
    let (begin, before) = (Instant::now(), cpu());
    run();
    Spent { wall: begin.elapsed(), cpu: cpu().saturating_sub(before) }
}

fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    // The 14th and 15th field: ticks of 10 ms in the program and in the kernel.
    let ticks = behind_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

fn median(mut all: Vec<Spent>) -> Spent {
    all.sort();
    all[all.len() / 2]
}

fn report(what: &str, rows: u64, bytes: u64, mut run: impl FnMut()) {
    print_row(what, rows, bytes, median((0..ROUNDS).map(|_| measure(&mut run)).collect()));
}

fn print_row(what: &str, rows: u64, bytes: u64, spent: Spent) {
    let seconds = spent.wall.as_secs_f64();
    let each = spent.cpu.as_secs_f64() * 1e6 / rows as f64;
    println!("{what:<34} {:>14.0} {:>10.1} {each:>12.2}", rows as f64 / seconds, bytes as f64 / seconds / 1e6);
}

/// Appends ready-made bids, so that making them is not measured. Leaves the topic `bids` behind.
fn append(topics: &Topics, rows: u64) -> u64 {
    let bids = demo("bids").expect("there");
    let (mut keys, mut values, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for index in 0..rows {
        bids.make(1, START, index, &mut keys, &mut values);
        ends.push((keys.len(), values.len()));
    }
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        if round > 0 {
            topics.delete("bids").expect("deleted");
        }
        topics.create("bids", 4).expect("new");
        times.push(measure(|| {
            let mut producer = topics.producer("bids").expect("opens");
            let mut from = (0, 0);
            for &to in &ends {
                let (key, value) = (Some(&keys[from.0..to.0]), Some(&values[from.1..to.1]));
                producer.send(&Record { key, value, ..Record::default() }).expect("sent");
                from = to;
            }
            producer.flush().expect("flushed");
        }));
    }
    let bytes = (keys.len() + values.len()) as u64;
    print_row("append bids, 4 partitions, by key", rows, bytes, median(times));
    let disk = topics.describe("bids").expect("there").disk_bytes;
    println!("  on disk {:.1} % of {:.0} MB", disk as f64 * 100.0 / bytes as f64, bytes as f64 / 1e6);
    bytes
}

/// Each record appended by itself, and flushed every hundred.
fn one_by_one(topics: &Topics) {
    topics.create("single", 1).expect("new");
    let mut producer = topics.producer("single").expect("opens");
    let value = [b'x'; 250];
    report("append one by one, no sync", 50_000, 50_000 * 250, || {
        for _ in 0..50_000 {
            producer.send(&Record { value: Some(&value), ..Record::default() }).expect("sent");
            producer.append().expect("appended");
        }
    });
    report("flush after every record", 200, 200 * 250, || {
        for _ in 0..200 {
            producer.send(&Record { value: Some(&value), ..Record::default() }).expect("sent");
            producer.flush().expect("flushed");
        }
    });
}

/// Two writers that know nothing of each other, as two processes do.
fn handing_over(topics: &Topics, folder: &std::path::Path) {
    topics.create("shared", 2).expect("new");
    let value = [b'x'; 250];
    let write = || {
        let mut producer = Topics::open(folder, Arc::new(SystemClock)).producer("shared").expect("opens");
        for _ in 0..400_000 {
            producer.send(&Record { value: Some(&value), ..Record::default() }).expect("sent");
        }
        producer.flush().expect("flushed");
    };
    let spent = measure(|| {
        std::thread::scope(|scope| {
            scope.spawn(write);
            write();
        });
    });
    print_row("append, two writers taking turns", 800_000, 800_000 * 250, spent);
    let mut writers: Vec<_> =
        (0..2).map(|_| Topics::open(folder, Arc::new(SystemClock)).producer("shared").expect("opens")).collect();
    let turns = 40;
    let begin = Instant::now();
    for turn in 0..turns {
        writers[turn % 2].send(&Record { value: Some(&value), ..Record::default() }).expect("sent");
        writers[turn % 2].flush().expect("flushed");
    }
    println!("  one hand-over {:.1} ms", begin.elapsed().as_secs_f64() * 1e3 / turns as f64);
}

fn scan_raw(topics: &Topics, rows: u64, bytes: u64) {
    report("scan bids, raw, one thread", rows, bytes, || {
        let mut consumer = topics.consumer("bids", &Start::Earliest, &Bound::Latest).expect("opens");
        let mut read = 0;
        while let Some(received) = consumer.next(Duration::from_secs(1), &Stop::default()).expect("readable") {
            read += received.records.len() as u64;
        }
        assert_eq!(read, rows);
    });
}

fn scan_columns(topics: &Topics, rows: u64, bytes: u64, wanted: &[&str]) {
    let time = DataType::Timestamp(TimeUnit::Millisecond, None);
    let columns = [("auction", DataType::Int64), ("price", DataType::Int64), ("dateTime", time)]
        .map(|(name, data_type)| Column { name: name.into(), data_type, nullable: true, origin: Origin::Payload });
    let connector = TopicConnector::new(topics.clone());
    let typed = [("topic", "bids"), ("format", "json"), ("scan.bounded.mode", "latest-offset")];
    let options = Options::check(typed, &[connector.options()]).expect("known");
    let source = connector.source("bids", &columns, &options).expect("fits");
    let wanted: Vec<usize> =
        wanted.iter().map(|name| columns.iter().position(|column| column.name == *name).expect("a column")).collect();
    report(&format!("scan bids, json, {} columns", wanted.len()), rows, bytes, || {
        let scan = Scan { columns: wanted.clone(), resume: None, batch_rows: BATCH_ROWS, stop: Stop::default() };
        let mut reader = source.open(scan).expect("opens");
        let mut read = 0;
        loop {
            match reader.poll(Duration::from_secs(1)).expect("readable") {
                Poll::Rows(fetched) => read += fetched.rows.num_rows() as u64,
                Poll::End => break,
                _ => {}
            }
        }
        assert_eq!(read, rows);
    });
}

/// How long a record takes from the writer's append to the reader's hands.
fn following(topics: &Topics) {
    topics.create("live", 1).expect("new");
    let mut producer = topics.producer("live").expect("opens");
    let mut consumer = topics.consumer("live", &Start::Earliest, &Bound::Unbounded).expect("opens");
    let times = (0..200).map(|_| {
        let begin = Instant::now();
        producer.send(&Record { value: Some(b"x"), ..Record::default() }).expect("sent");
        producer.append().expect("appended");
        consumer.next(Duration::from_secs(5), &Stop::default()).expect("readable").expect("it was appended");
        begin.elapsed()
    });
    let mut times: Vec<Duration> = times.collect();
    times.sort();
    println!("  follow: append to reader {:?} median, {:?} worst of 200", times[100], times[199]);
    let idle = measure(|| {
        assert!(consumer.next(Duration::from_secs(2), &Stop::default()).expect("readable").is_none());
    });
    println!(
        "  following a quiet topic takes {:.1} % of a core",
        idle.cpu.as_secs_f64() * 100.0 / idle.wall.as_secs_f64()
    );
    drop(producer);
    let bids = demo("bids").expect("there");
    let mut producer = topics.producer("live").expect("opens");
    produce(&mut producer, bids, 1, START, 0..100_000).expect("sent");
    producer.flush().expect("flushed");
    let begin = Instant::now();
    let opened = topics.consumer("bids", &Start::Latest, &Bound::Unbounded).expect("opens");
    println!("  open a topic to read {:?}", begin.elapsed());
    drop(opened);
    let begin = Instant::now();
    topics.list().expect("listed");
    println!("  list four topics {:?}", begin.elapsed());
}
