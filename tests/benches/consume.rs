//! How fast a topic with four partitions is read from a broker on loopback: librdkafka alone, message by
//! message and in batches, against our reader with three columns decoded. The aim is to stay within twice
//! the time of librdkafka alone.
//!
//! `BIDS=file` reads records from a file of lines, `ROWS=n` says how many; without a file they are made.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

use arrow::datatypes::{DataType, TimeUnit};
use millstream_connect::kafka::Kafka;
use millstream_record::{Column, Connector, Options, Origin, Poll, Scan, Stop};
use millstream_tests::bids::Bids;
use millstream_tests::broker::{Broker, Size};
use millstream_tests::topics::{Record, Topics};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientConfig, Offset, TopicPartitionList, bindings};

const TOPIC: &str = "bids";
const PARTITIONS: i32 = 4;
const RUNS: usize = 5;

/// What our reader sets, so that both are measured with the same limits.
const SETTINGS: [(&str, &str); 8] = [
    ("queued.max.messages.kbytes", "32768"),
    ("fetch.queue.backoff.ms", "10"),
    ("fetch.error.backoff.ms", "100"),
    ("fetch.wait.max.ms", "100"),
    ("reconnect.backoff.ms", "50"),
    ("enable.auto.offset.store", "false"),
    ("enable.partition.eof", "true"),
    ("statistics.interval.ms", "500"),
];

/// Reads so many records from these servers.
type Read = fn(&str, usize);

fn main() {
    let rows: usize = std::env::var("ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(1_000_000);
    let broker = Broker::of_size(Size::Roomy);
    let topics = Topics::at(broker.address());
    topics.create(TOPIC, PARTITIONS);
    let bytes = fill(&topics, rows);
    println!(
        "{rows} records, {:.0} bytes each, {PARTITIONS} partitions, {} cores",
        bytes as f64 / rows as f64,
        cores()
    );

    let servers = broker.address();
    let contestants: [(&str, Read); 4] = [
        ("librdkafka, one by one", one_by_one),
        ("librdkafka, in batches", in_batches),
        ("our reader, no column", |servers, rows| ours(servers, rows, &[])),
        ("our reader, 3 columns decoded", |servers, rows| ours(servers, rows, &[0, 2, 4])),
    ];
    let mut times: [Vec<(f64, f64)>; 4] = Default::default();
    for _ in 0..RUNS {
        for (times, (_, read)) in times.iter_mut().zip(&contestants) {
            let (start, before) = (Instant::now(), cpu_seconds());
            read(&servers, rows);
            times.push((start.elapsed().as_secs_f64(), cpu_seconds() - before));
        }
    }
    let alone = times[..2].iter().map(|times| median(times, |time| time.0)).fold(f64::MAX, f64::min);
    println!("{:32} {:>8} {:>12} {:>12} {:>8}", "median of 5", "seconds", "rows/s", "CPU us/row", "ratio");
    for (times, (name, _)) in times.iter().zip(&contestants) {
        let (wall, cpu) = (median(times, |time| time.0), median(times, |time| time.1));
        let (rate, micros) = (rows as f64 / wall, cpu * 1e6 / rows as f64);
        println!("{name:32} {wall:>8.2} {rate:>12.0} {micros:>12.2} {:>8.2}", wall / alone);
    }
}

/// Writes the records round-robin; how many bytes their values have.
fn fill(topics: &Topics, rows: usize) -> usize {
    let mut bytes = 0;
    let record = |(number, line): (usize, String)| {
        bytes += line.len();
        Record::new((number % PARTITIONS as usize) as i32, line)
    };
    if let Ok(path) = std::env::var("BIDS") {
        let lines = BufReader::new(File::open(&path).expect("BIDS names a file")).lines();
        let lines = lines.map(|line| line.expect("it is text")).take(rows);
        topics.produce(TOPIC, lines.enumerate().map(record));
    } else {
        let mut bids = Bids::new(20_260_101);
        let mut line = String::new();
        let made = std::iter::repeat_with(|| {
            bids.next_line(&mut line);
            line.clone()
        });
        topics.produce(TOPIC, made.take(rows).enumerate().map(record));
    }
    bytes
}

fn consumer(servers: &str) -> BaseConsumer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers).set("group.id", "bench").set("enable.auto.commit", "false");
    for (name, value) in SETTINGS {
        config.set(name, value);
    }
    let consumer: BaseConsumer = config.create().expect("a valid configuration");
    // As our reader does: it asks before it assigns, which saves librdkafka half a second of waiting.
    consumer.fetch_metadata(Some(TOPIC), Duration::from_secs(10)).expect("the broker answers");
    let mut list = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        list.add_partition_offset(TOPIC, partition, Offset::Offset(0)).expect("a plain offset");
    }
    consumer.assign(&list).expect("the partitions exist");
    consumer
}

fn one_by_one(servers: &str, rows: usize) {
    let consumer = consumer(servers);
    let (mut read, mut bytes) = (0, 0);
    while read < rows {
        // The only error there is is the end of a partition.
        if let Some(Ok(message)) = consumer.poll(Duration::from_secs(1)) {
            bytes += message.payload_len();
            read += 1;
        }
    }
    std::hint::black_box(bytes);
}

fn in_batches(servers: &str, rows: usize) {
    const MOST: usize = 1024;
    let consumer = consumer(servers);
    let mut messages: Vec<*mut bindings::rd_kafka_message_t> = vec![std::ptr::null_mut(); MOST];
    let (mut read, mut bytes) = (0, 0);
    // SAFETY: the queue and the messages are destroyed exactly once, before the client.
    unsafe {
        let queue = bindings::rd_kafka_queue_get_consumer(consumer.client().native_ptr());
        while read < rows {
            let first = bindings::rd_kafka_consume_batch_queue(queue, 1000, messages.as_mut_ptr(), 1).max(0) as usize;
            let more = bindings::rd_kafka_consume_batch_queue(queue, 0, messages.as_mut_ptr().add(first), MOST - first);
            for &message in &messages[..first + more.max(0) as usize] {
                if (*message).err == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                    bytes += (*message).len;
                    read += 1;
                }
                bindings::rd_kafka_message_destroy(message);
            }
        }
        bindings::rd_kafka_queue_destroy(queue);
    }
    std::hint::black_box(bytes);
}

/// Reads with the columns at these places.
fn ours(servers: &str, rows: usize, wanted: &[usize]) {
    let typed = [("properties.bootstrap.servers", servers), ("topic", TOPIC), ("format", "json")];
    let options = Options::check(typed, &[Kafka::default().options()]).expect("the options are known");
    let source = Kafka::default().source("bids", &columns(), &options).expect("it fits");
    let scan = Scan { columns: wanted.to_vec(), resume: None, batch_rows: 8192, stop: Stop::default() };
    let mut reader = source.open(scan).expect("it opens");
    let mut read = 0;
    while read < rows {
        if let Poll::Rows(fetched) = reader.poll(Duration::from_secs(1)).expect("the broker is there") {
            assert!(fetched.rejected.is_empty(), "{:?}", fetched.rejected.first());
            read += fetched.records as usize;
        }
    }
}

fn columns() -> Vec<Column> {
    let column =
        |name: &str, data_type| Column { name: name.into(), data_type, nullable: true, origin: Origin::Payload };
    vec![
        column("auction", DataType::Int64),
        column("bidder", DataType::Int64),
        column("price", DataType::Int64),
        column("channel", DataType::Utf8),
        column("dateTime", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))),
    ]
}

fn median(times: &[(f64, f64)], pick: fn(&(f64, f64)) -> f64) -> f64 {
    let mut times: Vec<f64> = times.iter().map(pick).collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// User and system time of this process; the broker is another one.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux has it");
    let behind_name = stat.rsplit_once(')').expect("the name ends so").1;
    let ticks: u64 =
        behind_name.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().expect("ticks")).sum();
    ticks as f64 / 100.0
}
