//! Ctrl-C out of everything that the prompt can be at, shortly after it began and in the middle of it: the prompt is back
//! at once, the terminal is as it was, and the session goes on. The promise is a tenth of a second; what was
//! measured is printed (`--nocapture`), and what is asserted leaves room for a machine that is busy.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::program::folder;
use crate::pty::Terminal;

/// The middle one of all must come back so fast, which is what is promised of each; a machine without load keeps well
/// below it.
const USUAL: Duration = Duration::from_millis(100);
/// None may take longer.
const WORST: Duration = Duration::from_secs(2);
/// How long each has gone on when Ctrl-C is pressed.
const DELAYS: [u64; 3] = [0, 60, 350];

/// What stands in the folder before anything is typed.
const GIVEN: [&str; 8] = ["pager", "editor", "flink", "many", "pipe", ".millstream", ".local", ".cache"];

/// A pager, an editor and a Flink that do nothing for long, a pipe to which nobody writes, and many small files.
fn furnish(folder: &Path) {
    for folder in ["flink/bin", "flink/lib", ".millstream"].map(|name| folder.join(name)) {
        fs::create_dir_all(folder).expect("a folder");
    }
    for name in ["pager", "editor", "flink/bin/sql-client.sh"] {
        let path = folder.join(name);
        fs::write(&path, "#!/bin/sh\nexec sleep 30\n").expect("writes");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("is ours");
    }
    fs::write(folder.join("flink/lib/flink-dist-2.3.0.jar"), "").expect("writes");
    let made = Command::new("mkfifo").arg(folder.join("pipe")).status().expect("there is such a program");
    assert!(made.success());
    for number in 0..6000 {
        let below = folder.join(format!("many/{}", number / 500));
        fs::create_dir_all(&below).expect("a folder");
        fs::write(below.join(format!("{number}.jsonl")), "{\"a\":1}\n".repeat(3)).expect("writes");
    }
}

/// A prompt over a folder with a table that is read for ever, a tape, steps, and a broker that never says a word.
fn prompt(folder: &Path, silent: &TcpListener) -> Terminal {
    let address = silent.local_addr().expect("bound");
    furnish(folder);
    fs::write(folder.join(".millstream/workbook.sql"), workbook(address)).expect("writes");
    let [pager, editor, flink] = ["pager", "editor", "flink"].map(|name| folder.join(name).display().to_string());
    // Beside the cargo that runs the tests, which needs no home of its own.
    let rustc = std::env::var("CARGO").map(|cargo| Path::new(&cargo).with_file_name("rustc").display().to_string());
    let rustc = rustc.unwrap_or_else(|_| "rustc".into());
    let environment = [
        ("PAGER", pager.as_str()),
        ("VISUAL", editor.as_str()),
        ("TERM", "xterm-256color"),
        ("RUSTC", rustc.as_str()),
        ("FLINK_HOME", flink.as_str()),
    ];
    let mut terminal = Terminal::with(folder, &[], 30, 150, &environment);
    terminal.wait_for_prompt();
    for statement in ["RECORD demo.trades FOR 1 s AS monday;", "\\output csv"] {
        terminal.submit(statement);
        terminal.wait_for_editor();
    }
    terminal
}

/// What a session before this one has left.
fn workbook(silent: SocketAddr) -> String {
    format!(
        "CREATE TABLE far (a INT) WITH ('connector' = 'kafka', 'topic' = 'x', 'format' = 'json',
           'properties.bootstrap.servers' = '{silent}', 'scan.startup.mode' = 'earliest-offset');
         CREATE TABLE hole (price BIGINT) WITH ('connector' = 'blackhole');
         CREATE TABLE long (n BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '2000000000');
         CREATE TABLE timed (a INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) WITH
           ('connector' = 'kafka', 'topic' = 'x', 'format' = 'json', 'properties.bootstrap.servers' = '{silent}',
           'scan.startup.mode' = 'earliest-offset');
         CREATE VIEW distant AS SELECT a FROM far;
         CREATE VIEW sums AS SELECT symbol, COUNT(*) AS n FROM demo.trades GROUP BY symbol;"
    )
}

/// What goes on, and what is typed for it; `@` is a number that is never the same.
fn all(address: &str) -> Vec<(&'static str, String)> {
    let text = |what, text: &str| (what, text.to_string());
    vec![
        text("a query over a live topic", "SELECT auction, price FROM demo.bids;"),
        text("a live aggregate", "SELECT symbol, COUNT(*) FROM demo.trades GROUP BY symbol;"),
        text("a long bounded query", "SELECT COUNT(*) FROM long;"),
        text("an INSERT", "INSERT INTO hole SELECT price FROM demo.bids;"),
        text("a broker that does not answer", "SELECT a FROM far;"),
        ("TAP of it", format!("TAP 'kafka://{address}/x' AS tapped;")),
        ("PEEK into it", format!("PEEK 'kafka://{address}/x';")),
        ("SHOW TOPICS of it", format!("SHOW TOPICS IN 'kafka://{address}';")),
        text("RECORD", "RECORD demo.bids AS endless@;"),
        text("RECORD of a broker that does not answer", "RECORD far AS never@;"),
        text("REPLAY", "REPLAY monday RATE 1x LOOP; SELECT symbol FROM demo.trades; LIVE;"),
        text("RESUME", "REPLAY monday RATE 1x LOOP; RESUME;"),
        text("CHECK", "CHECK SELECT n, COUNT(*) FROM long GROUP BY n;"),
        text("CHECK … ORDER", "CHECK sums ORDER SEEDS 5000;"),
        text(
            "EXPORT of a broker that does not answer",
            "EXPORT distant INTO 'kafka://127.0.0.1:1/y' AS JOB 'job-distant';",
        ),
        text("EXPORT", "EXPORT sums INTO 'kafka://127.0.0.1:1/y' KEYED BY (symbol) AS JOB 'job@';"),
        text(
            "EXPORT … VERIFY with a Flink that never ends",
            "EXPORT sums INTO 'kafka://127.0.0.1:1/y' KEYED BY (symbol) AS JOB 'job-flink@' VERIFY;",
        ),
        text("ADVISE of a broker that does not answer", "ADVISE WATERMARK timed;"),
        text("TAP of many files", "TAP 'many/*/*.jsonl' AS many@;"),
        text("a script from a pipe to which nobody writes", "\\read pipe"),
        text("WHY of a broker that does not answer", "WHY distant;"),
        text("a preview of a cross join", "PREVIEW SELECT COUNT(*) FROM demo.bids AS a CROSS JOIN long AS b;"),
        text("WATCH", "WATCH demo.trades;"),
        text("a pager", "SHOW FUNCTIONS;"),
        text(
            "a function that is compiled",
            "CREATE FUNCTION twice@ AS $$#[udf] fn twice@(n: i64) -> i64 { n * 2 }$$ LANGUAGE RUST;",
        ),
    ]
}

/// Types, presses Ctrl-C after `delay`, and says how long it takes until one can type again; `None` if there was
/// nothing to stop any more.
fn cancelled(terminal: &mut Terminal, typed: &str, delay: Duration) -> Option<Duration> {
    terminal.submit(typed);
    std::thread::sleep(delay);
    if terminal.is_editing() {
        return None;
    }
    let began = Instant::now();
    terminal.keys("\x03");
    terminal.wait_for_editor();
    Some(began.elapsed())
}

#[test]
fn the_prompt_is_back_at_once_from_anything() {
    let folder = folder();
    // Connections are taken by the system, and nothing ever comes.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut terminal = prompt(folder.path(), &silent);
    let (mut all_took, mut wrong) = (Vec::new(), Vec::new());
    for (what, typed) in all(&silent.local_addr().expect("bound").to_string()) {
        let took = DELAYS.map(|delay| {
            cancelled(&mut terminal, &typed.replace("@", &delay.to_string()), Duration::from_millis(delay))
        });
        println!("{what}: {took:?}");
        if took.iter().all(Option::is_none) || took.iter().flatten().any(|took| *took >= WORST) {
            wrong.push(format!("{what} ended by itself, or too late: {took:?}\n{}", terminal.shown()));
        }
        all_took.extend(took.into_iter().flatten());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    all_took.sort_unstable();
    println!("in the middle {:?}, at worst {:?}", all_took[all_took.len() / 2], all_took.last());
    assert!(all_took[all_took.len() / 2] < USUAL, "{all_took:?}");
    terminal.submit("LIVE; SELECT 41 + 1 AS answer;");
    terminal.wait_for("42");
    terminal.wait_for_editor();
    terminal.leave();
    assert_eq!(terminal.exit_code(), Some(0));
    assert!(terminal.is_cooked() && !terminal.look(|screen| screen.screen().hide_cursor()));
    let left: Vec<String> = fs::read_dir(folder.path())
        .expect("is there")
        .map(|file| file.expect("a name").file_name().to_string_lossy().into_owned())
        .filter(|name| !GIVEN.contains(&name.as_str()))
        // A job that was written is there as a whole.
        .filter(|name| !folder.path().join(name).join("test/answer").is_dir())
        .collect();
    assert!(left.is_empty(), "nothing half done is left: {left:?}");
}

#[test]
fn an_editor_that_is_given_up_leaves_the_line() {
    let folder = folder();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut terminal = prompt(folder.path(), &silent);
    terminal.keys("SELECT 40 + 2 AS answer;");
    terminal.wait_for("answer;");
    for delay in DELAYS {
        terminal.keys("\x1be");
        terminal.wait_until("the editor", |_| terminal.is_cooked());
        std::thread::sleep(Duration::from_millis(delay.max(60)));
        let began = Instant::now();
        terminal.keys("\x03");
        terminal.wait_until("the prompt", |_| !terminal.is_cooked());
        assert!(began.elapsed() < WORST, "{:?}", began.elapsed());
        println!("an editor: {:?}", began.elapsed());
    }
    terminal.keys("\r");
    terminal.wait_for("42");
    terminal.wait_for_editor();
    terminal.leave();
    assert_eq!(terminal.exit_code(), Some(0));
}
