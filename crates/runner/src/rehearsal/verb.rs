//! `millstream test`: the job's own input through the job, the answer beside the one that was kept.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use millstream_record::{ManualClock, Millis};

use super::{Answer, Manner, Rows, Tape, disk, rehearse};
use crate::fault::Fault;
use crate::functions::Compiled;
use crate::job::Job;
use crate::launch::Overrides;

/// The exit code when answers differ.
pub const DIFFERS: u8 = 4;

impl Job {
    /// Reads a job to rehearse it: nothing is opened, and it is always the first of January 1970.
    pub fn to_rehearse(path: &Path, overrides: Overrides, compiled: &Compiled) -> Result<Job, Fault> {
        let clock = Arc::new(ManualClock::at(Millis(0)));
        Job::read(path, clock, compiled, |config| overrides.adjust(config), |_| Ok("rehearsal".into()))
    }

    /// What comes of the job over a tape.
    pub fn rehearse(&self, tape: &Tape, manner: Manner) -> Result<Answer, Fault> {
        rehearse(&self.graph, &|tap| self.format(tap), tape, manner)
    }
}

/// The tape of the job in `folder`.
pub fn tape(folder: &Path) -> Result<Tape, Fault> {
    let path = folder.join("test/input.jsonl");
    let text = std::fs::read_to_string(&path).map_err(|error| {
        let fault = Fault::plan(format!("{}: {error}", path.display()));
        fault.hint("EXPORT and millstream export write a folder with its test input")
    })?;
    Tape::read(&text, &path.display().to_string())
}

/// Tests the job in `folder`: its answer against the one in `test/answer`, or, where `files` names a folder that
/// Flink has written, that one against the job's. What there is to say if they are equal.
pub fn test(folder: &Path, overrides: Overrides, files: Option<&Path>) -> Result<String, Fault> {
    let job = Job::to_rehearse(folder, overrides, &Compiled::Here)?;
    let tape = tape(folder)?;
    let manner = if files.is_some() { Manner::Files } else { Manner::Recorded };
    let answer = job.rehearse(&tape, manner)?;
    let told = match files {
        Some(files) => {
            let found = Answer::of_files(&job.graph, files)?;
            compare(
                &answer,
                |sink| Ok(found.sinks().find(|(name, _)| *name == sink).map(|(_, rows)| rows.clone())),
                Side::Found,
            )?;
            "job = files"
        }
        None => {
            compare(&answer, |sink| kept(folder, sink), Side::Expected)?;
            "as kept in test/answer"
        }
    };
    let mut text = format!("{} records, {} rows, {told}", tape.len(), answer.rows());
    for (count, what) in [(answer.late, "late"), (answer.bad, "bad")] {
        if count > 0 {
            let _ = write!(text, " · {count} {what}");
        }
    }
    Ok(text + "\n")
}

/// The rows that are kept of a sink.
fn kept(folder: &Path, sink: &str) -> Result<Option<Rows>, Fault> {
    let path = folder.join(format!("test/answer/{sink}.jsonl"));
    match std::fs::read(&path) {
        Ok(lines) => Ok(Some(Rows::parse(&lines))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(disk(&path, &error)),
    }
}

/// What the other answer is.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    /// What should come out of the job.
    Expected,
    /// What came out elsewhere, and should be what the job gives.
    Found,
}

fn compare(ours: &Answer, other: impl Fn(&str) -> Result<Option<Rows>, Fault>, side: Side) -> Result<(), Fault> {
    let mut text = String::new();
    for (sink, rows) in ours.sinks() {
        let other = other(sink)?.unwrap_or_default();
        let (expected, found) = if side == Side::Expected { (&other, rows) } else { (rows, &other) };
        if let Some(difference) = expected.differ(found) {
            let _ =
                write!(text, "\n{sink}: {} rows expected, {} rows found\n{difference}", expected.len(), found.len());
        }
    }
    if text.is_empty() {
        return Ok(());
    }
    let fault = Fault { code: DIFFERS, message: format!("the answers differ{text}"), hints: Vec::new() };
    Err(fault.hint("after a wanted change, export anew, or keep the new answer in test/answer"))
}
