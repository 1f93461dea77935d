//! Properties over random input: regrouping and recovery change nothing, lanes change only the order, and
//! windows give what their definition says.

use proptest::prelude::*;

use crate::drive::{Manner, PLAIN, drive};
use crate::graph::graph;
use crate::models::{Model, Step, answer};
use crate::story::{Event, Story, parse};
use millstream_record::Kind;

/// A story without events.
pub fn setting(inputs: &[&str], step: &str) -> Story {
    let inputs: Vec<String> = inputs.iter().map(|input| format!("input {input}\n")).collect();
    parse(&format!("## random\n{}step: {step}", inputs.concat())).remove(0)
}

/// A row of `k text, v int, ts time`.
pub fn row(input: usize, key: &str, value: i64, time: i64) -> Event {
    let key = (key != "_").then(|| key.to_string());
    Event::Row { input, kind: Kind::Insert, values: vec![key, Some(value.to_string()), Some(time.to_string())] }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let row = (0u8..3, -5i64..20, -30i64..90).prop_map(|(key, value, time)| Step::Row { key, value, time });
    let watermark = (-20i64..100).prop_map(Step::Watermark);
    prop::collection::vec(prop_oneof![4 => row, 1 => watermark], 0..60)
}

/// The steps as events; watermarks that do not rise are left out.
fn events(steps: &[Step]) -> Vec<Event> {
    let mut reached = i64::MIN;
    let event = |step: &Step| match *step {
        Step::Row { key, value, time } => Some(row(0, &format!("k{key}"), value, time)),
        Step::Watermark(watermark) => {
            let rises = watermark > reached;
            reached = reached.max(watermark);
            rises.then_some(Event::Watermark { input: 0, watermark })
        }
    };
    let events: Vec<Event> = steps.iter().filter_map(event).collect();
    events.into_iter().chain([Event::End { input: 0 }]).collect()
}

fn manners() -> impl Strategy<Value = Manner> {
    let batch_rows = prop_oneof![Just(None), (1usize..20).prop_map(Some), Just(Some(8192))];
    let recover = prop::option::of((0usize..30, 1usize..30));
    (batch_rows, recover).prop_map(|(batch_rows, recover)| Manner { batch_rows, recover, ..PLAIN })
}

/// Twenty thousand keys in little memory: the first sixteen shards would be too large to come back as they are.
#[test]
fn shards_that_grow_are_split() {
    let story = setting(&["t: k text, v int, ts time"], "group by k: count(*), sum(v), count(distinct v)");
    let events: Vec<Event> =
        (0..40_000).map(|n| row(0, &format!("key number {}", n * 7 % 20_000), n % 50, n)).collect();
    let graph = graph(&story);
    let manner = Manner { batch_rows: Some(500), ..PLAIN };
    let plain = drive(&graph, &events, manner);
    let cut = Some((60, 0));
    let spilled = drive(&graph, &events, Manner { cut, memory: [Some(100_000); 2], ..manner });
    assert_eq!(plain.rows(), spilled.rows());
    assert!(spilled.pieces > 16, "only {} pieces", spilled.pieces);
}

const STEPS: [&str; 13] = [
    "tumble 10 on ts by k: count(*), sum(v), max(v), first(v), count(distinct v)",
    "hop 12 every 4 offset 1 on ts by k: count(*), min(v), listagg(k)",
    "cumulate 20 step 5 on ts by k: count(*), sum(v), count(distinct v)",
    "session 4 on ts by k: count(*), sum(v), min(v)",
    "session 3 on ts: count(*), max(v), sum(distinct v)",
    "group by k: count(*), sum(v), max(v), count(distinct v), last(v)",
    "group: avg(v), min(v)",
    "rows session 5 by k",
    "rows hop 10 every 4",
    "rows cumulate 15 step 5",
    "limit fetch 7 skip 3",
    "current-watermark",
    "tumble 7 on ts: stddev(d)",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn regrouping_and_recovery_change_nothing(steps in steps(), number in 0..STEPS.len(), manner in manners()) {
        let borrowed = STEPS[number].contains("(d)");
        let story = setting(&[if borrowed { "t: k text, d double, ts time" } else { "t: k text, v int, ts time" }], STEPS[number]);
        let (graph, events) = (graph(&story), events(&steps));
        let (plain, other) = (drive(&graph, &events, PLAIN), drive(&graph, &events, manner));
        if borrowed {
            // Partial sums of floating point numbers may differ in the last digit.
            prop_assert_eq!(plain.rows().len(), other.rows().len());
        } else {
            prop_assert_eq!(plain.flow(), other.flow());
        }
        let sorted = |mut late: Vec<String>| { late.sort(); late };
        prop_assert_eq!(sorted(plain.late), sorted(other.late));
    }

    #[test]
    fn lanes_change_only_the_order(steps in steps(), number in 0..10usize, batch_rows in 1usize..20) {
        let story = setting(&["t: k text, v int, ts time"], STEPS[number]);
        let (graph, events) = (graph(&story), events(&steps));
        let one = drive(&graph, &events, Manner { batch_rows: Some(batch_rows), ..PLAIN });
        let two = drive(&graph, &events, Manner { batch_rows: Some(batch_rows), lanes: 2, ..PLAIN });
        prop_assert_eq!(one.rows(), two.rows());
        prop_assert_eq!(one.late.len(), two.late.len());
    }

    #[test]
    fn memory_changes_only_the_order(
        keys in prop::collection::vec(0u16..300, 0..60),
        steps in steps(),
        number in 0..10usize,
        batch_rows in 1usize..20,
        memory in prop_oneof![Just(0u64), 0u64..20_000],
        cut in prop::option::of(0usize..30),
    ) {
        let story = setting(&["t: k text, v int, ts time"], STEPS[number]);
        let mut events = events(&steps);
        for (event, key) in events.iter_mut().zip(keys) {
            if let Event::Row { values, .. } = event {
                values[0] = Some(format!("k{key}"));
            }
        }
        let graph = graph(&story);
        let plain = drive(&graph, &events, Manner { batch_rows: Some(batch_rows), ..PLAIN });
        let cut = cut.map(|first| (first, 0));
        let manner = Manner { batch_rows: Some(batch_rows), cut, memory: [Some(memory); 2], ..PLAIN };
        let spilled = drive(&graph, &events, manner);
        prop_assert_eq!(plain.rows(), spilled.rows());
        prop_assert_eq!(plain.late.len(), spilled.late.len());
        prop_assert_eq!(plain.last_watermark(), spilled.last_watermark());
        // No row of a group without a window comes too late.
        let is_row = |event: &Event| matches!(event, Event::Row { .. });
        if number == 5 && memory == 0 && cut.is_none() && events.iter().any(is_row) {
            prop_assert!(spilled.spilled.writes > 0);
        }
    }

    #[test]
    fn windows_give_what_their_definition_says(steps in steps(), a in 1i64..9, n in 1i64..5, offset in -3i64..4, kind in 0usize..4) {
        let offset = offset % a;
        let (model, text) = match kind {
            0 => (Model::Tumble { size: a, offset }, format!("tumble {a} offset {offset}")),
            1 => (Model::Hop { size: a * n, slide: a, offset }, format!("hop {} every {a} offset {offset}", a * n)),
            2 => (Model::Cumulate { size: a * n, step: a, offset }, format!("cumulate {} step {a} offset {offset}", a * n)),
            _ => (Model::Session { gap: a }, format!("session {a}")),
        };
        let story = setting(&["t: k text, v int, ts time"], &format!("{text} on ts by k: count(*), sum(v)"));
        let found = drive(&graph(&story), &events(&steps), Manner { batch_rows: Some(7), ..PLAIN });
        let (expected, late) = answer(model, &steps);
        prop_assert_eq!(found.rows(), expected);
        prop_assert_eq!(found.late.len(), late);
    }

    #[test]
    fn disorder_within_the_delay_loses_nothing(gaps in prop::collection::vec((0u8..3, -5i64..20, 0i64..6, 0i64..8), 0..80), kind in 0usize..4) {
        // A session ends one millisecond before what would still touch it, so it takes two more to be sure.
        let (delay, mut now, mut newest) = (if kind == 3 { 10 } else { 8 }, 0, i64::MIN);
        let mut steps = Vec::new();
        for (key, value, gap, back) in gaps {
            now += gap;
            newest = newest.max(now - back);
            steps.extend([Step::Row { key, value, time: now - back }, Step::Watermark(newest - delay)]);
        }
        let (model, text) = [
            (Model::Tumble { size: 10, offset: 0 }, "tumble 10"),
            (Model::Hop { size: 9, slide: 3, offset: 0 }, "hop 9 every 3"),
            (Model::Cumulate { size: 12, step: 4, offset: 0 }, "cumulate 12 step 4"),
            (Model::Session { gap: 3 }, "session 3"),
        ][kind];
        let story = setting(&["t: k text, v int, ts time"], &format!("{text} on ts by k: count(*), sum(v)"));
        let found = drive(&graph(&story), &events(&steps), Manner { batch_rows: Some(5), ..PLAIN });
        let rows_alone: Vec<Step> = steps.into_iter().filter(|step| matches!(step, Step::Row { .. })).collect();
        prop_assert_eq!(found.rows(), answer(model, &rows_alone).0);
        prop_assert!(found.late.is_empty());
    }
}
