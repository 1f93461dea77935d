//! The machine's own rustc: what it is, where its work is kept, and what it says in the end. What was compiled
//! once is found again by a hash of the cell, of what it is compiled against, and of the compiler.

use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use millstream_plan::Uncompiled;
use millstream_record::Stop;
use serde_json::Value;

use crate::cache;
use crate::cell::said;
use crate::hash;

/// What functions are compiled against.
const SUPPORT: &[(&str, &str)] = &[
    ("abi.rs", include_str!("../support/abi.rs")),
    ("column.rs", include_str!("../support/column.rs")),
    ("give.rs", include_str!("../support/give.rs")),
    ("groups.rs", include_str!("../support/groups.rs")),
    ("guard.rs", include_str!("../support/guard.rs")),
    ("lib.rs", include_str!("../support/lib.rs")),
    ("rows.rs", include_str!("../support/rows.rs")),
    ("serve.rs", include_str!("../support/serve.rs")),
    ("state.rs", include_str!("../support/state.rs")),
    ("timestamp.rs", include_str!("../support/timestamp.rs")),
];

/// The program in which functions of a session run.
const HOST: &str = include_str!("../support/host.rs");

/// How often a compiler that works is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// Tells what functions are compiled against from that of other versions of this program.
pub fn support_version() -> u64 {
    hash(SUPPORT.iter().flat_map(|(name, text)| [name.as_bytes(), text.as_bytes()]))
}

/// The file of a library with this hash. What another kind of machine has compiled is not taken for it.
pub fn file_name(hash: u64) -> String {
    format!("{hash:016x}.{}-{}.so", std::env::consts::ARCH, std::env::consts::OS)
}

/// A rustc, and the folder of what it has compiled.
pub struct Rustc {
    program: PathBuf,
    folder: PathBuf,
    ready: OnceLock<Result<(), Uncompiled>>,
}

impl Rustc {
    /// The compiler that `RUSTC` names or that is on the path; what it compiles is kept below `cache`.
    pub fn find(cache: &Path) -> Result<Rustc, Uncompiled> {
        let program: PathBuf = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()).into();
        let asked = Command::new(&program).arg("-vV").stdin(Stdio::null()).output();
        let answer = asked.ok().filter(|answer| answer.status.success()).ok_or_else(|| Uncompiled {
            hints: vec!["install Rust from https://rustup.rs, or name the compiler in the variable RUSTC".into()],
            no_compiler: true,
            ..said("there is no rustc on the PATH, and Rust functions need it".into())
        })?;
        let version = hash([&support_version().to_le_bytes()[..], HOST.as_bytes(), &answer.stdout]);
        let folder = cache.join(format!("rust-{version:016x}"));
        cache::prune(cache, &folder);
        Ok(Rustc { program, folder, ready: OnceLock::new() })
    }

    /// The program in which functions of a session run.
    pub fn host(&self) -> PathBuf {
        self.folder.join("host")
    }

    /// Compiles what functions are compiled against, unless that was done before.
    pub fn prepare(&self) -> Result<(), Uncompiled> {
        self.ready.get_or_init(|| self.prepare_once()).clone()
    }

    fn prepare_once(&self) -> Result<(), Uncompiled> {
        if self.host().exists() && self.support().exists() {
            return Ok(());
        }
        let work = self.work_folder()?;
        let place = |name: &str| work.path().join(name);
        let sources = SUPPORT.iter().chain([&("host.rs", HOST)]);
        sources.clone().try_for_each(|(name, text)| fs::write(place(name), text)).map_err(unwritten)?;
        let mut host = self.command(&place("host.rs"), &place("host"));
        let mut support = self.command(&place("lib.rs"), &place("libmillstream.rlib"));
        support.args([
            "--crate-type",
            "rlib",
            "--crate-name",
            "millstream",
            "-C",
            "opt-level=3",
            "-C",
            "codegen-units=1",
        ]);
        let (host, support) = (start(host.args(["-C", "opt-level=1"]))?, start(&mut support)?);
        for child in [host, support] {
            if let Err(errors) = wait(child, &Stop::default())? {
                return Err(said(format!("rustc cannot compile what Rust functions need: {}", first_line(&errors))));
            }
        }
        fs::rename(place("host"), self.host()).map_err(unwritten)?;
        fs::rename(place("libmillstream.rlib"), self.support()).map_err(unwritten)
    }

    /// The library of a cell with this hash; `glue` is its text around the cell. What rustc complains of is given
    /// as it says it, in JSON, a line each.
    pub fn library(
        &self,
        hash: u64,
        cell: &str,
        glue: &str,
        stop: &Stop,
    ) -> Result<Result<PathBuf, String>, Uncompiled> {
        self.prepare()?;
        let library = self.folder.join(file_name(hash));
        if library.exists() {
            cache::used(&library);
            return Ok(Ok(library));
        }
        let work = self.work_folder()?;
        let (text, made) = (work.path().join("lib.rs"), work.path().join("made"));
        fs::write(work.path().join("cell.rs"), cell).and_then(|()| fs::write(&text, glue)).map_err(unwritten)?;
        let mut command = self.command(&text, &made);
        command.args(["--crate-type", "cdylib", "-C", "opt-level=3", "-C", "codegen-units=1", "-C", "strip=debuginfo"]);
        command.args(["--crate-name", "cell", "--extern"]).arg(format!("millstream={}", self.support().display()));
        Ok(match wait(start(&mut command)?, stop)? {
            Ok(()) => {
                fs::rename(&made, &library).map_err(unwritten)?;
                Ok(library)
            }
            Err(errors) => Err(errors),
        })
    }

    fn support(&self) -> PathBuf {
        self.folder.join("libmillstream.rlib")
    }

    /// A folder that goes away; beside what will stay, so that a finished file only has to be renamed.
    fn work_folder(&self) -> Result<tempfile::TempDir, Uncompiled> {
        fs::create_dir_all(&self.folder).and_then(|()| tempfile::tempdir_in(&self.folder)).map_err(unwritten)
    }

    fn command(&self, text: &Path, made: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["--edition", "2024", "--error-format", "json", "--cap-lints", "allow", "-o"]).arg(made).arg(text);
        // Paths in panics are those of the folder, not of the machine.
        command.current_dir(text.parent().unwrap_or(Path::new(".")));
        // Ctrl-C at a terminal is for the session, which stops the compiler itself.
        command.process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }
}

fn unwritten(error: std::io::Error) -> Uncompiled {
    said(format!("the folder of compiled functions cannot be written: {error}"))
}

fn start(command: &mut Command) -> Result<Child, Uncompiled> {
    command.spawn().map_err(|error| said(format!("rustc cannot be started: {error}")))
}

/// Waits for a compiler; what it complains of, if it does.
fn wait(mut child: Child, stop: &Stop) -> Result<Result<(), String>, Uncompiled> {
    let stderr = child.stderr.take();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        // What cannot be read is no complaint.
        stderr.map(|mut stderr| stderr.read_to_string(&mut text).ok());
        text
    });
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if stop.raised() => {
                // It may have ended by itself just now.
                drop(child.kill());
                drop(child.wait());
                return Err(Uncompiled { stopped: true, ..said("the compiler was stopped".into()) });
            }
            Ok(None) => std::thread::sleep(LOOK),
            Err(error) => return Err(said(format!("rustc cannot be waited for: {error}"))),
        }
    };
    let errors = reader.join().unwrap_or_default();
    Ok(if status.success() { Ok(()) } else { Err(errors) })
}

fn first_line(errors: &str) -> String {
    complaints(errors)
        .next()
        .map_or_else(|| "it says nothing".into(), |first| first["message"].as_str().unwrap_or("").into())
}

/// The errors among rustc's lines.
fn complaints(lines: &str) -> impl Iterator<Item = Value> {
    let errors = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    errors.filter(|message| {
        message["level"] == "error" && !message["message"].as_str().unwrap_or("").starts_with("aborting")
    })
}

/// What rustc complains of, in one: the first error at its place in the cell, further ones below.
pub fn complaint(lines: &str) -> Uncompiled {
    let errors: Vec<Value> = complaints(lines).collect();
    let Some(first) = errors.first() else { return said("rustc failed and does not say why".into()) };
    let mut hints: Vec<String> = children(first).collect();
    hints.extend(errors.iter().skip(1).map(|error| {
        let line = primary(error).and_then(|span| span["line_start"].as_u64());
        let at = line.map(|line| format!(" (line {line})")).unwrap_or_default();
        format!("also: {}{at}", sentence(error))
    }));
    let place = primary(first).and_then(|span| {
        Some((usize::try_from(span["byte_start"].as_u64()?).ok()?, usize::try_from(span["byte_end"].as_u64()?).ok()?))
    });
    Uncompiled { place, hints, ..said(sentence(first)) }
}

/// `mismatched types [E0308]: expected `i64`, found `&str``
fn sentence(error: &Value) -> String {
    let code = error["code"]["code"].as_str().map(|code| format!(" [{code}]")).unwrap_or_default();
    let label = primary(error).and_then(|span| span["label"].as_str());
    let label = label.map(|label| format!(": {label}")).unwrap_or_default();
    format!("{}{code}{label}", error["message"].as_str().unwrap_or("rustc failed"))
}

/// The place in the cell that an error is about.
fn primary(error: &Value) -> Option<&Value> {
    let spans = error["spans"].as_array()?;
    let in_cell = |span: &&Value| span["file_name"].as_str().is_some_and(|name| name.ends_with("cell.rs"));
    let is_primary = |span: &&Value| span["is_primary"] == true;
    spans.iter().filter(in_cell).find(is_primary).or_else(|| spans.iter().find(in_cell))
}

/// Notes and help with something to say.
fn children(error: &Value) -> impl Iterator<Item = String> {
    let all = error["children"].as_array().into_iter().flatten();
    all.filter_map(|child| {
        let message = child["message"].as_str()?;
        let replaced = child["spans"].as_array()?.iter().find_map(|span| span["suggested_replacement"].as_str());
        let replaced = replaced.filter(|text| !text.trim().is_empty()).map(|text| format!(": `{}`", text.trim()));
        Some(format!("{message}{}", replaced.unwrap_or_default()))
    })
}
