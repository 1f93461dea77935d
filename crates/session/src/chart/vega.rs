//! The chart as Vega-Lite 5, which JupyterLab and VS Code draw. Data stand in the description; nothing is
//! loaded from anywhere, and no text of a record is an expression.

use serde_json::{Value, json};

use super::{AxisKind, Chart, Mark};

impl Chart {
    /// The chart as a Vega-Lite 5 description.
    pub fn vega(&self) -> Value {
        let kind = match &self.x.kind {
            AxisKind::Time => "temporal",
            AxisKind::Number => "quantitative",
            AxisKind::Words(_) => "nominal",
        };
        let mut x = json!({ "field": "x", "type": kind, "title": self.x.name });
        match &self.x.kind {
            AxisKind::Time => x["scale"] = json!({ "type": "utc" }),
            // The order of the rows, not of the alphabet.
            AxisKind::Words(_) => x["sort"] = Value::Null,
            AxisKind::Number => {}
        }
        let y = json!({ "field": "y", "type": "quantitative", "title": self.y, "scale": { "zero": self.stands_on_zero() } });
        let mut encoding = json!({ "x": x, "y": y });
        if let Some(legend) = &self.legend {
            encoding["color"] = json!({ "field": "series", "type": "nominal", "title": legend, "sort": null });
            if self.mark == Mark::Bar {
                encoding["xOffset"] = json!({ "field": "series", "sort": null });
            }
        }
        encoding["tooltip"] = self.tooltip(kind);
        json!({
            "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
            "title": self.title_line(),
            "width": 560,
            "height": 260,
            "data": { "values": self.values() },
            "mark": self.mark_of(),
            "encoding": encoding,
        })
    }

    fn stands_on_zero(&self) -> bool {
        matches!(self.mark, Mark::Bar | Mark::Area)
    }

    fn mark_of(&self) -> Value {
        match self.mark {
            Mark::Line => json!({ "type": "line", "point": self.points().count() <= 200 }),
            Mark::Area => json!({ "type": "area", "opacity": 0.6, "line": true }),
            mark => json!({ "type": mark.name() }),
        }
    }

    fn tooltip(&self, kind: &str) -> Value {
        let mut x = json!({ "field": "x", "type": kind, "title": self.x.name });
        if kind == "temporal" {
            // A unit of UTC, so that no browser moves the wall clock to its own zone.
            x["timeUnit"] = json!("utcyearmonthdatehoursminutessecondsmilliseconds");
            x["format"] = json!("%Y-%m-%d %H:%M:%S.%L");
        }
        let mut shown = vec![x, json!({ "field": "y", "type": "quantitative", "title": self.y })];
        if let Some(legend) = &self.legend {
            shown.push(json!({ "field": "series", "type": "nominal", "title": legend }));
        }
        json!(shown)
    }

    /// What stands above the chart, with what is not in it.
    pub(super) fn title_line(&self) -> String {
        match &self.note {
            Some(note) => format!("{} ({note})", self.title),
            None => self.title.clone(),
        }
    }

    fn values(&self) -> Vec<Value> {
        let of = |series: &super::Series| {
            let name = series.name.clone();
            let place = |x: f64| match &self.x.kind {
                AxisKind::Words(words) => json!(words.get(x as usize)),
                AxisKind::Time => json!(x as i64),
                AxisKind::Number => json!(x),
            };
            let values: Vec<Value> =
                series.points.iter().map(|(x, y)| json!({ "x": place(*x), "y": y, "series": name })).collect();
            values
        };
        self.series.iter().flat_map(of).collect()
    }
}
