//! Exported jobs on a real Flink: the recorded cases in one JVM, and one job on a cluster between topics of Kafka.
//! What is run is what a user gets: a folder that the export has written, and the SQL client of Flink.

mod case;
pub mod cluster;
mod home;
pub mod side;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

pub use case::{Exported, export};
pub use home::Home;
use millstream_runner::launch::Overrides;
use millstream_runner::rehearsal::test;

/// What came of the cases, by their names.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Flink and the job gave the same rows.
    pub equal: Vec<String>,
    /// The job cannot be said to Flink, or not be planned here: why.
    pub not_exported: BTreeMap<String, String>,
    /// Flink gave other rows, or refused: what differs.
    pub different: BTreeMap<String, String>,
}

/// Exports every case of `folders` below `work` and runs all of them in one process of Flink's SQL client.
pub fn run(home: &Home, folders: &[PathBuf], work: &Path) -> Result<Outcome, String> {
    let mut outcome = Outcome::default();
    let mut jobs: Vec<(String, PathBuf)> = Vec::new();
    for folder in folders {
        let name = folder.file_name().expect("a folder has a name").to_string_lossy().into_owned();
        match export(folder, &work.join(&name))? {
            Exported::Job(job) => jobs.push((name, job)),
            Exported::No(reason) => drop(outcome.not_exported.insert(name, reason)),
            // Flink refuses it: there is nothing to compare.
            Exported::Refused => {}
        }
    }
    let mut left = jobs.as_slice();
    while !left.is_empty() {
        let script: String = left.iter().enumerate().map(|(number, (_, job))| statements(job, number)).collect();
        let said = home.client(&script, work)?;
        // The client stops at the first statement that fails, and says of each insert that it is done.
        let done = said.matches(DONE).count();
        if let Some((name, _)) = left.get(done) {
            outcome.different.insert(name.clone(), home::reason(&said));
        }
        left = left.get(done + 1..).unwrap_or_default();
    }
    for (name, job) in jobs {
        if outcome.different.contains_key(&name) {
            continue;
        }
        match test(&job, Overrides::default(), Some(&job.join("flink-answer"))) {
            Ok(_) => outcome.equal.push(name),
            Err(fault) => drop(outcome.different.insert(name, fault.message)),
        }
    }
    Ok(outcome)
}

/// What the client says when an insert has come to its end.
const DONE: &str = "Complete execution of the SQL update statement";

/// The script of a job, in a database of its own.
fn statements(job: &Path, number: usize) -> String {
    let script = fs::read_to_string(job.join("flink/job-files.sql")).expect("the export has written it");
    let script = script.replace("${env:JOB_FOLDER}", &job.display().to_string());
    format!("CREATE DATABASE case_{number};\nUSE case_{number};\n{script}")
}
