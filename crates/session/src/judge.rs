//! What is said of a query before it runs: whether its state can grow without bound, and how it exports.

use millstream_export::Badge;
use millstream_plan::{Graph, Growth, Tap};

/// Whether reading a tap comes to an end, as far as its declaration tells.
fn bounded(tap: &Tap) -> bool {
    let counted = tap.connector == "demo" && tap.options.contains_key("number-of-rows");
    counted || tap.connector == crate::aside::CONNECTOR || millstream_sql::plan::is_bounded(tap)
}

/// What may go wrong with a query when it runs for long, each with its way out.
pub fn warnings(graph: &Graph) -> Vec<String> {
    graph.growth(bounded).iter().map(Growth::to_string).collect()
}

/// How a query exports.
pub fn badge(graph: &Graph) -> Badge {
    let users = graph.user_functions();
    let foreign = |name: &str| millstream_sql::functions::is_foreign(name) || users.iter().any(|own| own.name == name);
    millstream_export::badge(graph, foreign)
}
