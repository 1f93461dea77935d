//! Cases with the answer of a real Flink: input, query, expected rows, one folder each. A case runs through
//! the same parser, planner and engine as everything else, by hand and on one thread, at several batch
//! sizes, with one and two lanes, and once saved and restored at every third message. All must agree with
//! Flink.

mod answer;
mod definition;
mod execute;
mod input;

use std::path::{Path, PathBuf};

pub use answer::Answer;
pub use definition::Definition;

/// What came of a case.
#[derive(Debug)]
pub enum Outcome {
    /// Our answer is Flink's.
    Passed,
    /// It is not: what differs.
    Failed(String),
    /// We refuse a construct that Flink can do.
    NotSupported(String),
}

/// The folders of cases below `folder`, by name.
pub fn folders(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.join("case.json").is_file() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

/// Runs the case in a folder in every way.
pub fn run(folder: &Path) -> Outcome {
    let definition = match Definition::read(folder) {
        Ok(definition) => definition,
        Err(reason) => return Outcome::Failed(reason),
    };
    let plan = execute::plan(&definition);
    if definition.expects_error {
        return match plan {
            Err(execute::Refusal::Error(_) | execute::Refusal::NotSupported(_)) => Outcome::Passed,
            Ok(plan) => match execute::all_ways(&definition, &plan) {
                Err(_) => Outcome::Passed,
                Ok(_) => Outcome::Failed("Flink refuses this, we answer".into()),
            },
        };
    }
    let plan = match plan {
        Ok(plan) => plan,
        Err(execute::Refusal::NotSupported(construct)) => return Outcome::NotSupported(construct),
        Err(execute::Refusal::Error(reason)) => return Outcome::Failed(reason),
    };
    match execute::all_ways(&definition, &plan) {
        Ok(()) => Outcome::Passed,
        Err(reason) => Outcome::Failed(reason),
    }
}
