//! A graph for people and for pictures: the operators as a tree, and on each edge what it carries: whether
//! rows are taken back, how they are spread, which column is event time and whose watermark speaks of it.

use std::collections::BTreeSet;
use std::fmt;

use crate::{Changes, Exchange, Graph, NodeId, Op, Target};

/// A graph, explained.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The operators; inputs come before those who read them.
    pub operators: Vec<Operator>,
    /// Where rows leave: `result`, or `insert into t`, and what goes there.
    pub outputs: Vec<(String, Edge)>,
}

/// An operator.
#[derive(Clone, Debug, PartialEq)]
pub struct Operator {
    /// Its uid: under this name it keeps its state and its counters.
    pub uid: String,
    /// Its name and parameters in a line.
    pub text: String,
    /// What comes in, in the order of its inputs.
    pub inputs: Vec<Edge>,
}

/// What flows from one operator to the next.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    /// The number of the operator that it comes from.
    pub from: usize,
    /// Whether rows are taken back.
    pub changes: Changes,
    /// The names of the columns.
    pub columns: Vec<String>,
    /// How rows are spread.
    pub exchange: Exchange,
    /// The columns that are event time.
    pub times: Vec<String>,
    /// The tables whose watermarks come along, with the expression of each.
    pub watermarks: Vec<String>,
}

impl Explanation {
    /// Explains a graph.
    pub fn of(graph: &Graph) -> Explanation {
        let operator = |index: usize| {
            let node = &graph.nodes[index];
            let edge = |(port, &input): (usize, &NodeId)| edge(graph, input, graph.exchange(NodeId(index), port));
            let inputs = node.inputs.iter().enumerate().map(edge).collect();
            Operator { uid: node.uid.clone(), text: graph.describe(node), inputs }
        };
        let output = |output: &crate::Output| {
            let name = match &output.target {
                Target::Result => "result".to_string(),
                Target::Sink(tap) => format!("insert into {}", tap.name),
            };
            (name, edge(graph, output.node, Exchange::Stay))
        };
        Explanation {
            operators: (0..graph.nodes.len()).map(operator).collect(),
            outputs: graph.outputs.iter().map(output).collect(),
        }
    }
}

fn edge(graph: &Graph, from: NodeId, exchange: Exchange) -> Edge {
    let row = &graph.node(from).row;
    let name = |column: usize| row.schema.field(column).name().clone();
    let mut watermarks = BTreeSet::new();
    collect_watermarks(graph, from, &mut watermarks);
    Edge {
        from: from.0,
        changes: row.changes,
        columns: (0..row.schema.fields().len()).map(name).collect(),
        exchange,
        times: row.times.iter().map(|&column| name(column)).collect(),
        watermarks: watermarks.into_iter().collect(),
    }
}

fn collect_watermarks(graph: &Graph, node: NodeId, found: &mut BTreeSet<String>) {
    // Inputs have smaller numbers, so one pass from the node downwards meets each node once.
    let mut reached = vec![false; node.0 + 1];
    reached[node.0] = true;
    for index in (0..=node.0).rev() {
        if !reached[index] {
            continue;
        }
        let node = &graph.nodes[index];
        node.inputs.iter().for_each(|input| reached[input.0] = true);
        if let Op::Scan { tap, .. } = &node.op
            && let Some(watermark) = &tap.watermark
        {
            found.insert(format!("{} of {}", watermark.text, tap.name));
        }
    }
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.changes {
            Changes::Append => "append",
            Changes::Retract => "changes",
        })?;
        write!(f, " [{}]", self.columns.join(", "))?;
        match &self.exchange {
            Exchange::Stay => {}
            Exchange::One => f.write_str(" · all to one place")?,
            Exchange::Hash(key) => {
                let names: Vec<&str> = key.iter().map(|&column| self.columns[column].as_str()).collect();
                write!(f, " · spread by {}", names.join(", "))?;
            }
        }
        if !self.times.is_empty() {
            write!(f, " · time {}", self.times.join(", "))?;
        }
        if !self.watermarks.is_empty() {
            write!(f, " · watermark {}", self.watermarks.join(" and "))?;
        }
        Ok(())
    }
}

/// A line of a graph that is drawn as a tree.
#[derive(Clone, Debug)]
pub struct Drawn<'a> {
    /// The branches on its left.
    pub branches: String,
    /// What the line says.
    pub part: Part<'a>,
    graph: &'a Explanation,
}

/// What a line of a drawn graph speaks of.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// The output of this number.
    Output(usize),
    /// What flows from the operator below.
    Edge(&'a Edge),
    /// The operator of this number.
    Operator(usize),
}

impl Explanation {
    /// The graph as a tree, line by line, from each output back to its taps.
    pub fn drawn(&self) -> Vec<Drawn<'_>> {
        let mut lines = Vec::new();
        for (number, (_, edge)) in self.outputs.iter().enumerate() {
            lines.push(Drawn { branches: String::new(), part: Part::Output(number), graph: self });
            self.branch(&mut lines, edge, "", true);
        }
        lines
    }

    /// An edge and all behind it, below a line that begins with `indent`.
    fn branch<'a>(&'a self, lines: &mut Vec<Drawn<'a>>, edge: &'a Edge, indent: &str, last: bool) {
        let line = |branches: String, part| Drawn { branches, part, graph: self };
        lines.push(line(format!("{indent}│  "), Part::Edge(edge)));
        lines.push(line(format!("{indent}{}─ ", if last { '└' } else { '├' }), Part::Operator(edge.from)));
        let below = format!("{indent}{}  ", if last { ' ' } else { '│' });
        let inputs = &self.operators[edge.from].inputs;
        for (port, input) in inputs.iter().enumerate() {
            self.branch(lines, input, &below, port + 1 == inputs.len());
        }
    }
}

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.branches)?;
        match self.part {
            Part::Output(output) => f.write_str(&self.graph.outputs[output].0),
            Part::Edge(edge) => edge.fmt(f),
            Part::Operator(operator) => f.write_str(&self.graph.operators[operator].text),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.drawn().iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}
