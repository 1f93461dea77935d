//! Event time: how far each partition has come, where its watermark stands, which windows are open and how far they are
//! from closing, and where the late rows fell. One line of the screen is one stretch from left to right.

use millstream_session::chart::y_text;
use millstream_session::watch::{Page, Partition, Timeline, Window};
use millstream_session::{Millis, count, time_text, width};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::frame::put;
use super::state::State;
use super::theme::{Part, Theme};

/// Names stand in so many columns at most.
const NAMES: usize = 22;
/// So many windows are in sight unless somebody says otherwise.
const WINDOWS: i64 = 6;

/// A stretch of time and the columns on which it is drawn.
struct Scale {
    from: i64,
    to: i64,
    x: usize,
    wide: usize,
}

impl Scale {
    /// The column of a moment; outside the stretch, that of its end.
    fn at(&self, moment: i64) -> usize {
        let length = (self.to as i128 - self.from as i128).max(1);
        let part = (moment as i128 - self.from as i128).clamp(0, length);
        self.x + (part * (self.wide.max(1) - 1) as i128 / length) as usize
    }

    fn holds(&self, moment: i64) -> bool {
        (self.from..=self.to).contains(&moment)
    }
}

/// Draws event time.
pub fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let step = state.shown();
    let Some(Page::Timeline(time)) = step.scene.as_ref().map(|scene| &scene.page) else { return };
    let theme = state.theme;
    let Some((low, high)) = time.range() else {
        return put(buffer, area, 1, 0, "no event time yet", theme.style(Part::Dim));
    };
    let names = names(time).min(usize::from(area.width) / 3);
    let wide = usize::from(area.width).saturating_sub(names + 3);
    let (from, to) = stretch(time, (low.0, high.0), step.zoom);
    let scale = Scale { from, to, x: names + 2, wide };
    axis(state, &scale, area, buffer);
    let mut lines: Vec<Drawn<'_>> = time.partitions.iter().map(Drawn::Partition).collect();
    lines.extend((!time.windows.is_empty()).then_some(Drawn::Title(format!("{} open", counted(time.open, "window")))));
    lines.extend(time.windows.iter().map(Drawn::Window));
    lines.extend((time.late_rows > 0).then_some(Drawn::Late));
    let ground = Ground { time, scale, names, theme, area };
    let first = step.first.min(lines.len().saturating_sub(1));
    for (line, drawn) in lines.iter().skip(first).enumerate() {
        ground.line(drawn, line + 2, buffer);
    }
}

enum Drawn<'a> {
    Partition(&'a Partition),
    Title(String),
    Window(&'a Window),
    Late,
}

fn names(time: &Timeline) -> usize {
    let partitions = time.partitions.iter().map(|partition| width::width(&partition.name) + 8);
    let windows = time.windows.iter().map(|window| width::width(&window.step));
    partitions.chain(windows).max().unwrap_or(8).clamp(8, NAMES)
}

fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// The stretch that is in sight: up to the end, a few windows long, or all there is; halved and doubled by the user.
fn stretch(time: &Timeline, (low, high): (i64, i64), zoom: i8) -> (i64, i64) {
    let longest = time.windows.iter().map(|window| window.closes.0.saturating_sub(window.start.0)).max();
    let whole = high.saturating_sub(low).max(1_000);
    let length = longest.map_or(whole, |window| window.saturating_mul(WINDOWS).clamp(1_000, whole.max(1_000)));
    let length = match zoom {
        0.. => length >> zoom.min(62),
        _ => length.saturating_mul(1 << i64::from(-zoom).min(40)),
    };
    let length = length.max(10);
    (high.saturating_sub(length), high)
}

/// The ends and the middle of the stretch, and the watermark of the result.
fn axis(state: &State, scale: &Scale, area: Rect, buffer: &mut Buffer) {
    let dim = state.theme.style(Part::Dim);
    let text = |at: i64| time_text(Millis(at), state.zone);
    let (left, right) = (text(scale.from), text(scale.to));
    put(buffer, area, scale.x, 0, &left, dim);
    let end = scale.x + scale.wide;
    if scale.wide > 2 * width::width(&right) + 2 {
        put(buffer, area, end.saturating_sub(width::width(&right)), 0, &right, dim);
    }
    put(buffer, area, scale.x, 1, &"─".repeat(scale.wide), dim);
    let length = y_text((scale.to.saturating_sub(scale.from)) as f64 / 1000.0);
    put(buffer, area, 1, 0, &width::cut(&format!("{length} s"), scale.x.saturating_sub(2)), dim);
}

/// What the lines are drawn on.
struct Ground<'a> {
    time: &'a Timeline,
    scale: Scale,
    names: usize,
    theme: Theme,
    area: Rect,
}

impl Ground<'_> {
    fn line(&self, drawn: &Drawn<'_>, y: usize, buffer: &mut Buffer) {
        match drawn {
            Drawn::Title(text) => self.name(text, Part::Head, y, buffer),
            Drawn::Partition(partition) => self.partition(partition, y, buffer),
            Drawn::Window(window) => self.window(window, y, buffer),
            Drawn::Late => {
                self.name(&format!("{} late", count(self.time.late_rows)), Part::Warning, y, buffer);
                for at in self.time.late.iter().filter(|at| self.scale.holds(at.0)) {
                    self.sign(at.0, "×", y, buffer);
                }
            }
        }
    }

    fn partition(&self, partition: &Partition, y: usize, buffer: &mut Buffer) {
        let word = match partition {
            Partition { holds: true, .. } => " holds",
            Partition { idle: true, .. } => " idle",
            Partition { ended: true, .. } => " ended",
            _ => "",
        };
        let part = if partition.holds { Part::Chosen } else { Part::Text };
        self.name(&format!("{}{word}", partition.name), part, y, buffer);
        if let Some((from, to)) = partition.times.filter(|(_, to)| to.0 >= self.scale.from) {
            self.bar((from.0, to.0), "━", Part::Series(0), y, buffer);
        }
        if let Some(at) = partition.watermark.filter(|at| self.scale.holds(at.0)) {
            self.sign(at.0, "◆", y, buffer);
        }
    }

    /// A window, filled as far as the watermark has come in it.
    fn window(&self, window: &Window, y: usize, buffer: &mut Buffer) {
        let (start, closes) = (window.start.0, window.closes.0);
        self.name(&window.step, Part::Text, y, buffer);
        self.bar((start, closes), "░", Part::Series(1), y, buffer);
        let awake = self.time.partitions.iter().filter(|partition| !partition.idle);
        if let Some(at) = awake.filter_map(|partition| partition.watermark).min().filter(|at| at.0 > start) {
            self.bar((start, at.0.min(closes)), "▓", Part::Series(1), y, buffer);
        }
        let says = format!(" {} · {} ", counted(window.rows, "row"), counted(window.keys, "key"));
        let (before, behind) = (self.scale.at(start), self.scale.at(closes) + 1);
        let room = (self.scale.x + self.scale.wide).saturating_sub(behind);
        let fits = room >= width::width(&says);
        let at = if fits { behind } else { before.saturating_sub(width::width(&says)).max(self.scale.x) };
        put(buffer, self.area, at, y, &says, self.theme.style(Part::Dim));
    }

    fn name(&self, text: &str, part: Part, y: usize, buffer: &mut Buffer) {
        put(buffer, self.area, 1, y, &width::cut(text, self.names), self.theme.style(part));
    }

    fn sign(&self, at: i64, sign: &str, y: usize, buffer: &mut Buffer) {
        put(buffer, self.area, self.scale.at(at), y, sign, self.theme.style(Part::Warning));
    }

    fn bar(&self, (from, to): (i64, i64), sign: &str, part: Part, y: usize, buffer: &mut Buffer) {
        let (left, right) = (self.scale.at(from), self.scale.at(to));
        put(buffer, self.area, left, y, &sign.repeat(right.saturating_sub(left) + 1), self.theme.style(part));
    }
}
