//! Functions of Rust as a script uses them: aggregates over rows that are taken back.

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
