//! The prompt on a terminal.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use crate::program::folder;
use crate::pty::Terminal;

fn prompt(folder: &std::path::Path) -> Terminal {
    let terminal = Terminal::start(folder, &[], 30, 100, "xterm-256color");
    terminal.wait_for_prompt();
    terminal
}

#[test]
fn statements_go_over_lines_and_errors_show_their_place() {
    let folder = folder();
    let mut terminal = prompt(folder.path());
    terminal.keys("SELECT 1 AS one,\r'two");
    terminal.wait_for("· 'two");
    terminal.keys("' AS b;\r");
    terminal.wait_for("│   1 │ two");
    terminal.wait_for_prompt();
    terminal.keys("SELECT a FROM bidz;\r");
    terminal.wait_for("LINE 1: SELECT a FROM bidz");
    terminal.wait_for("^");
    terminal.wait_for_prompt();
    terminal.leave();
    assert_eq!(terminal.exit_code(), Some(0));
}

#[test]
fn ctrl_c_stops_the_query_and_not_the_program() {
    let folder = folder();
    let mut terminal = prompt(folder.path());
    terminal.keys("SELECT auction, price FROM demo.bids;\r");
    terminal.wait_for("rows/s");
    terminal.wait_for(" │\n");
    let began = Instant::now();
    terminal.keys("\x03");
    terminal.wait_for("stopped:");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    terminal.wait_for("demo.bids: ");
    terminal.wait_for_prompt();
    terminal.keys("SELECT 41 + 1 AS answer;\r");
    terminal.wait_for("42 │");
    assert!(!terminal.shown().contains("rows/s"), "the status line is gone:\n{}", terminal.shown());
    terminal.wait_for_prompt();
    terminal.keys("\x03");
    terminal.wait_until("a prompt below the prompt", |shown| {
        shown.trim_end().ends_with(">\n>") || shown.contains("> \n> ")
    });
    terminal.keys("\\q\r");
    assert_eq!(terminal.exit_code(), Some(0));
}

#[test]
fn tab_completes_and_the_history_is_private() {
    let folder = folder();
    let mut terminal = prompt(folder.path());
    terminal.keys("SELECT channel FROM demo.bi\t");
    terminal.wait_for("FROM demo.bids");
    terminal.keys("\x15\x0b");
    terminal.wait_for_prompt();
    terminal.keys("SET 'bad-records' = 'keep';\r");
    terminal.wait_for("'bad-records' = 'keep'");
    terminal.wait_for_prompt();
    terminal.keys("SELECT 'password' AS p;\r");
    terminal.wait_for("│ password │");
    terminal.wait_for_prompt();
    terminal.leave();
    assert_eq!(terminal.exit_code(), Some(0));
    let file = folder.path().join(".local/state/millstream/history");
    assert_eq!(std::fs::metadata(&file).expect("is there").permissions().mode() & 0o777, 0o600);
    let history = std::fs::read_to_string(file).expect("text");
    assert!(history.contains("bad-records") && !history.contains("password"), "{history}");
}

#[test]
fn two_hundred_pasted_lines_are_one_statement() {
    let folder = folder();
    let mut terminal = prompt(folder.path());
    let lines: Vec<String> = (0..200).map(|number| format!("  {number} AS c{number}")).collect();
    terminal.keys("\x1b[200~\\output vertical\x1b[201~\r");
    terminal.wait_for("output is vertical");
    terminal.wait_for_prompt();
    terminal.keys(&format!("\x1b[200~SELECT\n{};\x1b[201~\r", lines.join(",\n")));
    terminal.wait_for("c199 = 199");
    terminal.wait_for_prompt();
    terminal.leave();
    assert_eq!(terminal.exit_code(), Some(0));
}

#[test]
fn the_terminal_is_given_back() {
    let folder = folder();
    let mut terminal = prompt(folder.path());
    terminal.keys("SELECT 1;\r");
    terminal.wait_for("│ ");
    terminal.wait_for_prompt();
    terminal.leave();
    terminal.wait_until("cooked mode", |_| true);
    let began = Instant::now();
    while !terminal.is_cooked() && began.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(terminal.is_cooked());
    assert!(!terminal.look(|screen| screen.screen().hide_cursor()), "the cursor is there");
}

#[test]
fn a_dumb_terminal_gets_plain_lines() {
    let folder = folder();
    let mut terminal = Terminal::start(folder.path(), &[], 30, 100, "dumb");
    terminal.wait_for("> ");
    terminal.keys("SELECT 1 AS one\n;\n");
    terminal.wait_for("|   1 |");
    terminal.wait_for_prompt();
    terminal.keys("\x04");
    assert_eq!(terminal.exit_code(), Some(0));
}

#[test]
fn small_and_large_screens_are_survived() {
    for (rows, columns) in [(1, 1), (2, 10), (24, 20), (200, 500)] {
        let folder = folder();
        let arguments = ["-c", "SELECT 'some text' AS a, 12345 AS b, 'more text that is long' AS c;"];
        let mut terminal = Terminal::start(folder.path(), &arguments, rows, columns, "xterm-256color");
        assert_eq!(terminal.exit_code(), Some(0), "{rows} x {columns}");
    }
}

#[test]
fn the_tour_waits_for_enter_and_takes_questions() {
    let folder = folder();
    let mut terminal = Terminal::start(folder.path(), &["demo"], 50, 120, "xterm-256color");
    terminal.wait_for("Enter goes on");
    terminal.wait_for_prompt();
    terminal.keys("SELECT COUNT(*) AS all_of_them FROM trades;\r");
    terminal.wait_for("20000 │");
    terminal.wait_for_prompt();
    terminal.keys("\r");
    terminal.wait_for("2. Filter and compute");
    terminal.wait_for_prompt();
    terminal.leave();
    assert_eq!(terminal.exit_code(), Some(0));
}

#[test]
fn ctrl_c_is_heard_while_a_broker_keeps_us_waiting() {
    // A server that takes the call and never says a word.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = mute.local_addr().expect("is bound");
    let folder = folder();
    let mut terminal = prompt(folder.path());
    terminal.keys(&format!(
        "CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'properties.bootstrap.servers' = '{address}', 'topic' = 't', 'format' = 'json', 'scan.startup.mode' = 'earliest-offset');\r"
    ));
    terminal.wait_for("table 't'");
    terminal.wait_for_prompt();
    let bounded = "/*+ OPTIONS('scan.bounded.mode' = 'latest-offset') */";
    let statements =
        ["SELECT a FROM t;".to_string(), "INSERT INTO t SELECT 1;".into(), format!("CHECK SELECT a FROM t {bounded};")];
    for (before, statement) in statements.iter().enumerate() {
        terminal.keys(&format!("{statement}\r"));
        std::thread::sleep(Duration::from_millis(500));
        let began = Instant::now();
        terminal.keys("\x03");
        terminal.wait_until("the statement was stopped", |shown| {
            shown.matches("stopped before it was open").count() > before
        });
        terminal.wait_for_prompt();
        assert!(began.elapsed() < Duration::from_secs(2), "{statement}: {:?}", began.elapsed());
    }
    terminal.keys("SELECT 41 + 1 AS answer;\r");
    terminal.wait_for("42 │");
    terminal.wait_for_prompt();
    terminal.keys("\\q\r");
    assert_eq!(terminal.exit_code(), Some(0));
}

#[test]
fn a_terminal_that_goes_away_and_a_signal_end_the_prompt() {
    for (signal, code) in [(libc::SIGHUP, 129), (libc::SIGTERM, 143)] {
        let folder = folder();
        let mut terminal = Terminal::start(folder.path(), &[], 24, 80, "xterm-256color");
        terminal.wait_for_prompt();
        terminal.signal(signal);
        assert_eq!(terminal.exit_code(), Some(code));
        assert!(terminal.is_cooked(), "the terminal is given back");
    }
}

#[test]
fn a_password_is_asked_for_and_never_shown() {
    let folder = folder();
    std::fs::create_dir(folder.path().join(".millstream")).expect("a folder");
    let connection = "[connections.prod]\nbootstrap.servers = \"127.0.0.1:1\"\nsecurity.protocol = \"SASL_PLAINTEXT\"\n\
                      sasl.mechanism = \"PLAIN\"\nsasl.username = \"alice\"\nsasl.password = \"${ask:password of prod}\"\n";
    std::fs::write(folder.path().join(".millstream/config.toml"), connection).expect("writes");
    let mut terminal = prompt(folder.path());
    // Asked, and given up; then asked again, since nothing was given.
    for given_up in ["\x1b", "half of it\x03"] {
        terminal.clear();
        terminal.keys("SHOW TOPICS IN 'kafka://prod';\r");
        terminal.wait_for("password of prod: ");
        terminal.keys(given_up);
        terminal.wait_for("password of prod was not given");
        terminal.wait_for_editor();
    }
    terminal.clear();
    terminal.keys("SHOW TOPICS IN 'kafka://prod';\r");
    terminal.wait_for("password of prod: ");
    terminal.keys("hunder\x7f\x7f\x7fter2\r");
    terminal.wait_for("cannot reach 127.0.0.1:1");
    terminal.wait_for_editor();
    assert!(!terminal.shown().contains("hun"), "{}", terminal.shown());
    // Once a session is enough.
    terminal.submit("SHOW TOPICS IN 'kafka://prod' LIKE '%again%';");
    terminal.wait_until("it is not asked again", |shown| {
        shown.matches("cannot reach").count() == 1 && shown.contains("again")
    });
    terminal.wait_for_editor();
    assert!(!terminal.shown().contains("of prod: "), "{}", terminal.shown());
    terminal.leave();
    assert_eq!(terminal.exit_code(), Some(0));
}
