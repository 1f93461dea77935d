//! The rows that stand, with the cells that changed marked.

use millstream_session::watch::Order;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::frame::put;
use super::grid;
use super::state::State;
use super::theme::Part;

/// Draws the table.
pub fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let step = state.shown();
    let Some(rows) = step.rows() else { return };
    let below = grid::below_title(state, area);
    if below.y > area.y {
        let order = match step.order {
            Order::Newest => "newest first".to_string(),
            Order::Came => "as they came".to_string(),
            Order::Column(column, falling) => {
                let name = rows.heads.get(column).map_or("", |head| head.name.as_str());
                format!("by {name}{}", if falling { ", falling" } else { "" })
            }
        };
        let note = format!(" {} · {order}", grid::note(rows, "row", !step.filter.is_empty()));
        put(buffer, area, 0, 0, &note, state.theme.style(Part::Dim));
    }
    grid::draw(state, below, buffer);
    if rows.total == 0 && below.height > 2 {
        let middle = usize::from(below.height) / 2;
        put(buffer, below, 3, middle, "no row yet", state.theme.style(Part::Dim));
    }
}
