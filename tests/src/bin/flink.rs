//! Exported jobs on a real Flink: `make test-flink`. `flink cases FOLDER` runs recorded cases in a JVM or two, `flink cluster`
//! one job between topics of Kafka; and `flink side ROWS`, what a job costs here and there: `make bench ONLY=flink`.
//! FLINK_HOME names the Flink.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use millstream_tests::cases::folders;
use millstream_tests::flink::{Home, cluster, run, side};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let Some(home) = std::env::var_os("FLINK_HOME").map(|home| Home(PathBuf::from(home))) else {
        eprintln!("set FLINK_HOME to the folder of Flink: FLINK_HOME=$(.ci/flink)");
        return ExitCode::from(2);
    };
    let work = match tempfile::tempdir() {
        Ok(work) => work,
        Err(error) => {
            eprintln!("there is no room for temporary files: {error}");
            return ExitCode::from(1);
        }
    };
    let done = match words.as_slice() {
        ["cases", folder] => cases(&home, Path::new(folder), work.path()),
        ["cluster"] => cluster::smoke(&home, work.path())
            .map(|rows| println!("Kafka -> Flink -> Kafka: {rows} rows, equal to the job's own")),
        ["side", records] => beside(&home, records, work.path()),
        _ => {
            eprintln!("say what to run: flink cases FOLDER, flink cluster, or flink side ROWS");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::from(4)
        }
    }
}

/// A job here, in the runner that was built beside this program, and on Flink.
fn beside(home: &Home, records: &str, work: &Path) -> Result<(), String> {
    let records = records.parse().map_err(|_| format!("'{records}' is no number of rows"))?;
    let program = std::env::current_exe().map_err(|error| error.to_string())?.with_file_name("millstream-runner");
    side::side_by_side(home, &program, records, work).map(|told| println!("{told}"))
}

/// All cases are equal, or stand on a list with the reason why not. The lists can only become shorter.
fn cases(home: &Home, folder: &Path, work: &Path) -> Result<(), String> {
    let folders = folders(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let outcome = run(home, &folders, work)?;
    outcome.equal.iter().for_each(|name| println!("equal         {name}"));
    outcome.not_exported.iter().for_each(|(name, reason)| println!("not exported  {name}: {reason}"));
    outcome.different.iter().for_each(|(name, reason)| println!("different     {name}: {reason}"));
    println!(
        "{} of {} cases equal on Flink, {} not exported, {} different",
        outcome.equal.len(),
        folders.len(),
        outcome.not_exported.len(),
        outcome.different.len()
    );
    let list = |name: &str| std::fs::read_to_string(folder.join(name)).map_err(|error| format!("{name}: {error}"));
    let mut wrong = Vec::new();
    for (file, found) in [("NOT_EXPORTED", &outcome.not_exported), ("NOT_EQUAL", &outcome.different)] {
        let listed = list(file)?;
        let listed: BTreeMap<&str, &str> = listed.lines().filter_map(|line| line.split_once(": ")).collect();
        wrong.extend(
            found
                .keys()
                .filter(|name| !listed.contains_key(name.as_str()))
                .map(|name| format!("{name} is new in {file}")),
        );
        wrong.extend(
            listed
                .iter()
                // A race may end either way.
                .filter(|(name, why)| !why.starts_with("a race") && !found.contains_key(**name))
                .map(|(name, _)| format!("{name} must leave {file}")),
        );
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}
