//! `VERIFY`: the job over its test input on a real Flink, inside of its SQL client, and the answer beside that of
//! the job. Flink is found by `FLINK_HOME`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use millstream_export::Staged;
use millstream_export::flink::JOB_FOLDER;
use millstream_runner::rehearsal::{self, Answer, Manner};

use super::report::{Report, SinkReport};
use super::{job_of, of_runner};
use crate::fault::{Class, Fault};
use crate::session::Session;

/// A Flink that is installed here.
pub struct Home {
    folder: PathBuf,
    /// Its version, as its jars say.
    pub version: String,
}

/// Finds Flink, before anything is done that would be in vain without it.
pub fn home() -> Result<Home, Fault> {
    let missing = |message: String| {
        Fault::new(Class::Query, "E0721", message).hint(
            "set FLINK_HOME to the folder of an Apache Flink 2.2 or 2.3, or leave VERIFY out and verify later with flink/test.sh",
        )
    };
    let Some(folder) = std::env::var_os("FLINK_HOME").filter(|home| !home.is_empty()).map(PathBuf::from) else {
        return Err(missing("VERIFY needs a Flink, and FLINK_HOME is not set".into()));
    };
    if !folder.join("bin/sql-client.sh").is_file() {
        return Err(missing(format!("there is no Flink in FLINK_HOME: {} has no bin/sql-client.sh", folder.display())));
    }
    let jars = fs::read_dir(folder.join("lib")).into_iter().flatten().flatten();
    let version = jars.filter_map(|jar| {
        let name = jar.file_name().to_string_lossy().into_owned();
        Some(name.strip_prefix("flink-dist-")?.strip_suffix(".jar")?.to_string())
    });
    let version = version.max().unwrap_or_else(|| "of unknown version".into());
    Ok(Home { folder, version })
}

/// What is compared over.
pub struct Input<'a> {
    /// The tape, if it was one.
    pub on: Option<&'a str>,
    /// How many records.
    pub records: usize,
}

/// Runs the job on Flink, compares, and keeps a report beside the job.
pub fn verify(session: &Session, staged: &Staged, home: &Home, input: Input<'_>) -> Result<Report, Fault> {
    let failed = |fault| of_runner("the job does not run over its test input", fault);
    let job = job_of(session, staged.path()).map_err(failed)?;
    let tape = rehearsal::tape(staged.path()).map_err(failed)?;
    let ours = job.rehearse(&tape, Manner::Files).map_err(failed)?;
    let work = Work::new(session)?;
    run(session, home, staged.path(), &work)?;
    let theirs = Answer::of_files(&job.graph, &work.0.join("flink-answer"))
        .map_err(|fault| of_runner("what Flink wrote cannot be read", fault))?;
    let theirs: std::collections::BTreeMap<_, _> = theirs.sinks().collect();
    let sinks = ours.sinks().map(|(sink, rows)| SinkReport {
        sink: sink.to_string(),
        rows: rows.len(),
        flink: theirs.get(sink).map_or(0, |rows| rows.len()),
        difference: theirs.get(sink).and_then(|found| rows.differ(found)),
    });
    let report = Report {
        flink: home.version.clone(),
        on: input.on.map(str::to_string),
        records: input.records,
        sinks: sinks.collect(),
    };
    let put = |name: &str, text: String| {
        staged.put(Path::new(name), text.as_bytes()).map_err(|error| super::not_written(staged.path(), &error))
    };
    put("verify/report.md", report.text())?;
    put("verify/report.json", report.json())?;
    Ok(report)
}

/// A folder for Flink to work in; it goes when it is done.
struct Work(PathBuf);

impl Work {
    fn new(session: &Session) -> Result<Work, Fault> {
        let name = format!("millstream-verify-{}-{}", std::process::id(), session.clock.now().0);
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(folder.join("test")).map_err(|error| cannot("work", &folder, &error))?;
        Ok(Work(folder))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // That it cannot be removed changes nothing; the system clears its temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Fault {
    Fault::new(Class::Query, "E0721", format!("Flink cannot {what} in {}: {error}", path.display()))
}

/// Runs the script over files to its end.
fn run(session: &Session, home: &Home, folder: &Path, Work(work): &Work) -> Result<(), Fault> {
    let input = fs::canonicalize(folder.join("test/flink")).map_err(|error| cannot("read", folder, &error))?;
    #[cfg(unix)]
    std::os::unix::fs::symlink(&input, work.join("test/flink")).map_err(|error| cannot("read", work, &error))?;
    let script =
        fs::read_to_string(folder.join("flink/job-files.sql")).map_err(|error| cannot("read", folder, &error))?;
    let script = script.replace(&format!("${{env:{JOB_FOLDER}}}"), &work.display().to_string());
    let (path, out) = (work.join("job.sql"), work.join("out"));
    fs::write(&path, script).map_err(|error| cannot("work", work, &error))?;
    let file = fs::File::create(&out).map_err(|error| cannot("work", work, &error))?;
    let errors = file.try_clone().map_err(|error| cannot("work", work, &error))?;
    let mut command = Command::new(home.folder.join("bin/sql-client.sh"));
    command.arg("-hist").arg(work.join("history")).arg("-f").arg(&path).env("FLINK_LOG_DIR", work);
    let child = command.stdin(Stdio::null()).stdout(file).stderr(errors).spawn();
    let child = child.map_err(|error| cannot("start", &home.folder, &error))?;
    let done = wait(session, child)?;
    let out = fs::read(&out).map_err(|error| cannot("be read", work, &error))?;
    // The client ends well also when a statement has failed.
    if done && !String::from_utf8_lossy(&out).contains(ERROR) {
        return Ok(());
    }
    let fault = Fault::new(
        Class::Query,
        "E0721",
        format!("Flink {} refuses the job, and nothing was written: {}", home.version, reason(&out)),
    );
    Err(fault.hint("without VERIFY the folder is written, and flink/test.sh shows all that Flink has to say"))
}

/// Waits for Flink; whether it has done what it was told. Whoever stops the statement stops Flink.
fn wait(session: &Session, mut child: Child) -> Result<bool, Fault> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status.success()),
            Ok(None) if session.stop.raised() => {
                // It may have ended by itself just now.
                let _ = child.kill();
                let _ = child.wait();
                return Err(millstream_record::Error::Stopped.into());
            }
            Ok(None) => std::thread::sleep(Duration::from_millis(50)),
            Err(error) => return Err(cannot("be waited for", Path::new("."), &error)),
        }
    }
}

/// What the SQL client writes before a statement's error.
const ERROR: &str = "[ERROR]";

/// The sentence in which the SQL client says why.
fn reason(out: &[u8]) -> String {
    let text = String::from_utf8_lossy(out);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let said = lines.iter().position(|line| line.contains(ERROR)).map_or(lines.as_slice(), |at| &lines[at..]);
    let because = said.iter().find(|line| line.contains("Exception: ") || line.contains("Error: "));
    let line = because.or(said.last()).copied().unwrap_or("it says nothing");
    line.chars().filter(|c| !c.is_control()).take(500).collect()
}

#[cfg(test)]
mod tests {
    use super::reason;

    #[test]
    fn the_reason_is_the_exceptions_own_sentence() {
        let out = b"Flink SQL> \n[ERROR] Could not execute SQL statement. Reason:\norg.apache.flink.table.api.ValidationException: no such table\n";
        assert_eq!(reason(out), "org.apache.flink.table.api.ValidationException: no such table");
        assert_eq!(reason(b""), "it says nothing");
    }
}
