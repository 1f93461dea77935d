//! What a human waits for at the prompt, on a terminal: from the start of the program until keys are taken, in an empty
//! workspace and in those with 200 and with 4,000 tables and steps; and from Enter until the answer to `SELECT 1` stands there.
//! Wall time, the fastest and the middle one of several. `cargo bench --profile dev --workspace --bench prompt`.

#[path = "../tests/program.rs"]
#[expect(dead_code, reason = "the tests use all of it")]
mod program;
#[path = "../tests/pty.rs"]
#[expect(dead_code, reason = "the tests use all of it")]
mod pty;

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use pty::Terminal;

const RUNS: usize = 21;

/// From the start until the editor takes keys, and from Enter until the next prompt.
fn once(folder: &Path) -> (Duration, Duration) {
    let began = Instant::now();
    let mut terminal = Terminal::start(folder, &[], 30, 100, "xterm-256color");
    terminal.wait_for_editor();
    let started = began.elapsed();
    terminal.keys("SELECT 40 + 2 AS answer;");
    terminal.wait_for("answer;");
    let began = Instant::now();
    terminal.keys("\r");
    terminal.wait_for("42 │");
    let answered = began.elapsed();
    terminal.wait_for_editor();
    terminal.keys("\x04");
    assert_eq!(terminal.exit_code(), Some(0));
    (started, answered)
}

fn measure(what: &str, folder: &Path) {
    let (mut started, mut answered): (Vec<_>, Vec<_>) = (0..RUNS).map(|_| once(folder)).unzip();
    for (name, times) in [("until the prompt", &mut started), ("until an answer", &mut answered)] {
        times.sort_unstable();
        let [fastest, middle] = [times[0], times[RUNS / 2]].map(|time| time.as_secs_f64() * 1e3);
        println!("{what}, {name}: the fastest {fastest:.0} ms, the middle one {middle:.0} ms");
    }
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    measure("empty workspace", folder.path());
    std::fs::create_dir_all(folder.path().join(".millstream")).expect("a folder");
    for half in [100, 2_000] {
        let mut workbook = String::new();
        for n in 0..half {
            let with = "WITH ('connector' = 'filesystem', 'path' = 'x', 'format' = 'json')";
            let _ = writeln!(workbook, "CREATE TABLE t{n} (id INT, name STRING, price DOUBLE) {with};");
            let _ = writeln!(workbook, "CREATE VIEW v{n} AS SELECT name, SUM(price) AS total FROM t{n} GROUP BY name;");
        }
        std::fs::write(folder.path().join(".millstream/workbook.sql"), workbook).expect("is written");
        measure(&format!("{} tables and steps", 2 * half), folder.path());
    }
}
