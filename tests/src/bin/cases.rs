//! Runs a folder of cases and prints a line per case: `make cases CASES=folder`.

use std::path::PathBuf;
use std::process::ExitCode;

use millstream_tests::cases::{Outcome, Referee, folders, run};

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("say which folder holds the cases: cases FOLDER");
        return ExitCode::from(2);
    };
    let folders = match folders(&folder) {
        Ok(folders) => folders,
        Err(error) => {
            eprintln!("{}: {error}", folder.display());
            return ExitCode::from(2);
        }
    };
    let (mut passed, mut failed, mut refused) = (0, 0, 0);
    let (mut compared, mut silent) = (0, 0);
    for folder in folders {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match run(&folder) {
            Outcome::Passed(referee) => {
                passed += 1;
                match referee {
                    Referee::Agrees => {
                        compared += 1;
                        println!("passed         {name}");
                    }
                    Referee::Silent(reason) => {
                        silent += 1;
                        println!("passed         {name} (not compared with a batch: {reason})");
                    }
                    Referee::NotAsked => println!("passed         {name}"),
                }
            }
            Outcome::Failed(difference) => {
                failed += 1;
                println!("failed         {name}\n{}", difference.trim_end());
            }
            Outcome::NotSupported(construct) => {
                refused += 1;
                println!("not supported  {name}: {construct}");
            }
        }
    }
    println!("{compared} answers are those of one batch of DataFusion, too; {silent} have no batch form");
    println!("{passed} passed, {failed} failed, {refused} not supported");
    ExitCode::from(u8::from(failed > 0) * 4)
}
