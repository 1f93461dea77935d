//! `EXPORT` and `millstream export`: from inserts over the catalogue to a folder that runs by itself. Everything that
//! could be wrong is looked for before the folder stands in its place: what a job cannot do, what Flink
//! cannot say, whether the script that is written gives the answer of the prototype, and, if that is wished,
//! whether a real Flink does.

mod evidence;
mod report;
mod script;
mod sink;
mod stretch;
mod verify;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use millstream_export::{Evidence, Folder, Job, Obstacle, Policies, Staged, Wanted, collect, flink};
use millstream_plan::{Op, Tap};
use millstream_runner::Compiled;
use millstream_runner::launch::Overrides;
use millstream_runner::rehearsal::{self, Answer, Manner, Tape};
use millstream_sql::statement::{self, Insert};
use millstream_sql::{Catalog, SqlError, plan};

use self::stretch::Stretch;
use crate::fault::{Class, Fault};
use crate::planning;
use crate::reply::Reply;
use crate::session::Session;
use crate::status::count;

/// What is exported, and how.
pub struct Request<'a> {
    /// What the job inserts.
    pub inserts: Vec<Insert>,
    /// Where its tables and views are declared.
    pub catalog: &'a Catalog,
    /// The folder.
    pub target: PathBuf,
    /// How it is done.
    pub ways: Ways,
}

/// How a job is exported.
#[derive(Clone, Debug, Default)]
pub struct Ways {
    /// Replace a job that stands in the folder.
    pub replace: bool,
    /// It must be possible to say the job to Flink.
    pub flink: bool,
    /// Compare prototype, job and a real Flink first.
    pub verify: bool,
    /// The tape that becomes the job's test; otherwise the one that is replayed, or what is kept of each table.
    pub tape: Option<String>,
}

impl Session {
    /// Exports the declarations and inserts of a script, which stands in the folder `base`, as a job in `folder`.
    pub fn export_script(&mut self, text: &str, base: &Path, folder: &Path, ways: Ways) -> Result<Reply, Fault> {
        script::export(self, text, base, folder, ways)
    }
}

/// `EXPORT step INTO place AS JOB 'folder'`.
pub fn step(session: &Session, wanted: &statement::Export) -> Result<Reply, Fault> {
    let statement::Export { folder, span, replace, flink, verify, tape, .. } = wanted;
    let (catalog, insert) = sink::insert(session, wanted)?;
    let tape = tape.as_ref().map(|tape| tape.text.clone());
    let ways = Ways { replace: *replace, flink: *flink, verify: *verify, tape };
    let request = Request { inserts: vec![insert], catalog: &catalog, target: PathBuf::from(folder), ways };
    export(session, request).map_err(|fault| match fault.code {
        "E0720" => fault.or_at(Some(*span)),
        _ => fault,
    })
}

/// Exports a job. Stopped, it leaves no folder: what was written lies beside until all of it is right.
pub fn export(session: &Session, request: Request<'_>) -> Result<Reply, Fault> {
    let done = write(session, request);
    // Whatever was said first, the reason is that the user did not want to wait.
    done.map_err(|fault| if session.stop.raised() { stopped() } else { fault })
}

fn stopped() -> Fault {
    millstream_record::Error::Stopped.into()
}

/// Whether to go on with the next part.
fn goes_on(session: &Session) -> Result<(), Fault> {
    if session.stop.raised() { Err(stopped()) } else { Ok(()) }
}

fn write(session: &Session, request: Request<'_>) -> Result<Reply, Fault> {
    let Request { inserts, catalog, target, ways } = request;
    admit(&target, ways.replace)?;
    let name = target.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let job = collect(Wanted {
        name: &name,
        inserts: &inserts,
        catalog,
        settings: &settings(session),
        policies: policies(session, &inserts, catalog, &target),
    })?;
    let obstacles = flink::obstacles(&job);
    if !obstacles.is_empty() && (ways.flink || ways.verify) {
        return Err(not_to_flink(&obstacles));
    }
    let home = ways.verify.then(verify::home).transpose()?;
    let to_flink = obstacles.is_empty();
    let stretch = Stretch::of(session, ways.tape.as_deref())?;
    let (tape, evidence, prototype) = evidence::gather(session, catalog, &job, stretch.as_ref(), to_flink)?;
    let folder = Folder::of(&job, &evidence, to_flink);
    goes_on(session)?;
    let staged = Staged::write(&folder, &target).map_err(|error| not_written(&target, &error))?;
    goes_on(session)?;
    rehearse(session, staged.path(), &prototype)?;
    let on = stretch.as_ref().map(Stretch::name);
    let input = verify::Input { on, records: tape.len() };
    let verified = home.map(|home| verify::verify(session, &staged, &home, input)).transpose()?;
    goes_on(session)?;
    staged.place(ways.replace).map_err(|error| not_written(&target, &error))?;
    if let Some(Some(fault)) = verified.as_ref().map(|verified| verified.fault(&target)) {
        return Err(fault);
    }
    let verified = verified.map(|verified| verified.line());
    Ok(Reply::Plan(told(&target, &job, (on, &tape), &prototype, &obstacles, verified.as_deref())))
}

/// A job is planned as on the first of January 1970: what depends on the time of day is the same every time.
fn settings(session: &Session) -> plan::Settings {
    plan::Settings { now: millstream_record::Millis(0), ..planning::settings(session) }
}

/// Whether something may be written to the folder.
fn admit(target: &Path, replace: bool) -> Result<(), Fault> {
    let refused = |message: String| Fault::from(SqlError::new("E0720", message));
    if target.file_name().is_none() {
        return Err(refused(format!("'{}' names no folder", target.display())).hint("for example './bars-job'"));
    }
    if target.symlink_metadata().is_err() {
        return Ok(());
    }
    if !replace {
        let fault = refused(format!("'{}' is there already", target.display()));
        return Err(fault.hint("EXPORT OR REPLACE (--replace) replaces a job as a whole; or name another folder"));
    }
    if !target.join("job.sql").is_file() || !target.join("millstream.toml").is_file() {
        return Err(
            refused(format!("'{}' is no job, and is not replaced", target.display())).hint("name another folder")
        );
    }
    if target.join("state").exists() {
        let fault = refused(format!("the job in '{}' has run, and its state would go with it", target.display()));
        return Err(fault.hint("export to another folder, and run that with --state to take the state over"));
    }
    Ok(())
}

fn not_written(target: &Path, error: &std::io::Error) -> Fault {
    Fault::new(Class::Query, "E0720", format!("the job cannot be written to '{}': {error}", target.display()))
}

/// All that keeps a job from Flink, one beside the other.
fn not_to_flink(obstacles: &[Obstacle]) -> Fault {
    let list: String = obstacles.iter().map(|obstacle| format!("\n  {}: {}", obstacle.uid, obstacle.why)).collect();
    let fault =
        Fault::new(Class::Query, "E0431", format!("the job cannot be said to Flink, and nothing was written{list}"));
    let mut ways_out: Vec<&str> = obstacles.iter().map(|obstacle| obstacle.way_out.as_str()).collect();
    ways_out.dedup();
    let fault = ways_out.into_iter().fold(fault, Fault::hint);
    fault.hint("without FLINK and VERIFY the job is exported for Millstream alone")
}

fn policies(session: &Session, inserts: &[Insert], catalog: &Catalog, target: &Path) -> Policies {
    let set = session.settings().options();
    let own = Policies::default();
    // What a session keeps for its user to look at, a job counts.
    let bad = set.text("bad-records").filter(|word| matches!(*word, "fail" | "skip")).unwrap_or("keep");
    let graph = plan::plan_statement_set(catalog, &settings(session), inserts);
    let embedded = |tap: &Tap| tap.connector == "topic";
    let topics = graph.is_ok_and(|graph| {
        let read = graph.nodes.iter().any(|node| matches!(&node.op, Op::Scan { tap, .. } if embedded(tap)));
        let written = |output: &millstream_plan::Output| {
            matches!(&output.target, millstream_plan::Target::Sink(tap) if embedded(tap))
        };
        read || graph.outputs.iter().any(written)
    });
    Policies {
        parallelism: set
            .integer("parallelism.default")
            .and_then(|lanes| usize::try_from(lanes).ok())
            .unwrap_or(own.parallelism),
        zone: session.settings().zone_name().to_string(),
        bad_records: bad.into(),
        topics: topics.then(|| beside(session.topics().inner().folder(), target)),
        ..own
    }
}

/// A folder as seen from inside of `target`; in full where there is no way between them.
fn beside(folder: &Path, target: &Path) -> String {
    let (Ok(folder), Ok(target)) = (std::path::absolute(folder), std::path::absolute(target)) else {
        return folder.display().to_string();
    };
    let common = folder.components().zip(target.components()).take_while(|(a, b)| a == b).count();
    if common < 2 {
        return folder.display().to_string();
    }
    let up = target.components().skip(common).map(|_| Path::new(".."));
    let down = folder.components().skip(common).map(|part| Path::new(part.as_os_str()).to_path_buf());
    up.map(Path::to_path_buf).chain(down).collect::<PathBuf>().display().to_string()
}

/// The script that was written gives the answer of the prototype, over the tape that was written.
fn rehearse(session: &Session, folder: &Path, prototype: &Answer) -> Result<(), Fault> {
    let answer = job_of(session, folder)
        .and_then(|job| job.rehearse(&rehearsal::tape(folder)?, Manner::Recorded))
        .map_err(|fault| of_runner("the job that was written does not run", fault))?;
    let found: BTreeMap<_, _> = answer.sinks().collect();
    for (sink, rows) in prototype.sinks() {
        if let Some(difference) = found.get(sink).and_then(|found| rows.differ(found)) {
            let message =
                format!("the job that was written differs from its prototype, and was given up\n{sink}: {difference}");
            return Err(Fault::new(Class::Comparison, "E0810", message));
        }
    }
    Ok(())
}

/// The job in a folder, to be played over its tape.
fn job_of(session: &Session, folder: &Path) -> Result<millstream_runner::Job, millstream_runner::Fault> {
    let topics = session.topics().inner().folder().to_path_buf();
    let overrides = Overrides { topics: Some(topics), ..Overrides::default() };
    let compiled = session.compiler.clone().map_or(Compiled::Here, Compiled::By);
    millstream_runner::Job::to_rehearse(folder, overrides, &compiled)
}

/// A fault of the runner as one of the session.
fn of_runner(what: &str, fault: millstream_runner::Fault) -> Fault {
    let own = Fault::new(Class::Query, "E0430", format!("{what}: {}", fault.message));
    fault.hints.into_iter().fold(own, Fault::hint)
}

fn told(
    target: &Path,
    job: &Job,
    (on, tape): (Option<&str>, &Tape),
    prototype: &Answer,
    obstacles: &[Obstacle],
    verified: Option<&str>,
) -> String {
    let flink = if obstacles.is_empty() { "flink/, " } else { "" };
    let on = on.map(|tape| format!("{tape}: ")).unwrap_or_default();
    let functions = if job.functions.is_empty() { "" } else { "functions/, " };
    let mut text = format!(
        "wrote {}/: job.sql, {functions}millstream.toml, Dockerfile, compose.yaml, kubernetes/, {flink}test/ ({on}{} records, {} rows), README.md",
        target.display(),
        count(tape.len() as u64),
        count(prototype.rows() as u64)
    );
    for obstacle in obstacles {
        let _ = write!(text, "\nnot to Flink: {}: {}; {}", obstacle.uid, obstacle.why, obstacle.way_out);
    }
    for secret in &job.secrets {
        let _ = write!(text, "\nset {} in the environment of the job: {}", secret.variable, secret.purpose);
    }
    if let Some(line) = verified {
        let _ = write!(text, "\n{line}");
    }
    let _ = write!(text, "\nnext: millstream test {0} · millstream run {0}", target.display());
    text
}

/// What the answers of a job are tested with.
type Gathered = (Tape, Evidence, Answer);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_named_as_the_job_sees_them() {
        let seen = |folder: &str, target: &str| beside(Path::new(folder), Path::new(target));
        assert_eq!(seen("/home/me/.millstream/topics", "/home/me/jobs/bars"), "../../.millstream/topics");
        assert_eq!(seen("/home/me/w/topics", "/home/me/w"), "topics");
        assert_eq!(seen("/srv/topics", "/home/me/bars"), "/srv/topics");
    }
}
