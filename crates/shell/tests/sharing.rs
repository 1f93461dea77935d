//! Two prompts at one workspace, each a process of its own: what one makes the other finds, topics are written by both,
//! and what stands in the end is the work of both.

use std::path::Path;

use crate::program::folder;
use crate::pty::Terminal;

fn prompt(folder: &Path) -> Terminal {
    let terminal = Terminal::start(folder, &[], 40, 120, "xterm-256color");
    terminal.wait_for_prompt();
    terminal
}

/// Types and waits for an answer that says this.
fn typed(terminal: &mut Terminal, text: &str, answer: &str) {
    terminal.submit(text);
    terminal.wait_for(answer);
    terminal.wait_for_editor();
}

#[test]
fn two_prompts_find_what_the_other_has_made() {
    let folder = folder();
    let (mut one, mut two) = (prompt(folder.path()), prompt(folder.path()));
    typed(
        &mut one,
        "CREATE TABLE orders (id INT, item STRING) WITH ('scan.bounded.mode' = 'latest-offset');",
        "table 'orders'",
    );
    typed(
        &mut two,
        "CREATE TABLE prices (item STRING, price INT);",
        "from another session on this workspace: table orders",
    );
    for (terminal, id) in [(&mut one, 1), (&mut two, 2)] {
        typed(terminal, &format!("INSERT INTO orders VALUES ({id}, 'tea');"), "1 row written");
    }
    typed(&mut one, "SELECT COUNT(*) AS n FROM orders;", "│      2 │");
    typed(&mut one, "CREATE VIEW teas AS SELECT id FROM orders WHERE item = 'tea';", "teas@1");
    typed(&mut two, "CREATE OR REPLACE VIEW teas AS SELECT id, item FROM orders WHERE item = 'tea';", "teas@2");
    typed(&mut one, "SHOW STEPS;", "from another session on this workspace: step teas@2");
    for terminal in [&mut one, &mut two] {
        terminal.leave();
        assert_eq!(terminal.exit_code(), Some(0));
    }
    let mut next = prompt(folder.path());
    typed(&mut next, "SHOW CREATE TABLE prices;", "`price` INT");
    typed(&mut next, "SHOW CREATE VIEW teas@1;", "SELECT id FROM orders");
    typed(&mut next, "SHOW CREATE VIEW teas;", "SELECT id, item FROM orders");
    next.leave();
    assert_eq!(next.exit_code(), Some(0));
}

#[test]
fn a_history_that_two_write_keeps_the_lines_of_both() {
    let folder = folder();
    let (mut one, mut two) = (prompt(folder.path()), prompt(folder.path()));
    for round in 0..3 {
        typed(&mut one, &format!("SELECT 10 + {round} AS mine;"), &format!("1{round} │"));
        typed(&mut two, &format!("SELECT 20 + {round} AS yours;"), &format!("2{round} │"));
    }
    for terminal in [&mut one, &mut two] {
        terminal.leave();
        assert_eq!(terminal.exit_code(), Some(0));
    }
    for text in ["10 + 0", "20 + 0", "10 + 2", "20 + 2"] {
        let mut next = prompt(folder.path());
        next.keys(&format!("\x12{text}"));
        next.wait_for(&format!("SELECT {text} AS"));
    }
}
