//! The tape below a view that replays one: how far it has come, the time on it, how fast it goes. A click goes there.

use millstream_session::watch::{part, rate_text};
use millstream_session::{Phase, Standing, count, time_text, width};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::frame::put;
use super::state::State;
use super::theme::Part;

/// Columns between the bar and what stands beside it.
const GAP: usize = 1;

/// What stands before and behind the bar, and how wide the bar is.
fn parts(state: &State, standing: &Standing, room: usize) -> (String, usize, String) {
    let sign = match &standing.phase {
        Phase::Playing => "▶".to_string(),
        Phase::Paused => "‖".to_string(),
        Phase::Ended => "■".to_string(),
        Phase::Broken(step) => format!("● {step}"),
    };
    let before = format!(" {sign} {}", millstream_session::gate::shown(&standing.tape));
    let (from, to) = standing.stretch;
    let behind = format!(
        "{} · record {} of {} · {}",
        time_text(standing.at, state.zone),
        count(standing.position.saturating_sub(from)),
        count(to.saturating_sub(from)),
        rate_text(standing)
    );
    let text = width::width(&before) + width::width(&behind) + 2 * GAP + 1;
    if room >= text + 8 {
        return (before, room - text, behind);
    }
    let short = time_text(standing.at, state.zone);
    let text = width::width(&short) + 2 * GAP + 3;
    (sign.chars().take(1).collect(), room.saturating_sub(text), short)
}

/// Draws the tape.
pub fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let Some(standing) = state.tape.as_ref().filter(|_| area.height > 0) else { return };
    let (before, wide, behind) = parts(state, standing, area.width.into());
    put(buffer, area, 0, 0, &before, state.theme.style(Part::Chosen));
    let at = width::width(&before) + GAP;
    let done = (part(standing) * wide.saturating_sub(1) as f64) as usize;
    put(buffer, area, at, 0, &"━".repeat(done), state.theme.style(Part::Series(0)));
    put(buffer, area, at + done, 0, "◆", state.theme.style(Part::Warning));
    put(buffer, area, at + done + 1, 0, &"─".repeat(wide.saturating_sub(done + 1)), state.theme.style(Part::Dim));
    put(buffer, area, at + wide + GAP, 0, &behind, state.theme.style(Part::Text));
}

/// The part of the tape, from 0 to 1, that stands at this column.
pub fn part_at(state: &State, area: Rect, x: u16) -> Option<f64> {
    let standing = state.tape.as_ref()?;
    let (before, wide, _) = parts(state, standing, area.width.into());
    let at = usize::from(x.checked_sub(area.x)?).checked_sub(width::width(&before) + GAP)?;
    (at < wide && wide > 1).then(|| at as f64 / (wide - 1) as f64)
}
