//! The operators as a tree, as `EXPLAIN` draws it, and beside each what it does just now. Rows that wait in front of an
//! operator say where the run is held up.

use millstream_session::watch::{Figures, FlowLine, Page, Part as Of};
use millstream_session::{count, time_text, width};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::frame::put;
use super::state::State;
use super::theme::Part;

/// The names and widths of the figures; the first stand where there is room for few.
const FIGURES: [(&str, usize); 5] = [("rows/s", 9), ("waiting", 9), ("watermark", 13), ("state", 9), ("out", 12)];
/// The drawing has at least so many columns.
const LEAST: usize = 28;

/// Draws the operators.
pub fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let step = state.shown();
    let Some(Page::Flow(flow)) = step.scene.as_ref().map(|scene| &scene.page) else { return };
    let mut room = usize::from(area.width).saturating_sub(LEAST);
    let fits = |(_, wide): &&(&str, usize)| {
        let fits = room > *wide;
        room = room.saturating_sub(wide + 1);
        fits
    };
    let shown: Vec<&(&str, usize)> = FIGURES.iter().take_while(fits).collect();
    let figures: usize = shown.iter().map(|(_, wide)| wide + 1).sum();
    let text = usize::from(area.width).saturating_sub(figures);
    let mut at = text;
    for (name, wide) in &shown {
        put_right(buffer, area, at, 0, name, *wide, state.theme.style(Part::Head));
        at += wide + 1;
    }
    let first = step.first.min(flow.lines.len().saturating_sub(1));
    for (line, drawn) in flow.lines.iter().skip(first).enumerate() {
        draw_line(state, drawn, line + 1, text, &shown, area, buffer);
    }
}

fn draw_line(
    state: &State,
    drawn: &FlowLine,
    y: usize,
    text: usize,
    shown: &[&(&str, usize)],
    area: Rect,
    buffer: &mut Buffer,
) {
    let theme = state.theme;
    let part = if matches!(drawn.of, Of::Edge) { Part::Dim } else { Part::Text };
    put(buffer, area, 1, y, &width::cut(&drawn.text, text.saturating_sub(2)), theme.style(part));
    let note = match &drawn.of {
        Of::Operator(figures) => {
            let mut at = text;
            for (name, wide) in shown {
                let style = if *name == "waiting" && figures.waiting > 0 { Part::Warning } else { Part::Text };
                put_right(buffer, area, at, y, &figure(state, name, figures), *wide, theme.style(style));
                at += wide + 1;
            }
            notes(figures)
        }
        Of::Output(Some(blocked)) if *blocked > 500 => format!("nobody has taken rows for {} s", blocked / 1000),
        _ => return,
    };
    let at = width::width(&drawn.text) + 3;
    if !note.is_empty() && at + width::width(&note) < text {
        put(buffer, area, at, y, &note, theme.style(Part::Chosen));
    }
}

fn figure(state: &State, name: &str, figures: &Figures) -> String {
    match name {
        "rows/s" => count(figures.rate.round() as u64),
        "waiting" => count(figures.waiting),
        "watermark" => figures.watermark.map(|at| time_text(at, state.zone)).unwrap_or_default(),
        "state" if figures.state == 0 => String::new(),
        "state" => bytes(figures.state),
        _ => count(figures.rows_out),
    }
}

fn notes(figures: &Figures) -> String {
    let mut notes = Vec::new();
    notes.extend((!figures.holds.is_empty()).then(|| figures.holds.clone()));
    notes.extend((figures.late > 0).then(|| format!("{} late", count(figures.late))));
    notes.extend(figures.held.map(|ms| format!("held up for {:.1} s", ms as f64 / 1000.0)));
    notes.join(", ")
}

fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let power = (number.max(1).ilog2() as usize / 10).min(UNITS.len() - 1);
    match power {
        0 => format!("{number} B"),
        _ => format!("{:.1} {}", number as f64 / 1024f64.powi(power as i32), UNITS[power]),
    }
}

fn put_right(
    buffer: &mut Buffer,
    area: Rect,
    x: usize,
    y: usize,
    text: &str,
    wide: usize,
    style: ratatui::style::Style,
) {
    let mut padded = String::new();
    width::pad(&mut padded, &width::cut(text, wide), wide, true);
    put(buffer, area, x, y, &padded, style);
}
