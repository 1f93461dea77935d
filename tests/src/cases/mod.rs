//! Cases with the answer of a real Flink: input, query, expected rows, one folder each. A case runs through
//! the same parser, planner and engine as everything else, by hand and on one thread, at several batch
//! sizes, with one and two lanes, once saved and restored at every third message, and without memory for its
//! state. All must agree with Flink, and with what DataFusion answers in one batch where a batch can tell.

mod answer;
mod definition;
mod execute;
mod input;

use std::path::{Path, PathBuf};

pub use answer::Answer;
pub use definition::{Definition, Table};

/// What came of a case.
#[derive(Debug)]
pub enum Outcome {
    /// Our answer is Flink's.
    Passed(Referee),
    /// It is not: what differs.
    Failed(String),
    /// We refuse a construct that Flink can do.
    NotSupported(String),
}

/// What the second referee says, a batch of DataFusion over the same rows.
#[derive(Debug)]
pub enum Referee {
    /// The same as the stream.
    Agrees,
    /// Nothing: why no batch can tell.
    Silent(String),
    /// It was not asked, because there is no answer.
    NotAsked,
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
    match Definition::read(folder) {
        Ok(definition) => run_case(&definition),
        Err(reason) => Outcome::Failed(reason),
    }
}

/// Runs a case in every way.
pub fn run_case(definition: &Definition) -> Outcome {
    let plan = execute::plan(definition);
    if definition.expects_error {
        return match plan {
            Err(execute::Refusal::Error(_) | execute::Refusal::NotSupported(_)) => Outcome::Passed(Referee::NotAsked),
            Ok(plan) => match execute::all_ways(definition, &plan) {
                Err(_) => Outcome::Passed(Referee::NotAsked),
                Ok(_) => Outcome::Failed("Flink refuses this, we answer".into()),
            },
        };
    }
    let plan = match plan {
        Ok(plan) => plan,
        Err(execute::Refusal::NotSupported(construct)) => return Outcome::NotSupported(construct),
        Err(execute::Refusal::Error(reason)) => return Outcome::Failed(reason),
    };
    let compared = execute::all_ways(definition, &plan).and_then(|()| execute::with_batch(definition, &plan));
    match compared {
        Ok(referee) => Outcome::Passed(referee),
        Err(reason) => Outcome::Failed(reason),
    }
}
