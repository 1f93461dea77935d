//! Charts without a screen: one description of what is drawn, made from the rows of a query, and from it
//! Vega-Lite for notebooks, SVG for pages and text for terminals. All three show the same points.

mod graph;
mod points;
mod scale;
mod sketch;
mod svg;
#[cfg(test)]
mod tests;
mod text;
mod vega;

pub use graph::Drawing;
pub use millstream_sql::statement::Mark;
pub use points::Points;
pub use sketch::Sketch;
pub use svg::escape;

/// What is drawn. Names have been through the gate.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// What stands above it.
    pub title: String,
    /// How values are drawn.
    pub mark: Mark,
    /// The x axis.
    pub x: Axis,
    /// What the y axis says.
    pub y: String,
    /// What the legend says; `None` where one series needs none.
    pub legend: Option<String>,
    /// The lines or sets of bars.
    pub series: Vec<Series>,
    /// What is not in the picture, as a sentence.
    pub note: Option<String>,
}

/// The x axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// What it says.
    pub name: String,
    /// What stands along it.
    pub kind: AxisKind,
}

/// What stands along an axis.
#[derive(Clone, Debug, PartialEq)]
pub enum AxisKind {
    /// Milliseconds of a wall clock, as if it were UTC.
    Time,
    /// Numbers.
    Number,
    /// Words, each at its place in this list.
    Words(Vec<String>),
}

/// One line or one set of bars.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// x and y of each value, in the order of x.
    pub points: Vec<(f64, f64)>,
}

impl Chart {
    /// The smallest and the largest x; `None` without points.
    pub fn across(&self) -> Option<(f64, f64)> {
        match &self.x.kind {
            AxisKind::Words(words) if words.is_empty() => None,
            AxisKind::Words(words) => Some((-0.5, words.len() as f64 - 0.5)),
            _ => range(self.points().map(|(x, _)| x)),
        }
    }

    /// The smallest and the largest y, with the zero that bars and areas stand on.
    pub fn upward(&self) -> Option<(f64, f64)> {
        let base = matches!(self.mark, Mark::Bar | Mark::Area).then_some(0.0);
        range(self.points().map(|(_, y)| y).chain(base)).filter(|_| self.points().next().is_some())
    }

    fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.series.iter().flat_map(|series| series.points.iter().copied())
    }

    /// The place along x as text.
    pub fn x_text(&self, at: f64) -> String {
        match &self.x.kind {
            AxisKind::Time => scale::time_text(at),
            AxisKind::Number => scale::number_text(at),
            AxisKind::Words(words) => words.get(at as usize).cloned().unwrap_or_default(),
        }
    }
}

/// A value along y as text.
pub fn y_text(at: f64) -> String {
    scale::number_text(at)
}

fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |known, value| match known {
        None => Some((value, value)),
        Some((low, high)) => Some((low.min(value), high.max(value))),
    })
}
