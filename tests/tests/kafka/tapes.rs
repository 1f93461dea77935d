//! Tapes of a real broker: recording survives its restart and one's own, joins no group, and a replay goes on
//! with the topic where the tape ends.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use millstream_session::{Live, Reply, Session, SessionOptions, Step, Taping};
use millstream_tests::broker::Broker;
use millstream_tests::topics::{Record, Topics};

const PATIENCE: Duration = Duration::from_secs(90);

fn session(folder: &Path, servers: &str, topic: &str) -> Session {
    let mut session = Session::new(SessionOptions::in_folder(folder)).expect("a session");
    let declared = format!(
        "CREATE TABLE numbers (n BIGINT, `partition` INT METADATA VIRTUAL, `offset` BIGINT METADATA VIRTUAL) WITH \
         ('connector' = 'kafka', 'topic' = '{topic}', 'properties.bootstrap.servers' = '{servers}', 'format' = 'json', \
         'scan.startup.mode' = 'earliest-offset')"
    );
    said(&mut session, &declared);
    session
}

fn said(session: &mut Session, text: &str) -> String {
    match session.execute(text).next().expect("one statement").expect("it is answered") {
        Reply::Text(said) | Reply::Plan(said) => said,
        _ => panic!("{text} has another kind of answer"),
    }
}

fn taping(session: &mut Session, text: &str) -> Box<Taping> {
    match session.execute(text).next().expect("one statement").expect("it begins") {
        Reply::Taping(taping) => taping,
        _ => panic!("{text} records"),
    }
}

fn live(session: &mut Session, text: &str) -> Box<Live> {
    match session.execute(text).next().expect("one statement").expect("it starts") {
        Reply::Live(live) => live,
        _ => panic!("{text} is a query"),
    }
}

fn numbers(range: std::ops::Range<i64>) -> Vec<Record> {
    range.map(|n| Record::new((n % 3) as i32, format!("{{\"n\":{n}}}"))).collect()
}

/// Records until so many are on the tape.
fn until(taping: &mut Taping, records: u64) {
    let deadline = Instant::now() + PATIENCE;
    let line = format!("{} records", millstream_session::count(records));
    while !taping.line(true).contains(&line) {
        assert!(Instant::now() < deadline, "the records do not come: {}", taping.line(true));
        assert!(taping.advance(Duration::from_millis(20)).expect("goes on"));
    }
    // What came is made safe within a tenth of a second.
    let safe = Instant::now() + Duration::from_millis(300);
    while Instant::now() < safe {
        taping.advance(Duration::from_millis(20)).expect("goes on");
    }
}

/// The numbers that a query gives until there are so many, each with its place.
fn rows(live: &mut Live, count: usize) -> Vec<String> {
    let (deadline, mut lines) = (Instant::now() + PATIENCE, Vec::new());
    while lines.len() < count {
        assert!(Instant::now() < deadline, "only {} of {count} rows came", lines.len());
        match live.next(Duration::from_millis(100)) {
            Step::Rows(batch) => {
                let columns = live.columns.clone().expect("a query has columns");
                let text = millstream_session::to_text(
                    millstream_session::Format::Csv,
                    columns,
                    &[batch],
                    &millstream_session::Look::plain(),
                );
                lines.extend(text.lines().skip(1).map(str::to_string));
            }
            Step::Quiet => {}
            Step::End => break,
        }
    }
    lines
}

#[test]
fn a_recording_survives_the_restart_of_the_broker_and_its_own() {
    let mut broker = Broker::start();
    let (servers, folder) = (broker.address(), tempfile::tempdir().expect("a folder"));
    let topics = Topics::at(&servers);
    topics.create("taped", 3);
    topics.produce("taped", numbers(0..300));
    {
        let mut session = session(folder.path(), &servers, "taped");
        let mut taping = taping(&mut session, "RECORD numbers AS monday");
        until(&mut taping, 300);
        broker.stop();
        let deadline = Instant::now() + Duration::from_secs(3);
        while Instant::now() < deadline {
            assert!(taping.advance(Duration::from_millis(50)).expect("it waits for the broker"));
        }
        broker.resume();
        let deadline = Instant::now() + PATIENCE;
        while !broker.is_ready() {
            assert!(Instant::now() < deadline, "the broker does not come back");
            std::thread::sleep(Duration::from_millis(100));
        }
        topics.produce("taped", numbers(300..600));
        until(&mut taping, 600);
        // Neither the recording nor the session comes to a good end.
        std::mem::forget(taping);
    }
    // The lock of the lost recording goes with its process; here it is this one, so the tape is copied.
    let other = tempfile::tempdir().expect("a folder");
    copy(&folder.path().join("tapes/monday"), &other.path().join("tapes/monday"));
    topics.produce("taped", numbers(600..700));
    let mut session = session(other.path(), &servers, "taped");
    let mut taping = taping(&mut session, "RECORD numbers AS monday");
    until(&mut taping, 700);
    let told = taping.finish().expect("sealed");
    assert!(told.contains("went on behind 600 records"), "{told}");
    said(&mut session, "REPLAY monday");
    let mut query = live(&mut session, "SELECT n, `partition`, `offset` FROM numbers");
    let found = rows(&mut query, 701);
    assert_eq!(found.len(), 700, "no gap and no double");
    let all: BTreeSet<&String> = found.iter().collect();
    assert_eq!(all.len(), 700);
    assert!((0..700).all(|n| all.contains(&format!("{n},{},{}", n % 3, n / 3))));
    query.finish().expect("ended");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        std::fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("copied");
    }
}

#[test]
fn a_replay_goes_on_live_without_gap_and_without_double() {
    let servers = Broker::shared().address();
    let folder = tempfile::tempdir().expect("a folder");
    let topics = Topics::at(&servers);
    topics.create("taped-then-live", 3);
    topics.produce("taped-then-live", numbers(0..300));
    let mut session = session(folder.path(), &servers, "taped-then-live");
    let mut taping = taping(&mut session, "RECORD numbers ROWS 200 AS monday");
    while taping.advance(Duration::from_millis(20)).expect("goes on") {}
    taping.finish().expect("sealed");
    said(&mut session, "REPLAY monday THEN LIVE");
    let mut query = live(&mut session, "SELECT n FROM numbers");
    let mut found = rows(&mut query, 300);
    topics.produce("taped-then-live", numbers(300..350));
    found.extend(rows(&mut query, 50));
    let all: BTreeSet<i64> = found.iter().map(|line| line.parse().expect("a number")).collect();
    assert_eq!((found.len(), all), (350, (0..350).collect()));
    query.stop();
    query.finish().expect("it was stopped");
}
