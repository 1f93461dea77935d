//! The door to jobs: `run`, `check`, `savepoint` and `test`. What happens behind it is the runner's.

use std::path::Path;

use millstream_runner::Fault;
use millstream_runner::launch::{self, Overrides};

use crate::args::{Args, Manner, Verb};

/// Runs, checks or tests the job that the command line names; the exit code. `None` if it names none: a script
/// that asks questions is run by the session.
pub fn door(args: &Args) -> Option<u8> {
    match &args.verb {
        Some(Verb::Run { job, overrides }) if millstream_runner::is_job(job) => {
            Some(launch::run(job, with_manner(overrides, &args.manner, job)))
        }
        Some(Verb::Savepoint { job, to, state }) => {
            let overrides = Overrides { state: state.clone(), ..Overrides::default() };
            Some(said(
                millstream_runner::savepoint(job, overrides, to.clone()).map(|kept| format!("{}\n", kept.display())),
            ))
        }
        Some(Verb::Check { job, overrides }) => {
            Some(said(launch::check(job, with_manner(overrides, &args.manner, job))))
        }
        Some(Verb::Test { job, answer }) => {
            let overrides = with_manner(&Overrides::default(), &args.manner, job);
            Some(said(millstream_runner::rehearsal::test(job, overrides, answer.as_deref())))
        }
        _ => None,
    }
}

/// What the command line says everywhere holds for jobs, too. A script uses the topics of the workspace; a
/// folder has its own unless a workspace is named.
fn with_manner(overrides: &Overrides, manner: &Manner, job: &Path) -> Overrides {
    let workspace = if job.is_dir() { manner.named_workspace() } else { Some(manner.workspace()) };
    Overrides {
        topics: workspace.map(|workspace| workspace.join("topics")),
        parallelism: manner.parallelism.map(usize::from),
        ..overrides.clone()
    }
}

/// Prints what a verb has to say, or why it failed; the exit code.
fn said(outcome: Result<String, Fault>) -> u8 {
    match outcome {
        Ok(text) => {
            print!("{text}");
            0
        }
        Err(fault) => {
            eprintln!("error: {}", fault.message);
            fault.hints.iter().for_each(|hint| eprintln!("hint: {hint}"));
            fault.code
        }
    }
}
