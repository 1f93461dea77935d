//! Who reads whom: the order in which steps must be looked at again when something before them has changed.

use std::collections::{BTreeMap, BTreeSet};

use super::Workbook;
use super::step::base;

/// The steps that read one of these names, at once or through others, each behind all of those that it reads.
pub fn dependents<'a>(workbook: &Workbook, names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let reads: BTreeMap<&str, BTreeSet<String>> =
        workbook.steps().map(|(name, step)| (name, step.current().reads())).collect();
    let start: BTreeSet<String> = names.into_iter().map(|name| base(name).to_string()).collect();
    let mut reached = start.clone();
    loop {
        let fresh: Vec<String> = reads
            .iter()
            .filter(|(name, reads)| !reached.contains(**name) && reads.iter().any(|read| reached.contains(base(read))))
            .map(|(name, _)| name.to_string())
            .collect();
        if fresh.is_empty() {
            break;
        }
        reached.extend(fresh);
    }
    let mut left: BTreeSet<&str> =
        reads.keys().copied().filter(|name| reached.contains(*name) && !start.contains(*name)).collect();
    let mut order = Vec::new();
    while !left.is_empty() {
        let free = |name: &&str| !reads[name].iter().any(|read| left.contains(base(read)) && base(read) != *name);
        // Steps that read each other in a circle have no order; they cannot be planned, and come as they are named.
        let next = left.iter().copied().find(free).or_else(|| left.first().copied());
        let Some(next) = next else { break };
        left.remove(next);
        order.push(next.to_string());
    }
    order
}
