//! Why nothing comes out: from a graph and what its run looks like inside to causes in the order of the flow,
//! each with its numbers and a way out that can be pasted. Pure: it reads no clock, starts nothing and asks
//! nobody.
//!
//! One file per kind of operator. Each looks at one node and says what hinders there; what an operator above
//! lacks because of one below is said below, where it can be helped.

mod condition;
mod join;
pub mod moment;
mod outlet;
mod pattern;
mod rows;
mod show;
mod source;
mod stream;
mod temporal;
mod window;
pub mod words;

#[cfg(test)]
mod tests;

use millstream_engine::inspect::{Inspection, Operator};
use millstream_plan::{Graph, NodeId, Op};
use millstream_record::Millis;

use crate::render::Zone;

/// What the causes are read from.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The operators.
    pub graph: &'a Graph,
    /// What its run looks like inside.
    pub inside: &'a Inspection,
    /// The time of day.
    pub now: Millis,
    /// The zone in which instants are shown.
    pub zone: Zone,
    /// Whether the records are a sample of what there is: then silence after the last of them says nothing.
    pub sample: bool,
}

/// One cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// What it is, with numbers, in whole clauses.
    pub text: String,
    /// Ways out, each a statement or a piece of one, to be pasted.
    pub ways: Vec<String>,
}

impl Cause {
    fn new(text: impl Into<String>) -> Cause {
        Cause { text: text.into(), ways: Vec::new() }
    }

    fn way(mut self, way: impl Into<String>) -> Cause {
        self.ways.push(way.into());
        self
    }
}

/// The answer to `WHY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// How many rows came out, and when the last of them.
    pub spoken: Option<(u64, Option<Millis>)>,
    /// What hinders, in the order of the flow.
    pub causes: Vec<Cause>,
}

/// Why nothing comes out, or so little.
pub fn explain(scene: Scene<'_>) -> Answer {
    let rows: u64 = scene.inside.outputs.iter().map(|output| output.rows).sum();
    let last = scene.inside.outputs.iter().filter_map(|output| output.last).max();
    let mut causes = Vec::new();
    for id in (0..scene.graph.nodes.len()).map(NodeId) {
        causes.extend(at_node(&scene, id));
    }
    causes.extend(outlet::causes(&scene));
    if rows == 0 && causes.is_empty() {
        causes.extend(on_the_way(&scene));
    }
    Answer { spoken: (rows > 0).then_some((rows, last)), causes }
}

/// What hinders at one node.
fn at_node(scene: &Scene<'_>, id: NodeId) -> Vec<Cause> {
    match &scene.graph.node(id).op {
        Op::Scan { tap, .. } => source::causes(scene, id, tap),
        Op::Values { rows } => rows::literal(rows.len()),
        Op::Filter(condition) => condition::causes(scene, id, condition),
        Op::Unnest(unnest) => rows::lists(scene, id, unnest),
        Op::AssignWindow(assign) => match assign.window {
            millstream_plan::Window::Session { .. } => window::causes(scene, id),
            _ => rows::outside_windows(scene, id, assign),
        },
        Op::WindowAggregate(_) => window::causes(scene, id),
        Op::IntervalJoin(plan) => join::interval(scene, id, plan),
        Op::WindowJoin(plan) => join::windows(scene, id, plan),
        Op::TemporalJoin(plan) => temporal::causes(scene, id, plan),
        Op::Join(plan) => join::regular(scene, id, plan),
        Op::TableJoin(plan) => join::table(scene, id, plan),
        Op::MatchRecognize(plan) => pattern::causes(scene, id, plan),
        Op::Limit { skip, fetch } => rows::limit(scene, id, *skip, *fetch),
        Op::Project(_) | Op::Expand(_) | Op::Union | Op::GroupAggregate(_) | Op::Normalize { .. } => Vec::new(),
        Op::Over(_) | Op::Rank(_) | Op::Sort(_) | Op::CurrentWatermark => Vec::new(),
    }
}

/// Nothing hinders that is known: how far the rows have come.
fn on_the_way(scene: &Scene<'_>) -> Option<Cause> {
    let taken = |id: &NodeId| scene.operator(*id).rows_in.iter().sum::<u64>() > 0;
    let last = (0..scene.graph.nodes.len()).map(NodeId).rfind(taken)?;
    let rows: u64 = scene.operator(last).rows_in.iter().sum();
    let name = scene.graph.node(last).op.name();
    Some(Cause::new(format!("nothing hinders that can be seen: {} have come as far as the {name}", moment::rows(rows))))
}

impl Scene<'_> {
    /// What a node did and holds.
    fn operator(&self, id: NodeId) -> &Operator {
        &self.inside.operators[id.0]
    }

    /// Rows that a node took, over all its inputs.
    fn rows_in(&self, id: NodeId) -> u64 {
        self.operator(id).rows_in.iter().sum()
    }

    /// Whether a node took rows and gave none.
    fn swallows(&self, id: NodeId) -> bool {
        self.rows_in(id) > 0 && self.operator(id).rows_out == 0
    }

    /// How long it is since a moment of the clock; `None` where time says nothing, or the clock was put back.
    fn since(&self, at: Millis) -> Option<i64> {
        let passed = self.now.0.saturating_sub(at.0);
        (!self.sample && at != Millis::MIN && passed >= 0).then_some(passed)
    }
}
