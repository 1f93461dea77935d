//! The operators of a watched step with what they do just now: the graph as `EXPLAIN` draws it, and beside each operator
//! its rows per second, its watermark, its state, and the rows that wait in front of it, which is where back-pressure shows.

use millstream_engine::inspect::{Detail, Inspection};
use millstream_engine::{Counters, OperatorProgress};
use millstream_plan::{Drawn, Explanation, Graph};
use millstream_record::Millis;

use crate::pace::Pace;
use crate::render::gate;

/// The operators, line by line as they are drawn.
#[derive(Clone, Debug, Default)]
pub struct Flow {
    /// The lines.
    pub lines: Vec<FlowLine>,
}

/// A line of the drawing.
#[derive(Clone, Debug)]
pub struct FlowLine {
    /// What is drawn: the branches of the tree and the text.
    pub text: String,
    /// What the line speaks of.
    pub of: Part,
}

/// What a line of the drawing speaks of.
#[derive(Clone, Debug)]
pub enum Part {
    /// Where rows leave the graph, with how long nobody has taken any.
    Output(Option<i64>),
    /// What flows between two operators.
    Edge,
    /// An operator.
    Operator(Figures),
}

/// What an operator does just now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Rows that it gave, per second.
    pub rate: f64,
    /// Rows that it took.
    pub rows_in: u64,
    /// Rows that it gave.
    pub rows_out: u64,
    /// How far its output has come, if it has begun.
    pub watermark: Option<Millis>,
    /// Bytes of state, roughly.
    pub state: u64,
    /// Rows that came after their time.
    pub late: u64,
    /// Rows that were given to it and that it has not taken yet.
    pub waiting: u64,
    /// For how many milliseconds its reader has waited because too much is under way behind it.
    pub held: Option<i64>,
    /// What it alone knows: open windows, rows that wait for a partner.
    pub holds: String,
}

/// Measures the operators of a run.
pub struct Meter {
    began: Millis,
    /// How fast each gives rows.
    paces: Vec<Pace>,
}

impl Meter {
    /// Nothing measured yet.
    pub fn new(now: Millis) -> Meter {
        Meter { began: now, paces: Vec::new() }
    }

    /// The operators now.
    pub fn flow(&mut self, graph: &Graph, counters: &Counters, inside: &Inspection, now: Millis) -> Flow {
        let operators = counters.operators();
        self.measure(&operators, now);
        let explanation = Explanation::of(graph);
        let line = |drawn: Drawn<'_>| {
            let of = match drawn.part {
                millstream_plan::Part::Output(output) => Part::Output(
                    inside.outputs.get(output).and_then(|output| output.blocked).map(|since| now.0 - since.0),
                ),
                millstream_plan::Part::Edge(_) => Part::Edge,
                millstream_plan::Part::Operator(id) => {
                    Part::Operator(self.figures(graph, id, &operators[id], inside, now))
                }
            };
            FlowLine { text: gate::shown(&drawn.to_string()).into_owned(), of }
        };
        Flow { lines: explanation.drawn().into_iter().map(line).collect() }
    }

    fn measure(&mut self, operators: &[OperatorProgress], now: Millis) {
        self.paces.resize_with(operators.len(), || Pace::new(self.began));
        for (pace, operator) in self.paces.iter_mut().zip(operators) {
            pace.tell(now, operator.rows_out);
        }
    }

    fn figures(&self, graph: &Graph, id: usize, told: &OperatorProgress, inside: &Inspection, now: Millis) -> Figures {
        let operator = &inside.operators[id];
        let waiting = graph.nodes[id].inputs.iter().zip(&operator.rows_in);
        let waiting = waiting.map(|(input, taken)| inside.operators[input.0].rows_out.saturating_sub(*taken));
        let source = inside.sources.iter().find(|source| source.scan.0 == id);
        Figures {
            rate: self.paces[id].rate(),
            rows_in: told.rows_in,
            rows_out: told.rows_out,
            watermark: Some(told.watermark).filter(|at| *at != Millis::MIN),
            state: told.state,
            late: told.late,
            waiting: waiting.sum(),
            held: source.and_then(|source| source.held).map(|since| now.0 - since.0),
            holds: holds(&operator.detail),
        }
    }
}

fn holds(detail: &Detail) -> String {
    match detail {
        Detail::Windows(windows) => {
            let what = if windows.sessions { "session" } else { "window" };
            format!("{} {what}{} open", windows.open, if windows.open == 1 { "" } else { "s" })
        }
        Detail::Join(sides) => format!("holds {} + {} rows", sides[0].held, sides[1].held),
        _ => String::new(),
    }
}
