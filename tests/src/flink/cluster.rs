//! The smoke test: a job between two topics of Kafka, exported and submitted to a standalone cluster with the
//! script in its folder. What a reader of committed records finds is what the job here gives.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use millstream_session::{Session, SessionOptions, Ways};

use super::Home;
use crate::broker::Broker;
use crate::topics::{Record, Topics};

/// How long cluster and job may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// A running cluster; it is stopped when it is dropped.
pub(super) struct Cluster<'a> {
    home: &'a Home,
    work: &'a Path,
}

impl<'a> Cluster<'a> {
    /// Starts a cluster of one worker that may take so much `memory`, and answers at `port` of loopback.
    pub fn start(home: &'a Home, work: &'a Path, port: u16, memory: &str) -> Result<Cluster<'a>, String> {
        let conf = work.join("conf");
        copy(&home.0.join("conf"), &conf)?;
        let settings = format!(
            "jobmanager.rpc.address: 127.0.0.1\njobmanager.rpc.port: {}\njobmanager.bind-host: 127.0.0.1\n\
             jobmanager.memory.process.size: 1200m\ntaskmanager.memory.process.size: {memory}\n\
             taskmanager.host: 127.0.0.1\ntaskmanager.bind-host: 127.0.0.1\ntaskmanager.numberOfTaskSlots: 4\n\
             rest.address: 127.0.0.1\nrest.bind-address: 127.0.0.1\nrest.port: {port}\nio.tmp.dirs: {}\n",
            port + 1,
            work.display()
        );
        fs::write(conf.join("config.yaml"), settings).map_err(|error| error.to_string())?;
        let cluster = Cluster { home, work };
        for part in ["jobmanager.sh", "taskmanager.sh"] {
            cluster.call(part, &["start"])?;
        }
        Ok(cluster)
    }

    /// Its processes by their ids.
    pub fn processes(&self) -> Vec<u32> {
        let files = fs::read_dir(self.work).into_iter().flatten().flatten().map(|entry| entry.path());
        let notes = files.filter(|path| path.extension().is_some_and(|end| end == "pid"));
        notes.filter_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok()).collect()
    }

    fn program(&self, name: &str) -> Command {
        let mut command = self.home.program(name, self.work);
        command.env("FLINK_CONF_DIR", self.work.join("conf")).env_remove("JVM_ARGS");
        command
    }

    fn call(&self, name: &str, arguments: &[&str]) -> Result<String, String> {
        let output = self.program(name).args(arguments).output().map_err(|error| format!("{name}: {error}"))?;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        if output.status.success() { Ok(said) } else { Err(format!("{name}: {said}")) }
    }
}

impl Drop for Cluster<'_> {
    fn drop(&mut self) {
        for part in ["taskmanager.sh", "jobmanager.sh"] {
            if let Err(reason) = self.call(part, &["stop"]) {
                eprintln!("{reason}");
            }
        }
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::create_dir_all(to).map_err(|error| format!("{}: {error}", to.display()))?;
    for entry in fs::read_dir(from).map_err(|error| format!("{}: {error}", from.display()))?.flatten() {
        fs::copy(entry.path(), to.join(entry.file_name())).map_err(|error| format!("{}: {error}", to.display()))?;
    }
    Ok(())
}

/// A port that is free, with the next one free beside it.
pub(super) fn ports() -> Result<u16, String> {
    let free = |port: u16| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
    (20_000..30_000).step_by(2).find(|port| free(*port) && free(port + 1)).ok_or_else(|| "no port is free".into())
}

/// Trades of ten seconds of three symbols, in two partitions; the last of each closes all windows before it.
fn trades() -> Vec<Record> {
    let trade = |number: i32| {
        let second = number / 20;
        let value = format!(
            "{{\"symbol\":\"S{}\",\"qty\":{},\"ts\":\"2026-01-01 00:00:{second:02}.{:03}\"}}",
            number % 3,
            number % 7,
            (number % 20) * 50
        );
        Record::new(number % 2, value)
    };
    (0..800).map(trade).collect()
}

/// The rows in a topic, sorted.
pub(super) fn rows(topics: &Topics, name: &str) -> Vec<String> {
    let mut rows: Vec<String> = topics.read(name).into_values().flatten().filter_map(|record| record.value).collect();
    rows.sort();
    rows
}

/// Submits a job with the script in its folder to the cluster of `work`; what the script says.
pub(super) fn submit(home: &Home, job: &Path, work: &Path) -> Result<String, String> {
    let mut submit = Command::new(job.join("flink/session-cluster.sh"));
    submit.env("FLINK_HOME", &home.0).env("FLINK_CONF_DIR", work.join("conf")).env("FLINK_LOG_DIR", work);
    let output = submit.output().map_err(|error| format!("session-cluster.sh: {error}"))?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if output.status.success() { Ok(said) } else { Err(format!("session-cluster.sh: {said}")) }
}

/// Exports a job, runs it on a cluster, and compares.
pub fn smoke(home: &Home, work: &Path) -> Result<usize, String> {
    let broker = Broker::shared();
    let topics = Topics::at(broker.address());
    topics.create("trades", 2);
    topics.create("bars", 1);
    topics.produce("trades", trades());
    let job = export(&broker.address(), work)?;
    let expected = expected(&job)?;
    let cluster = Cluster::start(home, work, ports()?, "1200m")?;
    let said = submit(home, &job, work)?;
    let begun = Instant::now();
    loop {
        let found = rows(&topics, "bars");
        if found.len() >= expected.len() || begun.elapsed() > PATIENCE {
            drop(cluster);
            let wanted: Vec<String> = expected.clone();
            return if found == wanted {
                Ok(found.len())
            } else {
                Err(format!(
                    "Flink wrote {} rows, {} were expected:\n{}\n{said}",
                    found.len(),
                    wanted.len(),
                    found.join("\n")
                ))
            };
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn export(servers: &str, work: &Path) -> Result<std::path::PathBuf, String> {
    let job = work.join("bars");
    let script = format!(
        "CREATE TABLE trades (symbol STRING, qty BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)\n\
         WITH ('connector' = 'kafka', 'topic' = 'trades', 'properties.bootstrap.servers' = '{servers}', 'format' = 'json');\n\
         SET 'parallelism.default' = '2';\n\
         CREATE VIEW bars AS FROM trades |> CALL TUMBLE(DESCRIPTOR(ts), INTERVAL '10' SECOND)\n\
         |> AGGREGATE SUM(qty) AS volume GROUP BY symbol, window_start, window_end;\n\
         CREATE TABLE bars_out (symbol STRING, window_start TIMESTAMP(3), window_end TIMESTAMP(3), volume BIGINT)\n\
         WITH ('connector' = 'kafka', 'topic' = 'bars', 'properties.bootstrap.servers' = '{servers}', 'format' = 'json',\n\
         'sink.delivery-guarantee' = 'exactly-once');\n\
         INSERT INTO bars_out SELECT * FROM bars;\n"
    );
    let mut session =
        Session::new(SessionOptions::in_folder(work.join("workspace"))).map_err(|fault| fault.to_string())?;
    let ways = Ways { flink: true, ..Ways::default() };
    session.export_script(&script, Path::new(""), &job, ways).map_err(|fault| fault.to_string())?;
    // A checkpoint a second: what is written is seen when one is done.
    let path = job.join("flink/job.sql");
    let sql = fs::read_to_string(&path).map_err(|error| error.to_string())?;
    fs::write(&path, sql.replace("'10 s'", "'1 s'")).map_err(|error| error.to_string())?;
    Ok(job)
}

/// The rows that the test of the job expects, but for those of windows that are open when the topic goes on.
fn expected(job: &Path) -> Result<Vec<String>, String> {
    let kept = fs::read_to_string(job.join("test/answer/bars_out.jsonl")).map_err(|error| error.to_string())?;
    let mut windows: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in kept.lines() {
        let value: serde_json::Value = serde_json::from_str(row).map_err(|error| error.to_string())?;
        windows.entry(value["window_end"].to_string()).or_default().push(row.to_string());
    }
    windows.pop_last();
    let mut rows: Vec<String> = windows.into_values().flatten().collect();
    rows.sort();
    Ok(rows)
}
