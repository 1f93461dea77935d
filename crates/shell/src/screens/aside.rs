//! What was set aside while the run goes on: late rows and unreadable records, table by table.

use millstream_session::count;
use millstream_session::watch::Page;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::frame::put;
use super::grid;
use super::state::State;
use super::theme::Part;

/// Draws what was set aside.
pub fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let step = state.shown();
    let Some(Page::Aside(tables)) = step.scene.as_ref().map(|scene| &scene.page) else { return };
    if tables.is_empty() {
        return put(buffer, area, 1, 0, "no late row and no unreadable record so far", state.theme.style(Part::Dim));
    }
    let share = usize::from(area.height) / tables.len();
    let mut top = 0;
    for table in tables {
        // Each has its share of the screen, and what the others do not need.
        let lines = (table.rows.len() + 3).min(share.max(4));
        let title = format!("{} · {} in all, the newest first", table.name, count(table.count));
        put(buffer, area, 1, top, &title, state.theme.style(Part::Chosen));
        let y = u16::try_from(top + 1).unwrap_or(u16::MAX).min(area.height);
        let height = u16::try_from(lines.saturating_sub(2)).unwrap_or(u16::MAX).min(area.height - y);
        let first = step.first.min(table.rows.len().saturating_sub(1));
        let body = Rect { y: area.y + y, height, ..area };
        grid::plain(state.theme, &table.heads, &table.rows[first..], body, buffer);
        top += lines;
    }
}
