//! Functions of Rust as a script uses them: over rows that are taken back, and replaced while a run calls them.

use crate::program::{folder, run, stderr, stdout};

/// The sum of squares; `RETRACT` stands where a function `retract` may.
const SQUARES: &str = "
CREATE FUNCTION squares AS $$
struct Squares { sum: i64 }
#[udf] impl Squares {
    fn init() -> Self { Squares { sum: 0 } }
    fn update(&mut self, n: i64) { self.sum += n * n }
    RETRACT
    fn merge(&mut self, other: Self) { self.sum += other.sum }
    fn finish(&self) -> i64 { self.sum }
}
$$ LANGUAGE RUST;
CREATE TABLE votes (who STRING) WITH ('connector' = 'topic', 'partitions' = '1', 'format' = 'json', 'scan.bounded.mode' = 'latest-offset');
INSERT INTO votes VALUES ('ann'), ('bob'), ('ann'), ('ann'), ('cid'), ('bob');
SELECT squares(n) AS total FROM (SELECT who, COUNT(*) AS n FROM votes GROUP BY who) AS counted;
";

#[test]
fn an_aggregate_takes_rows_back_if_it_knows_how() {
    let site = folder();
    let able = SQUARES.replace("RETRACT", "fn retract(&mut self, n: i64) { self.sum -= n * n }");
    let done = run(site.path(), &["--output", "ndjson", "-c", &able], b"");
    assert!(done.status.success(), "{}", stderr(&done));
    assert!(stdout(&done).contains("{\"total\":14}"), "3 + 2 + 1 votes, squared: {}", stdout(&done));
    let unable = SQUARES.replace("RETRACT", "");
    let refused = run(folder().path(), &["-c", &unable], b"");
    assert_eq!(refused.status.code(), Some(1));
    let words =
        "squares cannot take rows back: its impl has no 'fn retract(&mut self, …)', which takes what update takes";
    assert!(stderr(&refused).contains(words), "{}", stderr(&refused));
}

#[test]
fn a_run_keeps_the_function_it_was_planned_with_when_that_is_replaced() {
    let site = folder();
    let function = |verb: &str, number: i64| {
        format!("{verb} FUNCTION version AS $$#[udf] fn version(_qty: i64) -> i64 {{ {number} }}$$ LANGUAGE RUST;\n")
    };
    let script = format!(
        "{}CREATE VIEW marked AS SELECT version(qty) AS v FROM demo.trades;
         CREATE TABLE seen (v BIGINT) WITH ('connector' = 'topic', 'partitions' = '1', 'format' = 'json', 'scan.bounded.mode' = 'latest-offset');
         START marked INTO seen;
         {}SELECT v AS now FROM marked LIMIT 1;
         STOP ALL;
         SELECT MIN(v) AS least, MAX(v) AS most, COUNT(*) > 0 AS some FROM seen;",
        function("CREATE", 1),
        function("CREATE OR REPLACE", 2)
    );
    let done = run(site.path(), &["--output", "ndjson", "-c", &script], b"");
    assert!(done.status.success(), "{} {}", stdout(&done), stderr(&done));
    let all = format!("{}{}", stdout(&done), stderr(&done));
    assert!(all.contains("replaces the one before, with which the run marked goes on"), "{all}");
    assert!(stdout(&done).contains("{\"now\":2}"), "{all}");
    assert!(stdout(&done).lines().last().is_some_and(|last| last == "{\"least\":1,\"most\":1,\"some\":true}"), "{all}");
}
