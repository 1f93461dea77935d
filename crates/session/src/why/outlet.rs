//! What hinders behind the query: nobody takes its rows.

use millstream_plan::Target;

use super::moment::stretch;
use super::source::SILENT_MS;
use super::{Cause, Scene, words};

/// What hinders at the outputs.
pub fn causes(scene: &Scene<'_>) -> Vec<Cause> {
    let outputs = scene.graph.outputs.iter().zip(&scene.inside.outputs);
    let blocked = outputs.filter_map(|(output, told)| {
        let passed = scene.since(told.blocked?).filter(|ms| *ms >= SILENT_MS)?;
        let text = match &output.target {
            Target::Sink(tap) => {
                format!(
                    "{} has not taken the next rows for {}: the sink is slow or cannot be reached",
                    words::table(&tap.name),
                    stretch(passed)
                )
            }
            Target::Result => format!("rows are ready, but nobody has taken them for {}", stretch(passed)),
        };
        let cause = Cause::new(text);
        Some(match &output.target {
            Target::Sink(tap) => cause.way(format!("SHOW CREATE TABLE {};", words::table(&tap.name))),
            Target::Result => cause,
        })
    });
    blocked.collect()
}
