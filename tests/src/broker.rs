//! A real Apache Kafka for tests and benchmarks: one KRaft node on loopback, on ports that were free, in a
//! folder of its own, ready after about two seconds.
//!
//! A shell stands between the test and the JVM and reads from a pipe that only the test holds. When
//! the test drops the broker, or dies in whatever way, the pipe closes, and the shell kills the JVM and
//! removes the folder. That needs no cooperation of a dying process, so no broker is ever orphaned.

use std::fs::{self, File};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::proxy::Proxy;

/// The user that the SASL listener knows.
pub const USER: &str = "alice";
/// Her password.
pub const PASSWORD: &str = "through-the-looking-glass";

const READY_WITHIN: Duration = Duration::from_secs(90);

/// Waits for one line on stdin. `keep` stops the JVM and leaves the data; a closed pipe removes it too.
const SUPERVISE: &str = r#"
dir=$1; shift
"$@" >>"$dir/broker.log" 2>&1 </dev/null &
jvm=$!
read -r word
kill -9 $jvm
wait $jvm
[ "$word" = keep ] || rm -rf "$dir"
"#;

/// How much the broker's JVM may use.
#[derive(Clone, Copy, Debug)]
pub enum Size {
    /// For tests: small heap, only the quick compiler.
    Small,
    /// For benchmarks: the JVM as it comes, with 1 GiB.
    Roomy,
}

impl Size {
    fn flags(self) -> &'static [&'static str] {
        match self {
            Size::Small => &["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"],
            Size::Roomy => &["-Xmx1g", "-XX:+UseParallelGC"],
        }
    }
}

/// A running (or stopped) broker.
pub struct Broker {
    dir: PathBuf,
    ports: Ports,
    /// Where a proxy listens; held, so that nobody else gets the port between two of them.
    door: TcpListener,
    size: Size,
    supervisor: Option<Child>,
}

#[derive(Clone, Copy)]
struct Ports {
    plain: u16,
    sasl: u16,
    controller: u16,
    /// Behind a proxy, and where clients are told that it is.
    hidden: u16,
    proxy: u16,
}

impl Broker {
    /// Starts a small broker of one's own, for tests that stop it.
    pub fn start() -> Broker {
        Broker::of_size(Size::Small)
    }

    /// Starts a broker of one's own.
    pub fn of_size(size: Size) -> Broker {
        // Somebody may take a port between our look and the broker's start; then it ends at once.
        for _ in 0..3 {
            let dir =
                tempfile::Builder::new().prefix("millstream-broker-").tempdir().expect("a temporary folder").keep();
            let (ports, door) = Ports::free();
            let mut broker = Broker { dir, ports, door, size, supervisor: None };
            broker.prepare();
            broker.resume();
            if broker.is_ready() {
                return broker;
            }
            let log = broker.log();
            drop(broker);
            assert!(log.contains("Address already in use"), "the broker did not get ready:\n{}", tail(&log));
        }
        panic!("three times in a row a port was taken between the look and the start");
    }

    /// The broker that the tests of one process share. It lives as long as the process.
    pub fn shared() -> &'static Broker {
        static SHARED: OnceLock<Broker> = OnceLock::new();
        SHARED.get_or_init(Broker::start)
    }

    /// `host:port` of the listener without login.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.ports.plain)
    }

    /// `host:port` of the listener that wants SASL/PLAIN.
    pub fn sasl_address(&self) -> String {
        format!("127.0.0.1:{}", self.ports.sasl)
    }

    /// A proxy that clients can take instead of the way to [`Broker::address`].
    pub fn proxy(&self) -> Proxy {
        Proxy::start(&self.door, format!("127.0.0.1:{}", self.ports.hidden))
    }

    /// Kills the broker (SIGKILL) and keeps its data and ports for [`Broker::resume`].
    pub fn stop(&mut self) {
        self.end("keep\n");
    }

    /// Starts a stopped broker on the same ports and data. It need not be ready yet; see [`Broker::is_ready`].
    pub fn resume(&mut self) {
        assert!(self.supervisor.is_none(), "the broker runs already");
        let mut java = vec!["java".to_string()];
        java.extend(self.size.flags().iter().map(|flag| flag.to_string()));
        java.push(format!("-Dlog4j2.configurationFile={}", self.dir.join("log4j2.xml").display()));
        java.extend(["-cp".into(), format!("{}/*", installed().join("libs").display()), "kafka.Kafka".into()]);
        java.push(self.dir.join("server.properties").display().to_string());
        let supervisor = Command::new("sh")
            .args(["-c", SUPERVISE, "broker"])
            .arg(&self.dir)
            .args(java)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C on the tests' terminal reaches the broker through the pipe, not as a signal.
            .process_group(0)
            .spawn()
            .expect("a shell can be started");
        self.supervisor = Some(supervisor);
    }

    /// Waits until the broker answers a metadata request; false if it does not in time or has ended.
    pub fn is_ready(&self) -> bool {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.address())
            .set("reconnect.backoff.max.ms", "200")
            .create()
            .expect("a valid configuration");
        let deadline = Instant::now() + READY_WITHIN;
        while Instant::now() < deadline {
            let answer = consumer.fetch_metadata(None, Duration::from_millis(500));
            if answer.is_ok_and(|metadata| !metadata.brokers().is_empty()) {
                return true;
            }
            if self.log().contains("Address already in use") {
                return false;
            }
        }
        false
    }

    /// All that the broker has printed.
    pub fn log(&self) -> String {
        fs::read(self.dir.join("broker.log"))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    fn end(&mut self, word: &str) {
        let Some(mut supervisor) = self.supervisor.take() else { return };
        let mut pipe = supervisor.stdin.take().expect("it was started with a pipe");
        // A shell that is gone already has nothing left to kill.
        let _ = pipe.write_all(word.as_bytes());
        drop(pipe);
        let _ = supervisor.wait();
    }

    fn prepare(&self) {
        let data = self.dir.join("data");
        fs::create_dir(&data).expect("the folder is ours");
        let formatted = installed().join("formatted");
        for name in ["meta.properties", "bootstrap.checkpoint"] {
            fs::copy(formatted.join(name), data.join(name)).expect("the installed broker has a formatted folder");
        }
        fs::write(self.dir.join("server.properties"), self.ports.properties(&data)).expect("the folder is ours");
        fs::write(self.dir.join("log4j2.xml"), LOG).expect("the folder is ours");
        File::create(self.dir.join("broker.log")).expect("the folder is ours");
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self.supervisor.is_some() {
            self.end("");
        } else {
            // A stopped broker has no shell that could tidy up; what cannot be removed lies in the temporary folder.
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

const LOG: &str = r#"<Configuration status="WARN">
  <Appenders><Console name="out"><PatternLayout pattern="%d{HH:mm:ss.SSS} %p %c{1} %m%n"/></Console></Appenders>
  <Loggers><Root level="WARN"><AppenderRef ref="out"/></Root></Loggers>
</Configuration>
"#;

impl Ports {
    /// Free ports, and the door of the proxy.
    fn free() -> (Ports, TcpListener) {
        let mut held: Vec<TcpListener> =
            (0..5).map(|_| TcpListener::bind("127.0.0.1:0").expect("loopback has free ports")).collect();
        let port = |at: usize| held[at].local_addr().expect("it is bound").port();
        let ports = Ports { plain: port(0), sasl: port(1), controller: port(2), hidden: port(3), proxy: port(4) };
        (ports, held.pop().expect("there are five"))
    }

    fn properties(self, data: &Path) -> String {
        let Ports { plain, sasl, controller, hidden, proxy } = self;
        let data = data.display();
        format!(
            "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{plain},SASL://127.0.0.1:{sasl},PROXY://127.0.0.1:{hidden},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SASL://127.0.0.1:{sasl},PROXY://127.0.0.1:{proxy}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXY:PLAINTEXT,SASL:SASL_PLAINTEXT
listener.name.sasl.sasl.enabled.mechanisms=PLAIN
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}=\"{PASSWORD}\";
log.dirs={data}
log.segment.bytes=16777216
log.retention.ms=-1
log.index.size.max.bytes=262144
log.cleaner.dedupe.buffer.size=2097152
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
num.io.threads=2
num.network.threads=2
background.threads=2
"
        )
    }
}

/// The folder of the installed broker; installs it if need be.
fn installed() -> &'static Path {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/broker");
        let done = Command::new(&script).stderr(Stdio::inherit()).output().expect("Python 3 can be started");
        assert!(done.status.success(), "{} failed; what it printed says why", script.display());
        PathBuf::from(String::from_utf8_lossy(&done.stdout).trim())
    })
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
