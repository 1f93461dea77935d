//! Replays over every recorded case: the changelog is the same, byte for byte, whatever the size of batches, the
//! number of lanes, the rate, and whether somebody paused, stepped, went back or sought a place on the way.

use std::fmt::Write;
use std::path::Path;

use millstream_record::{Clock, Millis};
use millstream_session::topics::Record;
use millstream_session::{
    Batch, Columns, Format, Live, Look, Manner, Phase, Player, Rate, Reply, Session, SessionOptions, Step, StepUnit,
    to_text,
};
use millstream_tests::cases::{Definition, Table, folders};
use serde_json::Value;

/// 2026-01-01 00:00:00 UTC: when the first record of every tape arrived.
const BEGAN: i64 = 1_767_225_600_000;
const PARTITIONS: u32 = 3;

/// A clock that goes a second further whenever somebody looks, so that a rate is a rate and nobody waits long.
#[derive(Default)]
struct Hurried(std::sync::atomic::AtomicI64);

impl Clock for Hurried {
    fn now(&self) -> Millis {
        Millis(BEGAN + 86_400_000 + self.0.fetch_add(1_000, std::sync::atomic::Ordering::Relaxed))
    }
}

fn session(folder: &Path) -> Session {
    let clock = std::sync::Arc::new(Hurried::default());
    let options = SessionOptions { clock, ..SessionOptions::in_folder(folder) };
    Session::new(options.used_by(Manner::Script)).expect("a session")
}

/// Answers a text that gives no rows.
fn run(session: &mut Session, text: &str) -> Result<(), String> {
    let replies: Vec<_> = session.execute(text).collect();
    for reply in replies {
        match reply.map_err(|fault| fault.message)? {
            Reply::Taping(mut taping) => {
                while taping.advance(std::time::Duration::from_millis(1)).map_err(|fault| fault.message)? {}
                taping.finish().map_err(|fault| fault.message)?;
            }
            Reply::Live(live) => drop(drained(*live)?),
            _ => {}
        }
    }
    Ok(())
}

/// A case on a tape, as a session that is about to replay it; `None` of what has no tape (upserts).
fn recorded(case: &Definition, folder: &Path) -> Result<Option<Session>, String> {
    let mut session = session(folder);
    session.settings_mut().set("bad-records", "keep").map_err(|fault| fault.message)?;
    for (key, value) in &case.settings {
        run(&mut session, &format!("SET '{key}' = '{value}'"))?;
    }
    for table in &case.tables {
        if table.changelog.as_deref() == Some("UPSERT") {
            return Ok(None);
        }
        let format = if table.changelog.is_some() { "debezium-json" } else { "json" };
        let (columns, _) = table.ddl.rsplit_once(" WITH (").expect("it was made so");
        let options = format!(
            "'connector' = 'topic', 'topic' = 'topic-{}', 'format' = '{format}', 'scan.watermark.max-future' = '0 s'",
            table.name
        );
        run(&mut session, &format!("{columns} WITH ({options})"))?;
        session.topics().create(&format!("topic-{}", table.name), PARTITIONS).map_err(|fault| fault.message)?;
    }
    let sent = send(&session, &case.input)?;
    let taps: Vec<String> = case.tables.iter().map(|table| format!("`{}`", table.name)).collect();
    run(&mut session, &format!("RECORD {} ROWS {sent} AS tape", taps.join(", ")))?;
    run(&mut session, &case.prelude)?;
    run(&mut session, &format!("CREATE VIEW `the case` AS {}", case.query.trim().trim_end_matches(';')))?;
    Ok(Some(session))
}

/// Writes the input into its topics: over their partitions in turn, a millisecond apart.
fn send(session: &Session, input: &str) -> Result<usize, String> {
    let mut sent = 0;
    for text in input.lines().filter(|line| !line.trim().is_empty()) {
        let row: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let table = row["_t"].as_str().ok_or("a row names no table")?;
        let value = match row["_op"].as_str() {
            None => text.to_string(),
            Some("+I" | "+U") => format!("{{\"op\":\"c\",\"before\":null,\"after\":{text}}}"),
            Some(_) => format!("{{\"op\":\"d\",\"before\":{text},\"after\":null}}"),
        };
        let at = Some(Millis(BEGAN + sent as i64));
        let partition = Some(sent as u32 * 7 % PARTITIONS);
        let record =
            Record { partition, value: Some(value.as_bytes()), timestamp: at, arrival: at, ..Record::default() };
        let mut producer = session.topics().producer(&format!("topic-{table}")).map_err(|fault| fault.message)?;
        producer.send(&record).map_err(|error| error.to_string())?;
        producer.flush().map_err(|error| error.to_string())?;
        sent += 1;
    }
    Ok(sent)
}

/// All changes as text, a line each, with their kinds.
fn changelog(columns: &Columns, batches: &[Batch]) -> String {
    to_text(Format::Csv, columns.clone().with_kinds(), batches, &Look::plain())
}

fn drained(mut live: Live) -> Result<String, String> {
    let (columns, mut batches) = (live.columns.clone(), Vec::new());
    loop {
        match live.next(std::time::Duration::from_secs(30)) {
            Step::Rows(batch) => batches.push(batch),
            Step::Quiet => return Err("the replay hangs".into()),
            Step::End => break,
        }
    }
    live.finish().map_err(|fault| fault.message)?;
    Ok(columns.map(|columns| changelog(&columns, &batches)).unwrap_or_default())
}

/// The changelog of the whole case, played through in one go.
fn played(session: &mut Session, batch: usize, lanes: usize, rate: &str) -> Result<String, String> {
    run(
        session,
        &format!("SET 'batch-rows' = '{batch}'; SET 'parallelism.default' = '{lanes}'; REPLAY tape RATE {rate}"),
    )?;
    let reply = session.execute("SELECT * FROM `the case`").next().expect("one statement");
    match reply.map_err(|fault| fault.message)? {
        Reply::Live(live) => drained(*live),
        _ => Err("a query is live".into()),
    }
}

/// The same in the debugger: forth in steps of many sizes, back, to places, and on to the end.
fn stepped(session: &mut Session, seed: u64) -> Result<String, String> {
    run(session, "REPLAY tape")?;
    let player = session.player(&["the case"]).map_err(|fault| fault.message)?;
    let (_, columns, _) = player.steps().remove(0);
    let mut changes: Vec<(u64, Batch)> = Vec::new();
    let mut dice = seed;
    let mut moves = 0;
    while player.standing().phase != Phase::Ended {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (choice, count) = ((dice >> 33) % 8, (dice >> 40) % 5 + 1);
        moves += 1;
        let happened = match choice {
            0 if moves < 40 => player.back(count).map(|()| Vec::new()),
            1 if moves < 40 => player.seek((dice >> 44) % (player.standing().stretch.1 + 1)).map(|()| Vec::new()),
            2 => player.step(count, StepUnit::Watermark),
            3 => player.step(1, StepUnit::Window),
            4 => play_on(&player),
            _ => player.step(count, StepUnit::Event),
        };
        let happened = happened.map_err(|fault| fault.message)?;
        changes.extend(happened.into_iter().map(|happened| (happened.record, happened.batch)));
        // What lies behind the place is void; what was sought forward is not there and ends the comparison.
        let position = player.standing().position;
        if matches!(choice, 0 | 1) && moves < 40 {
            changes.clear();
            player.seek(0).map_err(|fault| fault.message)?;
            let to_there = player.step(position, StepUnit::Event).map_err(|fault| fault.message)?;
            changes.extend(to_there.into_iter().map(|happened| (happened.record, happened.batch)));
        }
    }
    let batches: Vec<Batch> = changes.into_iter().map(|(_, batch)| batch).collect();
    Ok(changelog(&columns, &batches))
}

fn play_on(player: &Player) -> Result<Vec<millstream_session::Happened>, millstream_session::Fault> {
    player.rate(Rate::Times(1.0), Millis(BEGAN));
    player.resume(Millis(BEGAN))?;
    let happened = player.advance(Millis(BEGAN + 2));
    player.pause();
    happened
}

/// Every way to play the tape of a session gives the bytes of the first; which ways do not.
fn differences(session: &mut Session, first: &str) -> Vec<(&'static str, Result<String, String>)> {
    let ways = vec![
        ("again", played(session, 8192, 1, "MAX")),
        ("row by row, two lanes", played(session, 1, 2, "MAX")),
        ("batches of seven", played(session, 7, 1, "100x")),
        ("twice as fast", played(session, 8192, 2, "2x")),
        ("stepped", stepped(session, 1)),
        ("stepped otherwise", stepped(session, 77)),
    ];
    ways.into_iter().filter(|(_, other)| other.as_deref() != Ok(first)).collect()
}

#[test]
fn partitions_that_fall_asleep_do_so_at_the_same_record_every_time() {
    let window = "SELECT window_start, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' SECOND)) \
                  GROUP BY window_start, window_end";
    for timeout in [1, 2, 3, 4, 10, 100] {
        let columns = "`ts` TIMESTAMP(3), WATERMARK FOR `ts` AS `ts`";
        let ddl = format!("CREATE TABLE `clicks` ({columns}) WITH ('connector' = 'topic')");
        let table = Table { name: "clicks".into(), columns: columns.into(), ddl, changelog: None };
        let line = |n: i64| {
            // The third partition lags behind by seconds, and holds the others back unless it sleeps.
            let second = if n * 7 % 3 == 2 { n / 20 } else { n / 4 + n % 5 };
            format!(
                "{{\"_t\":\"clicks\",\"ts\":\"2026-01-01 00:{:02}:{:02}.{:03}\"}}",
                second / 60,
                second % 60,
                n % 1000
            )
        };
        let case = Definition {
            tables: vec![table],
            settings: vec![("table.exec.source.idle-timeout".into(), format!("{timeout} ms"))],
            prelude: String::new(),
            query: window.into(),
            input: (0..200).map(line).collect::<Vec<_>>().join("\n"),
            answer: None,
            expects_error: false,
        };
        let folder = tempfile::tempdir().expect("a folder");
        let mut session = recorded(&case, folder.path()).expect("recorded").expect("a tape");
        let first = played(&mut session, 8192, 1, "MAX").expect("played");
        assert!(first.lines().count() > 3, "{first}");
        let differ = differences(&mut session, &first);
        assert!(differ.is_empty(), "{timeout} ms:\n{first}\n{differ:?}");
    }
}

#[test]
fn every_case_replays_to_the_same_bytes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let (mut compared, mut differ, mut left_out) = (0, String::new(), String::new());
    for case in folders(&folder).expect("the cases are there") {
        let name = case.file_name().expect("a folder has a name").to_string_lossy().into_owned();
        let case = Definition::read(&case).expect("a case");
        let folder = tempfile::tempdir().expect("a folder");
        let replayed = match recorded(&case, folder.path()) {
            Ok(None) => Err("a table that is upserted is a topic of Kafka, and these topics are embedded".into()),
            Ok(Some(mut session)) => played(&mut session, 8192, 1, "MAX").map(|first| (session, first)),
            Err(reason) => Err(reason),
        };
        match replayed {
            Ok((mut session, first)) => {
                compared += 1;
                for (way, other) in differences(&mut session, &first) {
                    let _ = writeln!(differ, "{name}, {way}:\n--- played\n{first}\n--- {way}\n{other:?}");
                }
            }
            Err(reason) => {
                let _ = writeln!(left_out, "{name}: {reason}");
            }
        }
    }
    assert!(differ.is_empty(), "{differ}");
    // What is not replayed stands in a list, with the reason.
    let list = folder.join("NOT_REPLAYED");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&list, &left_out).expect("written");
    }
    let listed = std::fs::read_to_string(&list).expect("the list is there");
    assert_eq!(left_out, listed, "the list in tests/cases/NOT_REPLAYED is not what has no replay; UPDATE=1 writes it");
    assert!(compared > 80, "only {compared} cases were replayed");
}
