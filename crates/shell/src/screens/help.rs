//! The help: the keys as they are bound, the mouse and the commands, over what is shown.

use millstream_session::width;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Clear, Widget};

use super::command::COMMANDS;
use super::frame::put;
use super::keys::MOUSE;
use super::state::State;
use super::theme::Part;

/// The lines of the help: what one presses or types, and what it does. A line without the first is a title.
pub fn lines(state: &State) -> Vec<(String, String)> {
    let mut lines = vec![(String::new(), "Keys".to_string())];
    lines.extend(state.keys.page().filter(|(keys, _)| !keys.is_empty()).map(|(keys, doc)| (keys, doc.to_string())));
    lines.push((String::new(), "Mouse".into()));
    lines.extend(MOUSE.iter().map(|(what, doc)| (what.to_string(), doc.to_string())));
    lines.push((String::new(), "Commands".into()));
    let command = |(name, argument, doc): &(&str, &str, &str)| (format!(":{name} {argument}"), doc.to_string());
    lines.extend(COMMANDS.iter().map(command));
    lines.push((String::new(), "Watching joins no consumer group and commits no offset".into()));
    lines
}

/// Draws the help over the screen.
pub fn draw(state: &State, scrolled: usize, area: Rect, buffer: &mut Buffer) {
    Clear.render(area, buffer);
    let lines = lines(state);
    let most = usize::from(area.height).saturating_sub(1).max(1);
    let first = scrolled.min(lines.len().saturating_sub(most));
    let keys = lines.iter().map(|(keys, _)| width::width(keys)).filter(|wide| *wide <= 24).max().unwrap_or(0);
    let keys = keys.min(usize::from(area.width) / 2);
    for (line, (left, right)) in lines.iter().skip(first).take(most).enumerate() {
        if left.is_empty() {
            put(buffer, area, 1, line, right, state.theme.style(Part::Head));
            continue;
        }
        put(buffer, area, 2, line, left, state.theme.style(Part::Chosen));
        let at = 2 + keys.max(width::width(left)) + 2;
        put(buffer, area, at, line, right, state.theme.style(Part::Text));
    }
    let hidden = lines.len().saturating_sub(first + most);
    let below =
        if hidden > 0 { format!("{hidden} more lines below · any key closes") } else { "any key closes".into() };
    put(buffer, area, 1, usize::from(area.height).saturating_sub(1), &below, state.theme.style(Part::Dim));
}
