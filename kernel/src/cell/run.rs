//! Goes through the statements of a cell and shows each answer. The last table is the cell's result, those
//! before it are displays.

use std::sync::Arc;

use millstream_session::{Changes, Class, Fault, Keep, Look, Notice, Reply, Said, Script, Stop, Table, View, gate};
use serde_json::{Value, json};

use super::live::{self, Manner};
use super::meta;
use super::output::Output;
use super::taping;
use crate::bundle::Bundle;
use crate::kernel::Kernel;

/// Why a cell failed, as a front end shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    name: String,
    message: String,
    traceback: Vec<String>,
}

impl Failure {
    /// A failure with its code, one sentence, and the lines that are shown.
    pub fn new(name: &str, message: String, traceback: Vec<String>) -> Failure {
        Failure { name: name.to_string(), message, traceback }
    }

    /// A fault as a failure: the sentence, the line with a caret, the hints, coloured for a front end.
    pub fn of(fault: &Fault) -> Failure {
        let name = if fault.class == Class::Interrupted { "Interrupted" } else { fault.code };
        let drawn = fault.render(&Look { color: true, ..Look::plain() });
        Failure::new(name, fault.to_string(), drawn.lines().map(str::to_string).collect())
    }

    /// The content of an `error` message.
    pub fn content(&self) -> Value {
        json!({ "ename": self.name, "evalue": self.message, "traceback": self.traceback })
    }
}

/// Answers all statements of a cell, to the first that fails.
pub fn run(kernel: &Arc<Kernel>, code: &str, attended: bool, stop: &Stop, output: &mut Output) -> Result<(), Failure> {
    let mut statements = String::with_capacity(code.len());
    for line in code.lines() {
        // Only before the first statement: further down it may stand in a text. It keeps its place, so that
        // carets point to theirs.
        if line.starts_with('\\') && statements.trim().is_empty() {
            meta::answer(line, output)?;
        } else {
            statements.push_str(line);
        }
        statements.push('\n');
    }
    hear_of_runs(kernel, output);
    let mut script = Script::new(&statements);
    while script.left() > 0 {
        if stop.raised() {
            return Err(Failure::of(&interrupted("the cell was stopped")));
        }
        let mut session = kernel.session();
        session.heed(stop.clone());
        let Some(reply) = session.next(&mut script) else { break };
        kernel.learn(&session);
        session.take_notes().iter().for_each(|note| output.say(&gate::shown_lines(note)));
        let manner = Manner {
            look: Look { zone: session.settings().zone(), ..Look::plain() },
            changelog: session.settings().changelog(),
            limit: session.settings().live_for(),
            attended,
            last: script.left() == 0,
        };
        drop(session);
        let reply = reply.map_err(|fault| Failure::of(&fault))?;
        show(kernel, reply, &manner, stop, output).map_err(|fault| Failure::of(&fault))?;
    }
    Ok(())
}

/// What became of queries in the background since the last cell. Their rows are for `WATCH`.
fn hear_of_runs(kernel: &Kernel, output: &Output) {
    for Notice { run, said } in kernel.session().notices().take() {
        match said {
            Said::Rows { .. } | Said::Missed(_) => {}
            Said::Ended(lines) => output.say(&gate::shown_lines(&format!("run {run} is over\n{}", lines.join("\n")))),
            Said::Failed(fault) => {
                output.warn(&format!("run {} failed\n{}", gate::shown(&run), fault.render(&Look::plain())))
            }
        }
    }
}

/// The fault of something that the user stopped.
pub fn interrupted(message: impl Into<String>) -> Fault {
    Fault::new(Class::Interrupted, "E0600", message)
}

fn show(kernel: &Arc<Kernel>, reply: Reply, manner: &Manner, stop: &Stop, output: &mut Output) -> Result<(), Fault> {
    match reply {
        Reply::Text(text) => output.say(&gate::shown_lines(&text)),
        Reply::Plan(text) => put(&Bundle::text(&gate::shown_lines(&text)), manner, output),
        Reply::Explained(explained) => put(&Bundle::graph(&explained), manner, output),
        Reply::Table(table) => put(&whole(&table, "", manner)?, manner, output),
        Reply::Live(live) => live::show(*live, None, manner, stop, output)?,
        Reply::Taping(taping) => taping::drive(*taping, manner, stop, output)?,
        Reply::Plotted(plotted) => live::show(*plotted.live, Some(plotted.sketch), manner, stop, output)?,
        Reply::Watched(steps) => {
            steps.into_iter().try_for_each(|watched| live::watch(kernel, watched, manner, stop, output))?;
        }
        Reply::Preview(preview) => {
            let below: Vec<String> = preview.lines().iter().map(|line| gate::shown_lines(line).into_owned()).collect();
            put(&whole(&preview.table, &below.join("\n"), manner)?, manner, output);
        }
    }
    Ok(())
}

/// Shows a finished picture: the last of a cell is its result.
pub fn put(bundle: &Bundle, manner: &Manner, output: &mut Output) {
    if manner.last { output.show_result(bundle) } else { output.show(bundle) }
}

fn whole(table: &Table, below: &str, manner: &Manner) -> Result<Bundle, Fault> {
    let mut view = View::new(table.columns.clone(), Changes::Append, Keep::Ends, manner.look.rows)?;
    table.rows.iter().try_for_each(|rows| view.take(rows))?;
    Ok(Bundle::table(&view.excerpt(&manner.look)?, below, &manner.look))
}
