//! Every change with its kind and the time at which it came, the newest first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::frame::put;
use super::grid;
use super::state::State;
use super::theme::Part;

/// Draws the changes.
pub fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let step = state.shown();
    let Some(rows) = step.rows() else { return };
    let below = grid::below_title(state, area);
    if below.y > area.y {
        let note = format!(" {} · newest first", grid::note(rows, "change", !step.filter.is_empty()));
        put(buffer, area, 0, 0, &note, state.theme.style(Part::Dim));
    }
    grid::draw(state, below, buffer);
}
