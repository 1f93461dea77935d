//! Evaluates Rust for a session, in a process of its own: evcxr with its rust-analyzer would neither fit into the
//! session's dependencies nor into its patience. Requests come over the standard input and answers go to the
//! standard output, a JSON object a line each.
//!
//! In: `{"run": "code"}`, `{"interrupt": true}`. The end of the input ends the program.
//! Out: `{"ready": true}` once; then for each run any number of `{"out": "line"}` and `{"err": "line"}`, and one of
//! `{"done": {"mime": "text"}}` or `{"failed": {"message", "place": [start, end] | null, "hints": […]}}`.

mod complaint;

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::process::Child;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, select, unbounded};
use evcxr::{CommandContext, Error, EvalContextOutputs, EvalOutputs};
use serde_json::{Value, json};

/// What a run writes on its standard error may come in a little after its end.
const STRAGGLING: Duration = Duration::from_millis(40);

fn main() {
    // This program is also the process that runs the user's code, and the wrapper around rustc.
    evcxr::runtime_hook();
    let (mut context, outputs) = match CommandContext::new() {
        Ok(started) => started,
        Err(error) => {
            return say(
                &json!({ "failed": { "message": format!("Rust cannot be evaluated: {error}"), "place": null, "hints": [] } }),
            );
        }
    };
    let process = context.process_handle();
    let (codes, wanted) = unbounded::<String>();
    let (ended, ends) = unbounded();
    let evaluating = std::thread::spawn(move || evaluate(&mut context, &wanted, &ended));
    let saying = std::thread::spawn(move || relay(&outputs, &ends));
    // The first variable makes rust-analyzer read the standard library: that is over before the user asks.
    codes.send("let mut millstream_warm = 1; millstream_warm += 1;".into()).expect("the thread waits for it");
    read(&codes, &process);
    drop(codes);
    interrupt(&process);
    drop((evaluating.join(), saying.join()));
}

/// Hands on what is asked for, until the input ends.
fn read(codes: &Sender<String>, process: &Mutex<Child>) {
    for line in std::io::stdin().lock().lines() {
        let Some(asked) = line.ok().and_then(|line| serde_json::from_str::<Value>(&line).ok()) else { continue };
        if asked["interrupt"] == true {
            interrupt(process);
        } else if let Some(code) = asked["run"].as_str() {
            // Nobody listens any more only when all is over.
            drop(codes.send(code.to_string()));
        }
    }
}

/// Ends the process that runs the user's code; evcxr starts another one.
fn interrupt(process: &Mutex<Child>) {
    drop(process.lock().unwrap_or_else(PoisonError::into_inner).kill());
}

type Ended = (String, Result<EvalOutputs, Error>);

fn evaluate(context: &mut CommandContext, wanted: &Receiver<String>, ended: &Sender<Ended>) {
    for code in wanted {
        let result = context.execute(&code);
        if ended.send((code, result)).is_err() {
            return;
        }
    }
}

/// Says what runs write, in the order in which they write it, and how each ended.
fn relay(outputs: &EvalContextOutputs, ends: &Receiver<Ended>) {
    let mut panicked = Panic::default();
    let mut first = true;
    loop {
        select! {
            recv(outputs.stdout) -> line => if let Ok(line) = line { say(&json!({ "out": line })) },
            recv(outputs.stderr) -> line => if let Ok(line) = line { panicked.hear(line) },
            recv(ends) -> end => {
                let Ok((code, result)) = end else { return };
                outputs.stdout.try_iter().for_each(|line| say(&json!({ "out": line })));
                while let Ok(line) = outputs.stderr.recv_timeout(STRAGGLING) {
                    panicked.hear(line);
                }
                let panicked = std::mem::take(&mut panicked);
                // The first run is our own.
                say(&if std::mem::take(&mut first) { json!({ "ready": true }) } else { answer(&code, result, panicked) });
            }
        }
    }
}

/// What the standard error has of a panic: evcxr takes a run that panicked for a good one.
#[derive(Default)]
struct Panic {
    said: Option<Vec<String>>,
}

impl Panic {
    fn hear(&mut self, line: String) {
        match &mut self.said {
            Some(said) => said.push(line),
            None if line.starts_with("thread ") && line.contains("panicked at") => self.said = Some(vec![line]),
            None => say(&json!({ "err": line })),
        }
    }

    /// The panic in a sentence: what it said stands on the line behind its place.
    fn sentence(&self) -> Option<String> {
        let said = self.said.as_ref()?;
        let message =
            said.iter().skip(1).take_while(|line| !line.starts_with("stack backtrace") && !line.starts_with("note:"));
        Some(format!("the cell panicked: {}", message.cloned().collect::<Vec<_>>().join(" ").trim()))
    }
}

fn answer(code: &str, result: Result<EvalOutputs, Error>, panicked: Panic) -> Value {
    match result {
        Ok(_) if panicked.said.is_some() => {
            json!({ "failed": { "message": panicked.sentence(), "place": null, "hints": ["variables that the cell was given may be gone"] } })
        }
        Ok(outputs) => {
            // A cell that ends in a statement without a value has nothing to show.
            let nothing = |(mime, form): &(String, String)| mime == "text/plain" && form == "()";
            let forms = outputs.content_by_mime_type.into_iter().filter(|form| !nothing(form));
            let forms: BTreeMap<String, String> = forms.collect();
            json!({ "done": forms })
        }
        Err(error) => json!({ "failed": complaint::of(code, &error) }),
    }
}

fn say(line: &Value) {
    let mut out = std::io::stdout().lock();
    // Whoever does not listen any more has ended this program.
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}
