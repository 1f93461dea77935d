//! Cells, one after the other on a thread of their own. Everybody hears `busy` first and `idle` last, with
//! all outputs and the reply between them; after a failure the cells that wait are given back.

mod live;
mod meta;
mod output;
mod run;
mod rust;
mod taping;

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use millstream_session::Stop;
use serde_json::{Value, json};

use crate::channel::Channel;
use crate::kernel::{Kernel, Running};
use crate::wire::Message;
use output::Output;
use run::Failure;

/// What an `execute_request` asks for. Fields that are missing have the defaults of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Manner {
    silent: bool,
    store_history: bool,
    allow_stdin: bool,
    stop_on_error: bool,
}

impl Manner {
    fn of(content: &Value) -> Manner {
        let flag = |field: &str, default: bool| content.get(field).and_then(Value::as_bool).unwrap_or(default);
        let silent = flag("silent", false);
        Manner {
            silent,
            store_history: flag("store_history", true) && !silent,
            allow_stdin: flag("allow_stdin", true),
            stop_on_error: flag("stop_on_error", true),
        }
    }
}

/// Runs cells until nobody sends any more.
pub fn work(kernel: &Arc<Kernel>, shell: &Channel, cells: &Receiver<Message>) {
    let mut count = 0;
    while let Ok(request) = cells.recv() {
        let given_back = run_cell(kernel, shell, &request, cells, &mut count);
        given_back.iter().for_each(|waiting| abort(kernel, shell, waiting));
    }
}

/// Runs one cell. If it fails, those that wait are to be given back: the ones that wait now, before anybody
/// hears of the failure, and none that is sent in answer to it.
fn run_cell(
    kernel: &Arc<Kernel>,
    shell: &Channel,
    request: &Message,
    cells: &Receiver<Message>,
    count: &mut u64,
) -> Vec<Message> {
    let manner = Manner::of(&request.content);
    let stop = Stop::default();
    kernel.set_running(Some(Running { parent: request.header.clone(), stop: stop.clone() }));
    kernel.questions.ask_of(manner.allow_stdin.then(|| (request.clone(), stop.clone())));
    kernel.iopub.status(&request.header, "busy");
    *count += u64::from(manner.store_history);
    let code = request.content.get("code").and_then(Value::as_str).unwrap_or("");
    if !manner.silent {
        kernel.iopub.publish("execute_input", &request.header, json!({ "code": code, "execution_count": *count }));
    }
    let mut output = Output::new(kernel.iopub.clone(), request.header.clone(), *count, manner.silent);
    let ran = run::run(kernel, code, manner.allow_stdin, &stop, &mut output);
    if manner.store_history {
        kernel.history.keep(*count, code, output.result().map(str::to_string));
    }
    let given_back = if ran.is_err() && manner.stop_on_error { cells.try_iter().collect() } else { Vec::new() };
    let reply = match ran {
        Ok(()) => json!({
            "status": "ok",
            "execution_count": *count,
            "payload": output.pages(),
            "user_expressions": expressions(&request.content),
        }),
        Err(failure) => {
            output.error(&failure);
            let mut reply = failure.content();
            reply["status"] = json!("error");
            reply["execution_count"] = json!(*count);
            reply["user_expressions"] = json!({});
            reply
        }
    };
    kernel.questions.ask_of(None);
    shell.reply(request, reply);
    kernel.set_running(None);
    kernel.iopub.status(&request.header, "idle");
    given_back
}

/// Expressions of a client are SQL without a table here; nobody needs them, so each is refused by name.
fn expressions(content: &Value) -> Value {
    let names = content.get("user_expressions").and_then(Value::as_object).into_iter().flatten();
    let refused = |message: String| {
        let mut content = Failure::new("E0501", message.clone(), vec![message]).content();
        content["status"] = json!("error");
        content
    };
    let refused =
        names.map(|(name, _)| (name.clone(), refused(format!("'{name}': user expressions are not evaluated"))));
    Value::Object(refused.collect())
}

/// Gives back a cell that was waiting when another failed.
fn abort(kernel: &Kernel, shell: &Channel, request: &Message) {
    kernel.iopub.status(&request.header, "busy");
    shell.reply(request, json!({ "status": "aborted" }));
    kernel.iopub.status(&request.header, "idle");
}
