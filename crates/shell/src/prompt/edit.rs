//! The line editor: reedline with our prompt, keys and helpers.

use std::borrow::Cow;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nu_ansi_term::{Color, Style};
use reedline::{
    DefaultHinter, EditCommand, Emacs, ExternalPrinter, IdeMenu, MenuBuilder, PromptEditMode, PromptHistorySearch,
    PromptHistorySearchStatus, Reedline, ReedlineMenu, Signal, ValidationResult, Validator,
};

use super::complete::Completion;
use super::highlight::Colors;
use super::history::{Entries, Kept, Search};
use super::names::Names;
use super::review::{Keeper, Redraw, Review};
use super::rust::Rust;
use super::{Line, editor, is_whole, keys};
use crate::interrupt::Interrupt;

/// Lines that wait to be shown above the prompt.
const WAITING: usize = 256;

/// Takes the line above the prompt away. The editor draws it anew below what is shown there, and knows of one line only.
const OVER_HEAD: &str = "\x1b[A\r\x1b[2K";

/// A line editor that knows the names of the session.
pub struct Editor {
    line: Reedline,
    /// The names that completion offers and the review knows.
    pub names: Arc<Names>,
    /// Whether Rust is typed.
    pub rust: Rust,
    head: Head,
    reading: Arc<AtomicBool>,
    printer: std::sync::mpsc::SyncSender<String>,
    redraw: Redraw,
    /// What texts are edited with, if the user said so.
    outside: Option<String>,
    _review: Option<Keeper>,
}

/// The line above the line that is typed: what runs. Shared with whoever knows it.
pub type Head = Arc<Mutex<String>>;

impl Editor {
    /// An editor with this history, if there is one; Alt-E opens `outside`.
    pub fn new(names: Arc<Names>, history: Option<(Kept, Entries)>, outside: Option<String>, color: bool) -> Editor {
        let (printer, rust) = (ExternalPrinter::new(WAITING), Rust::default());
        let sender = printer.sender();
        let mut line = Reedline::create()
            .with_edit_mode(Box::new(Emacs::new(keys::keymap())))
            .with_validator(Box::new(WholeStatements(rust.clone())))
            .with_completer(Box::new(Completion(names.clone(), rust.clone())))
            .with_menu(ReedlineMenu::EngineCompleter(Box::new(menu(keys::COMPLETION, color))))
            .with_quick_completions(true)
            .with_partial_completions(true)
            .with_ansi_colors(color)
            .with_external_printer(printer)
            .with_poll_interval(Duration::from_millis(50))
            .use_bracketed_paste(true);
        let signal = line.repaint_signal();
        let redraw: Redraw = Arc::new(move || signal.request_repaint());
        let review = color.then(|| Review::start(names.clone(), redraw.clone()));
        if let Some(review) = &review {
            line = line
                .with_highlighter(Box::new(Colors(Some(review.review()), rust.clone())))
                .with_hinter(Box::new(DefaultHinter::default().with_style(Style::new().dimmed())));
        }
        if let Some((history, entries)) = history {
            let found = menu(keys::HISTORY, color).with_max_completion_width(100);
            line = line
                // A leading space keeps a line out of the history.
                .with_history(Box::new(history))
                .with_history_exclusion_prefix(Some(" ".into()))
                .with_menu(ReedlineMenu::WithCompleter { menu: Box::new(found), completer: Box::new(Search(entries)) });
        }
        let (head, reading) = (Head::default(), Arc::default());
        Editor { line, names, rust, head, reading, printer: sender, redraw, outside, _review: review }
    }

    /// Reads until a text is whole. A Ctrl-C that ended the editor outside is not meant for what is typed next.
    pub fn read(&mut self, interrupt: &Interrupt) -> io::Result<Line> {
        let mark = Mark(self.head.clone(), self.rust.clone());
        loop {
            self.reading.store(true, Ordering::Relaxed);
            let signal = self.line.read_line(&mark);
            self.reading.store(false, Ordering::Relaxed);
            return Ok(match signal? {
                Signal::Success(text) => Line::Text(text),
                Signal::CtrlD => Line::Leave,
                Signal::HostCommand(command) if command == keys::EDIT => {
                    self.edit_outside();
                    interrupt.clear();
                    continue;
                }
                Signal::HostCommand(_) => Line::Watch,
                _ => Line::Nothing,
            });
        }
    }

    /// Opens what is typed in the user's editor.
    fn edit_outside(&mut self) {
        match editor::edit(self.line.current_buffer_contents(), self.outside.as_deref()) {
            Ok(text) => self.line.run_edit_commands(&[EditCommand::Clear, EditCommand::InsertString(text)]),
            Err(reason) => eprintln!("\n{}", millstream_session::gate::shown(&reason)),
        }
    }

    /// Notes how the newest text was answered.
    pub fn answered(&mut self, took: Duration, status: i64) {
        if self.line.has_last_command_context() {
            // Without its answer the text is in the history all the same.
            let _ = self.line.update_last_command_context(&|mut item| {
                item.duration = Some(took);
                item.exit_status = Some(status);
                item
            });
        }
    }

    /// Where others put what they have to say while somebody types.
    pub fn outlet(&self) -> Outlet {
        let (head, reading) = (self.head.clone(), self.reading.clone());
        Outlet { head, reading, printer: self.printer.clone(), redraw: self.redraw.clone() }
    }
}

/// Shows things above the line that is typed, which stays as it is.
#[derive(Clone)]
pub struct Outlet {
    head: Head,
    /// Whether somebody types, so that the head is on the screen.
    reading: Arc<AtomicBool>,
    printer: std::sync::mpsc::SyncSender<String>,
    redraw: Redraw,
}

impl Outlet {
    /// Shows lines above the prompt. They wait until somebody types; of too many the rest is dropped.
    pub fn print(&self, text: String) {
        let has_head = !self.head.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        let over = if has_head && self.reading.load(Ordering::Relaxed) { OVER_HEAD } else { "" };
        // Nobody may be waiting for keys at all any more.
        let _ = self.printer.try_send(format!("{over}{text}"));
    }

    /// Sets the line that stands above the prompt for as long as it holds; empty for none.
    pub fn head(&self, text: String) {
        let mut head = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        if *head != text {
            *head = text;
            (self.redraw)();
        }
    }
}

/// A menu with what each candidate is beside it.
fn menu(name: &str, color: bool) -> IdeMenu {
    let menu = IdeMenu::default()
        .with_name(name)
        .with_marker("> ")
        .with_max_completion_height(12)
        .with_max_description_width(60)
        .with_default_border()
        .with_correct_cursor_pos(true);
    if !color {
        return menu.with_text_style(Style::new()).with_selected_text_style(Style::new().reverse());
    }
    menu.with_text_style(Style::new())
        .with_match_text_style(Style::new().bold())
        .with_selected_text_style(Style::new().reverse())
        .with_selected_match_text_style(Style::new().reverse().bold())
        .with_description_text_style(Style::new().fg(Color::Cyan))
}

struct WholeStatements(Rust);

impl Validator for WholeStatements {
    fn validate(&self, text: &str) -> ValidationResult {
        if is_whole(text, &self.0) { ValidationResult::Complete } else { ValidationResult::Incomplete }
    }
}

/// What runs, if anything does; then `> `, and `· ` on the lines that follow.
struct Mark(Head, Rust);

impl reedline::Prompt for Mark {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        let head = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Cow::Owned(if head.is_empty() { String::new() } else { format!("{head}\n") })
    }

    fn render_prompt_right(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_indicator(&self, _mode: PromptEditMode) -> Cow<'_, str> {
        Cow::Borrowed(if self.1.is_typed() { "rust> " } else { "> " })
    }

    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        Cow::Borrowed("· ")
    }

    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        let failing = matches!(search.status, PromptHistorySearchStatus::Failing);
        Cow::Owned(format!("({}search: {}) ", if failing { "nothing found, " } else { "" }, search.term))
    }
}
