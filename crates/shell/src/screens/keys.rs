//! The keys of the screens: one table of what can be done, with names and default keys. What a key does, the help and the
//! reference are made from it, and a user's own table may put other keys in place of these.

use std::collections::{BTreeMap, HashMap};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use millstream_session::{Config, Fault};

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    Leave,
    Back,
    Help,
    Filter,
    Command,
    Pause,
    Up,
    Down,
    Left,
    Right,
    Top,
    Bottom,
    HalfUp,
    HalfDown,
    PageUp,
    PageDown,
    FirstColumn,
    LastColumn,
    Sort,
    Newest,
    History,
    Alike,
    CopyCell,
    CopyRow,
    Onward,
    Backward,
    Watermark,
    Window,
    Slower,
    Faster,
    Table,
    Changes,
    Chart,
    Flow,
    Timeline,
    Aside,
    NextView,
    ViewBefore,
    NextStep,
    StepBefore,
    Drawing,
    ZoomIn,
    ZoomOut,
    Theme,
}

/// An action with the name by which it is bound, its default keys and its meaning.
pub struct Entry {
    /// What is done.
    pub action: Action,
    /// Its name in a table of keys.
    pub name: &'static str,
    /// The keys that do it, if nobody says otherwise.
    pub keys: &'static [&'static str],
    /// What it does.
    pub doc: &'static str,
}

const fn entry(action: Action, name: &'static str, keys: &'static [&'static str], doc: &'static str) -> Entry {
    Entry { action, name, keys, doc }
}

/// All actions, in the order of the help.
pub const ENTRIES: &[Entry] = &[
    entry(Action::Leave, "leave", &["q"], "back to the prompt; Ctrl-C does the same, whatever is open"),
    entry(Action::Back, "back", &["Esc"], "close what is open: help, filter, history"),
    entry(Action::Help, "help", &["?"], "this page"),
    entry(Action::Filter, "filter", &["/"], "show rows with these words; column:word looks in one column"),
    entry(Action::Command, "command", &[":"], "type a command"),
    entry(Action::Pause, "pause", &["Space"], "hold the picture while the run goes on; in a replay: stop the time"),
    entry(Action::Onward, "onward", &["Right", "."], "in a replay: an event on; held: what has come since; else as l"),
    entry(Action::Backward, "backward", &["Left", ","], "in a replay: an event back; else as h"),
    entry(Action::Watermark, "watermark", &["w"], "in a replay: on to the next move of a watermark"),
    entry(Action::Window, "window", &["e"], "in a replay: on to the next window that closes"),
    entry(Action::Slower, "slower", &["<"], "in a replay: slower"),
    entry(Action::Faster, "faster", &[">"], "in a replay: faster"),
    entry(Action::Table, "table", &["1"], "the rows that stand"),
    entry(Action::Changes, "changes", &["2"], "every change with its kind"),
    entry(Action::Chart, "chart", &["3"], "the rows as a chart"),
    entry(Action::Flow, "operators", &["4"], "the operators: rows/s, watermark, state, rows that wait"),
    entry(Action::Timeline, "time", &["5"], "event time: watermarks, open windows, late rows"),
    entry(Action::Aside, "aside", &["6"], "late rows and unreadable records"),
    entry(Action::NextView, "next-view", &["Tab"], "the next of these"),
    entry(Action::ViewBefore, "view-before", &["Shift-Tab"], "the one before"),
    entry(Action::NextStep, "next-step", &["]", "n"], "the next step, of several"),
    entry(Action::StepBefore, "step-before", &["[", "p"], "the step before"),
    entry(Action::Up, "up", &["k", "Up"], "a row up"),
    entry(Action::Down, "down", &["j", "Down"], "a row down"),
    entry(Action::Left, "left", &["h"], "a column to the left"),
    entry(Action::Right, "right", &["l"], "a column to the right"),
    entry(Action::Top, "top", &["g", "Home"], "to the first row"),
    entry(Action::Bottom, "bottom", &["G", "End"], "to the last row"),
    entry(Action::HalfUp, "half-up", &["Ctrl-u"], "half a page up"),
    entry(Action::HalfDown, "half-down", &["Ctrl-d"], "half a page down"),
    entry(Action::PageUp, "page-up", &["PageUp", "Ctrl-b"], "a page up"),
    entry(Action::PageDown, "page-down", &["PageDown", "Ctrl-f"], "a page down"),
    entry(Action::FirstColumn, "first-column", &["0"], "to the first column"),
    entry(Action::LastColumn, "last-column", &["$"], "to the last column"),
    entry(Action::Sort, "sort", &["s"], "sort by this column: rising, falling, not"),
    entry(Action::Newest, "newest", &["o"], "newest first, or in the order in which rows came"),
    entry(Action::History, "history", &["Enter"], "all changes of the key of this row"),
    entry(Action::Alike, "alike", &["*"], "only rows with this cell's text in this column"),
    entry(Action::CopyCell, "copy-cell", &["y"], "copy the cell"),
    entry(Action::CopyRow, "copy-row", &["Y"], "copy the row"),
    entry(Action::Drawing, "drawing", &["m"], "line, bar, sparkline"),
    entry(Action::ZoomIn, "zoom-in", &["+", "="], "a shorter stretch of time"),
    entry(Action::ZoomOut, "zoom-out", &["-"], "a longer stretch of time"),
    entry(Action::Theme, "theme", &["t"], "for dark terminals, for light ones, without colour"),
];

/// What the mouse does, for the help.
pub const MOUSE: &[(&str, &str)] = &[
    ("click", "put the cursor there; on a column's name: sort by it"),
    ("wheel", "three rows up or down"),
    ("click on the tape", "go there"),
];

/// A key as it comes from the terminal. A letter carries its own capital.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key(KeyCode, KeyModifiers);

impl Key {
    fn of(event: &KeyEvent) -> Key {
        let held = event.modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT);
        match event.code {
            KeyCode::Char(letter) if held.contains(KeyModifiers::CONTROL) => {
                Key(KeyCode::Char(letter.to_ascii_lowercase()), held)
            }
            code => Key(code, held),
        }
    }

    /// Reads `q`, `Ctrl-d`, `Alt-Enter`, `Space`, `F5`.
    fn read(text: &str) -> Option<Key> {
        let (mut rest, mut held) = (text, KeyModifiers::NONE);
        loop {
            let taken = [("Ctrl-", KeyModifiers::CONTROL), ("Alt-", KeyModifiers::ALT)];
            let Some((prefix, modifier)) = taken.into_iter().find(|(prefix, _)| rest.starts_with(prefix)) else {
                break;
            };
            held |= modifier;
            rest = &rest[prefix.len()..];
        }
        let named = NAMED.iter().find(|(name, _)| *name == rest).map(|(_, code)| *code);
        let function =
            || rest.strip_prefix('F')?.parse().ok().filter(|number| (1..=24).contains(number)).map(KeyCode::F);
        let letter = || {
            let mut letters = rest.chars();
            letters.next().filter(|letter| letters.next().is_none() && !letter.is_control()).map(KeyCode::Char)
        };
        named.or_else(letter).or_else(function).map(|code| Key(code, held))
    }
}

const NAMED: &[(&str, KeyCode)] = &[
    ("Space", KeyCode::Char(' ')),
    ("Enter", KeyCode::Enter),
    ("Esc", KeyCode::Esc),
    ("Tab", KeyCode::Tab),
    ("Shift-Tab", KeyCode::BackTab),
    ("Backspace", KeyCode::Backspace),
    ("Delete", KeyCode::Delete),
    ("Insert", KeyCode::Insert),
    ("Up", KeyCode::Up),
    ("Down", KeyCode::Down),
    ("Left", KeyCode::Left),
    ("Right", KeyCode::Right),
    ("Home", KeyCode::Home),
    ("End", KeyCode::End),
    ("PageUp", KeyCode::PageUp),
    ("PageDown", KeyCode::PageDown),
];

/// Which key does what.
#[derive(Clone, Debug)]
pub struct Keys {
    actions: HashMap<Key, Action>,
    /// The keys of each action as they are written, in the order of [`ENTRIES`].
    names: Vec<Vec<String>>,
}

impl Default for Keys {
    fn default() -> Keys {
        Keys::with(&BTreeMap::new()).expect("the keys of the table are read")
    }
}

impl Keys {
    /// The default keys, but for the actions that this table names: those have its keys and no others. A key that has
    /// another action by default does what the table says.
    pub fn with(table: &BTreeMap<String, Vec<String>>) -> Result<Keys, String> {
        if let Some(name) = table.keys().find(|name| ENTRIES.iter().all(|entry| entry.name != **name)) {
            let near = millstream_session::nearest(name, ENTRIES.iter().map(|entry| entry.name));
            let hint = near.map(|near| format!("; did you mean '{near}'?")).unwrap_or_default();
            return Err(format!("the screens know no action '{name}'{hint}"));
        }
        let own = |entry: &Entry| table.get(entry.name).cloned();
        let default = |entry: &Entry| entry.keys.iter().map(ToString::to_string).collect();
        let mut keys = Keys { actions: HashMap::new(), names: Vec::new() };
        for entry in ENTRIES {
            for name in own(entry).unwrap_or_else(|| default(entry)) {
                let key = Key::read(&name)
                    .ok_or_else(|| format!("'{name}' is no key for '{}': write q, Ctrl-d, Enter or F5", entry.name))?;
                if own(entry).is_some() || !keys.actions.contains_key(&key) {
                    keys.actions.insert(key, entry.action);
                }
            }
        }
        for entry in ENTRIES {
            let names = own(entry).unwrap_or_else(|| default(entry));
            let bound = |name: &String| Key::read(name).and_then(|key| keys.actions.get(&key)) == Some(&entry.action);
            keys.names.push(names.into_iter().filter(bound).collect());
        }
        Ok(keys)
    }

    /// The keys that config.toml says: `[keys]`, by the name of the action, the keys of one with spaces between them.
    ///
    /// # Errors
    /// The line of what is no action or no key.
    pub fn configured(config: &Config) -> Result<Keys, Fault> {
        let keys = |text: &str| text.split_whitespace().map(str::to_string).collect();
        let mut table = BTreeMap::new();
        for (name, value) in &config.keys {
            table.insert(name.clone(), keys(&value.text));
            // One after the other, so that what is wrong is said with its line.
            Keys::with(&table).map_err(|wrong| Fault::usage(format!("{}: {wrong}", value.origin)))?;
        }
        Ok(Keys::with(&table).expect("all of it was read a moment ago"))
    }

    /// What a key does.
    pub fn action(&self, event: &KeyEvent) -> Option<Action> {
        self.actions.get(&Key::of(event)).copied()
    }

    /// Every action with its keys, in the order of the help.
    pub fn page(&self) -> impl Iterator<Item = (String, &'static str)> {
        self.names.iter().zip(ENTRIES).map(|(names, entry)| (names.join(", "), entry.doc))
    }

    /// The first key of an action, for hints; empty if none is bound.
    pub fn name(&self, action: Action) -> &str {
        let place = ENTRIES.iter().position(|entry| entry.action == action);
        place.and_then(|place| self.names[place].first()).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(code: KeyCode, held: KeyModifiers) -> KeyEvent {
        KeyEvent::new(code, held)
    }

    #[test]
    fn every_default_key_is_read_and_has_one_action() {
        let keys = Keys::default();
        for (entry, names) in ENTRIES.iter().zip(&keys.names) {
            assert_eq!(names.len(), entry.keys.len(), "{} shares a key", entry.name);
        }
        assert_eq!(keys.action(&press(KeyCode::Char('G'), KeyModifiers::SHIFT)), Some(Action::Bottom));
        assert_eq!(keys.action(&press(KeyCode::Char('D'), KeyModifiers::CONTROL)), Some(Action::HalfDown));
        assert_eq!(keys.action(&press(KeyCode::BackTab, KeyModifiers::SHIFT)), Some(Action::ViewBefore));
        assert_eq!(keys.action(&press(KeyCode::F(3), KeyModifiers::NONE)), None);
    }

    #[test]
    fn a_table_puts_other_keys_in_place() {
        let table = |name: &str, keys: &[&str]| {
            BTreeMap::from([(name.to_string(), keys.iter().map(ToString::to_string).collect::<Vec<_>>())])
        };
        let keys = Keys::with(&table("leave", &["F10", "j"])).expect("it reads");
        assert_eq!(keys.action(&press(KeyCode::F(10), KeyModifiers::NONE)), Some(Action::Leave));
        assert_eq!(keys.action(&press(KeyCode::Char('j'), KeyModifiers::NONE)), Some(Action::Leave));
        assert_eq!(keys.action(&press(KeyCode::Char('q'), KeyModifiers::NONE)), None);
        assert_eq!(keys.name(Action::Down), "Down", "j is taken");
        assert!(Keys::with(&table("leve", &["q"])).expect_err("no action").contains("did you mean 'leave'"));
        assert!(Keys::with(&table("leave", &["Strg-q"])).expect_err("no key").contains("Ctrl-d"));
    }
}
