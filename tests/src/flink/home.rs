//! A Flink that is installed, and its SQL client.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folder of a Flink.
#[derive(Clone, Debug)]
pub struct Home(pub PathBuf);

impl Home {
    /// A program of Flink that leaves its logs in `work`. Its JVM compiles little, for it does not live long.
    pub fn program(&self, name: &str, work: &Path) -> Command {
        let mut command = Command::new(self.0.join("bin").join(name));
        command.env("FLINK_HOME", &self.0).env("FLINK_LOG_DIR", work).env("FLINK_PID_DIR", work).stdin(Stdio::null());
        command.env("JVM_ARGS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx2g");
        command
    }

    /// Runs a script in the SQL client; all that it says.
    pub fn client(&self, script: &str, work: &Path) -> Result<String, String> {
        let path = work.join("script.sql");
        fs::write(&path, script).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut command = self.program("sql-client.sh", work);
        command.arg("-hist").arg(work.join("history")).arg("-f").arg(&path);
        let output = command.output().map_err(|error| format!("{}: {error}", self.0.display()))?;
        let said = [output.stdout, output.stderr].concat();
        Ok(String::from_utf8_lossy(&said).into_owned())
    }
}

/// What the client says is wrong.
pub fn reason(said: &str) -> String {
    let from = said.find("[ERROR]").unwrap_or(0);
    said[from..].lines().map(str::trim).filter(|line| !line.is_empty()).take(3).collect::<Vec<_>>().join(" ")
}
