//! `millstream export` and `millstream test` from outside: the folder as it is written, what is refused before
//! anything is, and what a change of the query does to the test.

use std::fs;
use std::path::{Path, PathBuf};

use crate::program::{folder, run, stderr, stdout};

/// A topic of four trades, counted in windows into files.
const SCRIPT: &str = "\
CREATE TABLE trades (symbol STRING, qty BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '2' SECOND)
WITH ('connector' = 'filesystem', 'path' = 'trades.jsonl', 'format' = 'json');
CREATE VIEW bars AS FROM trades
|> CALL TUMBLE(DESCRIPTOR(ts), INTERVAL '10' SECOND)
|> AGGREGATE SUM(qty) AS volume GROUP BY symbol, window_start, window_end;
CREATE TABLE sums (symbol STRING, window_start TIMESTAMP(3), window_end TIMESTAMP(3), volume BIGINT)
WITH ('connector' = 'kafka', 'topic' = 'sums', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json',
  'properties.sasl.username' = 'me', 'properties.sasl.password' = 'canary-5f2a', 'sink.delivery-guarantee' = 'exactly-once');
INSERT INTO sums SELECT * FROM bars;
";

const TRADES: &str = "\
{\"symbol\":\"A\",\"qty\":3,\"ts\":\"2026-01-01 00:00:01.000\"}
{\"symbol\":\"B\",\"qty\":1,\"ts\":\"2026-01-01 00:00:04.000\"}
{\"symbol\":\"A\",\"qty\":4,\"ts\":\"2026-01-01 00:00:08.000\"}
{\"symbol\":\"A\",\"qty\":9,\"ts\":\"2026-01-01 00:00:13.000\"}
";

/// A folder with the script and its input.
fn site() -> tempfile::TempDir {
    let site = folder();
    fs::write(site.path().join("bars.sql"), SCRIPT).expect("written");
    fs::write(site.path().join("trades.jsonl"), TRADES).expect("written");
    site
}

/// Every file below a folder, with its path.
fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    let (mut found, mut open) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("listed").path();
            match path.is_dir() {
                true => open.push(path),
                false => {
                    let text = fs::read_to_string(&path).expect("text");
                    found.push((path.strip_prefix(folder).expect("below").to_path_buf(), text));
                }
            }
        }
    }
    found.sort();
    found
}

/// The tape says when a file was changed, which differs from run to run.
fn steady(path: &Path, text: &str) -> String {
    if path != Path::new("test/input.jsonl") {
        return text.to_string();
    }
    let mut lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    let mut head = lines.next().expect("a head");
    head["tables"]["trades"]["partitions"][0]["file"] = "…".into();
    let records = lines.map(|mut record| {
        record["arrival"] = "…".into();
        record
    });
    std::iter::once(head.clone()).chain(records).map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_folder_is_as_it_was_and_the_same_every_time() {
    let site = site();
    let first = run(site.path(), &["export", "bars.sql", "--into", "bars", "--flink"], b"");
    assert!(first.status.success(), "{}", stderr(&first));
    assert!(stdout(&first).contains("set SUMS_SASL_PASSWORD in the environment of the job"), "{}", stdout(&first));
    let written = files(&site.path().join("bars"));
    let again = run(site.path(), &["export", "bars.sql", "--into", "bars", "--replace"], b"");
    assert!(again.status.success(), "{}", stderr(&again));
    assert!(written == files(&site.path().join("bars")), "the same input gives the same bytes");
    for (path, text) in &written {
        assert!(!text.contains("canary-5f2a"), "{} holds the password", path.display());
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/export");
    let steady: Vec<(PathBuf, String)> =
        written.iter().map(|(path, text)| (path.clone(), steady(path, text))).collect();
    if std::env::var_os("UPDATE").is_some() {
        let _ = fs::remove_dir_all(&golden);
        for (path, text) in &steady {
            let place = golden.join(path);
            fs::create_dir_all(place.parent().expect("a folder")).expect("made");
            fs::write(place, text).expect("written");
        }
    }
    let kept = files(&golden);
    let paths = |files: &[(PathBuf, String)]| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert_eq!(paths(&steady), paths(&kept), "UPDATE=1 writes the folder anew");
    for ((path, text), (_, kept)) in steady.iter().zip(&kept) {
        assert!(text == kept, "{} has changed, UPDATE=1 writes it anew:\n{text}", path.display());
    }
}

#[test]
fn a_test_finds_a_changed_query() {
    let site = site();
    assert!(run(site.path(), &["export", "bars.sql", "--into", "bars"], b"").status.success());
    let passed = run(site.path(), &["test", "bars"], b"");
    assert_eq!(
        (passed.status.code(), stdout(&passed).as_str()),
        (Some(0), "4 records, 3 rows, as kept in test/answer\n")
    );
    let script = site.path().join("bars/job.sql");
    let changed = fs::read_to_string(&script).expect("there").replace("SUM(qty)", "MIN(qty)");
    fs::write(&script, changed).expect("written");
    let failed = run(site.path(), &["test", "bars"], b"");
    assert_eq!(failed.status.code(), Some(4));
    assert!(stderr(&failed).contains("missing: 1") && stderr(&failed).contains("\"volume\":7"), "{}", stderr(&failed));
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_written() {
    let site = site();
    let export = |more: &[&str]| run(site.path(), &[&["export", "limited.sql", "--into", "job"], more].concat(), b"");
    let limited = SCRIPT.replace("SELECT * FROM bars;", "SELECT * FROM bars LIMIT 1;");
    fs::write(site.path().join("limited.sql"), limited).expect("written");
    let refused = export(&["--flink"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("sums/limit/0: LIMIT keeps the rows that come first"), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("hint: leave LIMIT out"), "{}", stderr(&refused));
    assert!(!site.path().join("job").exists(), "nothing is written");
    let told = export(&[]);
    assert!(told.status.success() && stdout(&told).contains("not to Flink: sums/limit/0"), "{}", stderr(&told));
    assert!(!site.path().join("job/flink").exists());
    let there = export(&[]);
    assert!(stderr(&there).contains("'job' is there already"), "{}", stderr(&there));
    fs::create_dir(site.path().join("job/state")).expect("made");
    let ran = export(&["--replace"]);
    assert!(stderr(&ran).contains("its state would go with it"), "{}", stderr(&ran));
    fs::remove_file(site.path().join("job/job.sql")).expect("removed");
    let foreign = export(&["--replace"]);
    assert!(stderr(&foreign).contains("is no job, and is not replaced"), "{}", stderr(&foreign));
    let left: Vec<_> = fs::read_dir(site.path()).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains(".part-")), "{left:?}");
}

#[test]
fn a_step_is_exported_with_a_sink_of_its_own() {
    let site = site();
    let script = format!(
        "{} EXPORT bars INTO 'kafka://localhost:9092/bars' KEYED BY (symbol, window_start) AS JOB 'job' FLINK;",
        SCRIPT.split("CREATE TABLE sums").next().expect("a beginning")
    );
    let done = run(site.path(), &["-c", &script], b"");
    assert!(done.status.success(), "{}", stderr(&done));
    assert!(stdout(&done).contains("wrote job/: job.sql"), "{}", stdout(&done));
    let sql = fs::read_to_string(site.path().join("job/flink/job.sql")).expect("there");
    for wanted in
        ["'key.fields' = 'symbol;window_start'", "'sink.transactional-id-prefix' = 'job-bars_out'", "'exactly-once'"]
    {
        assert!(sql.contains(wanted), "{sql}");
    }
    let unkeyed = "CREATE TABLE t (symbol STRING) WITH ('connector' = 'filesystem', 'path' = 'trades.jsonl', 'format' = 'json');\n\
                   CREATE VIEW n AS SELECT symbol, COUNT(*) AS n FROM t GROUP BY symbol; EXPORT n INTO counts AS JOB 'counts-job';";
    let refused = run(site.path(), &["-c", unkeyed], b"");
    assert!(stderr(&refused).contains("KEYED BY (column, …)"), "{}", stderr(&refused));
    let keyed = unkeyed.replace("INTO counts", "INTO counts KEYED BY (symbol)");
    assert!(run(site.path(), &["-c", &keyed], b"").status.success());
    assert_eq!(run(site.path(), &["test", "counts-job"], b"").status.code(), Some(0));
}
