//! `millstream-runner`: a job and nothing else, for containers.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use millstream_runner::launch::{self, Overrides};

/// Run a Millstream job: a folder with job.sql and millstream.toml, or a script of inserts.
#[derive(Debug, Parser)]
#[command(name = "millstream-runner", version, after_help = CODES)]
struct Args {
    /// The job
    job: PathBuf,
    #[command(flatten)]
    overrides: Overrides,
    /// Compile the job's functions of Rust into this folder, for --functions, and end
    #[arg(long, value_name = "DIR")]
    build_functions: Option<PathBuf>,
}

const CODES: &str = "Exit codes: 0 done, 1 the query failed, 2 usage or plan, 10 settings or rights, 11 data loss, 12 state,\n\
13 another copy has taken over, 14 sink, 15 disk, 16 too much state, 130/143 stopped by a signal behind a last checkpoint.";

fn main() -> ExitCode {
    let Args { job, overrides, build_functions } = Args::parse();
    let Some(folder) = build_functions else { return ExitCode::from(launch::run(&job, overrides)) };
    match launch::build_functions(&job, overrides, &folder) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(fault) => {
            eprintln!("error: {}", fault.message);
            fault.hints.iter().for_each(|hint| eprintln!("  hint: {hint}"));
            ExitCode::from(fault.code)
        }
    }
}
