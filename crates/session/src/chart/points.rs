//! The points of a chart, taken from the rows of a query. A chart holds a few thousand points in a few
//! series; what is more is left out from the old end, and the chart says so.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use arrow::datatypes::TimeUnit;
use millstream_record::Batch;

use super::sketch::Sketch;
use super::{Axis, AxisKind, Chart, Series};
use crate::render::text::for_people;
use crate::render::value::{Value, value};
use crate::render::{Columns, Zone, clock_text, gate};

/// How many lines or sets of bars are drawn.
const MOST_SERIES: usize = 20;
/// How many words stand along an axis.
const MOST_WORDS: usize = 200;
/// How many points are drawn in all; so many rows are worth keeping for a chart.
const MOST_POINTS: usize = 5_000;

/// Gathers points.
pub struct Points<'a> {
    sketch: &'a Sketch,
    columns: &'a Columns,
    zone: Zone,
    words: Option<Vec<String>>,
    series: Vec<Series>,
    places: BTreeMap<String, usize>,
    left_out: u64,
}

impl<'a> Points<'a> {
    /// So many rows are worth keeping for a chart.
    pub const ROOM: usize = MOST_POINTS;

    /// No points yet, of a query with these columns.
    pub fn new(sketch: &'a Sketch, columns: &'a Columns, zone: Zone) -> Points<'a> {
        let data_type = columns.schema.field(sketch.x).data_type();
        let words = (!data_type.is_numeric() && !data_type.is_temporal()).then(Vec::new);
        Points { sketch, columns, zone, words, series: Vec::new(), places: BTreeMap::new(), left_out: 0 }
    }

    /// The chart of these rows; `total` is how many rows there are with those that are not here.
    pub fn chart(mut self, rows: &[Batch], total: u64) -> Chart {
        let here: usize = rows.iter().map(Batch::len).sum();
        self.left_out = total.saturating_sub(here as u64);
        for batch in rows {
            (0..batch.len()).for_each(|row| self.take(&batch.rows, row));
        }
        for series in &mut self.series {
            series.points.sort_by(|left, right| left.0.total_cmp(&right.0));
        }
        let name = |column: usize| gate::shown(self.columns.schema.field(column).name()).into_owned();
        let x = &self.columns.schema.field(self.sketch.x);
        let kind = match self.words {
            Some(words) => AxisKind::Words(words),
            None if x.data_type().is_temporal() => AxisKind::Time,
            None => AxisKind::Number,
        };
        let y: Vec<String> = self.sketch.y.iter().map(|column| name(*column)).collect();
        let legend = self.sketch.color.map(&name).or_else(|| (y.len() > 1).then(String::new));
        let left_out = self.left_out;
        Chart {
            title: gate::shown(&self.sketch.title).into_owned(),
            mark: self.sketch.mark,
            x: Axis { name: name(self.sketch.x), kind },
            y: y.join(", "),
            legend,
            series: self.series,
            note: (left_out > 0).then(|| format!("{left_out} of {total} rows are not drawn")),
        }
    }

    fn take(&mut self, rows: &RecordBatch, row: usize) {
        let cell = value(rows.column(self.sketch.x).as_ref(), row);
        let color = self.sketch.color.map(|column| self.text(rows, column, row));
        let Some(x) = self.place(&cell) else {
            self.left_out += 1;
            return;
        };
        for (number, column) in self.sketch.y.iter().enumerate() {
            let Some(y) = number_of(&value(rows.column(*column).as_ref(), row)) else { continue };
            let name = match (&color, self.sketch.y.len()) {
                (Some(color), 1) => color.clone(),
                (Some(color), _) => format!("{color} {}", self.columns.schema.field(*column).name()),
                (None, _) => self.columns.schema.field(*column).name().clone(),
            };
            match self.series(&gate::shown(&name)) {
                Some(series) => self.series[series].points.push((x, y)),
                // Of several values of one row, the row is left out once.
                None => self.left_out += u64::from(number == 0),
            }
        }
    }

    fn series(&mut self, name: &str) -> Option<usize> {
        if let Some(place) = self.places.get(name) {
            return Some(*place);
        }
        if self.series.len() >= MOST_SERIES {
            return None;
        }
        self.places.insert(name.to_string(), self.series.len());
        self.series.push(Series { name: name.to_string(), points: Vec::new() });
        Some(self.series.len() - 1)
    }

    fn text(&self, rows: &RecordBatch, column: usize, row: usize) -> String {
        let mut text = String::new();
        for_people(&mut text, &value(rows.column(column).as_ref(), row), self.zone);
        text
    }

    /// The place of a value along x; `None` for NULL and for words that have no room.
    fn place(&mut self, cell: &Value<'_>) -> Option<f64> {
        let Some(words) = &mut self.words else {
            return time_of(cell, self.zone).or_else(|| number_of(cell));
        };
        let mut word = String::new();
        for_people(&mut word, cell, self.zone);
        match words.iter().position(|known| *known == word) {
            Some(place) => Some(place as f64),
            None if words.len() < MOST_WORDS => {
                words.push(word);
                Some(words.len() as f64 - 1.0)
            }
            None => None,
        }
    }
}

/// A number that can be drawn.
fn number_of(cell: &Value<'_>) -> Option<f64> {
    let number = match cell {
        Value::Int(number) => *number as f64,
        Value::Float(number) => f64::from(*number),
        Value::Double(number) => *number,
        Value::Decimal(unscaled, scale) => *unscaled as f64 / 10f64.powi(i32::from(*scale)),
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// Milliseconds on the wall clock of a zone.
fn time_of(cell: &Value<'_>, zone: Zone) -> Option<f64> {
    let millis = |ticks: i64, unit: &TimeUnit| match unit {
        TimeUnit::Second => ticks as f64 * 1e3,
        TimeUnit::Millisecond => ticks as f64,
        TimeUnit::Microsecond => ticks as f64 / 1e3,
        TimeUnit::Nanosecond => ticks as f64 / 1e6,
    };
    match cell {
        Value::Timestamp(ticks, unit) | Value::Time(ticks, unit) => Some(millis(*ticks, unit)),
        Value::Instant(ticks, unit) => {
            let at = millis(*ticks, unit);
            Some(at + clock_text::offset_millis(at as i64, zone) as f64)
        }
        Value::Date(days) => Some(*days as f64 * 86_400_000.0),
        _ => None,
    }
}
