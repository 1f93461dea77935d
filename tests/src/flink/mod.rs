//! Exported jobs on a real Flink: the recorded cases in a JVM or two, and one job on a cluster between topics of Kafka.
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

/// Exports every case of `folders` below `work` and runs them in processes of Flink's SQL client, one JVM each.
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
    // Planning and compiling keep one processor of a process of Flink busy, and waiting takes the rest.
    let clients = std::thread::available_parallelism().map_or(1, usize::from).min(CLIENTS);
    let shares: Vec<&[(String, PathBuf)]> = jobs.chunks(jobs.len().div_ceil(clients).max(1)).collect();
    let failed = std::thread::scope(|scope| {
        let running = shares.iter().enumerate().map(|(number, share)| {
            let work = work.join(format!("client-{number}"));
            scope.spawn(move || failures(home, share, &work))
        });
        let running: Vec<_> = running.collect();
        running.into_iter().map(|client| client.join().expect("no client panics")).collect::<Result<Vec<_>, _>>()
    });
    outcome.different = failed?.into_iter().flatten().collect();
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

/// How many processes of Flink run at once; each takes about a gigabyte.
const CLIENTS: usize = 2;

/// Runs these jobs in one process of Flink: which did not come to their end, and what was said.
fn failures(home: &Home, jobs: &[(String, PathBuf)], work: &Path) -> Result<BTreeMap<String, String>, String> {
    fs::create_dir_all(work).map_err(|error| format!("{}: {error}", work.display()))?;
    let mut failed = BTreeMap::new();
    let mut left = jobs;
    while !left.is_empty() {
        let script: String = left.iter().enumerate().map(|(number, (_, job))| statements(job, number)).collect();
        let said = home.client(&script, work)?;
        // The client stops at the first statement that fails, and says of each insert that it is done.
        let done = said.matches(DONE).count();
        if let Some((name, _)) = left.get(done) {
            failed.insert(name.clone(), home::reason(&said));
        }
        left = left.get(done + 1..).unwrap_or_default();
    }
    Ok(failed)
}

/// What the client says when an insert has come to its end.
const DONE: &str = "Complete execution of the SQL update statement";

/// The script of a job, in a database of its own.
fn statements(job: &Path, number: usize) -> String {
    let script = fs::read_to_string(job.join("flink/job-files.sql")).expect("the export has written it");
    let script = script.replace("${env:JOB_FOLDER}", &job.display().to_string());
    format!("CREATE DATABASE case_{number};\nUSE case_{number};\n{script}")
}
