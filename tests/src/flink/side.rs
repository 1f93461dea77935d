//! Side by side on one topic of Kafka: a windowed query, exported once, runs here and from its `flink/` folder on a
//! cluster of Flink. Both read the same records with as many lanes, make a checkpoint a second and commit exactly
//! once. What readers of committed records find must be equal; what it cost is told. `make bench ONLY=flink`.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use millstream_session::{Session, SessionOptions, Ways};
use serde_json::Value;

use super::Home;
use super::cluster::{Cluster, ports, rows, submit};
use crate::bids::Bids;
use crate::broker::{Broker, Size};
use crate::process;
use crate::topics::{Record, Topics};

const PARTITIONS: i32 = 4;
/// How long Flink may take, from the start of its cluster on.
const PATIENCE: Duration = Duration::from_secs(1800);
/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// What a run cost.
struct Cost {
    /// Seconds from the start of the job to its end.
    wall: f64,
    /// CPU seconds of all its processes.
    cpu: f64,
    /// The most memory that its processes held, summed, in bytes.
    memory: u64,
}

impl Cost {
    fn line(&self, who: &str, records: usize) -> String {
        let (rate, each) = (records as f64 / self.wall, self.cpu * 1e6 / records as f64);
        format!("{who:<12} {rate:>9.0} rows/s {each:>7.2} µs CPU a row {:>6} MiB", self.memory >> 20)
    }
}

/// Runs both over so many bids; `program` is the runner of jobs. What is to be told.
pub fn side_by_side(home: &Home, program: &Path, records: usize, work: &Path) -> Result<String, String> {
    let broker = Broker::of_size(Size::Roomy);
    let topics = Topics::at(broker.address());
    fill(&topics, records);
    let job = export(&broker.address(), work)?;
    let ours = here(program, &job)?;
    let flink = on_flink(home, &job, work)?;
    let (found, expected) = (rows(&topics, "bars-flink"), rows(&topics, "bars"));
    if expected.is_empty() || found != expected {
        let first = found.iter().zip(&expected).find(|(found, expected)| found != expected);
        return Err(format!(
            "{} rows of Flink, {} of the job; first difference {first:?}",
            found.len(),
            expected.len()
        ));
    }
    Ok(format!(
        "{records} bids in {PARTITIONS} partitions -> tumbling window of 10 s -> {} rows, exactly once, equal\n{}\n{}\n\
         Flink needs {:.1} times the processor time and {:.1} times the memory, and takes {:.1} times as long",
        expected.len(),
        ours.line("Millstream", records),
        flink.line("Flink", records),
        flink.cpu / ours.cpu,
        flink.memory as f64 / ours.memory as f64,
        flink.wall / ours.wall
    ))
}

fn fill(topics: &Topics, records: usize) {
    topics.create("bids", PARTITIONS);
    topics.create("bars", PARTITIONS);
    topics.create("bars-flink", PARTITIONS);
    let (mut bids, mut line) = (Bids::new(7), String::new());
    let record = |number: usize| {
        bids.next_line(&mut line);
        Record::new((number % PARTITIONS as usize) as i32, line.clone())
    };
    topics.produce("bids", (0..records).map(record));
}

/// Exports the job; in its `flink/` folder the answer goes to a topic of its own.
fn export(servers: &str, work: &Path) -> Result<PathBuf, String> {
    let job = work.join("bars");
    let kafka = |topic: &str| {
        format!(
            "'connector' = 'kafka', 'topic' = '{topic}', 'properties.bootstrap.servers' = '{servers}', 'format' = 'json'"
        )
    };
    let script = format!(
        "CREATE TABLE bids (auction BIGINT, price BIGINT, `dateTime` TIMESTAMP_LTZ(3), WATERMARK FOR `dateTime` AS `dateTime` - INTERVAL '2' SECOND)\n\
         WITH ({}, 'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset', 'json.timestamp-format.standard' = 'ISO-8601');\n\
         SET 'parallelism.default' = '2';\n\
         CREATE TABLE bars (auction BIGINT, starts TIMESTAMP(3), n BIGINT, high BIGINT) WITH ({}, 'sink.delivery-guarantee' = 'exactly-once');\n\
         INSERT INTO bars SELECT auction, window_start, COUNT(*), MAX(price)\n\
         FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND)) GROUP BY auction, window_start, window_end;\n",
        kafka("bids"),
        kafka("bars")
    );
    let mut session =
        Session::new(SessionOptions::in_folder(work.join("workspace"))).map_err(|fault| fault.to_string())?;
    let ways = Ways { flink: true, ..Ways::default() };
    session.export_script(&script, Path::new(""), &job, ways).map_err(|fault| fault.to_string())?;
    replace(&job.join("flink/job.sql"), &[("'10 s'", "'1 s'"), ("'topic' = 'bars'", "'topic' = 'bars-flink'")])?;
    replace(&job.join("millstream.toml"), &[("interval = \"10 s\"", "interval = \"1 s\"")])?;
    Ok(job)
}

fn replace(path: &Path, pairs: &[(&str, &str)]) -> Result<(), String> {
    let mut text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    for (from, to) in pairs {
        if !text.contains(from) {
            return Err(format!("{} does not say {from}", path.display()));
        }
        text = text.replace(from, to);
    }
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Runs the job here, in a process of its own that is started for it.
fn here(program: &Path, job: &Path) -> Result<Cost, String> {
    let log = job.join("log");
    let said = fs::File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    let (start, before, mut memory) = (Instant::now(), process::cpu_of_children(), 0);
    let started = Command::new(program).arg(job).stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).spawn();
    let mut child = started.map_err(|error| format!("{}: {error}", program.display()))?;
    let status = loop {
        memory = process::peak(child.id()).unwrap_or(memory);
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => break status,
            None => std::thread::sleep(LOOK),
        }
    };
    if !status.success() {
        return Err(format!("the job ended with {status}:\n{}", fs::read_to_string(log).unwrap_or_default()));
    }
    Ok(Cost { wall: start.elapsed().as_secs_f64(), cpu: process::cpu_of_children() - before, memory })
}

/// Runs the job on a cluster that is there already: neither its start nor that of the client is counted.
fn on_flink(home: &Home, job: &Path, work: &Path) -> Result<Cost, String> {
    let port = ports()?;
    let cluster = Cluster::start(home, work, port, "1728m")?;
    let begun = Instant::now();
    while get(port, "/taskmanagers").is_none_or(|answer| answer["taskmanagers"][0].is_null()) {
        if begun.elapsed() > PATIENCE {
            return Err("the cluster of Flink does not get ready".into());
        }
        std::thread::sleep(LOOK);
    }
    let processes = cluster.processes();
    let cpu = || processes.iter().filter_map(|process| process::cpu(*process)).sum::<f64>();
    let before = cpu();
    submit(home, job, work)?;
    let mut memory = 0;
    loop {
        memory = memory.max(processes.iter().filter_map(|process| process::memory(*process)).sum());
        let jobs = get(port, "/jobs/overview").unwrap_or_default();
        let job = &jobs["jobs"][0];
        match job["state"].as_str() {
            Some("FINISHED") => {
                let millis = job["duration"].as_f64().ok_or("Flink does not say how long the job took")?;
                return Ok(Cost { wall: millis / 1000.0, cpu: cpu() - before, memory });
            }
            Some(state @ ("FAILED" | "CANCELED")) => return Err(format!("Flink says that the job is {state}")),
            _ if begun.elapsed() > PATIENCE => return Err(format!("Flink does not come to the end: {jobs}")),
            _ => std::thread::sleep(LOOK),
        }
    }
}

/// What the cluster answers; `None` as long as it does not.
fn get(port: u16, path: &str) -> Option<Value> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
}
