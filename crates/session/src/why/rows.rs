//! What hinders without a condition: lists without elements, limits, rows outside all windows, and queries
//! that have no rows by themselves.

use millstream_engine::inspect::Detail;
use millstream_plan::{AssignWindow, NodeId, Unnest};

use super::moment::{rows, stretch};
use super::{Cause, Scene, words};
use crate::status::count;

/// A query over no rows at all.
pub fn literal(number: usize) -> Vec<Cause> {
    let text = "the query has no rows of its own: a condition in it is never true, whatever comes";
    if number == 0 { vec![Cause::new(text)] } else { Vec::new() }
}

/// Lists that have no element.
pub fn lists(scene: &Scene<'_>, id: NodeId, unnest: &Unnest) -> Vec<Cause> {
    let (all, Detail::Lists { empty, null }) = (scene.rows_in(id), &scene.operator(id).detail) else {
        return Vec::new();
    };
    if !scene.swallows(id) {
        return Vec::new();
    }
    let name = words::column(scene.graph, scene.graph.node(id).inputs[0], unnest.list);
    let what = match (*empty, *null) {
        (0, _) => "NULL in all of them".to_string(),
        (_, 0) => "empty in all of them".to_string(),
        (empty, null) => format!("empty in {} and NULL in {}", count(empty), count(null)),
    };
    let cause = Cause::new(format!("UNNEST({name}) makes nothing of {}: {name} is {what}", rows(all)));
    let way = format!("LEFT JOIN UNNEST({name}) AS t(element) ON TRUE");
    vec![cause.way(way)]
}

/// Windows with gaps between them.
pub fn outside_windows(scene: &Scene<'_>, id: NodeId, assign: &AssignWindow) -> Vec<Cause> {
    match assign.window {
        millstream_plan::Window::Hop { size, slide, .. } if scene.swallows(id) => {
            let text = format!(
                "outside all windows: {}; a window of {} begins every {} only, and some dialects write size and slide \
                 the other way round",
                rows(scene.rows_in(id)),
                stretch(size),
                stretch(slide)
            );
            vec![Cause::new(text)]
        }
        _ => Vec::new(),
    }
}

/// A limit that lets nothing through.
pub fn limit(scene: &Scene<'_>, id: NodeId, skip: usize, fetch: Option<usize>) -> Vec<Cause> {
    if fetch == Some(0) {
        return vec![Cause::new("LIMIT 0 lets no row through").way("LIMIT 10")];
    }
    let all = scene.rows_in(id);
    if scene.swallows(id) && (all as usize) <= skip {
        let text =
            format!("OFFSET {skip} leaves out the first {}, and only {} have come", rows(skip as u64), count(all));
        return vec![Cause::new(text).way("OFFSET 0")];
    }
    Vec::new()
}
