//! The line editor: reedline with our prompt, keys and helpers.

use std::borrow::Cow;
use std::io;
use std::sync::{Arc, Mutex};

use millstream_session::Vocabulary;
use nu_ansi_term::{Color, Style};
use reedline::{
    ColumnarMenu, DefaultHinter, EditCommand, Emacs, History, KeyCode, KeyModifiers, MenuBuilder, PromptEditMode,
    PromptHistorySearch, PromptHistorySearchStatus, Reedline, ReedlineEvent, ReedlineMenu, Signal, ValidationResult,
    Validator, default_emacs_keybindings,
};

use super::complete::Completion;
use super::highlight::Colors;
use super::{Line, is_whole};

const MENU: &str = "completion";

/// A line editor that knows the names of the session.
pub struct Editor {
    line: Reedline,
    /// The names that completion offers.
    pub vocabulary: Arc<Mutex<Vocabulary>>,
}

impl Editor {
    /// An editor with this history, if there is one.
    pub fn new(vocabulary: Arc<Mutex<Vocabulary>>, history: Option<Box<dyn History>>, color: bool) -> Editor {
        let mut keys = default_emacs_keybindings();
        let menu = ReedlineEvent::UntilFound(vec![ReedlineEvent::Menu(MENU.into()), ReedlineEvent::MenuNext]);
        keys.add_binding(KeyModifiers::NONE, KeyCode::Tab, menu);
        keys.add_binding(KeyModifiers::SHIFT, KeyCode::BackTab, ReedlineEvent::MenuPrevious);
        keys.add_binding(KeyModifiers::ALT, KeyCode::Enter, ReedlineEvent::Edit(vec![EditCommand::InsertNewline]));
        let mut line = Reedline::create()
            .with_edit_mode(Box::new(Emacs::new(keys)))
            .with_validator(Box::new(WholeStatements))
            .with_completer(Box::new(Completion(vocabulary.clone())))
            .with_menu(ReedlineMenu::EngineCompleter(Box::new(
                ColumnarMenu::default().with_name(MENU).with_marker("> "),
            )))
            .with_quick_completions(true)
            .with_partial_completions(true)
            .with_ansi_colors(color)
            .use_bracketed_paste(true);
        if color {
            line = line
                .with_highlighter(Box::new(Colors))
                .with_hinter(Box::new(DefaultHinter::default().with_style(Style::new().fg(Color::DarkGray))));
        }
        if let Some(history) = history {
            // A leading space keeps a line out of the history.
            line = line.with_history(history).with_history_exclusion_prefix(Some(" ".into()));
        }
        Editor { line, vocabulary }
    }

    /// Reads until a text is whole.
    pub fn read(&mut self) -> io::Result<Line> {
        Ok(match self.line.read_line(&Mark)? {
            Signal::Success(text) => Line::Text(text),
            Signal::CtrlD => Line::Leave,
            _ => Line::Nothing,
        })
    }
}

struct WholeStatements;

impl Validator for WholeStatements {
    fn validate(&self, text: &str) -> ValidationResult {
        if is_whole(text) { ValidationResult::Complete } else { ValidationResult::Incomplete }
    }
}

/// `> `, and `· ` on the lines that follow.
struct Mark;

impl reedline::Prompt for Mark {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_right(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_indicator(&self, _mode: PromptEditMode) -> Cow<'_, str> {
        Cow::Borrowed("> ")
    }

    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        Cow::Borrowed("· ")
    }

    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        let failing = matches!(search.status, PromptHistorySearchStatus::Failing);
        Cow::Owned(format!("({}search: {}) ", if failing { "nothing found, " } else { "" }, search.term))
    }
}
