//! What hinders at a pattern: its rows came behind the watermark, the watermark has not come to them, or they do not
//! follow each other as the pattern says.

use millstream_plan::{MatchRecognize, NodeId};
use millstream_record::Millis;

use super::moment::rows;
use super::{Cause, Scene, window};

/// What hinders at a `MATCH_RECOGNIZE`.
pub fn causes(scene: &Scene<'_>, id: NodeId, plan: &MatchRecognize) -> Vec<Cause> {
    let operator = scene.operator(id);
    let late = window::late(scene, id, "came when the watermark had passed their time");
    let mut causes: Vec<Cause> = late.into_iter().collect();
    if scene.swallows(id) && operator.late < scene.rows_in(id) {
        causes.push(no_match(scene, id, plan));
    }
    causes
}

/// Rows have come, and no match.
fn no_match(scene: &Scene<'_>, id: NodeId, plan: &MatchRecognize) -> Cause {
    let came = rows(scene.rows_in(id) - scene.operator(id).late);
    let pattern = plan.variables.iter().map(|variable| format!("{}{}", variable.name, variable.repeats));
    let pattern = pattern.collect::<Vec<_>>().join(" ");
    let watermark = scene.operator(id).inputs.first().map_or(Millis::MIN, |input| input.watermark);
    let searched = match watermark {
        Millis::MIN => "none of them is searched before the watermark begins".to_string(),
        Millis::MAX => "all of them were searched".to_string(),
        at => format!("they are searched as far as the watermark, {}", scene.event_clock(id).at(at)),
    };
    let cause = Cause::new(format!("no match of ({pattern}) has ended among {came}; {searched}"));
    match plan.variables.first() {
        Some(first) if plan.variables.len() > 1 && watermark > Millis::MIN => {
            cause.way(format!("PATTERN ({})", first.name))
        }
        _ => cause,
    }
}
