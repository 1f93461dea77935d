//! The prompt: statements are typed over several lines, with history, completion and colour, and
//! answered one by one. Ctrl-C stops what runs, Ctrl-D leaves.

mod complete;
mod edit;
mod highlight;
mod history;
mod meta;

use std::io::{self, BufRead, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use millstream_session::{Completeness, Session, Vocabulary, is_complete};

use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::play::{self, Way};
use crate::screen::Screen;
use crate::terminal;

/// What the user typed.
pub enum Line {
    /// Statements or a command.
    Text(String),
    /// Ctrl-C: nothing.
    Nothing,
    /// Ctrl-D.
    Leave,
}

/// Reads what the user types.
pub enum Prompt {
    /// With a line editor.
    Editor(Box<edit::Editor>),
    /// Line by line, for terminals that know no cursor.
    Plain,
}

/// Runs the prompt until the user leaves.
pub fn run(mut session: Session, workspace: &Path, screen: &mut Screen, interrupt: &Interrupt) -> io::Result<Exit> {
    screen.note(&format!(
        "millstream {} · workspace {} · \\help for help, or start with: SHOW TABLES;",
        env!("CARGO_PKG_VERSION"),
        millstream_session::gate::shown(&workspace.display().to_string())
    ))?;
    let mut prompt = Prompt::new(session.vocabulary(), screen)?;
    loop {
        match prompt.read(screen)? {
            Line::Text(text) => {
                if answer(&mut session, &text, screen, interrupt)? == After::Leave || interrupt.ended() {
                    break;
                }
                prompt.learn(session.vocabulary());
            }
            Line::Nothing => {}
            Line::Leave => break,
        }
    }
    Ok(Exit::Ok)
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
pub fn answer(session: &mut Session, text: &str, screen: &mut Screen, interrupt: &Interrupt) -> io::Result<After> {
    screen.measure();
    if let Some(command) = meta::command(text) {
        let after = meta::run(session, command, screen, interrupt)?;
        screen.flush()?;
        return Ok(after);
    }
    play::play(session, text, Way { keep_going: false, chatty: true }, screen, interrupt)?;
    interrupt.clear();
    Ok(After::GoOn)
}

/// Whether a text can be answered, or more must be typed.
fn is_whole(text: &str) -> bool {
    meta::command(text).is_some() || matches!(is_complete(text), Completeness::Complete | Completeness::Empty)
}

impl Prompt {
    /// A prompt that knows these names.
    pub fn new(vocabulary: Vocabulary, screen: &mut Screen) -> io::Result<Prompt> {
        if terminal::is_dumb() {
            return Ok(Prompt::Plain);
        }
        let vocabulary = Arc::new(Mutex::new(vocabulary));
        let history = match history::open() {
            Ok(history) => Some(history),
            Err(error) => {
                screen.aside(&format!("there is no history: {error}"))?;
                None
            }
        };
        Ok(Prompt::Editor(Box::new(edit::Editor::new(vocabulary, history, screen.look.color))))
    }

    /// Reads until a text is whole.
    pub fn read(&mut self, screen: &mut Screen) -> io::Result<Line> {
        screen.flush()?;
        match self {
            Prompt::Editor(editor) => editor.read(),
            Prompt::Plain => read_plain(),
        }
    }

    /// Takes the names that there are now.
    pub fn learn(&mut self, vocabulary: Vocabulary) {
        if let Prompt::Editor(editor) = self {
            *editor.vocabulary.lock().unwrap_or_else(PoisonError::into_inner) = vocabulary;
        }
    }
}

fn read_plain() -> io::Result<Line> {
    let mut text = String::new();
    loop {
        let mut out = io::stdout();
        out.write_all(if text.is_empty() { b"> " } else { b". " })?;
        out.flush()?;
        if io::stdin().lock().read_line(&mut text)? == 0 {
            return Ok(Line::Leave);
        }
        if is_whole(&text) {
            return Ok(Line::Text(text));
        }
    }
}
