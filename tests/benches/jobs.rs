//! What checkpoints cost, how fast exactly-once is beside at-least-once, how soon a job with much state is
//! back, and how long a row takes from the record that closes its window until a reader sees it committed.
//!
//! Each run is a process of its own: this program, started again. CPU time is told beside wall time, because
//! it does not depend on who else is at work. `ROWS=n` makes runs shorter, `STATE_MB=n` the state smaller,
//! `PARTS=recovery,latency` runs only these of checkpoints, guarantees, recovery, spilling, latency and memory.
//! The last runs only when it is named: `MINUTES=30 PARTS=memory`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use millstream_runner::launch::{self, Overrides};
use millstream_tests::bids::Bids;
use millstream_tests::broker::{Broker, Size};
use millstream_tests::process::{cpu_of_children, memory as memory_of, peak};
use millstream_tests::topics::{Record, Topics};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

/// Set in the process that runs a job: its folder.
const JOB: &str = "MILLSTREAM_BENCH_JOB";
const PARTITIONS: i32 = 4;
/// Each measurement is the median of so many runs.
const RUNS: usize = 3;

const BIDS: &str = "auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, `dateTime` TIMESTAMP_LTZ(3), \
                    WATERMARK FOR `dateTime` AS `dateTime` - INTERVAL '2' SECOND";
const WINDOW: &str = "SELECT auction, window_start, COUNT(*), MAX(price) FROM TABLE(TUMBLE(TABLE bids, \
                      DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND)) GROUP BY auction, window_start, window_end";

fn main() {
    if let Some(folder) = std::env::var_os(JOB) {
        std::process::exit(i32::from(launch::run(Path::new(&folder), Overrides::default())));
    }
    let rows = number("ROWS", 2_000_000);
    let broker = Broker::of_size(Size::Roomy);
    let topics = Topics::at(broker.address());
    topics.create("bids", PARTITIONS);
    fill(&topics, rows);
    let named = std::env::var("PARTS").unwrap_or_default();
    let wanted =
        |part: &str| if named.is_empty() { part != "memory" } else { named.split(',').any(|name| name == part) };
    println!("{rows} records in {PARTITIONS} partitions, medians of {RUNS} runs");
    let parts: [(&str, &dyn Fn()); 6] = [
        ("checkpoints", &|| checkpoints(&broker, rows)),
        ("guarantees", &|| guarantees(&broker, &topics, rows)),
        ("recovery", &|| recovery(&broker)),
        ("spilling", &|| spilling(&broker)),
        ("latency", &|| latency(&broker, &topics)),
        ("memory", &|| memory(&broker)),
    ];
    parts.iter().filter(|(name, _)| wanted(name)).for_each(|(_, part)| part());
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn fill(topics: &Topics, rows: usize) {
    let (mut bids, mut line) = (Bids::new(7), String::new());
    let records = (0..rows).map(|row| {
        bids.next_line(&mut line);
        Record::new((row % PARTITIONS as usize) as i32, line.clone())
    });
    topics.produce("bids", records);
}

/// A job folder: the script, and how often checkpoints come.
struct Job(tempfile::TempDir);

impl Job {
    fn new(broker: &Broker, bounded: bool, sink: &str, columns: &str, query: &str, interval: &str) -> Job {
        let job = Job(tempfile::tempdir().expect("a folder"));
        let servers = broker.address();
        let bounded = if bounded { ", 'scan.bounded.mode' = 'latest-offset'" } else { "" };
        let sink = sink.replace("SERVERS", &servers);
        let sql = format!(
            "CREATE TABLE bids ({BIDS}) WITH ('connector' = 'kafka', 'topic' = 'bids', 'format' = 'json', \
             'properties.bootstrap.servers' = '{servers}', 'scan.startup.mode' = 'earliest-offset'{bounded});\n\
             CREATE TABLE sunk ({columns}) WITH ({sink});\nINSERT INTO sunk {query};\n"
        );
        fs::write(job.0.path().join("job.sql"), sql).expect("the folder is ours");
        job.every(interval);
        job
    }

    fn every(&self, interval: &str) {
        let toml = format!("[job]\nparallelism = 2\n[checkpoints]\ninterval = \"{interval}\"\n");
        fs::write(self.0.path().join("millstream.toml"), toml).expect("the folder is ours");
    }

    /// Adds a setting of its checkpoints.
    fn set(&self, line: &str) {
        let path = self.0.path().join("millstream.toml");
        let toml = fs::read_to_string(&path).expect("it was written") + line;
        fs::write(path, toml).expect("the folder is ours");
    }

    fn start(&self) -> std::process::Child {
        let log = fs::File::create(self.0.path().join("stderr")).expect("the folder is ours");
        let mut command = Command::new(std::env::current_exe().expect("it knows itself"));
        command.env(JOB, self.0.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command.spawn().expect("it starts itself")
    }

    fn said(&self) -> String {
        fs::read_to_string(self.0.path().join("stderr")).unwrap_or_default()
    }

    /// Runs to the end; seconds of wall and CPU time.
    fn run(&self) -> (f64, f64) {
        let (start, before) = (Instant::now(), cpu_of_children());
        let status = self.start().wait().expect("it was started here");
        assert!(status.success(), "{}", self.said());
        (start.elapsed().as_secs_f64(), cpu_of_children() - before)
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Medians of wall and CPU time over runs of jobs that are made anew.
fn measured(mut job: impl FnMut() -> Job) -> (f64, f64) {
    let (wall, cpu): (Vec<f64>, Vec<f64>) = (0..RUNS).map(|_| job().run()).unzip();
    (median(wall), median(cpu))
}

fn tell(what: &str, (wall, cpu): (f64, f64), rows: usize) {
    println!("{what:<44} {:>9.0} rows/s {:>8.0} ns CPU/row", rows as f64 / wall, cpu * 1e9 / rows as f64);
}

fn checkpoints(broker: &Broker, rows: usize) {
    let columns = "auction BIGINT, starts TIMESTAMP(3), n BIGINT, high BIGINT";
    let job = |interval| Job::new(broker, true, "'connector' = 'blackhole'", columns, WINDOW, interval);
    let (without, with) = (measured(|| job("1 h")), measured(|| job("1 s")));
    tell("window, a checkpoint at the end", without, rows);
    tell("window, a checkpoint every second", with, rows);
    println!("  cost of checkpoints: {:.1} % CPU, {:.1} % time", part(with.1, without.1), part(with.0, without.0));
}

fn part(with: f64, without: f64) -> f64 {
    (with / without - 1.0) * 100.0
}

fn guarantees(broker: &Broker, topics: &Topics, rows: usize) {
    let columns = "auction BIGINT, starts TIMESTAMP(3), n BIGINT, high BIGINT";
    let mut outputs = 0;
    let mut of = |guarantee: &str| {
        measured(|| {
            outputs += 1;
            let topic = format!("out-{outputs}");
            topics.create(&topic, PARTITIONS);
            let sink = format!(
                "'connector' = 'kafka', 'topic' = '{topic}', 'format' = 'json', 'properties.bootstrap.servers' = 'SERVERS', \
                 'sink.delivery-guarantee' = '{guarantee}'"
            );
            Job::new(broker, true, &sink, columns, WINDOW, "1 s")
        })
    };
    let (once, least) = (of("exactly-once"), of("at-least-once"));
    tell("Kafka to window to Kafka, at least once", least, rows);
    tell("Kafka to window to Kafka, exactly once", once, rows);
    println!("  exactly once at {:.0} % of the rate of at least once", least.0 / once.0 * 100.0);
}

/// A window over many keys with memory for all, and with a tenth of it: processor time and peak memory.
fn spilling(broker: &Broker) {
    let megabytes = number("STATE_MB", 1024);
    let keys = megabytes * 1_000_000 / 100;
    let rows = 2 * keys;
    let sql = format!(
        "CREATE TABLE numbers (n BIGINT, ts AS TO_TIMESTAMP_LTZ(n, 3), WATERMARK FOR ts AS ts) WITH ('connector' = 'datagen', \
         'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '{rows}', 'number-of-rows' = '{rows}', 'rows-per-second' = '100000000');\n\
         CREATE TABLE sunk (k BIGINT, n BIGINT, s BIGINT, h BIGINT) WITH ('connector' = 'blackhole');\n\
         INSERT INTO sunk SELECT k, COUNT(*), SUM(n), MAX(n) FROM (SELECT MOD(n * 7919, {keys}) AS k, n, ts FROM numbers) GROUP BY k, TUMBLE(ts, INTERVAL '1' DAY);\n"
    );
    for memory in [None, Some(megabytes / 4), Some(megabytes / 10)] {
        let job = Job::new(broker, true, "'connector' = 'blackhole'", "k BIGINT", "SELECT 1", "10 s");
        fs::write(job.0.path().join("job.sql"), &sql).expect("the folder is ours");
        if let Some(memory) = memory {
            job.set(&format!("state-memory = \"{memory} mb\"\n"));
        }
        let before = cpu_of_children();
        let mut child = job.start();
        let mut most = 0;
        while child.try_wait().expect("ours").is_none() {
            most = peak(child.id()).unwrap_or(most);
            std::thread::sleep(Duration::from_millis(10));
        }
        let cpu = (cpu_of_children() - before) * 1e9 / rows as f64;
        let memory = memory.map_or("memory for all".into(), |memory| format!("{memory} MiB for state"));
        println!("{keys} keys in a window, {memory:<22} {cpu:>8.0} ns CPU/row, peak {} MiB", most >> 20);
    }
}

/// Groups under full load for `MINUTES`, with a checkpoint every second: memory in each tenth of the time.
fn memory(broker: &Broker) {
    let minutes = number("MINUTES", 30);
    let sql = "CREATE TABLE numbers (k BIGINT, v BIGINT) WITH ('connector' = 'datagen', 'fields.k.min' = '1', \
               'fields.k.max' = '100000', 'fields.v.min' = '0', 'fields.v.max' = '1000', 'rows-per-second' = '100000000');\n\
               CREATE TABLE sunk (k BIGINT, n BIGINT, s BIGINT, h BIGINT) WITH ('connector' = 'blackhole');\n\
               INSERT INTO sunk SELECT k, COUNT(*), SUM(v), MAX(v) FROM numbers GROUP BY k;\n";
    let job = Job::new(broker, true, "'connector' = 'blackhole'", "k BIGINT", "SELECT 1", "1 s");
    fs::write(job.0.path().join("job.sql"), sql).expect("the folder is ours");
    let mut child = job.start();
    for tenth in 1..=10 {
        std::thread::sleep(Duration::from_secs(minutes as u64 * 6));
        assert!(child.try_wait().expect("ours").is_none(), "{}", job.said());
        let (now, most) = (memory_of(child.id()).unwrap_or(0), peak(child.id()).unwrap_or(0));
        println!(
            "after {:>4.1} minutes at full load: {} MiB, at most {}",
            minutes as f64 * 0.1 * tenth as f64,
            now >> 20,
            most >> 20
        );
    }
    child.kill().and_then(|()| child.wait()).expect("ours");
}

/// A job with much state, stopped and started again: until its graph runs, and until its next checkpoint.
fn recovery(broker: &Broker) {
    let megabytes = number("STATE_MB", 1024);
    let keys = megabytes * 1_000_000 / 100;
    let job = Job::new(
        broker,
        true,
        "'connector' = 'blackhole'",
        "k BIGINT, n BIGINT, s BIGINT, h BIGINT",
        "SELECT 1, 1, 1, 1",
        "1 h",
    );
    let sql = format!(
        "CREATE TABLE numbers (k BIGINT, v BIGINT) WITH ('connector' = 'datagen', 'fields.k.kind' = 'sequence', 'fields.k.start' = '1', \
         'fields.k.end' = '{keys}', 'number-of-rows' = '{keys}', 'rows-per-second' = '100000000');\n\
         CREATE TABLE sunk (k BIGINT, n BIGINT, s BIGINT, h BIGINT) WITH ('connector' = 'blackhole');\n\
         INSERT INTO sunk SELECT k, COUNT(*), SUM(v), MAX(v) FROM numbers GROUP BY k;\n"
    );
    fs::write(job.0.path().join("job.sql"), sql).expect("the folder is ours");
    job.run();
    let bytes = folder_bytes(&job.0.path().join("state/checkpoints"));
    let start = Instant::now();
    let mut child = job.start();
    let restored = loop {
        if job.said().contains("restored the newest decided epoch") {
            break start.elapsed().as_secs_f64();
        }
        assert!(child.try_wait().expect("ours").is_none() || job.said().contains("restored"), "{}", job.said());
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(child.wait().expect("ours").success(), "{}", job.said());
    println!("recovery of {keys} keys, {} MB of checkpoint: {restored:.1} s", bytes / 1_000_000);
}

fn folder_bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).expect("it is there").map(|entry| entry.expect("listed").path());
    entries
        .map(|path| if path.is_dir() { folder_bytes(&path) } else { path.metadata().map_or(0, |data| data.len()) })
        .sum()
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64
}

/// Records at 50 000 a second, each with the time at which it is sent; a window of a second closes with the
/// first record behind it. Milliseconds from there until the window's row is read.
fn latency(broker: &Broker, topics: &Topics) {
    for (guarantee, interval) in [("exactly-once", "1 s"), ("at-least-once", "1 s")] {
        let (source, sink) = (format!("live-{guarantee}"), format!("closed-{guarantee}"));
        topics.create(&source, 1);
        topics.create(&sink, 1);
        let options = format!(
            "'connector' = 'kafka', 'topic' = '{sink}', 'format' = 'json', 'properties.bootstrap.servers' = 'SERVERS', \
             'sink.delivery-guarantee' = '{guarantee}'"
        );
        let job = Job::new(broker, false, &options, "ends BIGINT, n BIGINT", "SELECT 1, 1", interval);
        let sql = format!(
            "CREATE TABLE live (ms BIGINT, ts AS TO_TIMESTAMP_LTZ(ms, 3), WATERMARK FOR ts AS ts) WITH ('connector' = 'kafka', 'topic' = '{source}', \
             'format' = 'json', 'properties.bootstrap.servers' = '{0}', 'scan.startup.mode' = 'earliest-offset');\n\
             CREATE TABLE sunk (ends BIGINT, n BIGINT) WITH ({1});\n\
             INSERT INTO sunk SELECT MAX(ms), COUNT(*) FROM TABLE(TUMBLE(TABLE live, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end;\n",
            broker.address(),
            options.replace("SERVERS", &broker.address())
        );
        fs::write(job.0.path().join("job.sql"), sql).expect("the folder is ours");
        let mut child = job.start();
        let address = broker.address();
        let writer = std::thread::spawn(move || write_at_a_pace(&address, &source, Duration::from_secs(20)));
        let late = arrivals(broker, &sink, || writer.is_finished());
        child.kill().and_then(|()| child.wait()).expect("ours");
        writer.join().expect("it writes");
        let Some(worst) = late.iter().copied().reduce(f64::max) else { panic!("no window came out:\n{}", job.said()) };
        let count = late.len();
        println!(
            "window closed to row read, {guarantee:<14} median {:>5.0} ms, worst {worst:>5.0} ms of {count}",
            median(late)
        );
    }
}

/// Writes 50 records a millisecond, each with the time at which it is sent.
fn write_at_a_pace(servers: &str, topic: &str, time: Duration) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers).set("linger.ms", "1");
    let producer: ThreadedProducer<DefaultProducerContext> = config.create().expect("a valid configuration");
    let (start, mut sent) = (Instant::now(), 0);
    while start.elapsed() < time {
        while sent < start.elapsed().as_millis() * 50 {
            let line = format!("{{\"ms\":{}}}", now_ms());
            // A full queue has room again soon.
            if producer.send(BaseRecord::<(), str>::to(topic).partition(0).payload(&line)).is_ok() {
                sent += 1;
            }
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}

/// For each row of the topic, how long after the end of its window it was read.
fn arrivals(broker: &Broker, topic: &str, done: impl Fn() -> bool) -> Vec<f64> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker.address())
        .set("group.id", "referee")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .set("fetch.wait.max.ms", "5")
        .create()
        .expect("a valid configuration");
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Beginning).expect("a logical offset");
    consumer.assign(&list).expect("it exists");
    let mut late = Vec::new();
    while !done() {
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(20)) else { continue };
        let text = String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned();
        let ends: i64 = text.split([':', ',']).nth(1).and_then(|word| word.parse().ok()).expect("a number");
        late.push((now_ms() - (ends / 1000 + 1) * 1000) as f64);
    }
    // The first windows are of the time in which the job started.
    late.drain(..late.len().min(3));
    late
}
