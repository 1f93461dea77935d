//! What `TRACE` lists is held against the query itself: over the records that it lists for a row, and nothing else, the
//! query gives that row; and with any of them taken away it does not, where every one of them counts.

use std::collections::BTreeSet;
use std::time::Duration;

use millstream_record::Batch;
use millstream_sql::statement::Name;

use super::*;
use crate::render::{Columns, Format, Look, to_text};
use crate::topics::Record;
use crate::verbs::query;
use crate::{Manner, Millis, Reply, SessionOptions, Step};

/// Records of the topics `a` and `b`, in the order in which they arrive. The last of `a` comes too late for its window.
const RECORDS: [(&str, &str); 14] = [
    ("a", r#"{"who":"ann","n":1,"ts":"2026-01-01 00:00:01"}"#),
    ("b", r#"{"who":"ann","price":10,"ts":"2026-01-01 00:00:02"}"#),
    ("a", r#"{"who":"bob","n":4,"ts":"2026-01-01 00:00:03"}"#),
    ("a", r#"{"who":"ann","n":5,"ts":"2026-01-01 00:00:04"}"#),
    ("b", r#"{"who":"bob","price":20,"ts":"2026-01-01 00:00:05"}"#),
    ("a", r#"{"who":"ann","n":2,"ts":"2026-01-01 00:00:06"}"#),
    ("a", r#"{"who":"bob","n":9,"ts":"2026-01-01 00:00:12"}"#),
    ("b", r#"{"who":"bob","price":30,"ts":"2026-01-01 00:00:12"}"#),
    ("a", r#"{"who":"ann","n":7,"ts":"2026-01-01 00:00:14"}"#),
    ("a", r#"{"who":"bob","n":4,"ts":"2026-01-01 00:00:15"}"#),
    ("b", r#"{"who":"ann","price":40,"ts":"2026-01-01 00:00:16"}"#),
    ("a", r#"{"who":"eve","n":8,"ts":"2026-01-01 00:00:25"}"#),
    ("b", r#"{"who":"eve","price":50,"ts":"2026-01-01 00:00:26"}"#),
    ("a", r#"{"who":"ann","n":3,"ts":"2026-01-01 00:00:05"}"#),
];

/// Queries, and whether every record that is listed counts in the row: not one of many alike, nor one whose row reached
/// an aggregate together with the rows of others.
const QUERIES: [(&str, bool); 11] = [
    ("SELECT who, n * 2 AS twice FROM a WHERE n > 3", true),
    ("SELECT who, n FROM a UNION ALL SELECT who, price FROM b", true),
    (
        "SELECT who, window_start, COUNT(*) AS c, SUM(n) AS s FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(ts), \
         INTERVAL '10' SECOND)) GROUP BY who, window_start, window_end",
        true,
    ),
    (
        "SELECT window_end, COUNT(*) AS c, MAX(n) AS high FROM TABLE(HOP(TABLE a, DESCRIPTOR(ts), INTERVAL '5' SECOND, \
         INTERVAL '10' SECOND)) WHERE n > 1 GROUP BY window_start, window_end",
        true,
    ),
    (
        "SELECT who, window_start, window_end, COUNT(*) AS c FROM TABLE(SESSION(TABLE a PARTITION BY who, \
         DESCRIPTOR(ts), INTERVAL '4' SECOND)) GROUP BY who, window_start, window_end",
        true,
    ),
    ("SELECT who, COUNT(*) AS c, SUM(n) AS s FROM a GROUP BY who", true),
    (
        "SELECT who, n, SUM(n) OVER (PARTITION BY who ORDER BY ts RANGE BETWEEN INTERVAL '5' SECOND PRECEDING AND \
         CURRENT ROW) AS s FROM a",
        true,
    ),
    (
        "SELECT a.who, a.n, b.price FROM a JOIN b ON a.who = b.who AND b.ts BETWEEN a.ts - INTERVAL '2' SECOND AND a.ts \
         + INTERVAL '2' SECOND",
        true,
    ),
    (
        "SELECT who, n FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY n DESC) AS r \
         FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(ts), INTERVAL '10' SECOND))) WHERE r <= 2",
        true,
    ),
    (
        "SELECT window_end, SUM(c) AS c FROM (SELECT who, window_start, window_end, window_time AS t, COUNT(*) AS c FROM \
         TABLE(TUMBLE(TABLE a, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY who, window_start, window_end, \
         window_time) GROUP BY window_end",
        false,
    ),
    ("SELECT DISTINCT who FROM a", false),
];

fn run(session: &mut Session, text: &str) -> Vec<Batch> {
    let mut rows = Vec::new();
    for reply in session.execute(text) {
        match reply.unwrap_or_else(|fault| panic!("{text}: {fault}")) {
            Reply::Taping(mut taping) => {
                // All is there already, and nobody waits for more.
                (0..4).for_each(|_| assert!(taping.advance(Duration::ZERO).expect("goes on")));
                taping.finish().expect("recorded");
            }
            Reply::Live(mut live) => {
                while let Step::Rows(batch) = live.next(Duration::from_secs(60)) {
                    rows.push(batch);
                }
                live.finish().expect("it ends well");
            }
            _ => {}
        }
    }
    rows
}

/// A replay of these records, in a workspace of their own, with the step `step`.
fn replay(folder: &std::path::Path, records: &[(&str, &str)], step: &str) -> Session {
    let mut session = Session::new(SessionOptions::in_folder(folder).used_by(Manner::Script)).expect("a session");
    for (table, column) in [("a", "n"), ("b", "price")] {
        let columns =
            format!("who STRING, {column} INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '2' SECOND");
        let with = format!("'connector' = 'topic', 'topic' = '{table}', 'format' = 'json'");
        run(&mut session, &format!("CREATE TABLE {table} ({columns}) WITH ({with})"));
        session.topics().create(table, 1).expect("a topic");
    }
    for topic in ["a", "b"] {
        let mut producer = session.topics().producer(topic).expect("opens");
        for (number, (_, value)) in records.iter().enumerate().filter(|(_, (table, _))| *table == topic) {
            let at = Some(Millis(1_767_225_600_000 + number as i64));
            let record = Record { value: Some(value.as_bytes()), timestamp: at, arrival: at, ..Record::default() };
            producer.send(&record).expect("sent");
        }
        producer.flush().expect("flushed");
    }
    run(&mut session, &format!("CREATE VIEW step AS {step}"));
    run(&mut session, "RECORD a, b AS tape; REPLAY tape");
    let on_tape = session.replaying.as_ref().map(|replaying| replaying.tape.meta().records);
    assert_eq!(on_tape, Some(records.len() as u64));
    session
}

fn texts(rows: &[Batch]) -> Vec<String> {
    let Some(first) = rows.first() else { return Vec::new() };
    let columns = Columns::of(first.rows.schema());
    let kept: Vec<Batch> = rows.iter().map(|batch| Batch::insert(batch.rows.clone())).collect();
    to_text(Format::Csv, columns, &kept, &Look::plain()).lines().skip(1).map(str::to_string).collect()
}

fn traced(session: &Session) -> Traced {
    let replaying = session.replaying.clone().expect("it replays");
    let name = Name { text: "step".into(), span: millstream_sql::Span::new(0, 0) };
    let graph = query::all_of(session, &name).expect("a graph");
    let all = replaying.from..replaying.to;
    Traced::of(session, graph, &replaying, all).expect("traced")
}

/// Whether the query gives this row over these records alone.
fn gives(records: &BTreeSet<u64>, step: &str, row: &str) -> bool {
    let folder = tempfile::tempdir().expect("a folder");
    let kept: Vec<(&str, &str)> = records.iter().map(|record| RECORDS[*record as usize]).collect();
    if kept.is_empty() {
        return false;
    }
    let mut session = replay(folder.path(), &kept, step);
    texts(&run(&mut session, "SELECT * FROM step")).iter().any(|given| given == row)
}

#[test]
fn over_the_records_that_are_listed_the_query_gives_the_row() {
    for (step, all_count) in QUERIES {
        let folder = tempfile::tempdir().expect("a folder");
        let session = replay(folder.path(), &RECORDS, step);
        let traced = traced(&session);
        let result = traced.result();
        assert!(result.len() > 2, "{step}: {}", result.len());
        let mut seen = 0;
        for row in (0..result.len()).filter(|row| !result.kind(*row).is_retraction()).take(2) {
            let text = texts(&[Batch::insert(result.rows().slice(row, 1))]).remove(0);
            let records: BTreeSet<u64> =
                traced.records_of(row).expect("traced").into_iter().map(|(_, record)| record).collect();
            assert!(gives(&records, step, &text), "{step}: {text} does not come of {records:?}");
            let spared = records.first().copied().filter(|_| all_count && seen == 0);
            if let Some(spared) = spared {
                let fewer: BTreeSet<u64> = records.iter().copied().filter(|record| *record != spared).collect();
                assert!(!gives(&fewer, step, &text), "{step}: {text} comes without {spared} of {records:?}");
            }
            seen += 1;
        }
        assert!(seen > 1, "{step}");
    }
}

/// What `TRACE RECORD` says of a record of `a`.
fn fate(session: &mut Session, offset: u64) -> String {
    let text = format!("TRACE RECORD a OFFSET {offset}");
    match session.execute(&text).next().expect("an answer").expect("known") {
        Reply::Plan(text) => text.lines().nth(1).unwrap_or_default().to_string(),
        _ => panic!("it is told in words"),
    }
}

#[test]
fn a_record_says_where_it_was_dropped() {
    let folder = tempfile::tempdir().expect("a folder");
    let window = "SELECT who, window_start, SUM(n) AS s FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(ts), INTERVAL '10' SECOND)) \
                  WHERE n > 1 GROUP BY who, window_start, window_end";
    let mut session = replay(folder.path(), &RECORDS, window);
    assert!(fate(&mut session, 0).contains("left it out"), "{}", fate(&mut session, 0));
    assert!(fate(&mut session, 8).contains("it came too late for step/window-aggregate"), "{}", fate(&mut session, 8));
    assert!(fate(&mut session, 1).contains("it had a part in 1 of the changes"), "{}", fate(&mut session, 1));
    let folder = tempfile::tempdir().expect("a folder");
    let join = "SELECT a.who, a.n, b.price FROM a JOIN b ON a.who = b.who AND b.ts BETWEEN a.ts AND a.ts + INTERVAL '2' SECOND";
    let mut session = replay(folder.path(), &RECORDS, join);
    assert!(
        fate(&mut session, 3).contains("nothing came of it behind step/interval-join"),
        "{}",
        fate(&mut session, 3)
    );
    assert!(fate(&mut session, 0).contains("it had a part in 1 of the changes"), "{}", fate(&mut session, 0));
}
