//! What stands around every view: the tabs above, the line of figures and the line of hints below. In a small window they
//! go one after the other, so that the body is the last to remain.

use millstream_session::watch::{Scene, State as Running};
use millstream_session::{Phase, count, time_text, width};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::keys::Action;
use super::state::{Mode, State, View};
use super::theme::Part;
use super::{aside, changes, chart, flow, grid, help, history, scrub, table, timeline};

/// Where things stand.
#[derive(Clone, Copy, Debug)]
pub struct Areas {
    /// The steps and the views.
    pub tabs: Rect,
    /// The view.
    pub body: Rect,
    /// The tape, in a replay.
    pub tape: Rect,
    /// The figures.
    pub status: Rect,
    /// Hints, or what is typed.
    pub line: Rect,
}

/// The areas of a screen.
pub fn areas(state: &State, area: Rect) -> Areas {
    let tape = u16::from(state.tape.is_some() && area.height > 5);
    let (tabs, status, line) = match area.height {
        0 | 1 => (0, 0, 0),
        2 => (0, 1, 0),
        3 => (0, 1, 1),
        _ => (1, 1, 1),
    };
    let at = |y: u16, height: u16| Rect { y: area.y + y, height, ..area };
    let body = area.height - tabs - tape - status - line;
    Areas {
        tabs: at(0, tabs),
        body: at(tabs, body),
        tape: at(tabs + body, tape),
        status: at(tabs + body + tape, status),
        line: at(tabs + body + tape + status, line),
    }
}

/// How many rows the view has room for; at least one.
pub fn page(state: &State, area: Rect) -> usize {
    let body = grid::below_title(state, areas(state, area).body);
    usize::from(body.height).saturating_sub(grid::heads(body)).max(1)
}

/// Draws all of it.
pub fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let areas = areas(state, area);
    draw_tabs(state, areas.tabs, buffer);
    draw_view(state, areas.body, buffer);
    scrub::draw(state, areas.tape, buffer);
    draw_status(state, areas.status, buffer);
    draw_line(state, areas.line, buffer);
    if let Mode::Help(scrolled) = state.mode {
        help::draw(state, scrolled, area, buffer);
    }
}

fn draw_view(state: &State, area: Rect, buffer: &mut Buffer) {
    match state.view {
        View::Table => table::draw(state, area, buffer),
        View::Changes => changes::draw(state, area, buffer),
        View::History => history::draw(state, area, buffer),
        View::Chart => chart::draw(state, area, buffer),
        View::Flow => flow::draw(state, area, buffer),
        View::Timeline => timeline::draw(state, area, buffer),
        View::Aside => aside::draw(state, area, buffer),
    }
}

/// The tabs of the views with where they begin and end.
fn tabs(state: &State, area: Rect) -> Vec<(View, String, u16, u16)> {
    let mut at = area.x;
    if state.steps.len() > 1 {
        let steps: usize = state.steps.iter().map(|step| width::width(&step.name) + 2).sum();
        at = at.saturating_add(u16::try_from(steps + 2).unwrap_or(u16::MAX));
    }
    let tab = |(number, (view, name)): (usize, &(View, &str))| {
        let text = format!(" {} {name} ", number + 1);
        let from = at;
        at = at.saturating_add(u16::try_from(width::width(&text)).unwrap_or(u16::MAX));
        (*view, text, from, at)
    };
    View::TABS.iter().enumerate().map(tab).collect()
}

/// The view whose tab stands at this column.
pub fn tab_at(state: &State, area: Rect, x: u16) -> Option<View> {
    tabs(state, area).into_iter().find(|(_, _, from, to)| (*from..*to).contains(&x)).map(|(view, ..)| view)
}

fn draw_tabs(state: &State, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    if state.steps.len() > 1 {
        let mut at = 0;
        for (number, step) in state.steps.iter().enumerate() {
            let part = if number == state.step { Part::Cursor } else { Part::Text };
            let text = format!(" {} ", step.name);
            put(buffer, area, at, 0, &text, state.theme.style(part));
            at += width::width(&text);
        }
        put(buffer, area, at, 0, " │", state.theme.style(Part::Dim));
    }
    for (view, text, from, _) in tabs(state, area) {
        let open = view == state.view || (state.view == View::History && view == View::Changes);
        let part = if open { Part::Chosen } else { Part::Dim };
        put(buffer, area, usize::from(from - area.x), 0, &text, state.theme.style(part));
    }
    draw_rates(state, area, buffer);
}

/// The pace of the last seconds, at the right where there is room.
fn draw_rates(state: &State, area: Rect, buffer: &mut Buffer) {
    const MOST: usize = 30;
    let used = tabs(state, area).last().map_or(0, |(.., to)| usize::from(to - area.x));
    let Some(scene) = &state.shown().scene else { return };
    let text = format!(" {}/s", count(scene.rate.round() as u64));
    let room = usize::from(area.width).saturating_sub(used + width::width(&text) + 2).min(MOST);
    if room < 8 {
        return;
    }
    let rates: Vec<f64> = scene.rates.iter().rev().take(room).rev().map(|rate| *rate as f64).collect();
    let line = super::spark::line(&rates, Some((0.0, rates.iter().copied().fold(0.0, f64::max))));
    let at = usize::from(area.width) - width::width(&line) - width::width(&text) - 1;
    put(buffer, area, at, 0, &line, state.theme.style(Part::Series(0)));
    put(buffer, area, at + width::width(&line), 0, &text, state.theme.style(Part::Text));
}

fn draw_status(state: &State, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let style = state.theme.style(Part::Status);
    buffer.set_style(area, style);
    let step = state.shown();
    let Some(scene) = &step.scene else {
        return put(buffer, area, 1, 0, &step.name, style);
    };
    let mut at = 1;
    for (number, (text, alarming)) in figures(state, scene).into_iter().enumerate() {
        let text = if number > 0 { format!(" · {text}") } else { text };
        let style = if alarming { style.patch(state.theme.style(Part::Warning)) } else { style };
        put(buffer, area, at, 0, &text, style);
        at += width::width(&text);
    }
}

/// The figures of a run, each with whether somebody should look at it. What matters most stands first: of a narrow
/// window the end is cut off.
fn figures(state: &State, scene: &Scene) -> Vec<(String, bool)> {
    let status = &scene.status;
    let stopped = |phase: &Phase| matches!(phase, Phase::Paused | Phase::Broken(_));
    let still = state.held || state.tape.as_ref().is_some_and(|tape| stopped(&tape.phase));
    let sign = match (&scene.state, still) {
        (Running::Runs, false) => "▶",
        (Running::Runs, true) => "‖",
        (Running::Ended, _) => "■",
        (Running::Failed(_), _) => "✗",
    };
    let mut figures = vec![(format!("{sign} {}", scene.name), false)];
    if state.held {
        figures.push(("held".into(), false));
    } else if scene.state == Running::Ended {
        figures.push(("ended".into(), false));
    }
    figures.push((format!("{} rows/s", count(scene.rate.round() as u64)), false));
    figures.extend(status.lag.map(|lag| (format!("lag {}", count(lag)), false)));
    figures.extend(status.watermark.map(|at| (format!("watermark {}", time_text(at, state.zone)), false)));
    figures.push((format!("late {}", count(status.late)), status.late > 0));
    figures.push((format!("bad {}", count(status.bad)), status.bad > 0));
    figures.push((format!("{} in", count(status.records)), false));
    figures.push((format!("{} out", count(status.rows)), false));
    let stalled = status.stalled.as_ref();
    figures.extend(stalled.map(|reason| (format!("waiting: {}", millstream_session::gate::shown(reason)), true)));
    figures
}

fn draw_line(state: &State, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let dim = state.theme.style(Part::Dim);
    let typed = match &state.mode {
        Mode::Filtering(_) => Some(format!("/{}", state.shown().filter)),
        Mode::Commanding(text) => Some(format!(":{text}")),
        Mode::Keys | Mode::Help(_) => None,
    };
    if let Some(text) = typed {
        // The end of what is typed stays in sight.
        let room = usize::from(area.width).saturating_sub(2);
        let skipped = text.chars().count().saturating_sub(room);
        let text: String = text.chars().skip(skipped).collect();
        put(buffer, area, 0, 0, &text, Style::new());
        return put(buffer, area, width::width(&text), 0, " ", state.theme.style(Part::Cursor));
    }
    if let Some(Running::Failed(reason)) = state.shown().scene.as_ref().map(|scene| &scene.state) {
        let text = format!("the run failed: {reason}");
        return put(buffer, area, 0, 0, &text, state.theme.style(Part::Warning));
    }
    if let Some(said) = &state.said {
        return put(buffer, area, 0, 0, said, state.theme.style(Part::Text));
    }
    let pausing = match (&state.tape, state.held) {
        (Some(_), _) => "stop or go",
        (None, true) => "go on",
        (None, false) => "hold",
    };
    let hints = [
        (Action::Leave, "leave"),
        (Action::Help, "help"),
        (Action::Filter, "filter"),
        (Action::History, "history"),
        (Action::Sort, "sort"),
        (Action::Pause, pausing),
        (Action::CopyCell, "copy"),
    ];
    let hints = hints.iter().filter(|(action, _)| !state.keys.name(*action).is_empty());
    let hints: Vec<String> = hints.map(|(action, what)| format!("{} {what}", state.keys.name(*action))).collect();
    let filter = &state.shown().filter;
    let filter = if filter.is_empty() { String::new() } else { format!("/{filter} · ") };
    put(buffer, area, 0, 0, &filter, state.theme.style(Part::Chosen));
    put(buffer, area, width::width(&filter), 0, &hints.join(" · "), dim);
}

/// Writes a text into a line of an area, cut where the area ends.
pub fn put(buffer: &mut Buffer, area: Rect, x: usize, y: usize, text: &str, style: Style) {
    let (Ok(x), Ok(y)) = (u16::try_from(x), u16::try_from(y)) else { return };
    if x >= area.width || y >= area.height {
        return;
    }
    let room = usize::from(area.width - x);
    buffer.set_stringn(area.x + x, area.y + y, width::cut(text, room), room, style);
}
