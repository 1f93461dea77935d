//! The graph of one question: operators and edges, from taps to where the rows go.

use std::sync::Arc;

use datafusion::logical_expr::Expr;

use crate::{
    AssignWindow, GroupAggregate, IntervalJoin, Join, MatchRecognize, Over, Rank, RowType, Sort, Tap, TemporalJoin,
    WindowAggregate, WindowJoin,
};

/// The place of a node in its graph. Inputs always have smaller numbers than the nodes that read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub usize);

/// An operator with its inputs and what it emits.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it does.
    pub op: Op,
    /// Whose rows it reads, in the order the operator expects.
    pub inputs: Vec<NodeId>,
    /// What it emits.
    pub row: RowType,
    /// A name for its state and its counters that does not depend on the rest of the graph: the step it
    /// belongs to, the operator, and its number among those: `bars/window-aggregate/0`.
    pub uid: String,
}

/// What a node does.
#[derive(Clone, Debug)]
pub enum Op {
    /// Reads a tap: these of its columns, in this order.
    Scan {
        /// The tap.
        tap: Arc<Tap>,
        /// Indices into the tap's columns.
        columns: Vec<usize>,
    },
    /// Rows that stand in the query itself; then the input ends.
    Values {
        /// Literal rows.
        rows: Vec<Vec<Expr>>,
    },
    /// Keeps the rows for which this is true.
    Filter(Expr),
    /// Computes columns.
    Project(Vec<Expr>),
    /// Each row once per list of expressions (grouping sets).
    Expand(Vec<Vec<Expr>>),
    /// A row becomes one per element of a list.
    Unnest(Unnest),
    /// The rows of all inputs, as they come.
    Union,
    /// Puts rows into their windows.
    AssignWindow(AssignWindow),
    /// Aggregates without a window.
    GroupAggregate(GroupAggregate),
    /// Aggregates per window.
    WindowAggregate(WindowAggregate),
    /// Computes over the rows that precede each row.
    Over(Over),
    /// Keeps the first rows of each partition.
    Rank(Rank),
    /// Puts rows in order of event time.
    Sort(Sort),
    /// Finds rows that follow each other as a pattern says.
    MatchRecognize(MatchRecognize),
    /// Turns upserts by key into changes that repeat the old row.
    Normalize {
        /// The key columns.
        key: Vec<usize>,
    },
    /// Joins two streams within an interval of time.
    IntervalJoin(IntervalJoin),
    /// Joins the rows of equal windows.
    WindowJoin(WindowJoin),
    /// Joins rows with the version of others that held at their time.
    TemporalJoin(TemporalJoin),
    /// Joins two streams for ever.
    Join(Join),
    /// Joins a stream with a table that stands still.
    TableJoin(Join),
    /// Puts the watermark that each row met behind its columns: null before the first one.
    CurrentWatermark,
    /// The first rows only, over bounded input.
    Limit {
        /// Rows to leave out first.
        skip: usize,
        /// Rows to let through.
        fetch: Option<usize>,
    },
}

/// `CROSS JOIN UNNEST(list) AS t(…)`. Columns out: those of the input, then the element's (the fields, if
/// it is a row; key and value, if it is a map), then the ordinality if asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Unnest {
    /// The list (or map) column.
    pub list: usize,
    /// `WITH ORDINALITY`: the place of the element, from 1.
    pub ordinality: bool,
    /// `LEFT JOIN`: a row without elements comes out once, padded.
    pub outer: bool,
}

/// Where rows of a node leave the graph.
#[derive(Clone, Debug)]
pub struct Output {
    /// Whose rows.
    pub node: NodeId,
    /// Where to.
    pub target: Target,
}

/// Where rows go.
#[derive(Clone, Debug)]
pub enum Target {
    /// To whoever asked.
    Result,
    /// `INSERT INTO` this tap.
    Sink(Arc<Tap>),
}

/// All operators of one run.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// In topological order.
    pub nodes: Vec<Node>,
    /// Where rows leave.
    pub outputs: Vec<Output>,
}

impl Graph {
    /// A node by its number.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// Adds a node behind its inputs.
    pub fn add(&mut self, op: Op, inputs: Vec<NodeId>, row: RowType, step: &str) -> NodeId {
        debug_assert!(inputs.iter().all(|input| input.0 < self.nodes.len()));
        let prefix = format!("{step}/{}/", op.name());
        let number = self.nodes.iter().filter(|node| node.uid.starts_with(&prefix)).count();
        self.nodes.push(Node { op, inputs, row, uid: format!("{prefix}{number}") });
        NodeId(self.nodes.len() - 1)
    }

    /// The scans with their taps, in order.
    pub fn scans(&self) -> impl Iterator<Item = (NodeId, &Arc<Tap>, &[usize])> {
        self.nodes.iter().enumerate().filter_map(|(id, node)| match &node.op {
            Op::Scan { tap, columns } => Some((NodeId(id), tap, columns.as_slice())),
            _ => None,
        })
    }

    /// The nodes that read this one, with the number of the input.
    pub fn readers(&self, id: NodeId) -> impl Iterator<Item = (NodeId, usize)> {
        self.nodes.iter().enumerate().flat_map(move |(reader, node)| {
            let ports = node.inputs.iter().enumerate().filter(move |&(_, &input)| input == id);
            ports.map(move |(port, _)| (NodeId(reader), port))
        })
    }
}

impl Op {
    /// A short name for explain, counters and state.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Scan { .. } => "scan",
            Op::Values { .. } => "values",
            Op::Filter(_) => "filter",
            Op::Project(_) => "project",
            Op::Expand(_) => "expand",
            Op::Unnest(_) => "unnest",
            Op::Union => "union",
            Op::AssignWindow(_) => "assign-window",
            Op::GroupAggregate(_) => "group-aggregate",
            Op::WindowAggregate(_) => "window-aggregate",
            Op::Over(_) => "over",
            Op::Rank(_) => "rank",
            Op::Sort(_) => "sort",
            Op::MatchRecognize(_) => "match-recognize",
            Op::Normalize { .. } => "normalize",
            Op::IntervalJoin(_) => "interval-join",
            Op::WindowJoin(_) => "window-join",
            Op::TemporalJoin(_) => "temporal-join",
            Op::Join(_) => "join",
            Op::TableJoin(_) => "table-join",
            Op::CurrentWatermark => "current-watermark",
            Op::Limit { .. } => "limit",
        }
    }
}
