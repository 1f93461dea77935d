//! Every recorded case gives Flink's answer, or is on the list of what we refuse, by construct. The list can
//! only become shorter: a case that starts to pass must leave it. So is the list of answers that no batch of
//! DataFusion can confirm.

use std::path::Path;

use millstream_tests::cases::{Outcome, Referee, folders, run};

#[test]
fn recorded_cases_give_flinks_answer() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let not_supported = std::fs::read_to_string(folder.join("NOT_SUPPORTED")).expect("the list is there");
    let (mut refused, mut failed, mut silent, mut compared) = (Vec::new(), Vec::new(), Vec::new(), 0);
    let cases = folders(&folder).expect("the cases are there");
    assert!(cases.len() > 100, "only {} cases found", cases.len());
    for case in cases {
        let name = case.file_name().expect("a folder has a name").to_string_lossy().into_owned();
        match run(&case) {
            Outcome::Passed(Referee::Agrees) => compared += 1,
            Outcome::Passed(Referee::Silent(reason)) => silent.push(format!("{name}: {reason}")),
            Outcome::Passed(Referee::NotAsked) => {}
            Outcome::Failed(difference) => failed.push(format!("{name}\n{difference}")),
            Outcome::NotSupported(construct) => refused.push(format!("{name}: {construct}")),
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert_eq!(
        refused,
        not_supported.lines().collect::<Vec<_>>(),
        "the list in tests/cases/NOT_SUPPORTED is not what is refused"
    );
    let listed = std::fs::read_to_string(folder.join("NOT_COMPARED")).expect("the list is there");
    assert_eq!(
        silent,
        listed.lines().collect::<Vec<_>>(),
        "the list in tests/cases/NOT_COMPARED is not what no batch can tell"
    );
    println!("{compared} answers are those of one batch of DataFusion, too");
    assert!(compared > 50, "only {compared} answers were compared with a batch");
}
