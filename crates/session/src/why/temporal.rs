//! What hinders at a join with versions: rows wait until it is certain which version held at their time, or no version did.

use millstream_plan::{NodeId, TemporalJoin};
use millstream_record::Millis;

use super::join::Sides;
use super::moment::rows;
use super::source::holder;
use super::{Cause, Scene, words};

/// What hinders at a join of rows with versions.
pub fn causes(scene: &Scene<'_>, id: NodeId, plan: &TemporalJoin) -> Vec<Cause> {
    let Some(sides) = Sides::of(scene, id) else { return Vec::new() };
    let taken = sides.taken[0];
    if taken == 0 {
        return sides.empty(id).into_iter().collect();
    }
    let held = sides.told[0].held;
    if held == taken {
        return vec![waiting(&sides, id, held)];
    }
    let cause = no_version(&sides, plan).or_else(|| sides.keys(&plan.join.on));
    cause.or_else(|| sides.none_fits(plan.join.residual.is_some())).into_iter().collect()
}

/// All rows wait for the watermark, and the slower side holds it.
fn waiting(sides: &Sides<'_>, id: NodeId, held: u64) -> Cause {
    let scene = sides.scene;
    let (orders, rates) = (scene.name_of(sides.inputs[0]), scene.name_of(sides.inputs[1]));
    let mut text = format!(
        "{} of {orders} wait until the watermark passes their times: then it is certain which version of {rates} held",
        rows(held)
    );
    let reached = |side: usize| scene.operator(id).inputs.get(side).map_or(Millis::MIN, |input| input.watermark);
    let slow = usize::from(reached(1) < reached(0));
    text += &format!("\n{} holds it: {}", sides.name(slow), sides.stands(id, slow));
    let Some((source, partition)) = scene.slowest_below(sides.inputs[slow]) else { return Cause::new(text) };
    text += &format!(", held by {}", holder(scene, source, partition));
    let table = words::table(&source.tap);
    match slow {
        // A table that rarely changes says nothing between two changes, and its time stands still meanwhile.
        1 => Cause::new(text)
            .way("SET 'table.exec.source.idle-timeout' = '5 s';")
            .way("WITH ('scan.watermark.idle-timeout' = '5 s')"),
        _ => Cause::new(text).way(format!("SELECT * FROM {table};")),
    }
}

/// All versions begin after all rows.
fn no_version(sides: &Sides<'_>, plan: &TemporalJoin) -> Option<Cause> {
    let ((_, last), (first, _)) = (sides.told[0].times?, sides.told[1].times?);
    if first <= last {
        return None;
    }
    let scene = sides.scene;
    let (orders, rates) = (scene.name_of(sides.inputs[0]), scene.name_of(sides.inputs[1]));
    let since = words::column(scene.graph, sides.inputs[1], plan.right_time);
    let text = format!(
        "no version of {rates} held at the time of any row: the first of them begins at {} ({since}), and the last row of \
         {orders} is of {}",
        scene.event_clock(sides.inputs[1]).at(first),
        scene.event_clock(sides.inputs[0]).at(last)
    );
    let mut cause = Cause::new(text);
    for side in sides.inputs {
        if let Some(table) = scene.plain_table(side) {
            cause = cause.way(format!("SELECT * FROM {};", words::table(&table.name)));
        }
    }
    Some(cause)
}
