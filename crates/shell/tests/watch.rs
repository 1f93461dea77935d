//! `WATCH` on a terminal: what fills the screen, and that the terminal and the typed line are given back as they were.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::program::{folder, run, stdout};
use crate::pty::Terminal;

/// A prompt with a step `sums` over a file: three users, one of them twice, one with a name that is no name.
fn prompt(folder: &Path, environment: &[(&str, &str)]) -> Terminal {
    fs::write(folder.join("orders.jsonl"), ORDERS).expect("is written");
    let mut terminal = Terminal::with(folder, &[], 30, 100, &[&[("TERM", "xterm-256color")], environment].concat());
    terminal.wait_for_prompt();
    for statement in STEP {
        terminal.submit(statement);
        terminal.wait_for_editor();
    }
    terminal.clear();
    terminal
}

const ORDERS: &str = "{\"who\":\"ada\",\"amount\":12}\n{\"who\":\"bob\",\"amount\":3}\n{\"who\":\"ada\",\"amount\":7}\n\
                      {\"who\":\"\\u001b]0;owned\\u0007\",\"amount\":1}\nno json\n";
const STEP: [&str; 2] = [
    "CREATE TABLE orders (who STRING, amount INT) WITH ('connector' = 'filesystem', 'path' = 'orders.jsonl', 'format' = 'json');",
    "CREATE VIEW sums AS SELECT who, SUM(amount) AS total FROM orders GROUP BY who;",
];

fn whole(terminal: &Terminal) -> bool {
    terminal.look(|terminal| terminal.screen().alternate_screen())
}

fn wait_until_whole(terminal: &Terminal, wanted: bool) {
    terminal.wait_until("the screen to change", |_| whole(terminal) == wanted);
}

#[test]
fn rows_fill_the_screen_and_the_prompt_comes_back() {
    let folder = folder();
    let mut terminal = prompt(folder.path(), &[]);
    terminal.keys("WATCH sums;\r");
    wait_until_whole(&terminal, true);
    terminal.wait_for("ended");
    terminal.wait_until("the rows", |shown| shown.contains("ada") && shown.contains("19") && shown.contains("bad 1"));
    terminal.wait_for("\\x1b]0;owned\\x07");
    // Sorted by the second column, falling: the largest stands first.
    terminal.keys("lss");
    terminal.wait_until("the sorted rows", |shown| {
        let line = |what: &str| shown.lines().position(|line| line.contains(what));
        shown.contains("total ▼") && line("ada") < line("bob") && line("ada").is_some()
    });
    terminal.keys("y");
    terminal.wait_for("copied the cell");
    terminal.look(|terminal| assert_eq!(terminal.callbacks().clipboard, ["MTk="]));
    terminal.keys("\r");
    terminal.wait_until("the history of ada", |shown| shown.contains("who = ada") && shown.contains("-U"));
    terminal.keys("4");
    terminal.wait_for("└─ ");
    terminal.keys("6");
    terminal.wait_for("orders$errors");
    terminal.keys("?G");
    terminal.wait_for("commits no offset");
    terminal.keys("q");
    terminal.wait_for("orders$errors");
    terminal.keys("q");
    wait_until_whole(&terminal, false);
    terminal.wait_for("5 in = 4 used");
    terminal.wait_for_prompt();
    terminal.look(|terminal| assert!(terminal.callbacks().titles.is_empty(), "{:?}", terminal.callbacks().titles));
    terminal.leave();
    assert_eq!(terminal.exit_code(), Some(0));
}

#[test]
fn the_line_that_is_typed_is_there_again() {
    let folder = folder();
    let mut terminal = prompt(folder.path(), &[]);
    terminal.keys("WATCH sums;\r");
    wait_until_whole(&terminal, true);
    terminal.keys("q");
    wait_until_whole(&terminal, false);
    terminal.wait_for_prompt();
    terminal.keys("SELECT 40 + 2 AS");
    terminal.wait_for("> SELECT 40 + 2 AS");
    terminal.keys("\x1bw");
    wait_until_whole(&terminal, true);
    terminal.wait_for("ada");
    terminal.keys("q");
    wait_until_whole(&terminal, false);
    terminal.wait_until("the line", |shown| shown.trim_end().ends_with("> SELECT 40 + 2 AS"));
    terminal.keys(" answer;\r");
    terminal.wait_for("42 │");
    terminal.wait_for_prompt();
    terminal.leave();
    assert_eq!(terminal.exit_code(), Some(0));
}

#[test]
fn a_live_run_is_left_with_ctrl_c_at_once() {
    let folder = folder();
    let mut terminal = prompt(folder.path(), &[]);
    terminal.keys("WATCH demo.trades, sums;\r");
    wait_until_whole(&terminal, true);
    terminal.wait_until("rows", |shown| shown.contains("symbol") && shown.contains("rows/s"));
    terminal.keys("]");
    terminal.wait_for("ada");
    terminal.keys("[");
    terminal.wait_for("symbol");
    // Held, nothing moves in any of the steps; the runs go on.
    terminal.keys(" ");
    terminal.wait_for("held");
    terminal.keys("3");
    terminal.wait_for("price by");
    terminal.keys("]1");
    terminal.wait_for("ada");
    terminal.keys("/bob\r");
    terminal.wait_until("the filter", |shown| shown.contains("bob") && !shown.contains("ada"));
    let began = Instant::now();
    terminal.keys(":\x03");
    wait_until_whole(&terminal, false);
    terminal.wait_for_prompt();
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    terminal.leave();
    assert_eq!(terminal.exit_code(), Some(0));
}

#[test]
fn a_program_that_is_ended_gives_the_terminal_back() {
    let folder = folder();
    let mut terminal = prompt(folder.path(), &[]);
    terminal.keys("WATCH demo.trades;\r");
    wait_until_whole(&terminal, true);
    assert!(!terminal.is_cooked());
    terminal.signal(libc::SIGTERM);
    terminal.exit_code();
    assert!(!whole(&terminal) && terminal.is_cooked());
    terminal.look(|terminal| {
        let screen = terminal.screen();
        assert!(!screen.hide_cursor() && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None);
    });
}

#[test]
fn without_colour_there_is_none() {
    let folder = folder();
    let mut terminal = prompt(folder.path(), &[("NO_COLOR", "1")]);
    terminal.keys("WATCH sums;\r");
    terminal.wait_for("ada");
    terminal.look(|terminal| {
        let screen = terminal.screen();
        for (row, column) in (0..30).flat_map(|row| (0..100).map(move |column| (row, column))) {
            let cell = screen.cell(row, column).expect("on the screen");
            assert_eq!((cell.fgcolor(), cell.bgcolor()), (vt100::Color::Default, vt100::Color::Default));
        }
    });
    terminal.keys("q");
    terminal.wait_for_prompt();
    terminal.leave();
    assert_eq!(terminal.exit_code(), Some(0));
}

#[test]
fn in_a_pipe_it_is_a_line_a_change() {
    let folder = folder();
    fs::write(folder.path().join("orders.jsonl"), ORDERS.replace("no json\n", "")).expect("is written");
    let script = format!("{}\nWATCH sums;\n", STEP.join("\n"));
    let output = run(folder.path(), &["-o", "csv", "-j", "1"], script.as_bytes());
    let lines: Vec<String> = stdout(&output).lines().map(str::to_string).collect();
    let first = ["op,who,total", "+I,ada,12", "+I,bob,3", "-U,ada,12", "+U,ada,19"];
    assert_eq!(lines[..5], first, "{output:?}");
    let output = run(folder.path(), &[], script.replace("WATCH sums", "WATCH sums, orders").as_bytes());
    assert!(crate::program::stderr(&output).contains("one step is watched at a time"), "{output:?}");
}

#[test]
fn a_replay_is_stepped_forth_and_back() {
    let folder = folder();
    let mut terminal = prompt(folder.path(), &[]);
    for (typed, said) in [("RECORD orders AS monday;", "monday"), ("REPLAY monday RATE MAX;", "monday")] {
        terminal.submit(typed);
        terminal.wait_until(typed, |shown| shown.lines().skip(1).any(|line| line.contains(said)));
        terminal.wait_for_prompt();
    }
    let spent = |shown: &str, total: &str| {
        let words = |line: &str| line.split_whitespace().any(|word| word == total);
        shown.lines().any(|line| line.contains("ada") && words(line))
    };
    terminal.keys("WATCH sums;\r");
    wait_until_whole(&terminal, true);
    terminal.wait_for("record 5 of 5");
    terminal.wait_until("the sum", |shown| spent(shown, "19"));
    // Before the third record ada has spent 12; with it, 19.
    terminal.keys(":goto RECORD 2\r");
    terminal.wait_until("two records", |shown| shown.contains("record 2 of 5") && spent(shown, "12"));
    terminal.keys("\x1b[C");
    terminal.wait_until("three records", |shown| shown.contains("record 3 of 5") && spent(shown, "19"));
    terminal.keys("2");
    terminal.wait_until("the change", |shown| shown.contains("-U") && shown.contains("+U"));
    terminal.keys("1\x1b[D");
    terminal.wait_until("back", |shown| shown.contains("record 2 of 5") && spent(shown, "12"));
    terminal.keys("q");
    wait_until_whole(&terminal, false);
    terminal.wait_for_prompt();
    terminal.leave();
    assert_eq!(terminal.exit_code(), Some(0));
}
