//! The chart as SVG: what a page shows where no Vega-Lite runs. Plain shapes and escaped text, no script, no
//! style sheet, nothing loaded.

use std::fmt::Write;

use super::scale::{number_text, ticks, time_ticks};
use super::{AxisKind, Chart, Mark, Series};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 48.0;
const LEGEND: f64 = 130.0;

/// Colours that people who see few colours can tell apart (Tableau 10, as Vega-Lite draws).
const COLORS: [&str; 10] =
    ["#4c78a8", "#f58518", "#e45756", "#72b7b2", "#54a24b", "#eeca3b", "#b279a2", "#ff9da6", "#9d755d", "#bab0ac"];

/// Text as it may stand in XML: between tags and in quotes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// The opening tag of a picture of this size.
pub fn open(width: f64, height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"{width:.0}\" height=\"{height:.0}\" fill=\"#ffffff\"/>\n"
    )
}

/// A piece of text; `anchor` is `start`, `middle` or `end`.
pub fn label(out: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"#333333\">{}</text>", escape(text))
        .expect("a string takes everything");
}

fn line(out: &mut String, from: (f64, f64), to: (f64, f64), color: &str) {
    let ((x1, y1), (x2, y2)) = (from, to);
    writeln!(out, "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{color}\"/>")
        .expect("a string takes everything");
}

/// Where values are in the picture.
struct Plane {
    x: (f64, f64),
    y: (f64, f64),
    right: f64,
}

impl Plane {
    fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let part = |value: f64, (low, high): (f64, f64)| if high > low { (value - low) / (high - low) } else { 0.5 };
        let across = LEFT + part(x, self.x) * (self.right - LEFT);
        (across, HEIGHT - BOTTOM - part(y, self.y) * (HEIGHT - BOTTOM - TOP))
    }
}

impl Chart {
    /// The chart as an SVG picture.
    pub fn svg(&self) -> String {
        let mut out = open(WIDTH, HEIGHT);
        label(&mut out, LEFT, 20.0, "start", &self.title_line());
        let (Some(x), Some(y)) = (self.across(), self.upward()) else {
            label(&mut out, WIDTH / 2.0, HEIGHT / 2.0, "middle", "no rows yet");
            return out + "</svg>";
        };
        let right = WIDTH - RIGHT - if self.legend.is_some() { LEGEND } else { 0.0 };
        let plane = Plane { x, y, right };
        self.draw_axes(&mut out, &plane);
        for (number, series) in self.series.iter().enumerate() {
            let color = COLORS[number % COLORS.len()];
            match self.mark {
                Mark::Line | Mark::Area => self.draw_line(&mut out, &plane, series, color),
                Mark::Bar => self.draw_bars(&mut out, &plane, number, color),
                Mark::Point => draw_dots(&mut out, &plane, series, color, 3.0),
            }
        }
        self.draw_legend(&mut out, right);
        out + "</svg>"
    }

    fn draw_axes(&self, out: &mut String, plane: &Plane) {
        let floor = HEIGHT - BOTTOM;
        for tick in ticks(plane.y.0, plane.y.1, 5) {
            let (_, y) = plane.at(plane.x.0, tick);
            line(out, (LEFT, y), (plane.right, y), "#e5e5e5");
            label(out, LEFT - 6.0, y + 4.0, "end", &number_text(tick));
        }
        let places: Vec<f64> = match &self.x.kind {
            AxisKind::Time => time_ticks(plane.x.0, plane.x.1, 6),
            AxisKind::Number => ticks(plane.x.0, plane.x.1, 6),
            AxisKind::Words(words) => (0..words.len()).step_by(words.len().div_ceil(12)).map(|at| at as f64).collect(),
        };
        for place in places {
            let (x, _) = plane.at(place, plane.y.0);
            line(out, (x, floor), (x, floor + 4.0), "#888888");
            label(out, x, floor + 17.0, "middle", &cut(&self.x_text(place), 14));
        }
        line(out, (LEFT, floor), (plane.right, floor), "#888888");
        line(out, (LEFT, TOP), (LEFT, floor), "#888888");
        label(out, (LEFT + plane.right) / 2.0, HEIGHT - 10.0, "middle", &self.x.name);
        label(out, LEFT - 6.0, TOP - 6.0, "end", &cut(&self.y, 12));
    }

    fn draw_line(&self, out: &mut String, plane: &Plane, series: &Series, color: &str) {
        let places: Vec<(f64, f64)> = series.points.iter().map(|(x, y)| plane.at(*x, *y)).collect();
        let points: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let points = points.join(" ");
        if let (Mark::Area, Some(first), Some(last)) = (self.mark, places.first(), places.last()) {
            let floor = plane.at(plane.x.0, 0.0).1;
            let (first, last) = (first.0, last.0);
            writeln!(
                out,
                "<polygon points=\"{first:.1},{floor:.1} {points} {last:.1},{floor:.1}\" fill=\"{color}\" fill-opacity=\"0.5\"/>"
            )
            .expect("a string takes everything");
        }
        writeln!(out, "<polyline points=\"{points}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"1.6\"/>")
            .expect("a string takes everything");
        if series.points.len() <= 60 {
            draw_dots(out, plane, series, color, 2.0);
        }
    }

    fn draw_bars(&self, out: &mut String, plane: &Plane, number: usize, color: &str) {
        let series = &self.series[number];
        let places = match &self.x.kind {
            AxisKind::Words(words) => words.len(),
            _ => self.series.iter().map(|series| series.points.len()).max().unwrap_or(1),
        };
        let wide = (plane.right - LEFT) / places.max(1) as f64 * 0.8;
        let each = wide / self.series.len().max(1) as f64;
        for (x, y) in &series.points {
            let ((across, top), floor) = (plane.at(*x, *y), plane.at(*x, 0.0).1);
            let left = across - wide / 2.0 + each * number as f64;
            let (top, height) = (top.min(floor), (top - floor).abs());
            writeln!(
                out,
                "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{height:.1}\" fill=\"{color}\"/>",
                each.max(0.5)
            )
            .expect("a string takes everything");
        }
    }

    fn draw_legend(&self, out: &mut String, right: f64) {
        let Some(legend) = &self.legend else { return };
        let left = right + 16.0;
        label(out, left, TOP + 4.0, "start", &cut(legend, 18));
        for (number, series) in self.series.iter().enumerate().take(15) {
            let y = TOP + 20.0 + 15.0 * number as f64;
            let color = COLORS[number % COLORS.len()];
            writeln!(out, "<rect x=\"{left:.1}\" y=\"{:.1}\" width=\"10\" height=\"10\" fill=\"{color}\"/>", y - 9.0)
                .expect("a string takes everything");
            label(out, left + 15.0, y, "start", &cut(&series.name, 16));
        }
    }
}

fn draw_dots(out: &mut String, plane: &Plane, series: &Series, color: &str, size: f64) {
    for (x, y) in &series.points {
        let (x, y) = plane.at(*x, *y);
        writeln!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{size}\" fill=\"{color}\"/>")
            .expect("a string takes everything");
    }
}

fn cut(text: &str, most: usize) -> String {
    crate::render::width::cut(text, most)
}
