//! Previews against a referee: the same query as a live run over the same sample. What a preview counts as
//! closed and open is, together, what the run gives when its sources end; and no record is lost on the way.

use std::sync::Arc;
use std::time::Duration;

use millstream_engine::{Event, Options};
use millstream_record::{ManualClock, Millis};

use super::of_graph;
use crate::{Manner, Reply, Session, SessionOptions, Stop};

fn session(folder: &std::path::Path) -> Session {
    let clock = Arc::new(ManualClock::at(Millis(1_767_226_200_000)));
    let mut session =
        Session::new(SessionOptions { clock, ..SessionOptions::in_folder(folder).used_by(Manner::Prompt) })
            .expect("a session");
    // Out of order by more than the watermark allows, so that some rows are late.
    let text = "CREATE TABLE trades (symbol STRING, price DOUBLE, qty INT, ts TIMESTAMP(3), \
                WATERMARK FOR ts AS ts) WITH ('connector' = 'demo', 'topic' = 'trades', 'partitions' = '1'); \
                CREATE TABLE patient (symbol STRING, price DOUBLE, qty INT, ts TIMESTAMP(3), \
                WATERMARK FOR ts AS ts - INTERVAL '1' HOUR) \
                WITH ('connector' = 'demo', 'topic' = 'trades', 'partitions' = '1')";
    for reply in session.execute(text) {
        assert!(matches!(reply.expect("declares"), Reply::Text(_)));
    }
    session
}

const WINDOW: &str = "FROM TABLE(TUMBLE(TABLE trades, DESCRIPTOR(ts), INTERVAL '2' SECOND))";

fn queries() -> Vec<String> {
    vec![
        "FROM trades".into(),
        "FROM trades |> WHERE price * qty > 10000".into(),
        format!("SELECT symbol, SUM(qty) AS q {WINDOW} GROUP BY symbol, window_start, window_end"),
        format!("SELECT COUNT(*) AS n {WINDOW} WHERE qty > 100 GROUP BY window_start, window_end HAVING COUNT(*) > 3"),
        "SELECT symbol, window_start, COUNT(*) AS n FROM TABLE(SESSION(TABLE trades PARTITION BY symbol, \
         DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY symbol, window_start, window_end"
            .into(),
        // Late rows of a join meet what is left of the other side, which depends on who was faster.
        "SELECT a.symbol FROM patient a JOIN patient b ON a.symbol = b.symbol AND a.qty = b.qty AND a.ts BETWEEN b.ts - \
         INTERVAL '0.1' SECOND AND b.ts"
            .into(),
        "SELECT symbol, COUNT(*) AS n, MAX(price) AS high FROM trades GROUP BY symbol".into(),
    ]
}

#[test]
fn closed_and_open_rows_are_those_of_a_run_to_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let session = session(folder.path());
    let mut late = 0;
    for sql in queries() {
        let query = millstream_sql::query(&sql).expect("is a query");
        let graph = crate::planning::select(&session, &query).expect("a plan");
        let preview = of_graph(&session, &graph, None).expect("a preview");
        let doors = session.sampled(&graph).expect("opens");
        let run = millstream_engine::start(graph.clone(), doors, Options { parallelism: 1, ..Options::default() });
        let run = run.expect("starts");
        let (mut rows, mut changes) = (0u64, 0u64);
        loop {
            match run.recv(Duration::from_secs(60)) {
                Event::Batch(batch) => {
                    changes += batch.len() as u64;
                    rows += (0..batch.len()).filter(|&row| !batch.kind(row).is_retraction()).count() as u64;
                    rows -= (0..batch.len()).filter(|&row| batch.kind(row).is_retraction()).count() as u64;
                }
                Event::Quiet => panic!("{sql}: the run does not end"),
                Event::End => break,
            }
        }
        let ledger = run.finish().expect("runs");
        assert_eq!(preview.counts.rows + preview.counts.open, rows, "{sql}");
        assert!(preview.counts.changes == 0 || preview.counts.changes == changes, "{sql}");
        let accounts: Vec<_> = ledger.sources.iter().map(|account| account.to_string()).collect();
        let previewed: Vec<_> = preview.accounts.iter().map(crate::Account::line).collect();
        assert_eq!(previewed, accounts, "{sql}");
        for account in &preview.accounts {
            assert_eq!(account.records, account.used + account.late + account.bad + account.filtered, "{sql}");
            assert_eq!(account.records, 20_000, "{sql}");
        }
        late += preview.counts.late;
        assert!(preview.table.len() <= 10 && preview.table.len() as u64 <= rows, "{sql}");
    }
    assert!(late > 0, "the records are meant to come out of order");
}

#[test]
fn a_preview_stops_when_nobody_wants_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut session = session(folder.path());
    let query = millstream_sql::query("FROM trades").expect("is a query");
    let graph = crate::planning::select(&session, &query).expect("a plan");
    of_graph(&session, &graph, None).expect("a preview");
    let stop = Stop::default();
    session.heed(stop.clone());
    stop.raise();
    let fault = of_graph(&session, &graph, None).err().expect("stopped");
    assert_eq!(fault.class, crate::Class::Interrupted);
}
