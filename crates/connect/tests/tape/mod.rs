//! A recording whose process is killed, or whose disk is full: what was safe a tenth of a second before is on the tape, and the
//! recording goes on without a gap and without a double. The test binary plays the other process: it starts itself
//! with a folder in the environment.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use millstream_connect::tape::{Plan, Recorded, Recorder, Room, State, Tapes, Until};
use millstream_connect::topic::{Record, TopicConnector, Topics};
use millstream_record::{Connector, Options, Positions, RawStart, Stop, SystemClock};

const FOLDER: &str = "MILLSTREAM_TEST_RECORDER";

fn begin(folder: &Path, follow: bool) -> Recorder {
    let topics = Topics::open(folder.join("topics"), Arc::new(SystemClock));
    let connector = TopicConnector::new(topics);
    let options = Options::check([("topic", "t")], &[connector.options()]).expect("fits");
    let recorded = Recorded {
        tap: "t".into(),
        connector: "topic".into(),
        declared: String::new(),
        rows: false,
        next: Positions::new(),
    };
    let plan = Plan {
        start: RawStart::Earliest,
        follow,
        until: Until::default(),
        room: Room { most_bytes: u64::MAX, spare_bytes: 0 },
        stop: Stop::default(),
    };
    let topic = (recorded, connector.browse(None, &options).expect("a topic"));
    Recorder::begin(&Tapes::in_folder(folder.join("tapes")), "t", vec![topic], plan, Arc::new(SystemClock))
        .expect("begins")
}

/// Not a test of its own: what the other process does. Without a folder there is nothing to do.
#[test]
fn other_process() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let mut recorder = begin(Path::new(&folder), true);
    loop {
        match recorder.step(Duration::from_millis(5)) {
            Ok(_) => println!("at {}", recorder.standing().records),
            Err(error) => return println!("refused {error}"),
        }
    }
}

const OTHER: [&str; 3] = ["tape::other_process", "--exact", "--nocapture"];

/// Goes on with the recording to the end of the topic; then the tape has each of its records once.
fn ends_with_all(folder: &Path, sent: u64) {
    let mut recorder = begin(folder, false);
    assert!(recorder.standing().resumed.is_some());
    while recorder.step(Duration::ZERO).expect("goes on") {}
    assert_eq!(recorder.seal().expect("sealed").records, sent);
    let tape = Tapes::in_folder(folder.join("tapes")).open("t").expect("opens");
    let mut seen = Vec::new();
    for index in 0..tape.outlines().len() {
        let chunk = tape.chunk(index).expect("sound");
        let place = |(part, index)| {
            let record = chunk.record(part, index);
            (record.partition.number, record.offset.0)
        };
        seen.extend(chunk.order().map(place));
    }
    seen.sort_unstable();
    let wanted = (0..3).flat_map(|partition| (0..sent as i64 / 3).map(move |offset| (partition, offset)));
    assert_eq!(seen, wanted.collect::<Vec<_>>());
}

/// No file may grow beyond half a megabyte, which stands for a full disk.
#[test]
fn a_full_disk_ends_a_recording_that_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let topics = Topics::open(folder.path().join("topics"), Arc::new(SystemClock));
    topics.create("t", 3).expect("new");
    let mut producer = topics.producer("t").expect("opens");
    let sent = 30_000u64;
    for number in 0..sent {
        // Texts that cannot be packed well: a multiplicative generator of full period (Steele and Vigna 2021).
        let mut seed = number + 1;
        let mut next = || {
            seed = seed.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(1);
            seed
        };
        let value = format!("{:016x}{:016x}{:016x}{:016x}", next(), next(), next(), next());
        let partition = Some((number % 3) as u32);
        producer.send(&Record { partition, value: Some(value.as_bytes()), ..Record::default() }).expect("sent");
    }
    producer.flush().expect("flushed");
    drop(producer);
    let shell = "trap '' XFSZ; ulimit -f 1000; exec \"$0\" \"$@\"";
    let program = std::env::current_exe().expect("we are running");
    let mut command = Command::new("sh");
    command.args(["-c", shell]).arg(program).args(OTHER).env(FOLDER, folder.path());
    let said = String::from_utf8(command.output().expect("it starts").stdout).expect("text");
    let refused = said.lines().find_map(|line| line.strip_prefix("refused ")).expect("the disk was full");
    assert!(refused.contains("File too large"), "{refused}");
    assert!(refused.contains("make room, and the same RECORD goes on from there"), "{refused}");
    ends_with_all(folder.path(), sent);
}

#[test]
fn a_killed_recording_goes_on_without_gap_and_without_double() {
    let folder = tempfile::tempdir().expect("a folder");
    let topics = Topics::open(folder.path().join("topics"), Arc::new(SystemClock));
    topics.create("t", 3).expect("new");
    let mut sent = 0u64;
    for round in 1..=4u64 {
        let program = std::env::current_exe().expect("we are running");
        let mut child = Command::new(program)
            .args(OTHER)
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut producer = topics.producer("t").expect("opens");
        let end = sent + 3_000;
        while sent < end {
            let value = format!("value {sent}");
            let partition = Some((sent % 3) as u32);
            producer.send(&Record { partition, value: Some(value.as_bytes()), ..Record::default() }).expect("sent");
            sent += 1;
            if sent.is_multiple_of(100) {
                producer.flush().expect("flushed");
            }
        }
        // Killed somewhere in the middle of what it was sent.
        let seen = |line: std::io::Result<String>| line.ok()?.strip_prefix("at ")?.parse::<u64>().ok();
        let enough = (round - 1) * 3_000 + 700 * round;
        lines.by_ref().filter_map(seen).find(|seen| *seen >= enough).expect("it gets that far");
        child.kill().expect("killed");
        child.wait().expect("ended");
        let tape = Tapes::in_folder(folder.path().join("tapes")).open("t").expect("opens");
        assert_eq!(tape.meta().state, State::Open);
    }
    ends_with_all(folder.path(), sent);
}
