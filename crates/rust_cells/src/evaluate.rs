//! Code that is not a function for SQL is evaluated by a program of its own (`evaluator/`), which remembers
//! variables and items from cell to cell. It is started when Rust is first asked for and needs some seconds to
//! get ready; whoever asks earlier waits for it. What hangs there is interrupted, what aborts there ends there.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use millstream_plan::Uncompiled;
use millstream_record::Stop;
use millstream_rust_functions::said;
use serde_json::{Value, json};

/// The name of the program.
const PROGRAM: &str = "millstream-rust-evaluator";
/// Where the program is, if it is not in one of the usual places.
const VARIABLE: &str = "MILLSTREAM_RUST_EVALUATOR";
/// How often one looks for an interrupt while waiting.
const LOOK: Duration = Duration::from_millis(10);
/// A run that was interrupted may take so long to say so; then its program is ended with all it knows.
const PATIENCE: Duration = Duration::from_secs(3);

/// What code writes while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A line of its standard output.
    Out(String),
    /// A line of its standard error.
    Err(String),
}

/// The value of a cell in each form that it has, by MIME type; empty if it has none.
pub type Forms = BTreeMap<String, String>;

/// Evaluates code, with one memory for all that it is given.
#[derive(Default)]
pub struct Evaluator {
    program: Mutex<Option<Program>>,
    /// Items of cells that were compiled as functions, to be known to the code that follows.
    items: Mutex<Vec<String>>,
}

struct Program {
    /// There until it is put away.
    child: Option<Child>,
    input: Option<ChildStdin>,
    lines: Receiver<Value>,
    ready: bool,
}

impl Evaluator {
    /// Starts the program, so that it is ready when it is needed. Whether it is there is said when it is.
    pub fn warm(&self) {
        let mut program = self.program.lock().unwrap_or_else(PoisonError::into_inner);
        if program.is_none() {
            *program = Program::start().ok();
        }
    }

    /// Remembers items for the code that follows.
    pub fn remember(&self, items: String) {
        self.items.lock().unwrap_or_else(PoisonError::into_inner).push(items);
    }

    /// Evaluates code; `hear` is told what it writes. A raised `stop` interrupts it.
    pub fn run(&self, code: &str, stop: &Stop, hear: &mut dyn FnMut(Said)) -> Result<Forms, Uncompiled> {
        let mut place = self.program.lock().unwrap_or_else(PoisonError::into_inner);
        let mut program = match place.take() {
            Some(program) => program,
            None => Program::start()?,
        };
        let done = program.wait_ready(stop).and_then(|()| {
            let items = std::mem::take(&mut *self.items.lock().unwrap_or_else(PoisonError::into_inner));
            for items in items {
                // Functions of SQL may use what only they have; the code that follows then does without them.
                if let Err(Gone::Program(gone)) = program.run(&items, stop, &mut |_| {}) {
                    return Err(Gone::Program(gone));
                }
            }
            program.run(code, stop, hear)
        });
        match done {
            Ok(forms) => {
                *place = Some(program);
                Ok(forms)
            }
            Err(Gone::Code(reason)) => {
                *place = Some(program);
                Err(reason)
            }
            Err(Gone::Program(reason)) => Err(reason),
        }
    }
}

/// What has failed: the code that was run, or the program that runs it.
enum Gone {
    Code(Uncompiled),
    Program(Uncompiled),
}

impl Program {
    fn start() -> Result<Program, Uncompiled> {
        let path = find().ok_or_else(|| Uncompiled {
            hints: vec![
                format!(
                    ".ci/evaluator builds {PROGRAM} from the project's sources, make install puts it beside the others"
                ),
                "a cell that holds functions marked #[udf] and nothing else does without it".into(),
            ],
            ..said(format!("the program that evaluates Rust is not there: {PROGRAM}"))
        })?;
        let mut command = Command::new(path);
        // Ctrl-C at a terminal is for the session, which interrupts the code and not this program.
        command.process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| said(format!("{PROGRAM} cannot be started: {error}")))?;
        let (input, output) = (child.stdin.take(), child.stdout.take().expect("is piped"));
        let (sender, lines) = channel();
        let reader = move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let Ok(line) = serde_json::from_str(&line) else { continue };
                if sender.send(line).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("rust".into()).spawn(reader);
        thread.map_err(|error| said(format!("cannot start a thread: {error}")))?;
        Ok(Program { child: Some(child), input, lines, ready: false })
    }

    /// Waits until the program takes code. It goes on getting ready when nobody waits any longer.
    fn wait_ready(&mut self, stop: &Stop) -> Result<(), Gone> {
        while !self.ready {
            match self.lines.recv_timeout(LOOK) {
                Ok(line) if line["ready"] == true => self.ready = true,
                Ok(line) if line["failed"].is_object() => return Err(Gone::Program(failed(&line["failed"]))),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) if stop.raised() => {
                    return Err(Gone::Code(stopped("the cell was stopped")));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Gone::Program(ended())),
            }
        }
        Ok(())
    }

    fn run(&mut self, code: &str, stop: &Stop, hear: &mut dyn FnMut(Said)) -> Result<Forms, Gone> {
        self.send(&json!({ "run": code }))?;
        let mut since: Option<Instant> = None;
        loop {
            match self.lines.recv_timeout(LOOK) {
                Ok(line) => {
                    if let Some(text) = line["out"].as_str() {
                        hear(Said::Out(text.to_string()));
                    } else if let Some(text) = line["err"].as_str() {
                        hear(Said::Err(text.to_string()));
                    } else if let Some(forms) = line["done"].as_object() {
                        let text = |form: &Value| form.as_str().unwrap_or_default().to_string();
                        return Ok(forms.iter().map(|(mime, form)| (mime.clone(), text(form))).collect());
                    } else if line["failed"].is_object() {
                        let reason = failed(&line["failed"]);
                        let lost =
                            "the cell was stopped; functions, structs and imports are still there, variables are gone";
                        return Err(Gone::Code(if since.is_some() { stopped(lost) } else { reason }));
                    }
                }
                Err(RecvTimeoutError::Timeout) if since.is_some_and(|since| since.elapsed() > PATIENCE) => {
                    return Err(Gone::Program(stopped(
                        "the cell was stopped; what was defined in Rust before is gone",
                    )));
                }
                Err(RecvTimeoutError::Timeout) if stop.raised() && since.is_none() => {
                    since = Some(Instant::now());
                    self.send(&json!({ "interrupt": true }))?;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Gone::Program(ended())),
            }
        }
    }

    fn send(&mut self, line: &Value) -> Result<(), Gone> {
        let input = self.input.as_mut().ok_or_else(|| Gone::Program(ended()))?;
        writeln!(input, "{line}").and_then(|()| input.flush()).map_err(|_| Gone::Program(ended()))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // The end of its input ends it with all that it has started. Nobody waits for that; if it is stuck, it is ended.
        drop(self.input.take());
        let Some(mut child) = self.child.take() else { return };
        std::thread::spawn(move || {
            let end = Instant::now() + PATIENCE;
            while Instant::now() < end {
                match child.try_wait() {
                    Ok(None) => std::thread::sleep(LOOK),
                    Ok(Some(_)) | Err(_) => return,
                }
            }
            drop(child.kill());
            drop(child.wait());
        });
    }
}

fn stopped(message: &str) -> Uncompiled {
    Uncompiled { stopped: true, ..said(message.into()) }
}

fn ended() -> Uncompiled {
    let hint = "what was defined in Rust is gone; the next cell starts anew".into();
    Uncompiled { hints: vec![hint], ..said("the program that evaluates Rust has ended".into()) }
}

fn failed(failed: &Value) -> Uncompiled {
    let number = |at: usize| failed["place"][at].as_u64().and_then(|byte| usize::try_from(byte).ok());
    let hints = failed["hints"].as_array().into_iter().flatten().filter_map(|hint| hint.as_str().map(str::to_string));
    Uncompiled {
        place: number(0).zip(number(1)),
        hints: hints.collect(),
        ..said(failed["message"].as_str().unwrap_or("Rust failed and does not say why").to_string())
    }
}

/// The program: where the variable says, beside the running one, or where `.ci/evaluator` builds it.
fn find() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        return Some(named.into());
    }
    let beside = std::env::current_exe().ok().and_then(|path| Some(path.parent()?.join(PROGRAM)));
    let cache = std::env::var_os("MILLSTREAM_CACHE").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/millstream"));
    let built = cache.or_else(home).map(|cache| cache.join("evaluator/debug").join(PROGRAM));
    [beside, built].into_iter().flatten().find(|path| path.is_file())
}
