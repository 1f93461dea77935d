//! The interval join against a loop over all pairs, for input in which no row is late; and regrouping,
//! recovery and lanes over input in which some are. The same for joins of windows and with versions.

use millstream_record::Kind;
use proptest::prelude::*;

use crate::drive::{Manner, Outcome, PLAIN, drive};
use crate::graph::graph;
use crate::properties::{row, setting};
use crate::story::{Event, Story};

const INPUTS: [&str; 2] = ["l: k text, v int, ts time", "r: rk text, w int, rts time"];

/// A row: side, key, value, time.
type Row = (usize, usize, i64, i64);

const KEYS: [&str; 4] = ["a", "b", "c", "_"];

fn rows() -> impl Strategy<Value = Vec<(usize, usize, i64, i64, i64)>> {
    prop::collection::vec((0usize..2, 0usize..4, 0i64..5, 0i64..5, 0i64..6), 0..60)
}

/// Rows in disorder up to 6 ms. With `delay` 7 no row is late; watermarks follow each side's rows.
fn events(gaps: &[(usize, usize, i64, i64, i64)], delay: i64) -> (Vec<Event>, Vec<Row>) {
    let (mut events, mut rows, mut now, mut newest) = (Vec::new(), Vec::new(), 1000, [i64::MIN; 2]);
    for &(side, key, value, gap, back) in gaps {
        now += gap;
        let time = now - back;
        events.push(row(side, KEYS[key], value, time));
        rows.push((side, key, value, time));
        if time > newest[side] {
            newest[side] = time;
            events.push(Event::Watermark { input: side, watermark: time - delay });
        }
    }
    events.extend([Event::End { input: 0 }, Event::End { input: 1 }]);
    (events, rows)
}

fn story(kind: &str, lower: i64, upper: i64, residual: bool) -> Story {
    let residual = if residual { " where v<w" } else { "" };
    setting(&INPUTS, &format!("interval-join {kind} {lower} {upper} on k=rk{residual}"))
}

/// Every pair, and every row without one.
fn pairs(rows: &[Row], kind: &str, lower: i64, upper: i64, residual: bool) -> Vec<String> {
    let show = |&(_, key, value, time): &Row| format!("{} | {value} | {time}", KEYS[key]);
    let null = "_ | _ | _".to_string();
    let meets = |l: &Row, r: &Row| {
        let within = l.3 >= r.3 + lower && l.3 <= r.3 + upper;
        l.1 == r.1 && KEYS[l.1] != "_" && within && (!residual || l.2 < r.2)
    };
    let (left, right): (Vec<Row>, Vec<Row>) = rows.iter().partition(|row| row.0 == 0);
    let mut lines = Vec::new();
    for l in &left {
        let partners: Vec<&Row> = right.iter().filter(|r| meets(l, r)).collect();
        if kind == "semi" || kind == "anti" {
            lines.extend((partners.is_empty() == (kind == "anti")).then(|| format!("+I | {}", show(l))));
            continue;
        }
        lines.extend(partners.iter().map(|r| format!("+I | {} | {}", show(l), show(r))));
        if partners.is_empty() && (kind == "left" || kind == "full") {
            lines.push(format!("+I | {} | {null}", show(l)));
        }
    }
    for r in right.iter().filter(|r| !left.iter().any(|l| meets(l, r))) {
        if kind == "right" || kind == "full" {
            lines.push(format!("+I | {null} | {}", show(r)));
        }
    }
    lines.sort();
    lines
}

fn late(outcome: &Outcome) -> usize {
    outcome.late.len()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_pair_within_the_interval_and_no_other(gaps in rows(), kind in 0usize..4, lower in -9i64..9, width in -2i64..9, residual: bool, batch in 1usize..30) {
        let kind = ["inner", "left", "right", "full"][kind];
        let upper = lower + width;
        let (events, rows) = events(&gaps, 7);
        let found = drive(&graph(&story(kind, lower, upper, residual)), &events, Manner { batch_rows: Some(batch), ..PLAIN });
        prop_assert_eq!(found.rows(), pairs(&rows, kind, lower, upper, residual));
        prop_assert_eq!(late(&found), 0);
    }

    #[test]
    fn regrouping_recovery_and_lanes(gaps in rows(), kind in 0usize..4, lower in -5i64..3, width in 0i64..7, residual: bool, delay in 0i64..4, batch in 1usize..30, first in 0usize..40, every in 1usize..9) {
        let story = story(["inner", "left", "right", "full"][kind], lower, lower + width, residual);
        let (graph, (events, _)) = (graph(&story), events(&gaps, delay));
        let plain = drive(&graph, &events, PLAIN);
        let batched = drive(&graph, &events, Manner { batch_rows: Some(batch), recover: Some((first, every)), ..PLAIN });
        prop_assert_eq!(plain.flow(), batched.flow());
        let lanes = drive(&graph, &events, Manner { batch_rows: Some(batch), lanes: 2, ..PLAIN });
        prop_assert_eq!(plain.rows(), lanes.rows());
        let memory = Manner { batch_rows: Some(batch), cut: Some((first, 0)), memory: [Some(every as u64 * 500); 2], ..PLAIN };
        prop_assert_eq!(plain.rows(), drive(&graph, &events, memory).rows());
    }

    #[test]
    fn windows_are_joined_as_their_rows_say(given in windowed(), kind in 0usize..6, residual: bool, batch in 1usize..30, first in 0usize..40, every in 1usize..9) {
        let kind = ["inner", "left", "right", "full", "semi", "anti"][kind];
        let residual_text = if residual { " where v<w" } else { "" };
        let inputs = ["l: k text, v int, e time", "r: rk text, w int, re time"];
        let graph = graph(&setting(&inputs, &format!("window-join {kind} on k=rk,e=re{residual_text}")));
        let (mut events, mut rows, mut reached) = (Vec::new(), Vec::new(), [0i64; 2]);
        for (side, key, value, window, moves) in given {
            let end = window * 10;
            events.push(row(side, KEYS[key], value, end));
            if end > reached[0].min(reached[1]) + 1 {
                rows.push((side, key, value, end));
            }
            if moves {
                reached[side] += 4;
                events.push(Event::Watermark { input: side, watermark: reached[side] });
            }
        }
        events.extend([Event::End { input: 0 }, Event::End { input: 1 }]);
        let found = drive(&graph, &events, PLAIN);
        // Rows of one window are within any interval of each other.
        let windows: Vec<i64> = (1..=4).map(|window| window * 10).collect();
        let of = |end: i64| rows.iter().copied().filter(|row| row.3 == end).collect::<Vec<Row>>();
        let mut expected: Vec<String> = windows.into_iter().flat_map(|end| pairs(&of(end), kind, 0, 0, residual)).collect();
        expected.sort();
        prop_assert_eq!(found.rows(), expected);
        let other = drive(&graph, &events, Manner { batch_rows: Some(batch), recover: Some((first, every)), ..PLAIN });
        prop_assert_eq!(found.flow(), other.flow());
        let memory = Manner { batch_rows: Some(batch), cut: Some((first, 0)), memory: [Some(every as u64 * 500); 2], ..PLAIN };
        prop_assert_eq!(found.rows(), drive(&graph, &events, memory).rows());
        let lanes = drive(&graph, &events, Manner { batch_rows: Some(batch), lanes: 2, ..PLAIN });
        prop_assert_eq!(found.rows(), lanes.rows());
    }
}

/// Rows of four windows: side, key, value, window; and whether the side's watermark moves behind it.
fn windowed() -> impl Strategy<Value = Vec<(usize, usize, i64, i64, bool)>> {
    prop::collection::vec((0usize..2, 0usize..4, 0i64..5, 1i64..5, any::<bool>()), 0..50)
}

/// What each left row meets by the history of its key as a whole: the last version up to its time, of those with one time
/// the last that came; a deletion is no version.
fn versions(
    lefts: &[(usize, i64, i64)],
    rights: &[(usize, i64, i64, bool)],
    kind: &str,
    residual: bool,
) -> Vec<String> {
    let version = |key: usize, time: i64| {
        let history = rights.iter().filter(|right| right.0 == key && right.2 <= time && KEYS[key] != "_");
        history.max_by_key(|right| right.2).filter(|right| !right.3)
    };
    let mut lines = Vec::new();
    for &(key, value, time) in lefts {
        let own = format!("+I | {} | {value} | {time}", KEYS[key]);
        match version(key, time).filter(|right| !residual || value < right.1) {
            Some(right) => lines.push(format!("{own} | {} | {} | {}", KEYS[right.0], right.1, right.2)),
            None => lines.extend((kind == "left").then(|| format!("{own} | _ | _ | _"))),
        }
    }
    lines.sort();
    lines
}

/// Rows of both sides in disorder up to 6 ms, of which right ones may be deletions, and how far their watermarks stay behind.
fn changing(gaps: &[(usize, usize, i64, i64, i64)], delay: i64) -> Vec<Event> {
    let (mut events, mut now, mut newest) = (Vec::new(), 1000, [i64::MIN; 2]);
    for (number, &(side, key, value, gap, back)) in gaps.iter().enumerate() {
        now += gap;
        let time = now - back;
        let deleted = side == 1 && number % 5 == 0;
        events.push(match row(side, KEYS[key], value, time) {
            Event::Row { input, values, .. } if deleted => Event::Row { input, kind: Kind::Delete, values },
            other => other,
        });
        if time > newest[side] {
            newest[side] = time;
            events.push(Event::Watermark { input: side, watermark: time - delay });
        }
    }
    events.extend([Event::End { input: 0 }, Event::End { input: 1 }]);
    events
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_row_meets_the_version_of_its_time(gaps in rows(), left: bool, residual: bool, delay in 0i64..9, batch in 1usize..30, first in 0usize..40, every in 1usize..9) {
        let kind = if left { "left" } else { "inner" };
        let rest = if residual { " where v<w" } else { "" };
        let inputs = ["l: k text, v int, ts time", "r changes: rk text, w int, rts time"];
        let graph = graph(&setting(&inputs, &format!("temporal-join {kind} on k=rk{rest}")));
        let events = changing(&gaps, delay);
        let plain = drive(&graph, &events, PLAIN);
        // Of rows that come late only what is left of the history decides.
        if delay > 6 {
            let told = |input: usize| events.iter().filter_map(move |event| match event {
                Event::Row { input: of, kind, values } if *of == input => Some((kind, values)),
                _ => None,
            });
            let number = |text: &Option<String>| text.as_deref().expect("is there").parse::<i64>().expect("a number");
            let key = |text: &Option<String>| KEYS.iter().position(|key| *key == text.as_deref().unwrap_or("_")).expect("a key");
            let lefts: Vec<_> = told(0).map(|(_, v)| (key(&v[0]), number(&v[1]), number(&v[2]))).collect();
            let rights: Vec<_> = told(1).map(|(kind, v)| (key(&v[0]), number(&v[1]), number(&v[2]), kind.is_retraction())).collect();
            prop_assert_eq!(plain.rows(), versions(&lefts, &rights, kind, residual));
        }
        // No left row is lost, late or not.
        if left {
            prop_assert_eq!(plain.rows().len(), gaps.iter().filter(|gap| gap.0 == 0).count());
        }
        let other = drive(&graph, &events, Manner { batch_rows: Some(batch), recover: Some((first, every)), ..PLAIN });
        prop_assert_eq!(plain.flow(), other.flow());
        let lanes = drive(&graph, &events, Manner { batch_rows: Some(batch), lanes: 2, ..PLAIN });
        prop_assert_eq!(plain.rows(), lanes.rows());
        let memory = Manner { batch_rows: Some(batch), cut: Some((first, 0)), memory: [Some(every as u64 * 500); 2], ..PLAIN };
        prop_assert_eq!(plain.rows(), drive(&graph, &events, memory).rows());
    }
}
