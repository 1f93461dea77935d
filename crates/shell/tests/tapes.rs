//! `millstream tape list|export|import`: tapes travel as JSON lines and as Parquet, there and back, and what was
//! changed on its way is refused; a recording that is killed goes on, and says so.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::program::{folder, millstream, run, stderr, stdout};
use crate::pty::Terminal;

const TABLE: &str = "CREATE TABLE made (n BIGINT, who STRING) WITH ('connector' = 'datagen', 'rows-per-second' = '0', 'fields.n.kind' = 'sequence', \
                     'fields.n.start' = '1', 'fields.n.end' = '700', 'fields.who.length' = '4')";

/// Answers a text, which must be right, and gives what was said on both ways.
fn said(folder: &Path, text: &str) -> String {
    let output = run(folder, &["-o", "csv", "-c", TABLE, "-c", text], b"");
    assert!(output.status.success(), "{text}: {}", stderr(&output));
    stdout(&output) + &stderr(&output)
}

fn tape(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = run(folder, &[&["tape"], arguments].concat(), b"");
    if output.status.success() { Ok(stdout(&output) + &stderr(&output)) } else { Err(stderr(&output)) }
}

#[test]
fn tapes_travel_there_and_back() {
    let folder = folder();
    let here = folder.path();
    assert!(said(here, "RECORD made AS monday").contains("700 records"));
    // Rows and ledger, but not how long it took.
    let sums = |tape: &str| {
        let said = said(here, &format!("REPLAY {tape}; SELECT COUNT(*), SUM(n), COUNT(DISTINCT who) FROM made"));
        said.lines().filter(|line| !line.contains(" changes in ")).collect::<Vec<_>>().join("\n")
    };
    let first = sums("monday");
    assert!(first.contains("700,245350,"), "{first}");
    for (file, name) in [("monday.jsonl", "lines"), ("monday.parquet", "columns")] {
        assert!(tape(here, &["export", "monday", file]).expect("written").contains("700 records"));
        assert!(tape(here, &["import", file, name]).expect("read").contains("700 records"));
        assert_eq!(sums(name), first);
        // A digit of a value is another digit: the checksum tells.
        let mut bytes = fs::read(here.join(file)).expect("a file");
        let middle = bytes.len() / 2;
        let digit = (middle..bytes.len()).find(|&at| bytes[at].is_ascii_digit()).expect("there are digits");
        bytes[digit] = if bytes[digit] == b'7' { b'8' } else { b'7' };
        fs::write(here.join(file), bytes).expect("written");
        let refused = tape(here, &["import", file, "changed"]).expect_err("it was changed");
        assert!(refused.contains("cannot be read as a tape"), "{refused}");
    }
    let listed = tape(here, &["list"]).expect("listed");
    assert!(["monday", "lines", "columns"].iter().all(|name| listed.contains(name)), "{listed}");
    assert!(!listed.contains("changed"), "{listed}");
    let refused = tape(here, &["export", "monday", "monday.txt"]).expect_err("no such kind of file");
    assert!(refused.contains("name it .jsonl for JSON lines, or .parquet"), "{refused}");
}

#[test]
fn a_tape_is_made_of_files_and_replayed_without_them() {
    let folder = folder();
    let here = folder.path();
    for format in ["json", "csv", "parquet"] {
        let files = format!(
            "CREATE TABLE files (n BIGINT, who STRING) WITH ('connector' = 'filesystem', 'path' = '{format}', \
             'format' = '{format}')"
        );
        assert!(
            said(here, &format!("{files}; INSERT INTO files SELECT n, who FROM made")).contains("700 rows written")
        );
        assert!(said(here, &format!("{files}; RECORD files AS {format}")).contains("700 records"));
        fs::remove_dir_all(here.join(format)).expect("the files are gone");
        let query = "SELECT COUNT(*), SUM(n), COUNT(DISTINCT who) FROM files";
        let answer = said(here, &format!("{files}; REPLAY {format}; {query}"));
        assert!(answer.lines().any(|line| line.starts_with("700,245350,")), "{format}: {answer}");
        assert!(answer.contains("files: 700 in = 700 used"), "{format}: {answer}");
    }
}

#[test]
fn files_whose_first_lines_differ_are_read_by_their_own() {
    let folder = folder();
    let here = folder.path();
    fs::create_dir(here.join("lines")).expect("a folder");
    for (name, text) in [("1.csv", "a,b\n1,2\n3,4\n"), ("2.csv", "b,a\n6,5\nno,7\n"), ("3.csv", "a,b\n8,9\n")] {
        fs::write(here.join("lines").join(name), text).expect("written");
    }
    let table = "CREATE TABLE lines (a INT, b INT, `file.name` STRING METADATA VIRTUAL) WITH ('connector' = 'filesystem', \
                 'path' = 'lines', 'format' = 'csv', 'csv.header' = 'true')";
    said(here, &format!("{table}; RECORD lines AS taped"));
    fs::remove_dir_all(here.join("lines")).expect("the files are gone");
    let answer = said(here, &format!("{table}; SET 'bad-records' = 'keep'; REPLAY taped; SELECT * FROM lines"));
    let rows: Vec<&str> = answer.lines().filter(|line| line.ends_with(".csv")).collect();
    assert_eq!(rows, ["1,2,1.csv", "3,4,1.csv", "5,6,2.csv", "8,9,3.csv"], "{answer}");
    assert!(answer.contains("lines: 5 in = 4 used + 0 late + 1 bad"), "{answer}");
}

#[test]
fn a_killed_recording_says_what_it_may_have_lost_and_goes_on() {
    let folder = folder();
    let here = folder.path();
    let declare = "CREATE TABLE slow (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '500', \
                   'fields.n.kind' = 'sequence', 'fields.n.start' = '0', 'fields.n.end' = '1000000')";
    let mut child = millstream(here)
        .args(["-c", declare, "-c", "RECORD slow AS cut"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let began = Instant::now();
    let records = || {
        let listed = stdout(&run(here, &["-o", "csv", "-c", "SHOW TAPES"], b""));
        let of = |line: &str| line.split(',').nth(2)?.parse::<u64>().ok();
        listed.lines().filter(|line| line.starts_with("cut,")).find_map(of).unwrap_or(0)
    };
    while records() < 100 {
        assert!(began.elapsed() < Duration::from_secs(60), "nothing is recorded");
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    let kept = records();
    let listed = stdout(&run(here, &["-o", "csv", "-c", "SHOW TAPES"], b""));
    assert!(listed.contains("cut short with up to the last 0.1 s lost: RECORD slow AS cut; goes on"), "{listed}");
    let replayed = run(here, &["-o", "csv", "-c", declare, "-c", "REPLAY cut; SELECT COUNT(*), MAX(n) FROM slow"], b"");
    assert!(stdout(&replayed).contains(&format!("{kept},{}", kept - 1)), "{}", stdout(&replayed));
    assert!(stderr(&replayed).contains("up to its last 0.1 s is lost"), "{}", stderr(&replayed));
    let more = format!("RECORD slow ROWS {} AS cut", kept + 50);
    let on = run(here, &["-c", declare, "-c", &more], b"");
    let said = stdout(&on) + &stderr(&on);
    assert!(said.contains("of a recording that was cut short"), "{said}");
    let whole = run(here, &["-o", "csv", "-c", declare, "-c", "REPLAY cut; SELECT COUNT(*), MAX(n) FROM slow"], b"");
    assert!(stdout(&whole).contains(&format!("{},{}", kept + 50, kept + 49)), "no gap, no double: {}", stdout(&whole));
}

#[test]
fn a_recording_shows_how_far_it_is_and_ctrl_c_keeps_it() {
    let folder = folder();
    let mut terminal = Terminal::with(folder.path(), &[], 30, 100, &[("TERM", "xterm-256color")]);
    terminal.wait_for_prompt();
    terminal.keys("RECORD demo.trades FOR 10 min AS monday;\r");
    terminal.wait_until("the bar", |shown| {
        let line = shown.lines().find(|line| line.starts_with("recording monday")).unwrap_or_default();
        line.contains("░") && line.contains(" 0 %") && line.contains("records") && !line.contains("· 0 records")
    });
    terminal.keys("\x03");
    terminal.wait_until("what was kept", |shown| shown.contains("tape monday:") && shown.contains("REPLAY monday;"));
    terminal.wait_for_prompt();
    terminal.keys("SELECT 'a' || 'b';\r");
    terminal.wait_for("ab");
    terminal.leave();
    assert_eq!(terminal.exit_code(), Some(0));
    let listed = tape(folder.path(), &["list"]).expect("listed");
    assert!(listed.contains("complete") && !listed.contains("\"records\":0,"), "{listed}");
}
