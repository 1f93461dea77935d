//! All forms of a chart show the same points, whatever they are, and no text of a record is markup in them.

use serde_json::{Value, json};

use super::{Axis, AxisKind, Chart, Mark, Series};
use crate::render::Look;

const MARKS: [Mark; 4] = [Mark::Line, Mark::Bar, Mark::Point, Mark::Area];

fn chart(mark: Mark, kind: AxisKind, series: &[&[(f64, f64)]]) -> Chart {
    let series: Vec<Series> = series
        .iter()
        .enumerate()
        .map(|(number, points)| Series { name: format!("s{number}"), points: points.to_vec() })
        .collect();
    let legend = (series.len() > 1).then(|| "symbol".to_string());
    let x = Axis { name: "when".into(), kind };
    Chart { title: "bars".into(), mark, x, y: "volume".into(), legend, series, note: None }
}

#[test]
fn vega_lite_holds_every_point_in_the_order_of_the_rows() {
    let words = AxisKind::Words(vec!["zoo".into(), "ant".into()]);
    let vega = chart(Mark::Bar, words, &[&[(0.0, 3.0), (1.0, 4.5)]]).vega();
    let values = json!([{ "x": "zoo", "y": 3.0, "series": "s0" }, { "x": "ant", "y": 4.5, "series": "s0" }]);
    assert_eq!(vega["data"]["values"], values);
    assert_eq!((&vega["encoding"]["x"]["sort"], &vega["mark"]["type"]), (&Value::Null, &json!("bar")));
    let timed = chart(Mark::Line, AxisKind::Time, &[&[(1_000.0, 1.0)], &[(2_000.0, 2.0)]]).vega();
    assert_eq!(timed["encoding"]["x"]["scale"]["type"], "utc");
    assert_eq!(timed["data"]["values"][1], json!({ "x": 2000, "y": 2.0, "series": "s1" }));
    assert_eq!(timed["$schema"], "https://vega.github.io/schema/vega-lite/v5.json");
}

#[test]
fn svg_places_points_between_the_axes() {
    let svg = chart(Mark::Line, AxisKind::Number, &[&[(0.0, 0.0), (10.0, 5.0)]]).svg();
    // The plane lies between x = 70 and 624, y = 34 and 272.
    assert!(svg.contains("points=\"70.0,272.0 624.0,34.0\""), "{svg}");
    let bars = chart(Mark::Bar, AxisKind::Words(vec!["a".into()]), &[&[(0.0, 2.0)]]).svg();
    assert!(bars.contains("height=\"238.0\""), "{bars}");
}

#[test]
fn text_draws_bars_by_length_and_lines_by_dots() {
    let words = AxisKind::Words(vec!["ant".into(), "zoo".into()]);
    let bars = chart(Mark::Bar, words, &[&[(0.0, 2.0), (1.0, 4.0)]]).text(&Look { width: Some(40), ..Look::plain() });
    let lengths: Vec<usize> = bars.lines().skip(1).map(|line| line.matches('█').count()).collect();
    assert_eq!(lengths, [10, 21], "{bars}");
    let line = chart(Mark::Line, AxisKind::Number, &[&[(0.0, 0.0), (9.0, 1.0)]]).text(&Look::plain());
    let dots: Vec<&str> = line.lines().filter(|line| line.contains('┤')).collect();
    assert_eq!(dots.len(), 12, "{line}");
    assert!(dots[0].trim_start().starts_with("1 ┤") && dots[11].trim_start().starts_with("0 ┤⣀"), "{line}");
}

#[test]
fn any_points_can_be_drawn() {
    let odd: [&[(f64, f64)]; 5] =
        [&[], &[(0.0, 0.0)], &[(5.0, -1e300), (5.0, 1e300)], &[(-1e18, 1.0), (1e18, 1.0)], &[(0.0, 1e-300); 3]];
    for points in odd {
        for mark in MARKS {
            for kind in [AxisKind::Time, AxisKind::Number, AxisKind::Words(vec!["w".into(); points.len()])] {
                let within =
                    if matches!(kind, AxisKind::Words(_)) { &[(0.0, 1.0)][..points.len().min(1)] } else { points };
                for series in [&[within][..], &[within, within]] {
                    let drawn = chart(mark, kind.clone(), series);
                    assert!(drawn.svg().ends_with("</svg>") && !drawn.svg().contains("NaN"), "{drawn:?}");
                    assert!(drawn.vega()["data"]["values"].is_array());
                    for width in [None, Some(0), Some(20), Some(300)] {
                        assert!(drawn.text(&Look { width, ..Look::plain() }).lines().count() >= 2);
                    }
                }
            }
        }
    }
}

#[test]
fn no_text_is_markup() {
    let hostile = "</text><script>alert('1')</script>\"&";
    let mut drawn = chart(Mark::Bar, AxisKind::Words(vec![hostile.into()]), &[&[(0.0, 1.0)], &[(0.0, 2.0)]]);
    (drawn.title, drawn.x.name, drawn.y) = (hostile.into(), hostile.into(), hostile.into());
    (drawn.legend, drawn.note) = (Some(hostile.into()), Some(hostile.into()));
    drawn.series.iter_mut().for_each(|series| series.name = hostile.into());
    let svg = drawn.svg();
    let tags =
        svg.split('<').skip(1).map(|rest| rest.split([' ', '>', '/']).find(|word| !word.is_empty()).unwrap_or(""));
    for tag in tags {
        assert!(["svg", "rect", "text", "line"].contains(&tag), "{tag} in {svg}");
    }
}
