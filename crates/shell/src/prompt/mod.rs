//! The prompt: statements are typed over several lines, with history, completion and colour, and
//! answered one by one. Ctrl-C stops what runs, Ctrl-D leaves.

mod asker;
mod complete;
mod edit;
mod editor;
mod highlight;
mod history;
pub mod keys;
pub mod meta;
mod names;
mod review;
mod runs;
mod rust;

use std::io::{self, BufRead, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use millstream_session::{Completeness, Session, Vocabulary, is_complete};

use crate::desk::{Desk, Later};
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::play::{self, Way};
use crate::screen::Screen;
use crate::terminal;
use edit::Outlet;
use names::Names;
use runs::Watch;
pub use rust::Rust;

/// What the user typed.
pub enum Line {
    /// Statements or a command.
    Text(String),
    /// Ctrl-C: nothing.
    Nothing,
    /// What was watched last is to be watched again; what is typed stays.
    Watch,
    /// Ctrl-D.
    Leave,
}

/// Reads what the user types.
pub enum Prompt {
    /// With a line editor.
    Editor(Box<edit::Editor>),
    /// Line by line, for terminals that know no cursor.
    Plain(Rust),
}

/// Runs the prompt until the user leaves.
pub fn run(mut session: Session, workspace: &Path, screen: &mut Screen, interrupt: &Interrupt) -> io::Result<Exit> {
    screen.asks = true;
    screen.note(&format!(
        "millstream {} · workspace {} · \\help · start with: SHOW TABLES;",
        env!("CARGO_PKG_VERSION"),
        millstream_session::gate::shown(&workspace.display().to_string())
    ))?;
    let mut prompt = Prompt::new(session.vocabulary(), screen)?;
    session.set_asker(Arc::new(asker::Terminal));
    let notices = session.notices();
    let outlet = prompt.outlet();
    let told = outlet.clone();
    screen.later = outlet.clone().map(|outlet| Arc::new(move |said| outlet.print(said)) as Later);
    let (_closing, desk) = Desk::telling(session, move |left| told.iter().for_each(|outlet| tell(outlet, left)))?;
    let _watch = outlet.map(|outlet| Watch::start(notices, desk.clone(), outlet, screen.look.clone()));
    while let Line::Text(_) | Line::Nothing | Line::Watch = ask(&mut prompt, &desk, screen, interrupt)? {
        if interrupt.ended() {
            break;
        }
    }
    Ok(Exit::Ok)
}

/// Says above the prompt what became of a statement that nobody waited for.
fn tell(outlet: &Outlet, left: bool) {
    if left {
        outlet.print("still at the statement that was stopped; the next one waits for it".into());
    } else {
        outlet.print("the statement that was stopped has come to its end".into());
    }
}

/// Reads once and answers, if there is something to answer. [`Line::Leave`] is also what a command says that ends it all.
pub fn ask(prompt: &mut Prompt, desk: &Desk, screen: &mut Screen, interrupt: &Interrupt) -> io::Result<Line> {
    // While one types Ctrl-C is a key. From the moment when the line is taken it is meant for the answer, all of it.
    interrupt.clear();
    let line = prompt.read(screen, interrupt)?;
    if let Line::Watch = line {
        watch_again(desk, screen, interrupt)?;
    }
    if let Line::Text(text) = &line
        && !text.trim().is_empty()
    {
        let began = Instant::now();
        let rust = prompt.rust();
        let (after, exit) = answer(desk, &rust, text, screen, interrupt)?;
        prompt.answered(began.elapsed(), exit);
        if after == After::Leave {
            return Ok(Line::Leave);
        }
        prompt.learn(desk, interrupt);
    }
    Ok(line)
}

/// Watches what was watched last.
fn watch_again(desk: &Desk, screen: &mut Screen, interrupt: &Interrupt) -> io::Result<()> {
    let names = desk.ask(interrupt, |session| session.worth_watching()).unwrap_or_default();
    if names.is_empty() {
        return screen.note("\nnothing has been watched yet: WATCH step;");
    }
    let names: Vec<String> = names.iter().map(|name| millstream_session::quoted(name)).collect();
    let way = Way { keep_going: false, chatty: true };
    play::play(desk, &format!("WATCH {};", names.join(", ")), way, screen, interrupt)?;
    screen.flush()
}

/// Whether the prompt goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It does.
    GoOn,
    /// The user wants to leave.
    Leave,
}

/// Answers what was typed: a command of the prompt, or statements.
fn answer(
    desk: &Desk,
    rust: &Rust,
    text: &str,
    screen: &mut Screen,
    interrupt: &Interrupt,
) -> io::Result<(After, Exit)> {
    screen.measure();
    if let Some(command) = meta::command(text).filter(|_| !rust.is_typed() || text.trim_start().starts_with('\\')) {
        let after = meta::run(desk, rust, command, screen, interrupt)?;
        screen.flush()?;
        return Ok((after, Exit::Ok));
    }
    if rust.is_typed() {
        return Ok((After::GoOn, rust.answer(desk, text, screen, interrupt)?));
    }
    let exit = play::play(desk, text, Way { keep_going: false, chatty: true }, screen, interrupt)?;
    Ok((After::GoOn, exit))
}

/// Whether a text can be answered, or more must be typed.
fn is_whole(text: &str, rust: &Rust) -> bool {
    if rust.is_typed() {
        return text.trim_start().starts_with('\\') || millstream_rust_cells::open(text) == 0;
    }
    meta::command(text).is_some() || matches!(is_complete(text), Completeness::Complete | Completeness::Empty)
}

impl Prompt {
    /// A prompt that knows these names.
    pub fn new(vocabulary: Vocabulary, screen: &mut Screen) -> io::Result<Prompt> {
        if terminal::is_dumb() {
            return Ok(Prompt::Plain(Rust::default()));
        }
        let names = Arc::new(Names::new(vocabulary));
        let history = match history::open() {
            Ok(history) => Some(history),
            Err(error) => {
                screen.aside(&format!("there is no history: {error}"))?;
                None
            }
        };
        Ok(Prompt::Editor(Box::new(edit::Editor::new(names, history, screen.editor.clone(), screen.look.color))))
    }

    /// Reads until a text is whole.
    fn read(&mut self, screen: &mut Screen, interrupt: &Interrupt) -> io::Result<Line> {
        screen.flush()?;
        match self {
            Prompt::Editor(editor) => editor.read(interrupt),
            Prompt::Plain(rust) => read_plain(rust, interrupt),
        }
    }

    /// Where others may say something while somebody types, if the terminal can show it.
    fn outlet(&self) -> Option<Outlet> {
        match self {
            Prompt::Editor(editor) => Some(editor.outlet()),
            Prompt::Plain(_) => None,
        }
    }

    /// Whether Rust is typed, and what evaluates it.
    fn rust(&self) -> Rust {
        match self {
            Prompt::Editor(editor) => editor.rust.clone(),
            Prompt::Plain(rust) => rust.clone(),
        }
    }

    /// Takes the names that there are now. While the session is busy with what was left to it, the names stay as they
    /// are, and nobody waits: they are learnt when it comes to that.
    pub fn learn(&mut self, desk: &Desk, interrupt: &Interrupt) {
        let Prompt::Editor(editor) = self else { return };
        let names = editor.names.clone();
        let learn = move |session: &mut Session| names.learn(session.vocabulary());
        if interrupt.raised() {
            desk.leave(learn);
        } else {
            // Of a wait that is given up the end is the same.
            let _ = desk.ask(interrupt, learn);
        }
    }

    /// Notes how the newest text was answered.
    fn answered(&mut self, took: Duration, exit: Exit) {
        if let Prompt::Editor(editor) = self {
            editor.answered(took, exit as i64);
        }
    }
}

fn read_plain(rust: &Rust, interrupt: &Interrupt) -> io::Result<Line> {
    let mut text = String::new();
    loop {
        let mut out = io::stdout();
        out.write_all(if text.is_empty() { b"> " } else { b". " })?;
        out.flush()?;
        if io::stdin().lock().read_line(&mut text)? == 0 {
            return Ok(Line::Leave);
        }
        if interrupt.raised() {
            // Ctrl-C dropped what was typed before.
            interrupt.clear();
            return Ok(Line::Nothing);
        }
        if is_whole(&text, rust) {
            return Ok(Line::Text(text));
        }
    }
}
