//! The rows as a chart: lines and points on a plane, bars, or a small line for each series.

use millstream_session::chart::{AxisKind, Chart, Mark, Series, y_text};
use millstream_session::watch::Page;
use millstream_session::width;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::{Axis, Chart as Plane, Dataset, GraphType, Widget};

use super::frame::put;
use super::spark;
use super::state::{Drawing, State};
use super::theme::{Part, Theme};

/// So many lines can be told apart by their colours.
const LINES: usize = 6;
/// Names stand in so many columns at most.
const NAMES: usize = 24;
/// The signs of series where there is no colour to tell them apart.
const MARKERS: [Marker; 4] = [Marker::Braille, Marker::Dot, Marker::Block, Marker::HalfBlock];
const EIGHTHS: [&str; 9] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"];

/// Draws the chart.
pub fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let step = state.shown();
    let Some(Page::Chart(chart)) = step.scene.as_ref().map(|scene| &scene.page) else { return };
    let theme = state.theme;
    let chart = match chart {
        Ok(chart) => chart,
        Err(reason) => {
            put(buffer, area, 1, 0, reason, theme.style(Part::Warning));
            return put(buffer, area, 1, 1, ":plot x COLUMN y COLUMN says what to draw", theme.style(Part::Dim));
        }
    };
    let is_plane = matches!((step.drawing(), &chart.x.kind), (Drawing::Line, AxisKind::Time | AxisKind::Number));
    let fewer = (is_plane && chart.series.len() > LINES).then(|| largest(chart));
    let chart = fewer.as_ref().unwrap_or(chart);
    put(buffer, area, 1, 0, &title(chart), theme.style(Part::Head));
    // Bars and small lines have their names beside them.
    if is_plane {
        legend(chart, theme, line_of(area, 1), buffer);
    }
    let top = area.height.min(1 + u16::from(is_plane));
    let below = Rect { y: area.y + top, height: area.height - top, ..area };
    if chart.across().is_none() || chart.upward().is_none() {
        return put(buffer, below, 1, 0, "no row yet", theme.style(Part::Dim));
    }
    match step.drawing() {
        _ if is_plane => plane(chart, theme, below, buffer),
        Drawing::Spark => sparks(chart, theme, below, buffer),
        _ => bars(chart, theme, below, buffer),
    }
}

/// The lines that end highest, in the order in which they stood: more could not be told apart.
fn largest(chart: &Chart) -> Chart {
    let last = |number: &usize| chart.series[*number].points.last().map_or(f64::NEG_INFINITY, |(_, y)| *y);
    let mut highest: Vec<usize> = (0..chart.series.len()).collect();
    highest.sort_by(|left, right| last(right).total_cmp(&last(left)));
    highest.truncate(LINES);
    highest.sort_unstable();
    let left_out = format!("the {LINES} largest of {} lines", chart.series.len());
    Chart {
        series: highest.into_iter().map(|number| chart.series[number].clone()).collect(),
        note: Some(chart.note.iter().cloned().chain([left_out]).collect::<Vec<_>>().join(" · ")),
        ..chart.clone()
    }
}

fn line_of(area: Rect, line: u16) -> Rect {
    Rect { y: area.y + line.min(area.height), height: u16::from(area.height > line), ..area }
}

fn title(chart: &Chart) -> String {
    let note = chart.note.as_ref().map(|note| format!(" · {note}")).unwrap_or_default();
    format!("{} by {}{note}", chart.y, chart.x.name)
}

fn legend(chart: &Chart, theme: Theme, area: Rect, buffer: &mut Buffer) {
    if chart.legend.is_none() {
        return;
    }
    let mut at = 1;
    for (number, series) in chart.series.iter().enumerate() {
        let text = format!("{} {}  ", sign(theme, number), width::cut(&series.name, NAMES));
        put(buffer, area, at, 0, &text, theme.style(Part::Series(number)));
        at += width::width(&text);
    }
}

fn sign(theme: Theme, number: usize) -> &'static str {
    match theme {
        Theme::Plain => ["⠿", "•", "█", "▀"][number % MARKERS.len()],
        _ => "━",
    }
}

/// Lines or points on a plane with two axes.
fn plane(chart: &Chart, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let (Some((left, right)), Some((low, high))) = (chart.across(), chart.upward()) else { return };
    // The plane divides by the length of its axes.
    let wider = |low: f64, high: f64| if high > low { [low, high] } else { [low - 1.0, high + 1.0] };
    let (across, upward) = (wider(left, right), wider(low, high));
    // Between the ends of all numbers there is no finite length.
    let lengths = [across[1] - across[0], upward[1] - upward[0]];
    if area.width < 12 || area.height < 4 || !lengths.iter().all(|length| length.is_finite()) {
        return sparks(chart, theme, area, buffer);
    }
    let graph = if chart.mark == Mark::Point { GraphType::Scatter } else { GraphType::Line };
    let set = |(number, series): (usize, &'_ Series)| {
        let marker = if theme == Theme::Plain { MARKERS[number % MARKERS.len()] } else { Marker::Braille };
        (marker, theme.style(Part::Series(number)), series.points.clone())
    };
    let sets: Vec<_> = chart.series.iter().enumerate().map(set).collect();
    let sets = sets
        .iter()
        .map(|(marker, style, points)| Dataset::default().marker(*marker).graph_type(graph).style(*style).data(points));
    let dim = theme.style(Part::Dim);
    let between = |[low, high]: [f64; 2], part: f64| low + (high - low) * part;
    let labels = |ends: [f64; 2], number: usize, text: &dyn Fn(f64) -> String| -> Vec<Line<'static>> {
        (0..number).map(|step| Line::from(text(between(ends, step as f64 / (number - 1) as f64)))).collect()
    };
    let along = if area.width >= 60 { 3 } else { 2 };
    let up = if area.height >= 12 { 4 } else { 2 };
    let short = |at: f64| y_text(rounded(at, upward[1] - upward[0]));
    let x = Axis::default().bounds(across).style(dim).labels(labels(across, along, &|at| chart.x_text(at)));
    let y = Axis::default().bounds(upward).style(dim).labels(labels(upward, up, &short));
    Plane::new(sets.collect()).x_axis(x).y_axis(y).legend_position(None).render(area, buffer);
}

/// A place on an axis of this length, with as many digits as tell its labels apart.
fn rounded(at: f64, length: f64) -> f64 {
    let step = 10f64.powf(length.log10().floor() - 2.0);
    let round = (at / step).round() * step;
    if round.is_finite() { round } else { at }
}

/// A bar a line. Words stand with the largest first, times with the newest first.
fn bars(chart: &Chart, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let several = chart.legend.is_some();
    let mut bars: Vec<(f64, f64, usize)> = Vec::new();
    for (number, series) in chart.series.iter().enumerate() {
        bars.extend(series.points.iter().map(|(x, y)| (*x, *y, number)));
    }
    match chart.x.kind {
        AxisKind::Words(_) => bars.sort_by(|left, right| right.1.total_cmp(&left.1)),
        _ => bars.sort_by(|left, right| right.0.total_cmp(&left.0)),
    }
    let lines = usize::from(area.height);
    let left_out = bars.len().saturating_sub(lines);
    bars.truncate(if left_out > 0 { lines.saturating_sub(1) } else { lines });
    let name = |(x, _, number): &(f64, f64, usize)| {
        let place = chart.x_text(*x);
        if several && chart.series[*number].name != place {
            format!("{place} {}", chart.series[*number].name)
        } else {
            place
        }
    };
    let names = bars.iter().map(|bar| width::width(&name(bar))).max().unwrap_or(0).min(NAMES + 12);
    let values = bars.iter().map(|bar| width::width(&y_text(bar.1))).max().unwrap_or(0);
    let room = usize::from(area.width).saturating_sub(names + values + 5);
    let largest = bars.iter().map(|bar| bar.1.abs()).fold(0.0, f64::max);
    for (line, bar) in bars.iter().enumerate() {
        put(buffer, area, 1, line, &width::cut(&name(bar), names), theme.style(Part::Text));
        let eighths = spark::step(bar.1.abs(), (0.0, largest.max(f64::MIN_POSITIVE)), room * 8 + 1);
        let text = format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8]);
        put(buffer, area, names + 2, line, &text, theme.style(Part::Series(bar.2)));
        let at = names + 2 + width::width(&text) + 1;
        put(buffer, area, at, line, &y_text(bar.1), theme.style(Part::Dim));
    }
    if left_out > 0 {
        let note = format!("… and {left_out} more");
        put(buffer, area, 1, lines.saturating_sub(1), &note, theme.style(Part::Dim));
    }
}

/// A small line for each series, with its newest value.
fn sparks(chart: &Chart, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let names = chart.series.iter().map(|series| width::width(&series.name)).max().unwrap_or(0).min(NAMES);
    let last = |series: &Series| series.points.last().map(|(_, y)| y_text(*y)).unwrap_or_default();
    let values = chart.series.iter().map(|series| width::width(&last(series))).max().unwrap_or(0);
    let room = usize::from(area.width).saturating_sub(names + values + 4);
    for (number, series) in chart.series.iter().enumerate() {
        let newest = series.points.len().saturating_sub(room);
        let points: Vec<f64> = series.points[newest..].iter().map(|(_, y)| *y).collect();
        put(buffer, area, 1, number, &width::cut(&series.name, names), theme.style(Part::Text));
        put(buffer, area, names + 2, number, &spark::line(&points, None), theme.style(Part::Series(number)));
        put(buffer, area, names + 3 + points.len(), number, &last(series), theme.style(Part::Dim));
    }
}
