//! A recording whose process is killed: what was safe a tenth of a second before is on the tape, and the
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
        recorder.step(Duration::from_millis(5)).expect("goes on");
        println!("at {}", recorder.standing().records);
    }
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
            .args(["tape::other_process", "--exact", "--nocapture"])
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
    let mut recorder = begin(folder.path(), false);
    assert!(recorder.standing().resumed.is_some());
    while recorder.step(Duration::ZERO).expect("goes on") {}
    assert_eq!(recorder.seal().expect("sealed").records, sent);
    let tape = Tapes::in_folder(folder.path().join("tapes")).open("t").expect("opens");
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
