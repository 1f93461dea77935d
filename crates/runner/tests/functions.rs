//! A job with functions of Rust: where there is a compiler, where there is none, and what a function that fails does
//! to the rows, the counters and the process.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const FUNCTIONS: &str = r#"
/// Small letters only.
fn plain(word: &str) -> String {
    word.to_lowercase()
}

#[udf]
fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(plain).collect()
}

#[udf]
fn third(line: &str) -> String {
    line.split_whitespace().nth(2).unwrap().to_string()
}

#[udf]
fn dive(line: &str) -> String {
    if line.contains("dive") {
        std::process::abort();
    }
    line.to_string()
}

#[udf]
fn leave(line: &str) -> String {
    std::process::exit(line.len() as i32 - line.len() as i32)
}

#[udf]
fn deep(line: &str) -> i64 {
    fn down(n: i64) -> i64 {
        if std::hint::black_box(n) == -1 { 0 } else { down(n + 1) + std::hint::black_box(1) }
    }
    down(line.len() as i64)
}
"#;

const LINES: &str = "{\"line\":\"To be or not\"}\n{\"line\":\"to be\"}\n{\"line\":\"or to BE\"}\n";

/// A folder with a job that asks `query` of three lines; `policy` says what happens to rows that fail.
fn job(columns: &str, query: &str, policy: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("the folder is ours");
    fs::create_dir(folder.path().join("functions")).expect("made");
    put("functions/words.rs", FUNCTIONS);
    put("lines.jsonl", LINES);
    let names = ["words", "third", "dive", "leave", "deep"];
    let declared = names.map(|name| format!("CREATE FUNCTION {name} LANGUAGE RUST USING FILE 'functions/words.rs';\n"));
    let place = folder.path().display();
    put(
        "job.sql",
        &format!(
            "{}CREATE TABLE texts (line STRING) WITH ('connector' = 'filesystem', 'path' = '{place}/lines.jsonl', 'format' = 'json');
             CREATE TABLE answer ({columns}) WITH ('connector' = 'filesystem', 'path' = '{place}/out', 'format' = 'json');
             INSERT INTO answer {query};",
            declared.concat()
        ),
    );
    put("millstream.toml", &format!("[policies]\nbad-records = \"{policy}\"\n[http]\nlisten = \"off\"\n"));
    folder
}

const WORDS: &str = "SELECT word, COUNT(*) FROM texts, LATERAL TABLE(words(line)) AS t(word) GROUP BY word";

/// The same over rows that are final, for a sink that takes no changes.
const LONGEST: &str = "SELECT word FROM texts, LATERAL TABLE(words(line)) AS t(word)";

fn runner(job: &Path, arguments: &[&str], compiler: bool) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millstream-runner"));
    command.arg(job).args(arguments).env("RUST_LOG", "info");
    // One cache for all tests, in which the support of functions is compiled once.
    command.env("XDG_CACHE_HOME", std::env::temp_dir().join("millstream-tests-jobs"));
    if !compiler {
        command.env("PATH", "").env_remove("RUSTC");
    }
    command.output().expect("the runner starts")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What stands in the files of the answer, in order.
fn answer(job: &Path) -> Vec<String> {
    let entries = fs::read_dir(job.join("out")).into_iter().flatten().map(|entry| entry.expect("listed").path());
    let visible = entries.filter(|path| !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')));
    let mut rows: Vec<String> = visible
        .flat_map(|path| fs::read_to_string(path).expect("text").lines().map(str::to_string).collect::<Vec<_>>())
        .collect();
    rows.sort();
    rows
}

#[test]
fn functions_are_compiled_where_there_is_a_compiler_and_found_where_there_is_none() {
    let job = job("word STRING", LONGEST, "fail");
    let bare = runner(job.path(), &["--functions", "nowhere"], false);
    assert_eq!(bare.status.code(), Some(2), "{}", said(&bare));
    for words in ["there is no rustc on the PATH", "functions/words.rs", "--build-functions DIR"] {
        assert!(said(&bare).contains(words), "{}", said(&bare));
    }
    let libraries = job.path().join("libraries");
    let folder = libraries.display().to_string();
    let built = runner(job.path(), &["--build-functions", &folder], true);
    assert!(built.status.success(), "{}", said(&built));
    assert!(String::from_utf8_lossy(&built.stdout).contains("words(line STRING) -> table of STRING"));
    assert_eq!(fs::read_dir(&libraries).expect("made").count(), 1, "five functions of one text are one library");
    let ran = runner(job.path(), &["--functions", &folder], false);
    assert!(ran.status.success(), "{}", said(&ran));
    let words = ["be", "be", "be", "not", "or", "or", "to", "to", "to"];
    assert_eq!(answer(job.path()), words.map(|word| format!("{{\"word\":\"{word}\"}}")));
    // A text that has changed is another function, which nobody has compiled.
    let changed = FUNCTIONS.replace("to_lowercase", "to_uppercase");
    fs::write(job.path().join("functions/words.rs"), changed).expect("written");
    let stale = runner(job.path(), &["--functions", &folder], false);
    assert_eq!(stale.status.code(), Some(2), "{}", said(&stale));
}

#[test]
fn libraries_beside_the_texts_are_found_by_themselves() {
    let job = job("word STRING", LONGEST, "fail");
    let folder = job.path().join("functions").display().to_string();
    assert!(runner(job.path(), &["--build-functions", &folder], true).status.success());
    let ran = runner(job.path(), &[], false);
    assert!(ran.status.success(), "{}", said(&ran));
    assert_eq!(answer(job.path()).len(), 9);
}

#[test]
fn a_panic_is_an_error_of_its_row_under_the_policy() {
    let query = "SELECT third(line) FROM texts";
    let strict = job("word STRING", query, "fail");
    let failed = runner(strict.path(), &[], true);
    assert_eq!(failed.status.code(), Some(1), "{}", said(&failed));
    for words in ["third panicked at line 14 of its cell", "where line = 'to be'"] {
        assert!(said(&failed).contains(words), "{}", said(&failed));
    }
    assert!(answer(strict.path()).is_empty(), "nothing is committed behind the last checkpoint");
    let patient = job("word STRING", query, "skip");
    let ran = runner(patient.path(), &[], true);
    assert!(ran.status.success(), "{}", said(&ran));
    assert_eq!(answer(patient.path()), ["{\"word\":\"BE\"}", "{\"word\":\"or\"}"]);
    for words in ["rows are left out because a function failed for them", "3 in = 2 used + 0 late + 1 bad + 0 filtered"]
    {
        assert!(said(&ran).contains(words), "{}", said(&ran));
    }
}

#[test]
fn what_takes_the_process_along_is_named_and_ends_it_with_the_code_of_a_failed_query() {
    for (query, name) in [
        ("SELECT dive(line || ' dive') FROM texts", "dive"),
        ("SELECT leave(line) FROM texts", "leave"),
        ("SELECT CAST(deep(line) AS STRING) FROM texts", "deep"),
    ] {
        let job = job("word STRING", query, "skip");
        let ended = runner(job.path(), &[], true);
        assert_eq!(ended.status.code(), Some(1), "{name}: {} {}", ended.status, said(&ended));
        assert!(
            said(&ended).contains(&format!("the function {name} has ended the process of its job")),
            "{}",
            said(&ended)
        );
        assert!(answer(job.path()).is_empty());
    }
}

#[test]
fn changes_that_a_function_makes_of_rows_are_counted_as_ever() {
    let job = job("word STRING, n BIGINT", WORDS, "fail");
    let script = fs::read_to_string(job.path().join("job.sql")).expect("there");
    let script = script.replace("/out', 'format' = 'json')", "/out', 'format' = 'debezium-json')");
    fs::write(job.path().join("job.sql"), script).expect("written");
    let ran = runner(job.path(), &[], true);
    assert!(ran.status.success(), "{}", said(&ran));
    let last = answer(job.path()).into_iter().filter(|row| row.contains("\"after\":{\"word\":\"be\",\"n\":3}"));
    assert_eq!(last.count(), 1);
}
