//! Every recorded case gives Flink's answer, or is on the list of what we refuse, by construct. The list can
//! only become shorter: a case that starts to pass must leave it.

use std::path::Path;

use millstream_tests::cases::{Outcome, folders, run};

#[test]
fn recorded_cases_give_flinks_answer() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let listed = std::fs::read_to_string(folder.join("NOT_SUPPORTED")).expect("the list is there");
    let (mut refused, mut failed) = (Vec::new(), Vec::new());
    let folders = folders(&folder).expect("the cases are there");
    assert!(folders.len() > 100, "only {} cases found", folders.len());
    for case in folders {
        let name = case.file_name().expect("a folder has a name").to_string_lossy().into_owned();
        match run(&case) {
            Outcome::Passed => {}
            Outcome::Failed(difference) => failed.push(format!("{name}\n{difference}")),
            Outcome::NotSupported(construct) => refused.push(format!("{name}: {construct}")),
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert_eq!(
        refused,
        listed.lines().collect::<Vec<_>>(),
        "the list in tests/cases/NOT_SUPPORTED is not what is refused"
    );
}
