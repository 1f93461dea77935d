//! Typing at the prompt: completion, marks, history, the editor of the user's choice, results above the line.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::program::folder;
use crate::pty::Terminal;

fn prompt(folder: &Path) -> Terminal {
    let terminal = Terminal::start(folder, &[], 30, 110, "xterm-256color");
    terminal.wait_for_prompt();
    terminal
}

/// Whether the cells of this text on the screen are underlined.
fn underlined(terminal: &Terminal, text: &str) -> bool {
    terminal.look(|parser| {
        let screen = parser.screen();
        let (rows, columns) = screen.size();
        (0..rows.get()).any(|row| {
            let line: Vec<String> = (0..columns.get())
                .map(|column| screen.cell(row, column).map(|cell| cell.contents().to_string()).unwrap_or_default())
                .collect();
            let width = text.chars().count();
            (0..line.len().saturating_sub(width)).any(|start| {
                line[start..start + width].concat() == text
                    && (start..start + width)
                        .all(|column| screen.cell(row, column as u16).is_some_and(vt100::Cell::underline))
            })
        })
    })
}

#[test]
fn the_menu_shows_what_each_candidate_is() {
    let folder = folder();
    let mut terminal = prompt(folder.path());
    terminal.keys("SELECT * FROM demo.bids WHERE \t");
    terminal.wait_for("│auction");
    terminal.wait_for("column BIGINT of demo.bids");
    terminal.keys("\x1b");
    terminal.keys("SUBSTRI\t");
    terminal.wait_for("SUBSTRING");
    terminal.keys("\x03");
    terminal.wait_for_prompt();
    terminal.leave();
    assert_eq!(terminal.exit_code(), Some(0));
}

#[test]
fn a_name_that_does_not_exist_is_marked_while_one_types() {
    let folder = folder();
    let mut terminal = prompt(folder.path());
    terminal.keys("SELECT prise FROM demo.bids WHERE ");
    terminal.wait_until("a mark below 'prise'", |_| underlined(&terminal, "prise"));
    assert!(!underlined(&terminal, "demo.bids"), "only what is wrong is marked");
    terminal.keys("\x15SELECT price FROM demo.bids WHERE ");
    terminal.wait_for("SELECT price");
    terminal.wait_until("no mark", |_| !underlined(&terminal, "price"));
    terminal.keys("\x15SELECT 1) ");
    terminal.wait_until("a mark below the bracket", |_| underlined(&terminal, ")"));
    terminal.keys("\x03");
    terminal.wait_for_prompt();
    terminal.leave();
    assert_eq!(terminal.exit_code(), Some(0));
}

#[test]
fn the_editor_of_the_user_gets_the_text_and_gives_it_back() {
    let folder = folder();
    let editor = folder.path().join("editor.sh");
    fs::write(&editor, "#!/bin/sh\nsed -i 's/1/41 + 1/' \"$1\"\n").expect("writes");
    fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)).expect("is ours");
    let mut terminal = Terminal::with(folder.path(), &[], 30, 110, &[("VISUAL", editor.to_str().expect("text"))]);
    terminal.wait_for_prompt();
    terminal.keys("SELECT 1 AS answer;");
    terminal.wait_for("SELECT 1 AS");
    terminal.keys("\x1be");
    terminal.wait_for("SELECT 41 + 1 AS answer;");
    terminal.keys("\r");
    terminal.wait_for("42 │");
    terminal.wait_for_prompt();
    terminal.leave();
    assert_eq!(terminal.exit_code(), Some(0));
}

#[test]
fn an_editor_that_is_not_there_is_a_sentence_and_no_end() {
    let folder = folder();
    let mut terminal = Terminal::with(folder.path(), &[], 30, 110, &[("VISUAL", "/no/such/editor")]);
    terminal.wait_for_prompt();
    terminal.keys("SELECT 7 AS seven;\x1be");
    terminal.wait_for("cannot be started");
    terminal.keys("\r");
    terminal.wait_for("7 │");
    terminal.wait_for_prompt();
    terminal.leave();
    assert_eq!(terminal.exit_code(), Some(0));
}

#[test]
fn the_history_is_searched_and_keeps_how_it_went() {
    let folder = folder();
    let file = folder.path().join(".local/state/millstream/history");
    fs::create_dir_all(file.parent().expect("a folder")).expect("makes it");
    fs::write(&file, b"\xff\xfe no history \x00\n{\"at\":1,\"text\":\"SELECT 5 AS older;\"}\n{\"at\":2,\"te")
        .expect("writes");
    let mut terminal = prompt(folder.path());
    terminal.keys("SELECT nothing FROM nowhere;\r");
    terminal.wait_for("E0201");
    terminal.wait_for_prompt();
    terminal.keys(" SELECT 'not kept' AS spaced;\r");
    terminal.wait_for("not kept │");
    terminal.wait_for_prompt();
    terminal.keys("\x12older");
    terminal.wait_for("SELECT 5 AS older;");
    terminal.keys("\r");
    terminal.wait_until("the line to be taken", |shown| shown.contains("> SELECT 5 AS older;"));
    terminal.keys("\r");
    terminal.wait_for("5 │");
    terminal.wait_for_prompt();
    terminal.leave();
    assert_eq!(terminal.exit_code(), Some(0));
    let written = String::from_utf8_lossy(&fs::read(&file).expect("is there")).into_owned();
    let failed = written.lines().rfind(|line| line.contains("nowhere")).expect("was kept");
    assert!(failed.contains("\"status\":1") && failed.contains("\"ms\":"), "{failed}");
    assert!(!written.contains("not kept"), "{written}");
    assert_eq!(fs::metadata(&file).expect("is there").permissions().mode() & 0o777, 0o600);
}

#[test]
fn rows_of_a_run_appear_above_the_line_that_is_typed() {
    let folder = folder();
    let mut terminal = prompt(folder.path());
    terminal.keys("START SELECT 'from the run' AS said;\r");
    terminal.keys("SELECT 'half ty");
    terminal.wait_for("from the run │");
    terminal.wait_for("has come to its end");
    terminal.wait_until("the line below", |shown| {
        shown.trim_end().lines().last().is_some_and(|line| line.contains("SELECT 'half ty"))
    });
    terminal.keys("ped' AS whole;\r");
    terminal.wait_for("half typed │");
    terminal.wait_for_prompt();
    terminal.leave();
    assert_eq!(terminal.exit_code(), Some(0));
}

#[test]
fn a_run_and_its_figures_stand_above_the_prompt() {
    let folder = folder();
    let mut terminal = prompt(folder.path());
    terminal.keys("CREATE TABLE nothing (price BIGINT) WITH ('connector' = 'blackhole');\r");
    terminal.wait_for_prompt();
    terminal.keys("START INSERT INTO nothing SELECT price FROM demo.bids;\r");
    terminal.wait_for("▶ nothing");
    terminal.wait_for("/s");
    terminal.keys("STOP ALL;\r");
    terminal.wait_for("stopped:");
    terminal.wait_for("nothing has come to its end");
    terminal.wait_for_editor();
    terminal.wait_until("no run above the prompt", |shown| {
        !shown.trim_end().lines().rev().take(2).any(|line| line.contains('▶'))
    });
    // The one above the line with STOP stays; the next one has made room for what was said of the end.
    let shown = terminal.shown();
    assert_eq!(shown.lines().filter(|line| line.contains('▶')).count(), 1, "{shown}");
    terminal.leave();
    assert_eq!(terminal.exit_code(), Some(0));
}

#[test]
fn the_last_result_is_shown_again_and_saved() {
    let folder = folder();
    let mut terminal = prompt(folder.path());
    terminal.keys("SELECT 1 AS a, 'x,y' AS b;\r");
    terminal.wait_for("│ x,y");
    terminal.wait_for_prompt();
    terminal.keys("\\last csv\r");
    terminal.wait_for("1,\"x,y\"");
    terminal.keys("\\save rows.json\r");
    terminal.wait_for("1 rows written to rows.json");
    terminal.keys("\\save rows.parquet\r");
    terminal.wait_for("written to rows.parquet");
    terminal.keys("\\save rows.doc\r");
    terminal.wait_for("by the file's ending");
    terminal.keys("\\explain e0204\r");
    terminal.wait_for("E0204: no such column");
    terminal.leave();
    assert_eq!(terminal.exit_code(), Some(0));
    assert_eq!(
        fs::read_to_string(folder.path().join("rows.json")).expect("text").trim(),
        "[\n{\"a\":1,\"b\":\"x,y\"}\n]"
    );
    let parquet = fs::read(folder.path().join("rows.parquet")).expect("is there");
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
    let left: Vec<_> = fs::read_dir(folder.path()).expect("is there").flatten().map(|file| file.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".half")), "{left:?}");
}

#[test]
fn only_what_is_higher_than_the_screen_goes_through_the_pager() {
    let folder = folder();
    let pager = folder.path().join("pager.sh");
    fs::write(&pager, "#!/bin/sh\necho paged: $(wc -l)\n").expect("writes");
    fs::set_permissions(&pager, fs::Permissions::from_mode(0o755)).expect("is ours");
    let mut terminal = Terminal::with(folder.path(), &[], 20, 110, &[("PAGER", pager.to_str().expect("text"))]);
    terminal.wait_for_prompt();
    terminal.keys("SELECT 1 AS low;\r");
    terminal.wait_for("1 │");
    terminal.keys("SHOW FUNCTIONS;\r");
    terminal.wait_for("paged: ");
    terminal.wait_for_prompt();
    assert_eq!(terminal.shown().matches("paged:").count(), 1, "{}", terminal.shown());
    terminal.leave();
    assert_eq!(terminal.exit_code(), Some(0));
}

#[test]
fn ctrl_c_gives_the_prompt_back_from_a_broker_that_does_not_answer() {
    let folder = folder();
    // Nobody reads from this socket: connections are taken by the system, and nothing ever comes.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("bound");
    let mut terminal = prompt(folder.path());
    let declare = format!(
        "CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'topic' = 'x', 'format' = 'json', \
         'properties.bootstrap.servers' = '{address}', 'scan.bounded.mode' = 'latest-offset');\r"
    );
    terminal.keys(&declare);
    terminal.wait_for("table 't'");
    terminal.wait_for_prompt();
    terminal.keys("SELECT * FROM t;\r");
    // Before the line is taken, Ctrl-C is a key of the editor; from then on it is a signal.
    terminal.wait_until("the line to be taken", |_| terminal.is_cooked());
    let began = Instant::now();
    terminal.keys("\x03");
    terminal.wait_until("a new prompt", |shown| {
        shown.trim_end().ends_with('>') && shown.matches("> ").count() + shown.matches(">\n").count() >= 3
    });
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    terminal.keys("\\explain E0801\r");
    terminal.wait_for("E0801: stopped");
    terminal.leave();
    assert_eq!(terminal.exit_code(), Some(0));
}
