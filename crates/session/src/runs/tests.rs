//! Runs in the background, started and stopped by statements, and what they say.

use std::time::{Duration, Instant};

use crate::{Manner, Notice, Reply, RunState, Said, Session, SessionOptions};

fn said(session: &mut Session, text: &str) -> String {
    let mut all = String::new();
    for reply in session.execute(text) {
        match reply.expect("is answered") {
            Reply::Text(text) => all += &text,
            Reply::Table(table) => {
                let look = crate::Look::plain();
                all += &crate::to_text(crate::Format::Csv, table.columns, &table.rows, &look);
            }
            _ => panic!("{text} is answered with a sentence or a table"),
        }
    }
    all
}

/// Waits for notices until one fits; all of them.
fn until(session: &Session, fits: impl Fn(&Notice) -> bool) -> Vec<Notice> {
    let notices = session.notices();
    let (mut all, began) = (Vec::new(), Instant::now());
    while !all.iter().any(&fits) {
        assert!(began.elapsed() < Duration::from_secs(60), "nothing came");
        all.extend(notices.wait(Duration::from_millis(50)));
    }
    all
}

#[test]
fn a_run_goes_on_beside_the_prompt_until_it_is_stopped() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut session =
        Session::new(SessionOptions::in_folder(folder.path()).used_by(Manner::Notebook)).expect("a session");
    said(&mut session, "CREATE TABLE endless (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '2000')");
    let view = session.execute("CREATE VIEW even AS SELECT n FROM endless WHERE MOD(n, 2) = 0").next();
    assert!(matches!(view, Some(Ok(Reply::Preview(_)))));
    assert!(said(&mut session, "START even").starts_with("run even is started"));
    assert!(said(&mut session, "START even").starts_with("run even-2 is started"), "the name is taken");
    let rows = until(&session, |notice| matches!(notice.said, Said::Rows { .. }) && notice.run == "even");
    assert!(rows.iter().all(|notice| notice.run.starts_with("even")));
    assert!(said(&mut session, "SHOW RUNS").contains("even-2,running"));
    let stopped = said(&mut session, "STOP even");
    assert!(stopped.starts_with("run even stopped: "), "{stopped}");
    until(&session, |notice| matches!(notice.said, Said::Ended(_)) && notice.run == "even");
    let report = session.runs().into_iter().find(|run| run.name == "even").expect("is listed");
    assert_eq!(report.state, RunState::Stopped);
    assert!(said(&mut session, "SHOW LEDGER even").starts_with("source,in,used,late,bad,filtered\nendless,"));
    assert!(said(&mut session, "STOP ALL").starts_with("run even-2 stopped"));
    assert_eq!(said(&mut session, "STOP ALL"), "nothing runs in the background");
}

#[test]
fn a_run_that_ends_or_fails_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut script = Session::new(SessionOptions::in_folder(folder.path())).expect("a session");
    let refused = script.execute("START SELECT 1").next().and_then(Result::err).expect("a script has no background");
    assert_eq!(refused.code, "E0607");
    let options = SessionOptions::in_folder(folder.path()).used_by(Manner::Notebook);
    let mut session = Session::new(options).expect("a session");
    let table = "CREATE TABLE few (n INT) WITH ('connector' = 'datagen', 'number-of-rows' = '50', \
                 'fields.n.kind' = 'sequence', 'fields.n.start' = '0', 'fields.n.end' = '49')";
    said(&mut session, table);
    said(&mut session, "START SELECT n FROM few WHERE n < 10");
    let all = until(&session, |notice| matches!(notice.said, Said::Ended(_)));
    let Some(Said::Ended(lines)) = all.last().map(|notice| &notice.said) else { panic!("it ended") };
    assert_eq!(lines, &["few: 50 in = 10 used + 0 late + 0 bad + 40 filtered"]);
    said(&mut session, "START SELECT 1 / n AS broken FROM few");
    let all = until(&session, |notice| matches!(notice.said, Said::Failed(_)));
    let Some(Said::Failed(fault)) = all.last().map(|notice| &notice.said) else { panic!("it failed") };
    assert!(fault.message.contains("zero") || fault.message.contains("Divide"), "{}", fault.message);
    assert!(said(&mut session, "SHOW RUNS").contains("query,failed"));
}
