//! Cells of Rust: `%%rust` stands on their first line. Functions marked `#[udf]` become functions of SQL; all other
//! code is evaluated, and what it prints and gives is shown. Behind `%%rust` may stand which steps' rows it reads
//! and into which table it pushes rows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use millstream_rust_cells::rows::{self, Exchange, Incoming, Outgoing};
use millstream_rust_cells::{Body, Cell, Forms, Kind, Said};
use millstream_session::{Fault, Stop, count, gate};

use super::output::Output;
use crate::bundle::Bundle;
use crate::kernel::Kernel;

/// A step without an end is read for so long, if nothing else is said.
const READING: Duration = Duration::from_secs(10);

/// Runs a cell of Rust. `code` is the cell as typed, in which a fault shows its place.
pub fn run(
    kernel: &Arc<Kernel>,
    code: &str,
    body: &Body,
    attended: bool,
    stop: &Stop,
    output: &mut Output,
) -> Result<(), Fault> {
    // Whoever writes Rust will soon want it evaluated.
    kernel.evaluator.warm();
    let placed = |fault: Fault| fault.within(&code.into(), 0);
    let exchange = Exchange::read(&body.words).ok_or_else(|| {
        let fault = Fault::usage(format!("behind %%rust stands '{}'", body.words));
        fault.hint("it may be: %%rust from step, step into table")
    })?;
    let cell = Cell::read(&body.rust).map_err(|error| placed(error.into()))?;
    if cell.kind != Kind::Code {
        define(kernel, &body.rust, stop, output).map_err(placed)?;
        kernel.evaluator.remember(cell.text.clone());
    }
    if cell.kind == Kind::Functions && exchange.is_empty() {
        return Ok(());
    }
    let exchanged = Exchanged::begin(kernel, &exchange, attended, stop, output)?;
    let mut hear = |said: Said| match said {
        Said::Out(line) => output.say(&gate::shown_lines(&line)),
        Said::Err(line) => output.warn(&gate::shown_lines(&line)),
    };
    let ran = kernel.evaluator.run(&cell.code(&body.rust), stop, &mut hear);
    let forms = ran.map_err(|error| placed(error.into()))?;
    if !forms.is_empty() {
        output.show_result(&Bundle::made(forms));
    }
    exchanged.end(kernel, &exchange, stop, output)
}

/// Compiles functions without the session, which meanwhile answers others.
fn define(kernel: &Kernel, rust: &str, stop: &Stop, output: &Output) -> Result<(), Fault> {
    let began = Instant::now();
    let compiler = kernel.session().compiler()?;
    let compiled = compiler.compile(rust, stop)?;
    let mut session = kernel.session();
    let adopted = session.adopt(compiled)?;
    kernel.learn(&session);
    drop(session);
    let took = began.elapsed().as_secs_f64();
    for function in adopted {
        output.say(&gate::shown_lines(&format!("{function}, ready in {took:.1} s")));
    }
    Ok(())
}

/// Rows that a cell was given, and what it pushes.
struct Exchanged {
    _incoming: Vec<Incoming>,
    outgoing: Option<Outgoing>,
}

impl Exchanged {
    fn begin(
        kernel: &Kernel,
        exchange: &Exchange,
        attended: bool,
        stop: &Stop,
        output: &Output,
    ) -> Result<Exchanged, Fault> {
        let mut incoming = Vec::new();
        for name in &exchange.from {
            let mut session = kernel.session();
            session.heed(stop.clone());
            let most = session.settings().live_for().filter(|_| !attended).unwrap_or(READING);
            let live = rows::ask(&mut session, name)?;
            drop(session);
            let given = rows::gather(live, name, stop, most)?;
            let more = if given.cut { ", and there are more" } else { "" };
            output.say(&gate::shown_lines(&format!("{} rows of {name}{more}", count(given.rows as u64))));
            silently(kernel, &given.code, stop)?;
            incoming.push(given);
        }
        let outgoing = exchange.into.as_deref().map(|table| rows::outbox(&kernel.session(), table)).transpose()?;
        if let Some(outgoing) = &outgoing {
            silently(kernel, &outgoing.before, stop)?;
        }
        Ok(Exchanged { _incoming: incoming, outgoing })
    }

    fn end(self, kernel: &Kernel, exchange: &Exchange, stop: &Stop, output: &Output) -> Result<(), Fault> {
        let (Some(outgoing), Some(table)) = (self.outgoing, &exchange.into) else { return Ok(()) };
        silently(kernel, &outgoing.after, stop)?;
        let mut session = kernel.session();
        session.heed(stop.clone());
        let written = outgoing.insert(&mut session)?;
        output.say(&gate::shown_lines(&format!("{} rows into {table}", count(written))));
        Ok(())
    }
}

/// Runs code of ours.
fn silently(kernel: &Kernel, code: &str, stop: &Stop) -> Result<Forms, Fault> {
    // Its places say nothing in the cell.
    kernel.evaluator.run(code, stop, &mut |_| {}).map_err(|error| Fault { span: None, ..error.into() })
}
