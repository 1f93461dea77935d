//! Rust at the prompt: behind `\rust` what is typed is Rust until `\sql`. Functions marked `#[udf]` become functions
//! of SQL; all other code is evaluated, with one memory for the whole session.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use millstream_rust_cells::rows::{self, Exchange, Outgoing};
use millstream_rust_cells::{Cell, Evaluator, Kind, Said};
use millstream_session::{Fault, Session, count, gate};

use crate::desk::Desk;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::screen::Screen;

/// A step without an end is read for so long.
const READING: Duration = Duration::from_secs(10);

/// Whether Rust is typed, and what evaluates it. Clones are the same.
#[derive(Clone, Default)]
pub struct Rust {
    typed: Arc<AtomicBool>,
    evaluator: Arc<Evaluator>,
    /// What is written into a table behind each piece.
    outgoing: Arc<Mutex<Option<Outgoing>>>,
}

impl Rust {
    /// Whether what is typed is Rust.
    pub fn is_typed(&self) -> bool {
        self.typed.load(Ordering::Relaxed)
    }

    /// From now on Rust is typed. `words` may name steps whose rows it reads, and a table that it writes.
    pub fn begin(&self, desk: &Desk, words: &str, screen: &mut Screen, interrupt: &Interrupt) -> io::Result<()> {
        self.evaluator.warm();
        let exchange = Exchange::read(words).unwrap_or_default();
        match self.exchange(desk, &exchange, screen, interrupt)? {
            Ok(outgoing) => {
                *self.outgoing() = outgoing;
                self.typed.store(true, Ordering::Relaxed);
                screen.note("what you type is Rust until \\sql; functions marked #[udf] become functions of SQL")
            }
            Err(fault) => screen.fault(&fault),
        }
    }

    /// From now on SQL is typed.
    pub fn end(&self) {
        self.typed.store(false, Ordering::Relaxed);
        *self.outgoing() = None;
    }

    fn outgoing(&self) -> MutexGuard<'_, Option<Outgoing>> {
        self.outgoing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands rows of steps to Rust; what it will push, if it is to push something.
    fn exchange(
        &self,
        desk: &Desk,
        exchange: &Exchange,
        screen: &mut Screen,
        interrupt: &Interrupt,
    ) -> io::Result<Result<Option<Outgoing>, Fault>> {
        for name in &exchange.from {
            let (asked, stop) = (name.clone(), interrupt.stop());
            let live = desk.ask(interrupt, move |session| rows::ask(session, &asked)).and_then(|live| live);
            let given = live.and_then(|live| rows::gather(live, name, &stop, READING));
            let given = given.and_then(|given| self.silently(&given.code, interrupt).map(|()| given));
            match given {
                Ok(given) => {
                    let more = if given.cut { ", and there are more" } else { "" };
                    screen.note(&gate::shown_lines(&format!("{} rows of {name}{more}", count(given.rows as u64))))?;
                }
                Err(fault) => return Ok(Err(fault)),
            }
        }
        let Some(table) = exchange.into.clone() else { return Ok(Ok(None)) };
        let outgoing = desk.ask(interrupt, move |session| rows::outbox(session, &table)).and_then(|outgoing| outgoing);
        Ok(outgoing.and_then(|outgoing| self.silently(&outgoing.before, interrupt).map(|()| Some(outgoing))))
    }

    /// Runs code of ours.
    fn silently(&self, code: &str, interrupt: &Interrupt) -> Result<(), Fault> {
        let ran = self.evaluator.run(code, &interrupt.stop(), &mut |_| {});
        ran.map(drop).map_err(|error| Fault { span: None, ..error.into() })
    }

    /// Writes what was pushed into its table.
    fn push(&self, desk: &Desk, screen: &mut Screen, interrupt: &Interrupt) -> io::Result<Result<(), Fault>> {
        let Some(outgoing) = self.outgoing().take() else { return Ok(Ok(())) };
        if self.silently(&outgoing.after, interrupt).is_err() {
            // The variable is gone with the process that held it: an empty one takes its place.
            let anew = self.silently(&outgoing.before, interrupt);
            *self.outgoing() = Some(outgoing);
            return Ok(anew);
        }
        let work = move |session: &mut Session| {
            let written = outgoing.insert(session);
            (outgoing, written)
        };
        match desk.ask(interrupt, work) {
            Ok((outgoing, written)) => {
                *self.outgoing() = Some(outgoing);
                match written {
                    Ok(0) => {}
                    Ok(rows) => screen.note(&format!("{} rows written", count(rows)))?,
                    Err(fault) => return Ok(Err(fault)),
                }
                Ok(Ok(()))
            }
            Err(fault) => Ok(Err(fault)),
        }
    }

    /// Runs a piece of Rust and shows what comes of it.
    pub fn answer(&self, desk: &Desk, text: &str, screen: &mut Screen, interrupt: &Interrupt) -> io::Result<Exit> {
        match self.run(desk, text, screen, interrupt)? {
            Ok(()) => Ok(Exit::Ok),
            Err(fault) => {
                let fault = fault.within(&text.into(), 0);
                screen.fault(&fault)?;
                Ok(Exit::from(&fault))
            }
        }
    }

    fn run(
        &self,
        desk: &Desk,
        text: &str,
        screen: &mut Screen,
        interrupt: &Interrupt,
    ) -> io::Result<Result<(), Fault>> {
        let cell = match Cell::read(text) {
            Ok(cell) => cell,
            Err(error) => return Ok(Err(error.into())),
        };
        if cell.kind != Kind::Code {
            let (began, source) = (Instant::now(), text.to_string());
            let adopted = match desk.ask(interrupt, move |session| session.define(&source)).and_then(|done| done) {
                Ok(adopted) => adopted,
                Err(fault) => return Ok(Err(fault)),
            };
            let took = began.elapsed().as_secs_f64();
            for function in adopted {
                screen.note(&gate::shown_lines(&format!("{function}, ready in {took:.1} s")))?;
            }
            self.evaluator.remember(cell.text.clone());
        }
        if cell.kind == Kind::Functions {
            return Ok(Ok(()));
        }
        let mut broken = Ok(());
        let ran = self.evaluator.run(&cell.code(text), &interrupt.stop(), &mut |said| {
            broken = std::mem::replace(&mut broken, Ok(())).and_then(|()| match said {
                Said::Out(line) => {
                    writeln!(screen.results()?, "{}", gate::shown_lines(&line)).and_then(|()| screen.flush())
                }
                Said::Err(line) => screen.note(&gate::shown_lines(&line)),
            });
        });
        broken?;
        let forms = match ran {
            Ok(forms) => forms,
            Err(error) => return Ok(Err(error.into())),
        };
        if let Some(value) = forms.get("text/plain") {
            writeln!(screen.results()?, "{}", gate::shown_lines(value))?;
        }
        self.push(desk, screen, interrupt)
    }
}
