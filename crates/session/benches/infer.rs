//! What a tap costs: processor milliseconds to sample 20,000 records of about 250 bytes from an embedded
//! topic, infer their columns and event time, and try both on the sample. Medians of several runs.
//! `cargo bench --profile dev --workspace --bench infer`.

use std::fmt::Write as _;

use millstream_record::Millis;
use millstream_session::topics::Record;
use millstream_session::{Reply, Session, SessionOptions};

const RECORDS: i64 = 20_000;
const RUNS: usize = 7;
const START: i64 = 1_767_225_600_000;

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut session = Session::new(SessionOptions::in_folder(folder.path())).expect("a session");
    fill(&session, "json", |n, out| {
        let _ = write!(
            out,
            "{{\"id\":{n},\"symbol\":\"S{}\",\"price\":{}.{:02},\"qty\":{},\"side\":\"buy\",\"venue\":{{\"name\":\"exchange-{}\",\
             \"city\":\"Frankfurt am Main\",\"open\":true}},\"tags\":[\"alpha\",\"beta\",\"gamma\"],\"note\":\"an order like any other\",\
             \"made\":\"2026-01-01T00:{:02}:{:02}.{:03}Z\",\"ts\":{}}}",
            n % 50,
            n % 900,
            n % 100,
            n % 7,
            n % 5,
            n / 60 % 60,
            n % 60,
            n % 1000,
            START + n * 10 - n % 7 * 100
        );
    });
    fill(&session, "csv", |n, out| {
        let _ = write!(
            out,
            "{n},S{},{}.{:02},{},\"a text, {}\",{}",
            n % 50,
            n % 900,
            n % 100,
            n % 7,
            "x".repeat(180),
            START + n * 10
        );
    });
    for topic in ["json", "csv"] {
        let mut nanos: Vec<f64> = (0..RUNS).map(|_| tapped(&mut session, topic)).collect();
        nanos.sort_by(f64::total_cmp);
        println!("tap 20,000 records of {topic}: {:.0} ms", nanos[RUNS / 2] / 1e6);
    }
}

fn fill(session: &Session, topic: &str, write: impl Fn(i64, &mut String)) {
    session.topics().create(topic, 4).expect("new");
    let mut producer = session.topics().producer(topic).expect("opens");
    let mut value = String::new();
    for n in 0..RECORDS {
        value.clear();
        write(n, &mut value);
        let timestamp = Some(Millis(START + n * 10));
        let record =
            Record { partition: Some((n % 4) as u32), timestamp, value: Some(value.as_bytes()), ..Record::default() };
        producer.send(&record).expect("sent");
    }
    producer.flush().expect("flushed");
}

fn tapped(session: &mut Session, topic: &str) -> f64 {
    let before = thread_nanos();
    let text = format!("TAP '{topic}' AS t_{topic}");
    match session.execute(&text).next() {
        Some(Ok(Reply::Text(text))) => assert!(text.contains("\n0 records could not be read"), "{text}"),
        _ => panic!("the tap was refused"),
    }
    thread_nanos() - before
}

/// Processor time of this thread so far: a machine that others use at the same time measures the same.
fn thread_nanos() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("the benchmarks run on Linux");
    text.split_whitespace().next().and_then(|word| word.parse().ok()).expect("processor time comes first")
}
