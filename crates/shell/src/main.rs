//! The binary `millstream`: command line, prompt and guided tour. It shows what the session answers and
//! knows nothing of engine, connectors and SQL but through the session.

mod args;
mod config;
mod demo;
mod desk;
mod exit;
mod generate;
mod interrupt;
mod job;
mod kernel;
mod last;
mod live;
mod pager;
mod play;
mod plot;
mod prompt;
mod screen;
mod screens;
mod tape;
mod taping;
mod terminal;
mod topic;

use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use millstream_rust_functions::{Functions, Place};
use millstream_session::{Config, Fault, Manner as Use, Reply, Session, SessionOptions, Ways, gate};

use crate::args::{Args, BadRecord, Manner, Piece, Verb};
use crate::desk::Desk;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::play::Way;
use crate::screen::Screen;
use crate::screens::keys::Keys;

fn main() -> ExitCode {
    let (args, pieces) = Args::read();
    if let Some(code) = job::door(&args) {
        return ExitCode::from(code);
    }
    let _restore = terminal::Restore::on_leaving();
    let config = Config::load(&Config::places(&args.manner.workspace()));
    let known = config.clone().unwrap_or_default();
    let configured = config.and_then(|config| {
        Keys::configured(&config)?;
        Ok((args.manner.clone().configured(&config)?, config))
    });
    let mut screen = Screen::new(configured.as_ref().map_or(&args.manner, |(manner, _)| manner), &known);
    let done = match configured {
        Ok((manner, config)) => start(Args { manner, ..args }, pieces, config, &mut screen),
        Err(fault) => screen.fault(&fault).map(|()| Exit::from(&fault)),
    };
    let done = done.and_then(|exit| screen.flush().map(|()| exit));
    match done {
        Ok(exit) => exit.into(),
        // Whoever read our output has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Ok.into(),
        Err(error) => {
            eprintln!("error: cannot write: {error}");
            Exit::Query.into()
        }
    }
}

fn start(args: Args, pieces: Vec<Piece>, config: Config, screen: &mut Screen) -> io::Result<Exit> {
    let asks = pieces.is_empty() && args.verb.is_none() && io::stdin().is_terminal();
    let tours = matches!(args.verb, Some(Verb::Demo)) && io::stdin().is_terminal();
    let interrupt = Interrupt::listen(!asks && !tours)?;
    screen.interrupt = interrupt.clone();
    if matches!(args.verb, Some(Verb::Demo)) {
        return demo::run(screen, &interrupt, args.manner.output.is_some());
    }
    if let Some(Verb::Kernel { arguments }) = &args.verb {
        return kernel::call(arguments, screen);
    }
    if let Some(Verb::Completions { shell }) = args.verb {
        return generate::completions(shell, screen.results()?).map(|()| Exit::Ok);
    }
    if let Some(Verb::Man { folder }) = &args.verb {
        return generate::man(folder.as_deref(), screen.results()?).map(|()| Exit::Ok);
    }
    if matches!(args.verb, Some(Verb::Config)) {
        return config::show(&config, &args.manner.workspace(), screen);
    }
    let workspace = args.manner.workspace();
    // The functions of a job have been tried before; those of a session may hang or abort.
    let place = if matches!(args.verb, Some(Verb::Run { .. })) { Place::Here } else { Place::Apart };
    let session = open(&args.manner, &workspace, config, asks, place);
    let mut session = match session {
        Ok(session) => session,
        Err(fault) => {
            screen.fault(&fault)?;
            return Ok(Exit::from(&fault));
        }
    };
    let way = Way { keep_going: args.manner.keep_going, chatty: false };
    match args.verb {
        Some(Verb::Topic(verb)) => topic::run(&session, verb, screen, &interrupt),
        Some(Verb::Tape(verb)) => tape::run(&session, verb, screen, &interrupt),
        Some(Verb::Export { script, into, replace, flink, verify, tape }) => {
            session.heed(interrupt.stop());
            export(&mut session, &Piece::File(script), &into, Ways { replace, flink, verify, tape }, screen)
        }
        Some(Verb::Run { job, .. }) => run(session, vec![Piece::File(job)], way, screen, &interrupt),
        _ if asks => prompt::run(session, &workspace, screen, &interrupt),
        _ if pieces.is_empty() => run(session, vec![Piece::File(PathBuf::from("-"))], way, screen, &interrupt),
        _ => run(session, pieces, way, screen, &interrupt),
    }
}

fn open(manner: &Manner, workspace: &Path, config: Config, interactive: bool, place: Place) -> Result<Session, Fault> {
    let used_by = if interactive { Use::Prompt } else { Use::Script };
    let options = SessionOptions::in_folder(workspace).used_by(used_by).configured(config);
    let functions = Arc::new(Functions::new(place));
    if interactive {
        // Whoever types a function first shall not wait for what all functions are compiled against.
        let functions = functions.clone();
        std::thread::spawn(move || functions.prepare());
    }
    let mut session = Session::new(options.compiled_by(functions))?;
    let settings = session.settings_mut();
    if let Some(lanes) = manner.parallelism {
        settings.configure("parallelism.default", &lanes.to_string(), "--parallelism")?;
    }
    // Somebody at a prompt can look at TABLE$errors; a script that goes on over bad records would hide them.
    let policy = manner.on_bad_record.unwrap_or(if interactive { BadRecord::Keep } else { BadRecord::Fail });
    if let Some(topic) = &manner.dead_letter {
        settings.configure("bad-records.topic", topic, "--dead-letter")?;
    }
    let kept = settings.options().given("bad-records") && manner.on_bad_record.is_none();
    if !kept {
        let from = if manner.on_bad_record.is_some() { "--on-bad-record" } else { "default" };
        settings.configure("bad-records", policy.word(), from)?;
    }
    Ok(session)
}

/// Runs pieces of SQL in order, to the first error.
fn run(session: Session, pieces: Vec<Piece>, way: Way, screen: &mut Screen, interrupt: &Interrupt) -> io::Result<Exit> {
    let (_closing, desk) = Desk::new(session)?;
    let mut worst = Exit::Ok;
    for piece in pieces {
        let exit = match text(&piece) {
            Ok(text) => play::play(&desk, &text, way, screen, interrupt)?,
            Err(fault) => {
                screen.fault(&fault)?;
                Exit::from(&fault)
            }
        };
        worst = if worst == Exit::Ok { exit } else { worst };
        if exit == Exit::Interrupted || (exit != Exit::Ok && !way.keep_going) {
            break;
        }
    }
    Ok(worst)
}

/// Writes a script as a job.
fn export(session: &mut Session, piece: &Piece, into: &Path, ways: Ways, screen: &mut Screen) -> io::Result<Exit> {
    let base = match piece {
        Piece::File(path) => path.parent().unwrap_or(Path::new("")),
        Piece::Text(_) => Path::new(""),
    };
    match text(piece).and_then(|text| session.export_script(&text, base, into, ways)) {
        Ok(Reply::Plan(said)) => writeln!(screen.results()?, "{}", gate::shown_lines(&said)).map(|()| Exit::Ok),
        Ok(_) => Ok(Exit::Ok),
        Err(fault) => {
            screen.fault(&fault)?;
            Ok(Exit::from(&fault))
        }
    }
}

fn text(piece: &Piece) -> Result<String, Fault> {
    let path = match piece {
        Piece::Text(text) => return Ok(text.clone()),
        Piece::File(path) => path,
    };
    let name = if path.as_os_str() == "-" { "stdin".into() } else { path.display().to_string() };
    let bytes = if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    let bytes = bytes.map_err(|error| Fault::usage(format!("cannot read {name}: {error}")))?;
    String::from_utf8(bytes).map_err(|error| {
        Fault::usage(format!("{name} is not UTF-8: byte {} is no character", error.utf8_error().valid_up_to()))
    })
}
