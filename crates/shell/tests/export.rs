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

/// Trades at the price of their time, by pipes, so that the query is written anew for Flink.
const PRICED: &str = "\
CREATE TABLE trades (symbol STRING, qty BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '2' SECOND)
WITH ('connector' = 'filesystem', 'path' = 'trades.jsonl', 'format' = 'json');
CREATE TABLE prices (symbol STRING, price BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts, PRIMARY KEY (symbol) NOT ENFORCED)
WITH ('connector' = 'filesystem', 'path' = 'prices.jsonl', 'format' = 'json');
CREATE TABLE worths (symbol STRING, worth BIGINT) WITH ('connector' = 'filesystem', 'path' = 'worths', 'format' = 'json');
INSERT INTO worths FROM trades |> JOIN prices FOR SYSTEM_TIME AS OF trades.ts AS p ON trades.symbol = p.symbol
|> SELECT trades.symbol, qty * price AS worth;
";

#[test]
fn a_join_with_versions_goes_to_flink_as_it_is_written() {
    let site = site();
    fs::write(site.path().join("priced.sql"), PRICED).expect("written");
    let prices = "{\"symbol\":\"A\",\"price\":2,\"ts\":\"2026-01-01 00:00:00\"}\n\
                  {\"symbol\":\"A\",\"price\":5,\"ts\":\"2026-01-01 00:00:10\"}\n";
    fs::write(site.path().join("prices.jsonl"), prices).expect("written");
    let exported = run(site.path(), &["export", "priced.sql", "--into", "priced", "--flink"], b"");
    assert!(exported.status.success(), "{}{}", stdout(&exported), stderr(&exported));
    let written = files(&site.path().join("priced"));
    let said = written.iter().filter(|(path, _)| path.starts_with("flink")).map(|(_, text)| text.as_str());
    let said: String = said.collect::<Vec<_>>().join("\n").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("JOIN prices FOR SYSTEM_TIME AS OF trades.ts AS p ON trades.symbol = p.symbol"), "{said}");
    assert_eq!(stdout(&run(site.path(), &["test", "priced"], b"")), "6 records, 3 rows, as kept in test/answer\n");
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

/// A step with a function of Rust, declared in the session, and one that a file declares.
const WORDS: &str = "\
CREATE TABLE texts (line STRING) WITH ('connector' = 'filesystem', 'path' = 'texts.jsonl', 'format' = 'json');
CREATE FUNCTION words AS $$
#[udf] fn words(line: &str) -> Vec<String> { line.split_whitespace().map(str::to_lowercase).collect() }
#[udf] fn unused(line: &str) -> String { line.into() }
$$ LANGUAGE RUST;
CREATE FUNCTION letters LANGUAGE RUST USING FILE 'letters.rs';
CREATE TABLE found (word STRING, n BIGINT) WITH ('connector' = 'filesystem', 'path' = 'found', 'format' = 'json');
INSERT INTO found SELECT word, letters(word) FROM texts, LATERAL TABLE(words(line)) AS t(word);
";

#[test]
fn functions_of_rust_go_along_and_give_the_same_answer() {
    let site = folder();
    // The script stands elsewhere than where it is called from: its file is found beside it.
    fs::create_dir(site.path().join("work")).expect("made");
    let put = |name: &str, text: &str| fs::write(site.path().join(name), text).expect("written");
    put("work/words.sql", WORDS);
    put("work/letters.rs", "#[udf] fn letters(word: &str) -> i64 { word.chars().count() as i64 }\n");
    put("texts.jsonl", "{\"line\":\"Über den Dächern\"}\n{\"line\":\"über\"}\n");
    // Before anybody looks for a Flink to verify it with.
    for way in ["--flink", "--verify"] {
        let refused = run(site.path(), &["export", "work/words.sql", "--into", "job", way], b"");
        for words in
            ["letters is a function of Rust", "and Flink runs those of Java and Python only", "hint: say it in SQL"]
        {
            assert!(stderr(&refused).contains(words), "{}", stderr(&refused));
        }
    }
    assert!(!site.path().join("job").exists());
    let done = run(site.path(), &["export", "work/words.sql", "--into", "job"], b"");
    assert!(done.status.success(), "{}", stderr(&done));
    let read = |path: &str| fs::read_to_string(site.path().join(path)).expect(path);
    let job = read("job/job.sql");
    for declared in [
        "`letters` LANGUAGE RUST USING FILE 'functions/letters.rs'",
        "`words` LANGUAGE RUST USING FILE 'functions/words.rs'",
    ] {
        assert!(job.contains(declared), "{job}");
    }
    assert!(!job.contains("unused"), "only what is called is declared");
    assert!(read("job/functions/words.rs").contains("#[udf] fn words(line: &str)"));
    assert!(read("job/Dockerfile").contains("\"--build-functions\", \"/libraries\""));
    let map = read("job/kubernetes/config-map.yaml");
    assert!(
        map.contains("functions.words.rs:")
            && read("job/kubernetes/stateful-set.yaml").contains("path: functions/words.rs")
    );
    assert!(read("job/README.md").contains("- `letters` in `functions/letters.rs`"));
    let tested = run(site.path(), &["test", "job"], b"");
    assert_eq!(stdout(&tested), "2 records, 4 rows, as kept in test/answer\n", "{}", stderr(&tested));
    let ran = run(site.path(), &["run", "job", "--listen", "off"], b"");
    assert_eq!(ran.status.code(), Some(0), "{}", stderr(&ran));
    let rows: Vec<String> = files(&site.path().join("found")).into_iter().map(|(_, text)| text).collect();
    let mut rows: Vec<&str> = rows.iter().flat_map(|text| text.lines()).collect();
    rows.sort_unstable();
    let kept = read("job/test/answer/found.jsonl");
    assert_eq!(rows, kept.lines().collect::<Vec<_>>());
    assert_eq!(rows.len(), 4);
}

#[test]
fn a_tape_that_is_named_or_replayed_is_the_test_of_the_job() {
    let site = folder();
    let clicks: String =
        (0..30).map(|n| format!("('u{}', TIMESTAMP '2026-01-01 12:00:{:02}'),", n % 3, (n * 7) % 30)).collect();
    let script = format!(
        "CREATE TABLE clicks (who STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '2' SECOND)
         WITH ('connector' = 'topic', 'partitions' = '2', 'format' = 'json');
         INSERT INTO clicks VALUES {};
         RECORD clicks ROWS 30 AS monday;
         INSERT INTO clicks VALUES ('late', TIMESTAMP '2026-01-01 13:00:00');
         CREATE VIEW counts AS SELECT who, window_start, COUNT(*) AS n
         FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY who, window_start, window_end;
         EXPORT counts INTO './out' AS JOB 'named' ON monday;
         REPLAY monday FROM RECORD 10;
         SELECT * FROM counts;
         EXPORT counts INTO './out' AS JOB 'replayed';
         LIVE;
         EXPORT counts INTO './out' AS JOB 'sampled';
         EXPORT counts INTO './out' AS JOB 'none' ON tuesday;",
        clicks.trim_end_matches(',')
    );
    let done = run(site.path(), &["--output", "ndjson", "-c", &script], b"");
    assert!(stderr(&done).contains("tuesday"), "{}", stderr(&done));
    assert!(!site.path().join("none").exists());
    assert!(stdout(&done).contains("test/ (monday: 30 records"), "{}", stdout(&done));
    assert!(stdout(&done).contains("test/ (monday: 20 records"), "{}", stdout(&done));
    assert!(stdout(&done).contains("test/ (31 records"), "{}", stdout(&done));
    for job in ["named", "replayed", "sampled"] {
        assert_eq!(run(site.path(), &["test", job], b"").status.code(), Some(0), "{job}");
    }
    // What the session showed of the replay is what the job is held to.
    let shown = stdout(&done);
    let mut shown: Vec<&str> = shown.lines().filter(|line| line.starts_with("{\"who\"")).collect();
    let kept = fs::read_to_string(site.path().join("replayed/test/answer/counts_out.jsonl")).expect("kept");
    let plain = |row: &str| row.replace(".000", "").replace('T', " ");
    let mut shown: Vec<String> = shown.drain(..).map(plain).collect();
    shown.sort();
    let mut kept: Vec<String> = kept.lines().map(plain).collect();
    kept.sort();
    assert_eq!(shown, kept);
    assert!(shown.len() > 3);
}
