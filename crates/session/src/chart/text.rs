//! The chart as text, for terminals, diffs and `jupyter console`: bars of block characters, or a grid of
//! braille dots with the ends of the axes beside it.

use super::scale::number_text;
use super::{AxisKind, Chart, Mark};
use crate::render::Look;
use crate::render::width::{cut, pad, width};

/// Lines of a chart with axes.
const LINES: usize = 12;
/// Bars that are shown; of more, those with the largest values.
const MOST_BARS: usize = 40;
/// The widest that a chart is without a screen that says.
const WIDE: usize = 72;
/// The signs of series that share a grid.
const SIGNS: [char; 8] = ['●', '■', '▲', '◆', '○', '□', '△', '◇'];
const EIGHTHS: [&str; 9] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"];

impl Chart {
    /// The chart as lines of text.
    pub fn text(&self, look: &Look) -> String {
        let mut out = format!("{}\n", self.title_line());
        match (self.mark, &self.x.kind) {
            _ if self.across().is_none() || self.upward().is_none() => out.push_str("  no rows yet\n"),
            (_, AxisKind::Words(words)) => self.bars(&mut out, words, look),
            _ => self.grid(&mut out, look),
        }
        out
    }

    /// A bar a line, as long as its value.
    fn bars(&self, out: &mut String, words: &[String], look: &Look) {
        let mut bars: Vec<(String, f64)> = Vec::new();
        for series in &self.series {
            for (x, y) in &series.points {
                let word = words.get(*x as usize).cloned().unwrap_or_default();
                bars.push((if self.legend.is_some() { format!("{word} {}", series.name) } else { word }, *y));
            }
        }
        let left_out = bars.len().saturating_sub(MOST_BARS);
        if left_out > 0 {
            bars.sort_by(|left, right| right.1.total_cmp(&left.1));
            bars.truncate(MOST_BARS);
        }
        let names = bars.iter().map(|(name, _)| width(name)).max().unwrap_or(0).min(24);
        let largest = bars.iter().map(|(_, value)| value.abs()).fold(0.0, f64::max);
        let room = look.width.unwrap_or(WIDE).clamp(30, 120).saturating_sub(names + 16).max(8);
        for (name, value) in &bars {
            out.push_str("  ");
            pad(out, &cut(name, names), names, false);
            let eighths = if largest > 0.0 { (value.abs() / largest * 8.0 * room as f64).round() as usize } else { 0 };
            let sign = if *value < 0.0 { "-" } else { " " };
            out.extend([sign, &"█".repeat(eighths / 8), EIGHTHS[eighths % 8], " ", &number_text(*value), "\n"]);
        }
        if left_out > 0 {
            out.push_str(&format!("  … and {left_out} smaller\n"));
        }
    }

    /// Points on a plane: braille dots for one series, a sign each for several.
    fn grid(&self, out: &mut String, look: &Look) {
        let (Some((left, right)), Some((low, high))) = (self.across(), self.upward()) else { return };
        let labels = [number_text(high), number_text(low)];
        let margin = labels.iter().map(|label| width(label)).max().unwrap_or(0);
        let columns = look.width.unwrap_or(WIDE).clamp(30, 120).saturating_sub(margin + 6).max(16);
        let cells = if self.series.len() == 1 {
            self.dots(columns, (left, right), (low, high))
        } else {
            self.signs(columns, (left, right), (low, high))
        };
        for (number, line) in cells.iter().enumerate() {
            let label = if number == 0 { &labels[0] } else { &labels[1] };
            let label = if number == 0 || number + 1 == LINES { label.as_str() } else { "" };
            out.push_str("  ");
            pad(out, label, margin, true);
            out.extend([" ┤", line.trim_end(), "\n"]);
        }
        let ends = [self.x_text(left), self.x_text(right)];
        let space = columns.saturating_sub(width(&ends[0]) + width(&ends[1])).max(1);
        out.push_str(&" ".repeat(margin + 4));
        out.extend([ends[0].as_str(), &" ".repeat(space), &ends[1], "\n"]);
        let legend = self.series.iter().enumerate().take(SIGNS.len() * 2);
        if self.legend.is_some() {
            let legend: Vec<String> =
                legend.map(|(number, series)| format!("{} {}", SIGNS[number % SIGNS.len()], series.name)).collect();
            out.push_str(&format!("{}{}\n", " ".repeat(margin + 4), legend.join("  ")));
        }
    }

    fn dots(&self, columns: usize, across: (f64, f64), upward: (f64, f64)) -> Vec<String> {
        let (wide, tall) = (columns * 2, LINES * 4);
        let mut dots = vec![0u8; columns * LINES];
        let mut set = |x: usize, y: usize| {
            // Bits of a braille cell, from the top: dots 1 2 3 7 on the left, 4 5 6 8 on the right.
            const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
            dots[y / 4 * columns + x / 2] |= BITS[y % 4][x % 2];
        };
        let place = |x: f64, y: f64| (step(x, across, wide), tall - 1 - step(y, upward, tall));
        let mut before = None;
        for (x, y) in self.series.iter().flat_map(|series| &series.points) {
            let (x, y) = place(*x, *y);
            set(x, y);
            if let (Mark::Line | Mark::Area, Some((from_x, from_y))) = (self.mark, before) {
                joined((from_x, from_y), (x, y)).for_each(|(x, y)| set(x, y));
            }
            before = Some((x, y));
        }
        let line = |cells: &[u8]| {
            let sign = |bits: &u8| match bits {
                0 => ' ',
                bits => char::from_u32(0x2800 + u32::from(*bits)).unwrap_or(' '),
            };
            cells.iter().map(sign).collect()
        };
        dots.chunks(columns).map(line).collect()
    }

    fn signs(&self, columns: usize, across: (f64, f64), upward: (f64, f64)) -> Vec<String> {
        let mut cells = vec![' '; columns * LINES];
        for (number, series) in self.series.iter().enumerate() {
            for (x, y) in &series.points {
                let (x, y) = (step(*x, across, columns), LINES - 1 - step(*y, upward, LINES));
                cells[y * columns + x] = SIGNS[number % SIGNS.len()];
            }
        }
        cells.chunks(columns).map(|line| line.iter().collect()).collect()
    }
}

/// Which of `count` steps between two ends a value stands on.
fn step(value: f64, (low, high): (f64, f64), count: usize) -> usize {
    let part = if high > low { (value - low) / (high - low) } else { 0.5 };
    ((part * (count - 1) as f64).round() as usize).min(count - 1)
}

/// The places between two dots.
fn joined(from: (usize, usize), to: (usize, usize)) -> impl Iterator<Item = (usize, usize)> {
    let steps = from.0.abs_diff(to.0).max(from.1.abs_diff(to.1)).max(1);
    let between = move |from: usize, to: usize, at: usize| {
        (from as f64 + (to as f64 - from as f64) * at as f64 / steps as f64).round() as usize
    };
    (1..steps).map(move |at| (between(from.0, to.0, at), between(from.1, to.1, at)))
}
