//! A job in a process of its own, that can be killed: this test binary, started again to run it. Beside
//! it the input, chunk by chunk, and the eyes of somebody who only reads what was committed.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use millstream_connect::topic as embedded;
use millstream_record::{Stop, SystemClock};
use millstream_runner::Point;
use millstream_runner::launch::{self, Overrides};
use millstream_tests::broker::Broker;
use millstream_tests::process;
use millstream_tests::topics::{Record, Topics};

/// Set in the process that is to run a job: its folder.
const JOB: &str = "MILLSTREAM_TEST_JOB";
/// What else its command line would say: state folder, savepoint to begin with, step whose state is dropped,
/// checkpoint to go back to.
const STATE: &str = "MILLSTREAM_TEST_STATE";
const FROM: &str = "MILLSTREAM_TEST_FROM";
const DROP: &str = "MILLSTREAM_TEST_DROP";
const BACK: &str = "MILLSTREAM_TEST_BACK";
/// How long a job may take to end.
const PATIENCE: Duration = Duration::from_secs(300);

/// Not a test by itself: the process that the tests start and kill.
#[test]
fn job() {
    if let Some(path) = std::env::var_os(JOB) {
        let path_of = |name| std::env::var_os(name).map(PathBuf::from);
        let drop_state = std::env::var(DROP).ok().into_iter().collect();
        let restore_epoch = std::env::var(BACK).ok().and_then(|epoch| epoch.parse().ok());
        let (state, from) = (path_of(STATE), path_of(FROM));
        let overrides = Overrides { state, from, restore_epoch, drop_state, ..Overrides::default() };
        std::process::exit(i32::from(launch::run(Path::new(&path), overrides)));
    }
}

/// Where rows come from and go to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    KafkaToKafka,
    KafkaToFiles,
    TopicToTopic,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub enum Query {
    Stateless,
    Window,
    Join,
    /// A window whose aggregate is one that its user has written.
    Brought,
}

/// The smallest value and the largest, and how many there were of each last digit.
const DIGITS: &str = "
use std::collections::BTreeMap;
struct Digits { low: i64, high: i64, seen: BTreeMap<u8, u32> }
#[udf] impl Digits {
    fn init() -> Self { Digits { low: i64::MAX, high: i64::MIN, seen: BTreeMap::new() } }
    fn update(&mut self, v: i64) {
        (self.low, self.high) = (self.low.min(v), self.high.max(v));
        *self.seen.entry((v % 10) as u8).or_default() += 1;
    }
    fn merge(&mut self, other: Self) {
        (self.low, self.high) = (self.low.min(other.low), self.high.max(other.high));
        other.seen.into_iter().for_each(|(digit, times)| *self.seen.entry(digit).or_default() += times);
    }
    fn finish(&self) -> String { format!(\"{} {} {:?}\", self.low, self.high, self.seen) }
}
";

impl Query {
    fn sql(self) -> (&'static str, &'static str) {
        match self {
            Query::Stateless => ("id BIGINT, twice BIGINT", "SELECT id, v * 2 FROM src WHERE MOD(v, 3) <> 0"),
            Query::Window => (
                "k BIGINT, starts TIMESTAMP(3), n BIGINT, total BIGINT",
                "SELECT k, window_start, COUNT(*), SUM(v) FROM TABLE(TUMBLE(TABLE src, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY k, window_start, window_end",
            ),
            Query::Brought => (
                "k BIGINT, starts TIMESTAMP(3), n BIGINT, digits STRING",
                "SELECT k, window_start, COUNT(*), digits(v) FROM TABLE(HOP(TABLE src, DESCRIPTOR(ts), INTERVAL '0.5' SECOND, INTERVAL '1' SECOND)) GROUP BY k, window_start, window_end",
            ),
            Query::Join => (
                "id BIGINT, v BIGINT, w BIGINT",
                "SELECT a.id, a.v, b.v FROM src a JOIN src b ON a.k = b.k AND b.ts BETWEEN a.ts - INTERVAL '0.1' SECOND AND a.ts + INTERVAL '0.1' SECOND",
            ),
        }
    }
}

/// Part files that begin a new one at every second checkpoint or so.
pub const SHORT_PARTS: &str =
    ", 'sink.rolling-policy.rollover-interval' = '150 ms', 'sink.rolling-policy.check-interval' = '10 ms'";
/// Part files that have their size now and then, in the middle of a checkpoint.
pub const SMALL_PARTS: &str = ", 'sink.rolling-policy.file-size' = '4 kb'";
/// One part file from the start of the job to its end, over all checkpoints and kills.
pub const ONE_PART: &str = "";

/// A job, its input and its output.
pub struct Site {
    folder: tempfile::TempDir,
    name: String,
    way: Way,
    query: Query,
    servers: String,
    /// By which way the tests reach the broker.
    direct: String,
    produced: i64,
    partitions: i64,
    /// How many lanes it has.
    pub lanes: usize,
    /// How much memory its operators have for their state, if it is limited.
    pub memory: Option<&'static str>,
    /// When a part file ends, where it writes files.
    pub parts: &'static str,
}

/// What a job is told when it starts.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Where it dies.
    pub kill: Option<Point>,
    /// Another state folder.
    pub state: Option<PathBuf>,
    /// A savepoint.
    pub from: Option<PathBuf>,
    /// The step whose state is dropped.
    pub drop: Option<String>,
    /// An older checkpoint to go back to.
    pub back: Option<u64>,
    /// How the disk fails: see `fail.rs` of the runner.
    pub disk: Option<&'static str>,
    /// No file may become larger than so many blocks of 512 bytes.
    pub most_blocks: Option<u32>,
}

impl Site {
    /// Makes the topics of a job.
    pub fn new(name: &str, way: Way, query: Query) -> Site {
        let servers = if way == Way::TopicToTopic { String::new() } else { Broker::shared().address() };
        Site::at(name, way, query, servers)
    }

    /// The same with a broker of its own.
    pub fn at(name: &str, way: Way, query: Query, servers: String) -> Site {
        Site::behind(name, way, query, servers.clone(), servers)
    }

    /// A job that reaches its broker as `servers`, while the tests take the `direct` way.
    pub fn behind(name: &str, way: Way, query: Query, servers: String, direct: String) -> Site {
        let folder = tempfile::tempdir().expect("a folder");
        let (name, lanes, memory, parts) = (name.into(), 2, None, SHORT_PARTS);
        let site = Site { folder, name, way, query, servers, direct, produced: 0, partitions: 2, lanes, memory, parts };
        match way {
            Way::TopicToTopic => {
                site.embedded().create("src", 2).expect("new");
                site.embedded().create("out", 2).expect("new");
            }
            _ => {
                site.topics().create(&site.topic("src"), 2);
                if way == Way::KafkaToKafka {
                    site.topics().create(&site.topic("out"), 2);
                }
            }
        }
        site
    }

    /// The name of its topic in Kafka: `src` or `out`.
    pub fn topic(&self, which: &str) -> String {
        format!("job-{}-{which}", self.name)
    }

    /// The topics of its broker.
    pub fn topics(&self) -> Topics {
        Topics::at(&self.direct)
    }

    fn embedded(&self) -> embedded::Topics {
        embedded::Topics::open(self.folder.path().join("topics"), Arc::new(SystemClock))
    }

    /// The folder of the job, which `state/` is in.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes the job's files. `extra` are options of all Kafka tables.
    pub fn write(&self, bounded: bool, extra: &str) {
        let (columns, query) = self.query.sql();
        let bounded = if bounded { ", 'scan.bounded.mode' = 'latest-offset'" } else { "" };
        let kafka = |which: &str| {
            let (topic, servers) = (self.topic(which), &self.servers);
            format!(
                "'connector' = 'kafka', 'topic' = '{topic}', 'properties.bootstrap.servers' = '{servers}', 'format' = 'json'{extra}"
            )
        };
        let source = match self.way {
            Way::TopicToTopic => "'connector' = 'topic', 'topic' = 'src', 'format' = 'json'".to_string(),
            _ => format!("{}, 'scan.startup.mode' = 'earliest-offset'", kafka("src")),
        };
        let sink = match self.way {
            Way::TopicToTopic => "'connector' = 'topic', 'topic' = 'out', 'format' = 'json'".to_string(),
            Way::KafkaToKafka => format!("{}, 'sink.delivery-guarantee' = 'exactly-once'", kafka("out")),
            Way::KafkaToFiles => {
                let (out, parts) = (self.out(), self.parts);
                format!("'connector' = 'filesystem', 'path' = '{}', 'format' = 'json'{parts}", out.display())
            }
        };
        let functions = match self.query {
            Query::Brought => "CREATE FUNCTION digits LANGUAGE RUST USING FILE 'digits.rs';",
            _ => "",
        };
        fs::write(self.path().join("digits.rs"), DIGITS).expect("the folder is ours");
        let sql = format!(
            "{functions}
             CREATE TABLE src (id BIGINT, k BIGINT, v BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '0.2' SECOND) WITH ({source}{bounded});
             CREATE TABLE sunk ({columns}) WITH ({sink});
             INSERT INTO sunk {query};"
        );
        fs::write(self.path().join("job.sql"), sql).expect("the folder is ours");
        let lanes = self.lanes;
        let memory = self.memory.map_or(String::new(), |memory| format!("state-memory = \"{memory}\"\n"));
        let toml = format!(
            "[job]\nparallelism = {lanes}\n[checkpoints]\ninterval = \"100 ms\"\n{memory}[topics]\nfolder = \"topics\"\n"
        );
        fs::write(self.path().join("millstream.toml"), toml).expect("the folder is ours");
    }

    fn out(&self) -> PathBuf {
        self.path().join("out")
    }

    /// The names of its part files, hidden and visible.
    pub fn part_files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.out()).into_iter().flatten().map(|entry| entry.expect("it can be listed"));
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    /// From now on records go to so many partitions of the input.
    pub fn spread_over(&mut self, partitions: i64) {
        self.partitions = partitions;
    }

    /// Appends so many records to the input.
    pub fn produce(&mut self, records: i64) {
        let ids = self.produced..self.produced + records;
        self.produced += records;
        let line = |id: i64| {
            let at = id * 10 - (id * 31) % 150;
            let (minute, second, milli) = (at.max(0) / 60_000, at.max(0) / 1000 % 60, at.max(0) % 1000);
            let v = id * 7919 % 1000;
            format!(
                "{{\"id\":{id},\"k\":{},\"v\":{v},\"ts\":\"2026-01-01 00:{minute:02}:{second:02}.{milli:03}\"}}",
                id % 7
            )
        };
        match self.way {
            Way::TopicToTopic => {
                let mut producer = self.embedded().producer("src").expect("it is there");
                for id in ids {
                    let value = line(id);
                    let partition = Some((id % 2) as u32);
                    let record = embedded::Record { partition, value: Some(value.as_bytes()), ..Default::default() };
                    producer.send(&record).expect("there is room");
                }
                producer.flush().expect("it is safe");
            }
            _ => {
                let record = |id| Record::new((id % self.partitions) as i32, line(id));
                self.topics().produce(&self.topic("src"), ids.map(record));
            }
        }
    }

    /// What all its processes have said.
    pub fn said(&self) -> String {
        fs::read_to_string(self.path().join("stderr")).unwrap_or_default()
    }

    /// What is committed, in order of the text.
    pub fn committed(&self) -> Vec<String> {
        let mut rows: Vec<String> = match self.way {
            Way::KafkaToKafka => {
                let records = self.topics().read(&self.topic("out")).into_values().flatten();
                records.map(|record| record.value.expect("no tombstone")).collect()
            }
            Way::KafkaToFiles => files(&self.out()),
            Way::TopicToTopic => {
                let topics = self.embedded();
                let mut consumer =
                    topics.consumer("out", &embedded::Start::Earliest, &embedded::Bound::Latest).expect("it is there");
                let mut rows = Vec::new();
                while !consumer.ended() {
                    let Some(received) = consumer.next(Duration::from_millis(50), &Stop::default()).expect("sound")
                    else {
                        continue;
                    };
                    let values = received.records.values.iter().flatten();
                    rows.extend(values.map(|value| String::from_utf8_lossy(value).into_owned()));
                }
                rows
            }
        };
        rows.sort();
        rows
    }

    /// Starts the job; it dies at `kill`, if that is given.
    pub fn start(&self, kill: Option<Point>) -> Running {
        self.start_in(self.path(), kill)
    }

    /// The same from another folder with the job's files.
    pub fn start_in(&self, folder: &Path, kill: Option<Point>) -> Running {
        self.start_told(folder, Told { kill, ..Told::default() })
    }

    /// Starts the job in a folder, and tells it more than that.
    pub fn start_told(&self, folder: &Path, told: Told) -> Running {
        let log = folder.join("stderr");
        let errors = File::options().create(true).append(true).open(&log).expect("the folder is ours");
        let Told { kill, state, from, drop, back, disk, most_blocks } = told;
        let program = std::env::current_exe().expect("the tests know themselves");
        let mut command = match most_blocks {
            None => Command::new(program),
            Some(most) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {most}; exec \"$0\" \"$@\"")]).arg(program);
                shell
            }
        };
        command.args(["checkpoints::site::job", "--exact", "--nocapture"]).env(JOB, folder);
        command.env("RUST_LOG", "info").stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors);
        command.envs(kill.map(|point| ("MILLSTREAM_KILL_AT", point.name())));
        command.envs(state.map(|state| (STATE, state))).envs(from.map(|from| (FROM, from)));
        command.envs(drop.map(|step| (DROP, step))).envs(back.map(|epoch| (BACK, epoch.to_string())));
        command.envs(disk.map(|fault| ("MILLSTREAM_DISK", fault)));
        Running { child: command.spawn().expect("the tests can start themselves"), log }
    }
}

/// The lines of all files that are not hidden.
pub fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("it can be listed"));
    let visible = entries.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    visible
        .flat_map(|entry| {
            let text = fs::read_to_string(entry.path()).expect("text");
            assert!(text.ends_with('\n'), "{} is cut", entry.path().display());
            text.lines().map(str::to_string).collect::<Vec<_>>()
        })
        .collect()
}

/// A job that runs. Dropped, it is killed.
pub struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Waits until it ends by itself.
    pub fn wait(mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("it was started here") {
                return status;
            }
            assert!(Instant::now() < deadline, "the job does not end; it said:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until it says this in its log.
    pub fn until(&mut self, words: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.said().contains(words) {
            assert!(self.child.try_wait().expect("it was started here").is_none(), "it ended:\n{}", self.said());
            assert!(Instant::now() < deadline, "it never says {words:?}:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().expect("it was started here").is_none()
    }

    /// The most memory that it has taken so far, in bytes, while it runs.
    pub fn peak(&self) -> Option<u64> {
        process::peak(self.child.id())
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.expect("there is kill").success());
    }

    /// What it and its forerunners have said.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended needs no killing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a process died as `kill -9` lets it die.
pub fn was_killed(status: ExitStatus) -> bool {
    status.signal() == Some(9)
}
