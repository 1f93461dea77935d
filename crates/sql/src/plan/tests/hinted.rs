//! Options of a hint reach the tap that is scanned, and no other.

use super::snapshots::shown;
use super::tables::market;
use crate::plan::{Settings, plan_query};

/// The options of each scan of a query.
fn options(sql: &str) -> String {
    let query = crate::query(sql).expect("can be read");
    match plan_query(&market(), &Settings::default(), &query) {
        Ok(graph) => graph.scans().map(|(_, tap, _)| format!("{} {:?}\n", tap.name, tap.options)).collect(),
        Err(error) => shown(&error, sql),
    }
}

#[test]
fn the_options_of_a_hint_stand_before_the_declared_ones() {
    let plain = options("SELECT price FROM bids");
    assert!(!plain.contains("'7'") && !plain.contains("\"x\""), "{plain}");
    let hinted = options("SELECT b.price FROM bids /*+ OPTIONS('x' = '7') */ AS b UNION ALL SELECT price FROM bids");
    let lines: Vec<&str> = hinted.lines().collect();
    assert_eq!(lines.len(), 2, "{hinted}");
    assert!(lines[0].contains("\"x\": \"7\""), "{hinted}");
    assert_eq!(format!("{}\n", lines[1]), plain);
}

#[test]
fn a_hint_that_cannot_hold_is_refused() {
    let connector = options("SELECT price FROM bids /*+ OPTIONS('connector' = 'kafka') */");
    assert!(connector.contains("a hint cannot give a table another connector"), "{connector}");
    let view = options("SELECT auction FROM dear /*+ OPTIONS('x' = '7') */");
    assert!(view.contains("only a table takes the options of a hint"), "{view}");
}
