//! Tells every story of `stories/`: one event after the other with its checks, then regrouped into batches
//! and cut by recoveries, which must change nothing.

use std::path::Path;

use millstream_plan::{Changes, Graph};
use millstream_record::Kind;

use crate::drive::{Manner, Outcome, PLAIN, drive};
use crate::graph::graph;
use crate::story::{Story, parse};

#[test]
fn stories() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/operators/stories");
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).expect("the folder").map(|file| file.expect("a file").path()).collect();
    files.sort();
    let mut told = 0;
    let mut wrong = Vec::new();
    for file in files {
        for story in parse(&std::fs::read_to_string(&file).expect("text")) {
            told += 1;
            let told =
                std::panic::catch_unwind(|| tell(&story)).unwrap_or_else(|_| Err("  it panicked, see above".into()));
            if let Err(difference) = told {
                let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                wrong.push(format!("{name}: {}\n{difference}", story.title));
            }
        }
    }
    assert!(told > 30, "only {told} stories were found");
    assert!(wrong.is_empty(), "{} of {told} stories end otherwise:\n\n{}", wrong.len(), wrong.join("\n\n"));
}

fn tell(story: &Story) -> Result<(), String> {
    let graph = graph(story);
    let plain = drive(&graph, &story.events, PLAIN);
    check(story, &plain)?;
    let mut manners = Vec::new();
    for batch_rows in [None, Some(1), Some(2), Some(7), Some(8192)] {
        manners.push(Manner { batch_rows, ..PLAIN });
        for every in [1, 2, 3, 5, 10_000] {
            let firsts = if every == 10_000 { 0..story.events.len() } else { 0..1 };
            manners.extend(firsts.map(|first| Manner { batch_rows, recover: Some((first, every)), ..PLAIN }));
        }
    }
    for (batch_rows, first) in
        [None, Some(2)].into_iter().flat_map(|rows| (0..story.events.len()).map(move |first| (rows, first)))
    {
        manners.push(Manner { batch_rows, cut: Some((first, 0)), ..PLAIN });
    }
    for manner in manners {
        let other = drive(&graph, &story.events, manner);
        same("the flow", &plain.flow(), &other.flow()).map_err(|text| format!("{manner:?}: {text}"))?;
        let (mut ours, mut theirs) = (plain.late.clone(), other.late.clone());
        ours.sort();
        theirs.sort();
        same("late rows", &ours, &theirs).map_err(|text| format!("{manner:?}: {text}"))?;
    }
    staggered(story, &graph, &plain)?;
    spilled(story, &graph, &plain)
}

/// Without memory for state every shard is put away behind every batch: the same rows come out, and the
/// watermark comes as far. State that was put away fits into memory again, and the other way round.
fn spilled(story: &Story, graph: &Graph, plain: &Outcome) -> Result<(), String> {
    let (none, all) = (Some(0), None);
    for (batch_rows, lanes) in [(None, 1), (Some(2), 1), (Some(8192), 1), (None, 2)] {
        let mut manners = vec![Manner { batch_rows, lanes, memory: [none; 2], ..PLAIN }];
        for first in 0..story.events.len() {
            let cut = |memory| Manner { batch_rows, lanes, memory, cut: Some((first, 0)), ..PLAIN };
            manners.extend([cut([none; 2]), cut([all, none])]);
        }
        for manner in manners {
            let other = drive(graph, &story.events, manner);
            same("rows", &plain.rows(), &other.rows()).map_err(|text| format!("{manner:?}: {text}"))?;
            same("the last watermark", &plain.last_watermark(), &other.last_watermark())
                .map_err(|text| format!("{manner:?}: {text}"))?;
            let (mut ours, mut theirs) = (plain.late.clone(), other.late.clone());
            ours.sort();
            theirs.sort();
            same("late rows", &ours, &theirs).map_err(|text| format!("{manner:?}: {text}"))?;
        }
    }
    Ok(())
}

/// Barriers that reach the inputs at different times: the same rows come out, at any number of lanes. One input is then
/// ahead of another; so where rows are taken back, what is there in the end must be the same, and not the way there.
fn staggered(story: &Story, graph: &Graph, plain: &Outcome) -> Result<(), String> {
    let taken_back = graph.node(graph.outputs[0].node).row.changes == Changes::Retract;
    let several = story.inputs.len() > 1 && taken_back;
    for (lanes, later) in [(1, 1), (1, 3), (2, 0), (2, 2)] {
        for first in 0..story.events.len() {
            let manner = Manner { cut: Some((first, later)), lanes, ..PLAIN };
            let other = drive(graph, &story.events, manner);
            let rows = |outcome: &Outcome| if several { present(outcome) } else { outcome.rows() };
            same("rows", &rows(plain), &rows(&other)).map_err(|text| format!("{manner:?}: {text}"))?;
        }
    }
    Ok(())
}

/// What is there when all changes have been made.
fn present(outcome: &Outcome) -> Vec<String> {
    let mut there = Vec::new();
    for (kind, row) in outcome.lines.iter().filter_map(|(_, line)| line.split_once(" | ")) {
        match Kind::from_mark(kind) {
            Some(kind) if kind.is_retraction() => {
                let place = there.iter().position(|other| other == row).expect("what is taken back is there");
                there.swap_remove(place);
            }
            Some(_) => there.push(row.to_string()),
            None => {}
        }
    }
    there.sort();
    there
}

/// Compares what came out, check by check.
fn check(story: &Story, outcome: &Outcome) -> Result<(), String> {
    assert!(!story.checks.is_empty(), "a story without a check says nothing");
    let mut from = 0;
    for check in &story.checks {
        let wants_watermarks = check.lines.iter().any(|line| line.starts_with('~'));
        let here = outcome.lines.iter().filter(|(at, _)| *at > from && *at <= check.after);
        let lines: Vec<String> =
            here.map(|(_, line)| line.clone()).filter(|line| wants_watermarks || !line.starts_with('~')).collect();
        let expected: Vec<String> = check.lines.iter().map(|line| line.replacen("~ ", "~ | ", 1)).collect();
        same(&format!("after event {}", check.after), &expected, &lines)?;
        from = check.after;
    }
    let rest: Vec<String> = outcome
        .lines
        .iter()
        .filter(|(at, line)| *at > from && !line.starts_with('~'))
        .map(|(_, line)| line.clone())
        .collect();
    same("after the last check", &[], &rest)?;
    same("late rows", &story.late, &outcome.late)
}

fn same(what: &str, expected: &[String], found: &[String]) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    Err(format!("  {what}, expected:\n    {}\n  found:\n    {}", expected.join("\n    "), found.join("\n    ")))
}
