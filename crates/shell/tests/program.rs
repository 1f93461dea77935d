//! Starts the binary: in a folder of its own, without the settings of whoever runs the tests. The stories across crates
//! use this file, too.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The binary under test. Tests of other packages find it beside themselves, where the workspace is built.
pub fn binary() -> PathBuf {
    let beside = || {
        let own = std::env::current_exe().expect("the tests know themselves");
        own.ancestors().nth(2).expect("tests lie in a folder of the build").join("millstream")
    };
    option_env!("CARGO_BIN_EXE_millstream").map_or_else(beside, PathBuf::from)
}

/// The program in `folder`, with a clean environment.
pub fn millstream(folder: &Path) -> Command {
    let mut command = Command::new(binary());
    clean(&mut command, folder);
    command
}

/// Takes away what the surroundings could change, and makes `folder` the home.
pub fn clean(command: &mut Command, folder: &Path) {
    for name in [
        "NO_COLOR",
        "CLICOLOR_FORCE",
        "MILLSTREAM_WORKSPACE",
        "MILLSTREAM_CONFIG",
        "XDG_CONFIG_HOME",
        "XDG_STATE_HOME",
        "COLUMNS",
    ] {
        command.env_remove(name);
    }
    command.current_dir(folder).env("HOME", folder).env("TERM", "xterm-256color").env("LANG", "C.UTF-8");
    // What is higher than the screen is looked at as it is; the tests of the pager name their own.
    command.env("PAGER", "cat");
}

/// Runs the program with these arguments and this input.
pub fn run(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = millstream(folder);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary is there");
    // A program that does not read its input to the end closes the pipe: that is its right.
    let _ = child.stdin.take().expect("it is piped").write_all(input);
    child.wait_with_output().expect("it ends")
}

/// What went to stdout.
pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// What went to stderr.
pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// A folder that goes with the test.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("there is room for temporary files")
}

/// The files of a folder with this ending, by name.
pub fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let all = std::fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("is readable").path());
    let mut files: Vec<PathBuf> = all.filter(|path| path.extension().is_some_and(|found| found == ending)).collect();
    files.sort();
    files
}
