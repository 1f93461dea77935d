//! The changes of one key, the newest first, with what changed from each to the next marked, and a small line of the first
//! number that they hold.

use millstream_session::width;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::frame::put;
use super::state::State;
use super::theme::Part;
use super::{grid, spark};

/// Draws the history of a key.
pub fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let step = state.shown();
    let (Some(rows), Some((key, _))) = (step.rows(), &step.history) else { return };
    let below = grid::below_title(state, area);
    if below.y > area.y {
        let name = |column: usize| rows.heads.get(column).map_or("", |head| head.name.as_str());
        let key_text: Vec<String> = key.iter().map(|(column, text)| format!("{} = {text}", name(*column))).collect();
        put(buffer, area, 1, 0, &key_text.join(", "), state.theme.style(Part::Chosen));
        let note = format!(" {}", grid::note(rows, "change", true));
        put(buffer, area, 0, 1, &note, state.theme.style(Part::Dim));
        let is_number = |column: &usize| rows.heads.get(*column).is_some_and(|head| head.right);
        let number = |column: &usize| is_number(column) && key.iter().all(|(known, _)| known != column);
        let column = if number(&step.column) { Some(step.column) } else { (0..rows.heads.len()).find(number) };
        if let Some(column) = column {
            let room = usize::from(area.width).saturating_sub(width::width(&note) + 6);
            let values = rows.rows.iter().rev().filter(|row| row.kind.is_none_or(|kind| !kind.is_retraction()));
            let values: Vec<f64> = values
                .filter_map(|row| row.cells.get(column)?.text.parse().ok())
                .filter(|value: &f64| value.is_finite())
                .collect();
            let line = spark::line(&values[values.len().saturating_sub(room)..], None);
            let at = width::width(&note) + 3;
            put(buffer, area, at, 1, &line, state.theme.style(Part::Series(0)));
            put(buffer, area, at + width::width(&line) + 1, 1, name(column), state.theme.style(Part::Dim));
        }
    }
    grid::draw(state, below, buffer);
}
