//! Several sessions at one workspace: each finds what the others have made, and nobody's work is lost.

use std::path::Path;

use crate::session::{Manner, Session, SessionOptions};
use crate::{Reply, to_text};

fn session(folder: &Path, manner: Manner) -> Session {
    Session::new(SessionOptions::in_folder(folder).used_by(manner)).expect("a session")
}

/// What is answered to a text, and the notes behind it.
fn said(session: &mut Session, text: &str) -> (String, Vec<String>) {
    let mut out = String::new();
    for reply in session.execute(text) {
        out += &match reply {
            Ok(Reply::Text(text) | Reply::Plan(text)) => text,
            Ok(Reply::Preview(preview)) => preview.lines().join("\n"),
            Ok(Reply::Table(table)) => to_text(crate::Format::Csv, table.columns, &table.rows, &crate::Look::plain()),
            Ok(_) => "something else".into(),
            Err(fault) => fault.message,
        };
    }
    (out, session.take_notes())
}

const TABLE: &str = "(id INT, amount INT) WITH ('connector' = 'datagen', 'number-of-rows' = '3')";

#[test]
fn each_finds_what_the_other_has_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut one = session(folder.path(), Manner::Prompt);
    let mut two = session(folder.path(), Manner::Prompt);
    said(&mut one, &format!("CREATE TABLE a {TABLE}"));
    said(&mut two, &format!("CREATE TABLE b {TABLE}"));
    let (steps, notes) = said(&mut one, "CREATE VIEW large AS SELECT id FROM b WHERE amount > 1");
    assert!(steps.starts_with("large@1"), "{steps}");
    assert_eq!(notes, ["from another session on this workspace: table b"]);
    let (_, notes) = said(&mut two, "SHOW STEPS");
    assert_eq!(notes, ["from another session on this workspace: step large@1"], "it had a at its CREATE TABLE");
    said(&mut two, "DROP VIEW large; DROP TABLE a");
    let (gone, notes) = said(&mut one, "SELECT * FROM a");
    assert!(gone.contains("no table or view 'a'"), "{gone}");
    assert_eq!(notes, ["from another session on this workspace: table a is gone, step large is gone"]);
    let mut three = session(folder.path(), Manner::Prompt);
    assert!(said(&mut three, "SHOW CREATE TABLE b").0.contains("datagen"));
    assert_eq!(three.relations().filter(|name| !name.contains(['.', '$'])).count(), 1);
}

#[test]
fn a_step_that_both_change_keeps_the_versions_of_both() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut one = session(folder.path(), Manner::Prompt);
    said(&mut one, &format!("CREATE TABLE t {TABLE}; CREATE VIEW s AS SELECT id FROM t"));
    let mut two = session(folder.path(), Manner::Prompt);
    // Both are at their statements at the same time: neither has seen what the other makes.
    let mut late = session(folder.path(), Manner::Prompt);
    said(&mut two, "CREATE OR REPLACE VIEW s AS SELECT amount FROM t");
    late.manner = Manner::Notebook;
    said(&mut late, "CREATE OR REPLACE VIEW s AS SELECT id + amount AS both_of_them FROM t");
    late.manner = Manner::Prompt;
    super::keep(&mut late);
    assert_eq!(late.take_notes(), ["another session has made s@2 meanwhile; what was made here is s@3"]);
    let (answer, notes) = said(&mut one, "SHOW CREATE VIEW s");
    assert!(answer.contains("both_of_them"), "{answer}");
    assert_eq!(notes, ["from another session on this workspace: step s@3"]);
    let (second, _) = said(&mut one, "SHOW CREATE VIEW s@2");
    assert!(second.contains("SELECT amount"), "{second}");
}

#[test]
fn settings_and_the_draft_are_everybodys_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut one = session(folder.path(), Manner::Prompt);
    let mut two = session(folder.path(), Manner::Prompt);
    said(&mut one, &format!("CREATE TABLE t {TABLE}; SET 'table.local-time-zone' = 'Europe/Berlin'; FROM t"));
    said(&mut two, "FROM demo.bids");
    assert_eq!(two.draft(), Some("FROM demo.bids"));
    assert_eq!(two.settings().zone_name(), "UTC");
    said(&mut one, "|> WHERE id > 1");
    assert_eq!(one.draft(), Some("FROM t\n|> WHERE id > 1"));
    let next = session(folder.path(), Manner::Prompt);
    assert_eq!((next.draft(), next.settings().zone_name()), (one.draft(), "Europe/Berlin"));
}

#[test]
fn undo_takes_back_what_was_done_here_and_not_what_others_did() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut one = session(folder.path(), Manner::Prompt);
    let mut two = session(folder.path(), Manner::Prompt);
    said(&mut one, &format!("CREATE TABLE t {TABLE}; CREATE VIEW s AS SELECT id FROM t"));
    said(&mut two, "CREATE OR REPLACE VIEW s AS SELECT amount FROM t");
    let (undone, _) = said(&mut one, "UNDO");
    assert!(undone.starts_with("undone: table t\ns@2 no longer works"), "the step is the other's by now: {undone}");
    said(&mut one, "REDO");
    assert!(said(&mut one, "SHOW CREATE VIEW s").0.contains("amount"));
}

#[test]
fn a_notebook_leaves_the_workbook_alone_and_shares_the_topics() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut prompt = session(folder.path(), Manner::Prompt);
    let mut notebook = session(folder.path(), Manner::Notebook);
    said(&mut prompt, "CREATE TABLE orders (id INT)");
    assert!(said(&mut notebook, "SELECT * FROM orders").0.contains("no table"), "a notebook says all that it needs");
    said(&mut notebook, "CREATE TABLE orders (id STRING)");
    assert!(said(&mut prompt, "SHOW CREATE TABLE orders").0.contains("`id` INT"));
    prompt.topics().create("orders", 1).expect("new");
    for turn in 0..3 {
        let session = if turn == 1 { &mut notebook } else { &mut prompt };
        let mut producer = session.topics().producer("orders").expect("whoever writes makes room");
        producer.send(&crate::topics::Record { value: Some(b"{\"id\":1}"), ..Default::default() }).expect("sent");
        producer.flush().expect("flushed");
    }
    assert!(said(&mut notebook, "SHOW TOPICS LIKE 'orders'").0.contains("orders,1,3,"));
}
