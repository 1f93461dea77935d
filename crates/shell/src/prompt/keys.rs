//! The keys of the line editor: the keymap that is really used, and the page about it that is made from it.

use std::collections::BTreeMap;

use reedline::{EditCommand, KeyCode, KeyModifiers, Keybindings, ReedlineEvent, default_emacs_keybindings};

/// The name of the menu of completions.
pub const COMPLETION: &str = "completion";
/// The name of the menu of what was typed before.
pub const HISTORY: &str = "history";
/// What the editor says when the text is to be opened in `$EDITOR`.
pub const EDIT: &str = "edit";

/// What the editor says when the steps that were watched last are to be watched again.
pub const WATCH: &str = "watch";

/// The keys that are bound: those of Emacs, and our own.
pub fn keymap() -> Keybindings {
    let mut keys = default_emacs_keybindings();
    let menu = |name: &str| ReedlineEvent::UntilFound(vec![ReedlineEvent::Menu(name.into()), ReedlineEvent::MenuNext]);
    let edit = || ReedlineEvent::ExecuteHostCommand(EDIT.into());
    keys.add_binding(KeyModifiers::NONE, KeyCode::Tab, menu(COMPLETION));
    keys.add_binding(KeyModifiers::SHIFT, KeyCode::BackTab, ReedlineEvent::MenuPrevious);
    keys.add_binding(KeyModifiers::CONTROL, KeyCode::Char('r'), menu(HISTORY));
    keys.add_binding(KeyModifiers::ALT, KeyCode::Char('e'), edit());
    keys.add_binding(KeyModifiers::CONTROL, KeyCode::Char('o'), edit());
    keys.add_binding(KeyModifiers::ALT, KeyCode::Char('w'), ReedlineEvent::ExecuteHostCommand(WATCH.into()));
    keys.add_binding(KeyModifiers::NONE, KeyCode::PageDown, ReedlineEvent::MenuPageNext);
    keys.add_binding(KeyModifiers::NONE, KeyCode::PageUp, ReedlineEvent::MenuPagePrevious);
    keys
}

/// Every key with what it does, grouped by meaning, in the order of the page.
pub fn page() -> Vec<(String, &'static str)> {
    let mut by_meaning: BTreeMap<(usize, &'static str), Vec<String>> = BTreeMap::new();
    for (key, event) in keymap().get_keybindings() {
        if let Some((rank, meaning)) = meaning(event) {
            by_meaning.entry((rank, meaning)).or_default().push(name(key.modifier, key.key_code));
        }
    }
    let line = |((_, meaning), mut keys): ((usize, &'static str), Vec<String>)| {
        keys.sort_by_key(|key| (key.len(), key.clone()));
        (keys.join(", "), meaning)
    };
    by_meaning.into_iter().map(line).collect()
}

/// A key as one says it.
fn name(modifiers: KeyModifiers, code: KeyCode) -> String {
    let held = [(KeyModifiers::CONTROL, "Ctrl-"), (KeyModifiers::ALT, "Alt-"), (KeyModifiers::SHIFT, "Shift-")];
    let held: String =
        held.iter().filter(|(modifier, _)| modifiers.contains(*modifier)).map(|(_, name)| *name).collect();
    match code {
        KeyCode::Char(letter) if modifiers.contains(KeyModifiers::CONTROL) => {
            format!("{held}{}", letter.to_uppercase())
        }
        KeyCode::Char(letter) => format!("{held}{letter}"),
        KeyCode::BackTab => "Shift-Tab".into(),
        code => format!("{held}{code:?}"),
    }
}

/// What an event does, with its place on the page.
fn meaning(event: &ReedlineEvent) -> Option<(usize, &'static str)> {
    Some(match event {
        ReedlineEvent::Menu(name) if name == COMPLETION => (0, "complete what is typed; again: the next candidate"),
        ReedlineEvent::MenuPrevious => (1, "the candidate before"),
        ReedlineEvent::MenuPageNext => (2, "the next page of candidates"),
        ReedlineEvent::MenuPagePrevious => (3, "the page of candidates before"),
        ReedlineEvent::Menu(_) => (4, "search what was typed before"),
        ReedlineEvent::Up | ReedlineEvent::PreviousHistory => {
            (5, "a line up; on the first line: what was typed before")
        }
        ReedlineEvent::Down | ReedlineEvent::NextHistory => (6, "a line down; on the last line: what was typed after"),
        ReedlineEvent::Enter | ReedlineEvent::Submit => (7, "answer, if the statement is whole; else a new line"),
        ReedlineEvent::ExecuteHostCommand(command) if command == EDIT => (8, "open the text in $VISUAL or $EDITOR"),
        ReedlineEvent::ExecuteHostCommand(_) => (9, "watch again what was watched last; the line stays as it is"),
        ReedlineEvent::CtrlC => (10, "drop the line; stop the query that runs"),
        ReedlineEvent::CtrlD => (10, "leave, on an empty line; else delete a character"),
        ReedlineEvent::ClearScreen => (11, "clear the screen"),
        ReedlineEvent::Esc => (12, "close the menu"),
        ReedlineEvent::HistoryHintComplete => {
            (13, "take the hint in grey; else a character to the right or to the end")
        }
        ReedlineEvent::HistoryHintWordComplete => (14, "take a word of the hint; else a word to the right"),
        ReedlineEvent::Left => (15, "a character to the left"),
        ReedlineEvent::Right => (16, "a character to the right"),
        ReedlineEvent::ToStart => (20, "to the start of the text"),
        ReedlineEvent::ToEnd => (21, "to the end of the text"),
        ReedlineEvent::Edit(commands) => edit_meaning(commands.first()?)?,
        ReedlineEvent::UntilFound(events) | ReedlineEvent::Multiple(events) => {
            // Keys that move in a menu, or without one in the text: the text is what the page speaks of.
            events.iter().filter(|event| !in_menu(event)).find_map(meaning)?
        }
        _ => return None,
    })
}

fn in_menu(event: &ReedlineEvent) -> bool {
    use ReedlineEvent::{MenuDown, MenuLeft, MenuNext, MenuRight, MenuUp};
    matches!(event, MenuDown | MenuLeft | MenuNext | MenuRight | MenuUp)
}

fn edit_meaning(command: &EditCommand) -> Option<(usize, &'static str)> {
    use EditCommand as Edit;
    Some(match command {
        Edit::MoveLeft { select: true }
        | Edit::MoveRight { select: true }
        | Edit::MoveWordLeft { select: true }
        | Edit::MoveWordRight { select: true }
        | Edit::MoveLineUp { select: true }
        | Edit::MoveLineDown { select: true }
        | Edit::MoveToLineStart { select: true }
        | Edit::MoveToLineEnd { select: true }
        | Edit::MoveToStart { select: true }
        | Edit::MoveToEnd { select: true }
        | Edit::SelectAll => (40, "select"),
        Edit::MoveWordLeft { .. } => (17, "a word to the left"),
        Edit::MoveWordRight { .. } => (18, "a word to the right"),
        Edit::MoveToLineStart { .. } => (19, "to the start of the line"),
        Edit::MoveToLineEnd { .. } => (19, "to the end of the line"),
        Edit::MoveToStart { .. } => (20, "to the start of the text"),
        Edit::MoveToEnd { .. } => (21, "to the end of the text"),
        Edit::InsertNewline => (22, "a new line"),
        Edit::Backspace => (23, "delete the character before"),
        Edit::Delete => (24, "delete the character at the cursor"),
        Edit::BackspaceWord | Edit::CutWordLeft => (25, "delete the word before"),
        Edit::DeleteWord | Edit::CutWordRight => (26, "delete the word behind"),
        Edit::KillLine => (27, "cut to the end of the line"),
        Edit::CutFromStart => (28, "cut from the start of the text"),
        Edit::PasteCutBufferBefore => (29, "put back what was cut"),
        Edit::Undo => (30, "undo"),
        Edit::Redo => (31, "redo"),
        Edit::SwapGraphemes => (32, "swap two characters"),
        Edit::UppercaseWord => (33, "the word in capitals"),
        Edit::LowercaseWord => (34, "the word in small letters"),
        Edit::CapitalizeChar => (35, "a capital letter"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_that_is_bound_is_on_the_page() {
        let page = page();
        for (key, event) in keymap().get_keybindings() {
            let name = name(key.modifier, key.key_code);
            let listed = page.iter().any(|(keys, _)| keys.split(", ").any(|known| known == name));
            assert!(listed, "{name} does {event:?} and is not on the page");
        }
        let of = |meaning: &str| page.iter().find(|(_, known)| known.contains(meaning)).map(|(keys, _)| keys.as_str());
        assert_eq!(of("$EDITOR"), Some("Alt-e, Ctrl-O"));
        assert_eq!(of("search what"), Some("Ctrl-R"));
        assert_eq!(of("complete what is typed"), Some("Tab"));
    }
}
