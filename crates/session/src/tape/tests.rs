//! Places on a tape that is longer than what lies between two saved states: the rows that stand there are those of
//! the query over the tape up to there, however one came to the place.

use std::time::Duration;

use millstream_record::{Batch, Stop};
use millstream_sql::statement::StepUnit;

use crate::fold::Fold;
use crate::tape::player::Player;
use crate::{Manner, Reply, Session, SessionOptions, Step};

fn run(session: &mut Session, text: &str) -> Vec<Batch> {
    let mut rows = Vec::new();
    for reply in session.execute(text) {
        match reply.expect("it is answered") {
            Reply::Taping(mut taping) => {
                while taping.advance(Duration::from_millis(5)).expect("goes on") {}
                taping.finish().expect("recorded");
            }
            Reply::Live(mut live) => loop {
                match live.next(Duration::from_secs(60)) {
                    Step::Rows(batch) => rows.push(batch),
                    Step::Quiet => panic!("a replay ends by itself"),
                    Step::End => {
                        live.finish().expect("it ends well");
                        break;
                    }
                }
            },
            _ => {}
        }
    }
    rows
}

fn session(folder: &std::path::Path) -> Session {
    let mut session = Session::new(SessionOptions::in_folder(folder).used_by(Manner::Script)).expect("a session");
    let with = "'connector' = 'datagen', 'rows-per-second' = '0', 'fields.n.kind' = 'sequence', 'fields.n.start' = '0', 'fields.n.end' = '49999'";
    run(&mut session, &format!("CREATE TABLE made (n BIGINT) WITH ({with})"));
    run(&mut session, "CREATE VIEW sevens AS SELECT n % 7 AS seven, SUM(n) AS total FROM made GROUP BY n % 7");
    session
}

/// The rows, sorted, as text.
fn sorted<'a>(rows: impl Iterator<Item = &'a arrow::array::RecordBatch>) -> Vec<String> {
    let line = |rows: &arrow::array::RecordBatch| {
        let text = |row: usize| format!("{:?}", rows.slice(row, 1).columns());
        (0..rows.num_rows()).map(text).collect::<Vec<_>>()
    };
    let mut lines: Vec<String> = rows.flat_map(line).collect();
    lines.sort();
    lines
}

#[test]
fn the_rows_of_a_place_are_those_of_the_tape_up_to_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut session = session(folder.path());
    run(&mut session, "RECORD made AS tape; REPLAY tape");
    let player: Player = session.player(&["sevens"]).expect("a player");
    type Move<'a> = (&'a dyn Fn(u64), u64, u64);
    let there = |place: u64| player.seek(place).expect("there");
    let back = |records: u64| player.back(records).expect("back");
    let on = |records: u64| drop(player.step(records, StepUnit::Event).expect("on"));
    let moves: [Move<'_>; 7] = [
        (&there, 40_000, 40_000),
        (&back, 5, 39_995),
        (&on, 7, 40_002),
        (&back, 23_002, 17_000),
        (&on, 300, 17_300),
        (&there, 3, 3),
        (&there, 50_000, 50_000),
    ];
    let mut seen = Vec::new();
    for (go, by, place) in moves {
        go(by);
        assert_eq!(player.standing().position, place);
        seen.push((place, sorted(player.state_of("sevens").expect("rows").iter())));
    }
    for (place, stands) in seen {
        let rows = run(&mut session, &format!("REPLAY tape TO RECORD {place}; SELECT * FROM sevens"));
        let mut fold = Fold::new(rows[0].rows.schema()).expect("known types");
        rows.iter().for_each(|batch| fold.take(batch).expect("folds"));
        assert_eq!(stands, sorted(fold.batches(100).expect("decodes").iter()), "at record {place}");
        assert_eq!(stands.len(), place.min(7) as usize);
    }
}

#[test]
fn what_is_sought_record_by_record_is_found_in_large_strides() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut session = session(folder.path());
    let windows = "CREATE TABLE timed (n BIGINT, ts AS TO_TIMESTAMP_LTZ(n * 10, 3), WATERMARK FOR ts AS ts) WITH \
                   ('connector' = 'datagen', 'rows-per-second' = '0', 'fields.n.kind' = 'sequence', 'fields.n.start' = '0', 'fields.n.end' = '3000')";
    run(&mut session, windows);
    run(
        &mut session,
        "CREATE VIEW bars AS SELECT window_start, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE timed, DESCRIPTOR(ts), \
         INTERVAL '10' SECOND)) GROUP BY window_start, window_end",
    );
    run(&mut session, "RECORD timed AS ticks; REPLAY ticks");
    let player = session.player(&["bars"]).expect("a player");
    // A window of ten seconds closes with every thousandth record.
    for window in 1..=2u64 {
        let happened = player.step(1, StepUnit::Window).expect("on");
        assert_eq!(player.standing().position, window * 1000 + 1, "the record that closes it was the last");
        assert_eq!(happened.iter().map(|change| change.batch.len()).sum::<usize>(), 1);
    }
    player.step(1, StepUnit::Watermark).expect("on");
    assert_eq!(player.standing().position, 2_002, "every record moves the watermark");
    player.back(1_500).expect("back");
    player.step(1, StepUnit::Window).expect("on");
    assert_eq!(player.standing().position, 1_001);
}

/// The rows that come of a query, until there are so many; then it is stopped.
fn first_rows(session: &mut Session, text: &str, wanted: usize) -> Vec<String> {
    let Some(Ok(Reply::Live(mut live))) = session.execute(text).last() else { panic!("a query that runs") };
    assert!(!live.bounded, "a replay that begins again and again has no end");
    let mut rows = Vec::new();
    while rows.len() < wanted {
        match live.next(Duration::from_secs(60)) {
            Step::Rows(batch) => rows.extend((0..batch.len()).map(|row| {
                let kind = batch.kinds.as_ref().map_or("+I", |kinds| kinds.get(row).mark());
                format!("{kind} {:?}", batch.rows.slice(row, 1).columns())
            })),
            Step::Quiet => panic!("the tape begins anew"),
            Step::End => panic!("the tape does not end"),
        }
    }
    live.stop();
    live.finish().expect("whoever stops it has no error");
    rows.truncate(wanted);
    rows
}

#[test]
fn a_replay_in_a_loop_begins_every_query_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut session = session(folder.path());
    run(&mut session, "RECORD made AS tape; REPLAY tape TO RECORD 100 LOOP");
    let rows = first_rows(&mut session, "SELECT n FROM made", 300);
    assert_eq!((&rows[..100], &rows[100..200]), (&rows[100..200], &rows[200..]), "each round gives the same");
    assert!(rows[0] != rows[1] && rows[..100].iter().all(|row| row.starts_with("+I")));
    // Also what is counted: in every round each group begins with an insertion, and ends at the same total.
    let once = run(&mut session, "REPLAY tape TO RECORD 100; SELECT * FROM sevens");
    let changes: usize = once.iter().map(Batch::len).sum();
    let again = first_rows(&mut session, "REPLAY tape TO RECORD 100 LOOP; SELECT * FROM sevens", 2 * changes);
    assert_eq!(again[..changes], again[changes..]);
    assert_eq!(again[..changes].iter().filter(|row| row.starts_with("+I")).count(), 7);
}

#[test]
fn what_reads_nothing_of_the_tape_is_answered_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut session = session(folder.path());
    let values: String = (0..5).map(|n| format!("{{\"a\":{n}}}\n")).collect();
    let file = folder.path().join("file.jsonl");
    std::fs::write(&file, values).expect("writes");
    let with = format!("WITH ('connector' = 'filesystem', 'path' = '{}', 'format' = 'json')", file.display());
    run(&mut session, &format!("CREATE TABLE file (a INT) {with}; RECORD made AS tape"));
    let meta = session.tapes.open("tape").expect("recorded").meta().clone();
    let span = Duration::from_millis((meta.until.0 - meta.from.0).max(10) as u64);
    // At that pace the tape takes a thousand times as long, and then begins again.
    for replay in ["REPLAY tape RATE 0.001x", "REPLAY tape RATE 0.001x LOOP"] {
        run(&mut session, replay);
        for (query, rows) in [("SELECT 40 + 2", 1), ("SELECT * FROM file", 5), ("VALUES (1), (2)", 2)] {
            let began = std::time::Instant::now();
            let answer = run(&mut session, query);
            assert!(began.elapsed() < span * 1000, "{query} waits for the tape");
            assert_eq!(answer.iter().map(Batch::len).sum::<usize>(), rows, "{query} in {replay}");
        }
    }
}

#[test]
fn a_move_that_is_given_up_leaves_all_steps_where_they_stood() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut session = session(folder.path());
    run(&mut session, "RECORD made AS tape; REPLAY tape");
    run(&mut session, "CREATE VIEW evens AS SELECT n % 2 AS two, COUNT(*) AS rows_of FROM made GROUP BY n % 2");
    let stop = Stop::default();
    session.heed(stop.clone());
    stop.raise();
    let given_up = |session: &mut Session, text: &str| match session.execute(text).next() {
        Some(Err(fault)) => assert_eq!(fault.class, crate::Class::Interrupted, "{text}"),
        _ => panic!("{text} was stopped"),
    };
    given_up(&mut session, "GOTO RECORD 40000");
    given_up(&mut session, "STEP 5");
    session.heed(Stop::default());
    run(&mut session, "STEP 5; GOTO RECORD 30000; STEP 2");
    let player = session.player(&[]).expect("a player");
    assert_eq!(player.standing().position, 30_002);
    let (sevens, evens) = (player.state_of("sevens").expect("rows"), player.state_of("evens").expect("rows"));
    let stop = Stop::default();
    session.heed(stop.clone());
    stop.raise();
    given_up(&mut session, "GOTO RECORD 50000");
    session.heed(Stop::default());
    run(&mut session, "GOTO RECORD 7; GOTO RECORD 30002");
    assert_eq!(sorted(player.state_of("sevens").expect("rows").iter()), sorted(sevens.iter()));
    assert_eq!(sorted(player.state_of("evens").expect("rows").iter()), sorted(evens.iter()));
}
