//! The operator graph of a query as a picture: taps at the top, the result at the bottom, each operator in a
//! box with its parameters, each edge with what it carries.

use std::fmt::Write;

use millstream_plan::{Changes, Exchange, Explanation};

use super::svg::{escape, label, open};
use crate::render::gate;
use crate::render::width::cut;

const BOX_WIDTH: f64 = 330.0;
const BOX_HEIGHT: f64 = 40.0;
const ACROSS: f64 = 30.0;
const DOWN: f64 = 46.0;
const EDGE: f64 = 14.0;
/// Characters that fit into a box.
const CHARACTERS: usize = 44;

/// A graph to draw.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    boxes: Vec<Place>,
    edges: Vec<Edge>,
}

#[derive(Clone, Debug, PartialEq)]
struct Place {
    name: String,
    says: String,
    layer: usize,
    column: usize,
}

#[derive(Clone, Debug, PartialEq)]
struct Edge {
    from: usize,
    to: usize,
    carries: String,
}

impl Drawing {
    /// The drawing of a graph. An operator stands one layer below the lowest of its inputs.
    pub fn of(graph: &Explanation) -> Drawing {
        let mut drawing = Drawing { boxes: Vec::new(), edges: Vec::new() };
        for operator in &graph.operators {
            let (name, says) = operator.text.split_once(' ').unwrap_or((&operator.text, ""));
            drawing.add(name, says, &operator.inputs);
        }
        for (name, input) in &graph.outputs {
            drawing.add(name, "", std::slice::from_ref(input));
        }
        drawing
    }

    fn add(&mut self, name: &str, says: &str, inputs: &[millstream_plan::Edge]) {
        let layer = inputs.iter().map(|input| self.boxes[input.from].layer + 1).max().unwrap_or(0);
        let column = self.boxes.iter().filter(|place| place.layer == layer).count();
        let to = self.boxes.len();
        self.boxes.push(Place { name: name.into(), says: says.into(), layer, column });
        for input in inputs {
            let what = if input.changes == Changes::Append { "rows" } else { "changes" };
            let carries = match &input.exchange {
                Exchange::Stay => what.to_string(),
                Exchange::One => format!("{what}, to one place"),
                Exchange::Hash(key) => {
                    let key: Vec<&str> = key.iter().map(|column| input.columns[*column].as_str()).collect();
                    format!("{what}, by {}", gate::shown(&key.join(", ")))
                }
            };
            self.edges.push(Edge { from: input.from, to, carries });
        }
    }

    /// The drawing as an SVG picture.
    pub fn svg(&self) -> String {
        let columns = self.boxes.iter().map(|place| place.column + 1).max().unwrap_or(1) as f64;
        let layers = self.boxes.iter().map(|place| place.layer + 1).max().unwrap_or(1) as f64;
        let width = 2.0 * EDGE + columns * BOX_WIDTH + (columns - 1.0) * ACROSS;
        let mut out = open(width, 2.0 * EDGE + layers * BOX_HEIGHT + (layers - 1.0) * DOWN);
        for edge in &self.edges {
            self.draw_edge(&mut out, edge);
        }
        for place in &self.boxes {
            draw_box(&mut out, place);
        }
        out + "</svg>"
    }

    fn draw_edge(&self, out: &mut String, edge: &Edge) {
        let ((x1, top), (x2, bottom)) = (corner(&self.boxes[edge.from]), corner(&self.boxes[edge.to]));
        let (x1, y1, x2, y2) = (x1 + BOX_WIDTH / 2.0, top + BOX_HEIGHT, x2 + BOX_WIDTH / 2.0, bottom);
        let middle = (y1 + y2) / 2.0;
        writeln!(
            out,
            "<path d=\"M {x1:.1} {y1:.1} C {x1:.1} {middle:.1} {x2:.1} {middle:.1} {x2:.1} {y2:.1}\" fill=\"none\" stroke=\"#888888\"/>\n\
             <path d=\"M {:.1} {:.1} L {x2:.1} {y2:.1} L {:.1} {:.1}\" fill=\"none\" stroke=\"#888888\"/>",
            x2 - 4.0, y2 - 6.0, x2 + 4.0, y2 - 6.0
        )
        .expect("a string takes everything");
        label(out, (x1 + x2) / 2.0 + 8.0, middle + 4.0, "start", &cut(&edge.carries, CHARACTERS));
    }
}

fn corner(place: &Place) -> (f64, f64) {
    let x = EDGE + place.column as f64 * (BOX_WIDTH + ACROSS);
    (x, EDGE + place.layer as f64 * (BOX_HEIGHT + DOWN))
}

fn draw_box(out: &mut String, place: &Place) {
    let (x, y) = corner(place);
    let says = gate::shown(&place.says);
    writeln!(
        out,
        "<g><title>{} {}</title><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{BOX_WIDTH}\" height=\"{BOX_HEIGHT}\" rx=\"5\" \
         fill=\"#eef3f8\" stroke=\"#4c78a8\"/>\n<text x=\"{:.1}\" y=\"{:.1}\" font-weight=\"bold\" fill=\"#333333\">{}</text>",
        escape(&gate::shown(&place.name)), escape(&says), x + 8.0, y + 16.0, escape(&gate::shown(&place.name))
    )
    .expect("a string takes everything");
    label(out, x + 8.0, y + 31.0, "start", &cut(&says, CHARACTERS));
    out.push_str("</g>\n");
}
