//! `WHY` over a real broker: a partition that has fallen silent holds a window open, and the way out that the
//! answer names lets the window out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use millstream_record::{ManualClock, Millis};
use millstream_session::{Live, Reply, Session, SessionOptions, Step};
use millstream_tests::broker::Broker;
use millstream_tests::topics::{Record, Topics};

const PATIENCE: Duration = Duration::from_secs(60);
/// 2026-01-01 12:01:00 UTC: the day of the records, so that times are shown without it.
const NOW: i64 = 1_767_268_860_000;

const QUERY: &str = "SELECT window_start, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE idle, DESCRIPTOR(ts), INTERVAL '10' \
                     SECONDS)) GROUP BY window_start, window_end;";

fn answer(session: &mut Session, text: &str) -> String {
    match session.execute(text).next().expect("one statement").expect("it is answered") {
        Reply::Plan(text) | Reply::Text(text) => text,
        _ => panic!("{text} has another kind of answer"),
    }
}

fn started(session: &mut Session) -> Box<Live> {
    match session.execute(QUERY).next().expect("one statement").expect("it starts") {
        Reply::Live(live) => live,
        _ => panic!("a query is live"),
    }
}

#[test]
fn a_silent_partition_is_named_and_the_way_out_works() {
    let servers = Broker::shared().address();
    let topics = Topics::at(&servers);
    topics.create("why-idle", 2);
    let at = |partition, time: &str| Record::new(partition, format!("{{\"ts\":\"2026-01-01 12:00:{time}\"}}"));
    topics.produce("why-idle", [at(1, "01"), at(0, "05"), at(0, "06"), at(0, "07"), at(0, "31")]);

    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(ManualClock::at(Millis(NOW)));
    let options = SessionOptions { clock: clock.clone(), ..SessionOptions::in_folder(folder.path()) };
    let mut session = Session::new(options).expect("a session");
    answer(
        &mut session,
        &format!(
            "CREATE TABLE idle (ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'kafka', \
             'topic' = 'why-idle', 'properties.bootstrap.servers' = '{servers}', 'format' = 'json')"
        ),
    );

    let live = started(&mut session);
    let deadline = Instant::now() + PATIENCE;
    let mut said = answer(&mut session, "WHY");
    while !said.contains("holds 4 rows") {
        assert!(Instant::now() < deadline, "the records do not come: {said}");
        said = answer(&mut session, "WHY");
    }
    clock.set(Millis(NOW + 42_000));
    let said = answer(&mut session, "WHY");
    assert_eq!(
        said,
        "the query that is running: no row yet, because\n  \
         window [12:00:00, 12:00:10) holds 4 rows and closes at watermark 12:00:09.999 (the first of 2 windows that are open)\n  \
         the watermark is 12:00:01, held by why-idle/1, idle for 42 s; without it the watermark would be 12:00:31\n  \
         try: SET 'table.exec.source.idle-timeout' = '5 s';\n   \
         or: WITH ('scan.watermark.idle-timeout' = '5 s')"
    );
    live.stop();
    live.finish().expect("it was stopped");
    assert!(answer(&mut session, "WHY").starts_with("the last query: no row yet"), "it can be asked when it is over");

    answer(&mut session, "SET 'table.exec.source.idle-timeout' = '5 s'");
    let mut live = started(&mut session);
    let (mut rows, deadline, mut now) = (0, Instant::now() + PATIENCE, NOW);
    while rows == 0 {
        assert!(Instant::now() < deadline, "no window came out: {}", answer(&mut session, "WHY"));
        // Partition 0 falls silent, too: what it said before counts all the same.
        now += 1_000;
        clock.set(Millis(now));
        if let Step::Rows(batch) = live.next(Duration::from_millis(50)) {
            rows += batch.len();
        }
    }
    assert!(answer(&mut session, "WHY").contains("it does speak, 1 row"));
    live.stop();
    live.finish().expect("it was stopped");
}
