//! Changes over random input: what an operator says, folded, is what a plain map says at the same moment;
//! and every retraction takes back a row that is there.

use std::collections::BTreeMap;

use millstream_record::Kind;
use proptest::prelude::*;

use crate::drive::{Manner, PLAIN, drive};
use crate::graph::graph;
use crate::properties::setting;
use crate::story::Event;

/// What is there after all changes. A retraction of a row that is not there fails.
fn folded(lines: &[(usize, String)]) -> Result<Vec<String>, TestCaseError> {
    let mut present: BTreeMap<String, i64> = BTreeMap::new();
    for (_, line) in lines.iter().filter(|(_, line)| !line.starts_with('~')) {
        let (kind, row) = line.split_once(" | ").expect("a kind and a row");
        let count = present.entry(row.to_string()).or_insert(0);
        *count += if Kind::from_mark(kind).expect("a kind").is_retraction() { -1 } else { 1 };
        prop_assert!(*count >= 0, "{line} takes back what is not there");
    }
    let rows = present.into_iter().flat_map(|(row, count)| std::iter::repeat_n(row, count as usize));
    Ok(rows.collect())
}

fn change(kind: Kind, key: u8, value: i64) -> Event {
    Event::Row { input: 0, kind, values: vec![Some(format!("k{key}")), Some(value.to_string())] }
}

/// Upserts and deletions of a few keys.
fn upserts() -> impl Strategy<Value = Vec<(u8, Option<i64>)>> {
    prop::collection::vec((0u8..4, prop::option::weighted(0.8, 0i64..4)), 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn upserts_become_changes_of_what_is_there(upserts in upserts(), batch in 1usize..20, first in 0usize..30, every in 1usize..9) {
        let event = |&(key, value): &(u8, Option<i64>)| match value {
            Some(value) => change(Kind::UpdateAfter, key, value),
            None => change(Kind::Delete, key, 99),
        };
        let events: Vec<Event> = upserts.iter().map(event).collect();
        let graph = graph(&setting(&["t changes: k text, v int"], "normalize by k"));
        let plain = drive(&graph, &events, PLAIN);
        let other = drive(&graph, &events, Manner { batch_rows: Some(batch), recover: Some((first, every)), ..PLAIN });
        prop_assert_eq!(plain.flow(), other.flow());
        let mut table = BTreeMap::new();
        for (key, value) in upserts {
            match value {
                Some(value) => drop(table.insert(key, value)),
                None => drop(table.remove(&key)),
            }
        }
        let expected: Vec<String> = table.iter().map(|(key, value)| format!("k{key} | {value}")).collect();
        prop_assert_eq!(folded(&plain.lines)?, expected);
    }

    #[test]
    fn groups_follow_rows_that_come_and_go(choices in prop::collection::vec((0u8..3, 0i64..5, any::<prop::sample::Index>(), any::<bool>()), 0..60), batch in 1usize..20, first in 0usize..30, every in 1usize..9) {
        // Only rows that are there are taken back.
        let (mut there, mut events) = (Vec::new(), Vec::new());
        for (key, value, place, back) in choices {
            if back && !there.is_empty() {
                let (key, value) = there.swap_remove(place.index(there.len()));
                events.push(change(Kind::Delete, key, value));
            } else {
                there.push((key, value));
                events.push(change(Kind::Insert, key, value));
            }
        }
        let step = "group by k: count(*), sum(v), min(v), max(v), count(distinct v), sum(distinct v)";
        let graph = graph(&setting(&["t changes: k text, v int"], step));
        let plain = drive(&graph, &events, PLAIN);
        let other = drive(&graph, &events, Manner { batch_rows: Some(batch), recover: Some((first, every)), ..PLAIN });
        prop_assert_eq!(plain.flow(), other.flow());
        let lanes = drive(&graph, &events, Manner { batch_rows: Some(batch), lanes: 2, ..PLAIN });
        prop_assert_eq!(plain.rows(), lanes.rows());
        let memory = Manner { batch_rows: Some(batch), cut: Some((first, 0)), memory: [Some(every as u64 * 500); 2], ..PLAIN };
        prop_assert_eq!(plain.rows(), drive(&graph, &events, memory).rows());
        let mut groups: BTreeMap<u8, Vec<i64>> = BTreeMap::new();
        there.into_iter().for_each(|(key, value)| groups.entry(key).or_default().push(value));
        let line = |(key, mut values): (u8, Vec<i64>)| {
            values.sort_unstable();
            let (count, sum) = (values.len(), values.iter().sum::<i64>());
            let (least, most) = (values[0], values[count - 1]);
            values.dedup();
            format!("k{key} | {count} | {sum} | {least} | {most} | {} | {}", values.len(), values.iter().sum::<i64>())
        };
        prop_assert_eq!(folded(&plain.lines)?, groups.into_iter().map(line).collect::<Vec<_>>());
    }

    #[test]
    fn a_join_is_that_of_the_rows_that_are_there(choices in both_sides(), kind in 0usize..6, residual: bool, keyless: bool, batch in 1usize..20, first in 0usize..30, every in 1usize..9) {
        let (mut there, mut events) = ([Vec::new(), Vec::new()], Vec::new());
        for (side, key, value, place, back) in choices {
            let rows = &mut there[side];
            let (kind, (key, value)) = match back && !rows.is_empty() {
                true => (Kind::Delete, rows.swap_remove(place.index(rows.len()))),
                false => {
                    rows.push((key, value));
                    (Kind::Insert, (key, value))
                }
            };
            events.push(Event::Row { input: side, kind, values: vec![name(key), Some(value.to_string())] });
        }
        let kind = ["inner", "left", "right", "full", "semi", "anti"][kind];
        let on = if keyless { "" } else { " on k=rk" };
        let residual_text = if residual { " where v<w" } else { "" };
        let inputs = ["l changes: k text, v int", "r changes: rk text, w int"];
        let graph = graph(&setting(&inputs, &format!("join {kind}{on}{residual_text}")));
        let plain = drive(&graph, &events, PLAIN);
        let other = drive(&graph, &events, Manner { batch_rows: Some(batch), recover: Some((first, every)), ..PLAIN });
        prop_assert_eq!(plain.flow(), other.flow());
        let lanes = drive(&graph, &events, Manner { batch_rows: Some(batch), lanes: 2, ..PLAIN });
        prop_assert_eq!(plain.rows(), lanes.rows());
        let memory = Manner { batch_rows: Some(batch), memory: [Some(every as u64 * 500); 2], ..PLAIN };
        prop_assert_eq!(plain.rows(), drive(&graph, &events, memory).rows());
        let meets = |l: &Keyed, r: &Keyed| (keyless || l.0 == r.0 && l.0 != 3) && (!residual || l.1 < r.1);
        prop_assert_eq!(folded(&plain.lines)?, joined(&there, kind, meets));
    }
}

/// A key and a value; key 3 is null.
type Keyed = (u8, i64);

fn name(key: u8) -> Option<String> {
    (key != 3).then(|| format!("k{key}"))
}

/// Rows of two sides, some of which take back one that is there.
fn both_sides() -> impl Strategy<Value = Vec<(usize, u8, i64, prop::sample::Index, bool)>> {
    prop::collection::vec((0usize..2, 0u8..4, 0i64..4, any::<prop::sample::Index>(), any::<bool>()), 0..50)
}

/// Every pair, and every row of an outer side without one.
fn joined(there: &[Vec<Keyed>; 2], kind: &str, meets: impl Fn(&Keyed, &Keyed) -> bool) -> Vec<String> {
    let show = |&(key, value): &Keyed| format!("{} | {value}", name(key).unwrap_or("_".into()));
    let [left, right] = there;
    let mut lines = Vec::new();
    for l in left {
        let partners: Vec<&Keyed> = right.iter().filter(|r| meets(l, r)).collect();
        if kind == "semi" || kind == "anti" {
            lines.extend((partners.is_empty() == (kind == "anti")).then(|| show(l)));
            continue;
        }
        lines.extend(partners.iter().map(|r| format!("{} | {}", show(l), show(r))));
        if partners.is_empty() && (kind == "left" || kind == "full") {
            lines.push(format!("{} | _ | _", show(l)));
        }
    }
    for r in right.iter().filter(|r| !left.iter().any(|l| meets(l, r))) {
        if kind == "right" || kind == "full" {
            lines.push(format!("_ | _ | {}", show(r)));
        }
    }
    lines.sort();
    lines
}
