//! A job whose query has changed since its checkpoint: what of the state fits the new graph. State is
//! matched by the step's name and the operator's role in it, never by the planner's order. What fits is
//! kept; what does not is named, and is left behind only if that was asked for.

use std::collections::{BTreeMap, BTreeSet};

use millstream_engine::{Cut, watermarks_key};
use millstream_plan::{Graph, NodeId, Op};

use crate::store::Manifest;

/// What becomes of the state in a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fit {
    /// Operators and sources that go on from where they were.
    pub kept: BTreeSet<String>,
    /// Those whose state is left behind, as was asked.
    pub dropped: BTreeSet<String>,
    /// Those that the checkpoint does not know: they begin anew.
    pub begun: BTreeSet<String>,
}

/// What the operators of a graph that keep state do, in the words of EXPLAIN with the columns that they
/// take, by their uids. A union keeps how far each of its inputs has come.
pub fn operators(graph: &Graph) -> BTreeMap<String, String> {
    let keeps = |id: &usize| graph.nodes[*id].op.keeps_state() || matches!(graph.nodes[*id].op, Op::Union);
    let described = |id: usize| {
        let node = graph.node(NodeId(id));
        if matches!(node.op, Op::Union) {
            let inputs = node.inputs.iter().map(|&input| graph.node(input).uid.as_str());
            return (node.uid.clone(), inputs.collect::<Vec<_>>().join(", "));
        }
        let inputs = node.inputs.iter().map(|&input| {
            let fields = graph.node(input).row.schema.fields().iter();
            fields.map(|field| format!("{} {}", field.name(), field.data_type())).collect::<Vec<_>>().join(", ")
        });
        let inputs = inputs.collect::<Vec<_>>().join("; ");
        (node.uid.clone(), format!("{} over ({inputs})", graph.describe(node)))
    };
    (0..graph.nodes.len()).filter(keeps).map(described).collect()
}

/// What the sources of a graph read, by their uids: a place in one topic means nothing in another.
pub fn reads(graph: &Graph) -> BTreeMap<String, String> {
    let described = |id: usize| {
        let node = graph.node(NodeId(id));
        let text = match &node.op {
            Op::Scan { tap, .. } => {
                let place = ["topic", "topic-pattern", "path"].iter().find_map(|key| tap.options.get(*key));
                format!("table {} from {} '{}'", tap.name, tap.connector, place.map_or("", String::as_str))
            }
            Op::Values { .. } => graph.describe(node),
            _ => return None,
        };
        Some((node.uid.clone(), text))
    };
    (0..graph.nodes.len()).filter_map(described).collect()
}

/// How the state of a checkpoint fits a graph; one sentence for each piece that does not. `dropped` names
/// steps or operators whose state may be left behind.
pub fn fit(saved: &Manifest, graph: &Graph, dropped: &[String]) -> Result<Fit, Vec<String>> {
    let was = saved.operators.iter().chain(&saved.reads).map(|(uid, text)| (uid.clone(), text.clone())).collect();
    let is = operators(graph).into_iter().chain(reads(graph)).collect();
    compare(&was, &is, dropped)
}

fn compare(
    was: &BTreeMap<String, String>,
    is: &BTreeMap<String, String>,
    dropped: &[String],
) -> Result<Fit, Vec<String>> {
    let mut fit = Fit::default();
    let mut sentences: Vec<String> = dropped
        .iter()
        .filter(|name| !was.keys().any(|uid| is_named(uid, name)))
        .map(|name| {
            let steps: BTreeSet<&str> = was.keys().map(|uid| step_of(uid)).collect();
            let known = steps.into_iter().collect::<Vec<_>>().join(", ");
            format!("the checkpoint has no state of '{name}' to drop; it has that of {known}")
        })
        .collect();
    for (uid, was) in was {
        // A step gives up what it has gathered, not where it stands in a topic that it still reads.
        let reads_on = is.get(uid) == Some(was) && matches!(role_of(uid), "scan" | "values");
        let asked = dropped.iter().any(|name| uid == name || !reads_on && is_named(uid, name));
        match is.get(uid) {
            _ if asked => drop(fit.dropped.insert(uid.clone())),
            Some(is) if is == was => drop(fit.kept.insert(uid.clone())),
            // It holds no rows: with other inputs it waits until it has heard from each.
            Some(_) if role_of(uid) == "union" => drop(fit.begun.insert(uid.clone())),
            None if role_of(uid) == "union" => {}
            Some(is) => sentences.push(format!("{uid} has changed: it was {was}, it is {is}")),
            None => sentences.push(format!("{uid} is gone: it was {was}")),
        }
    }
    fit.begun.extend(is.keys().filter(|uid| !was.contains_key(*uid)).cloned());
    if sentences.is_empty() { Ok(fit) } else { Err(sentences) }
}

/// Whether this is an operator's own name, or that of its step.
fn is_named(uid: &str, name: &str) -> bool {
    uid == name || step_of(uid) == name
}

/// The step of an operator: what stands before its role and its number.
fn step_of(uid: &str) -> &str {
    uid.rsplitn(3, '/').nth(2).unwrap_or(uid)
}

/// What an operator is in its step.
fn role_of(uid: &str) -> &str {
    uid.rsplit('/').nth(1).unwrap_or(uid)
}

impl Fit {
    /// Takes what is left behind out of a cut.
    pub fn apply(&self, cut: &mut Cut) {
        let goes = |uid: &str| self.dropped.contains(uid) || self.begun.contains(uid);
        cut.sources.retain(|uid, _| !goes(uid));
        let watermarks: BTreeSet<String> = self.dropped.iter().map(|uid| watermarks_key(uid)).collect();
        let stays = |key: &String| {
            let uid = key.rsplit_once('@').map_or(key.as_str(), |(uid, _)| uid);
            !goes(uid) && !watermarks.contains(key)
        };
        cut.state.tables.retain(|key, _| stays(key));
        cut.state.pieces.retain(|key, _| stays(key));
    }

    /// What is to be told of it, if the query has changed.
    pub fn changes(&self) -> Option<String> {
        let list = |what: &str, uids: &BTreeSet<String>| {
            (!uids.is_empty()).then(|| format!("{what}: {}", uids.iter().cloned().collect::<Vec<_>>().join(", ")))
        };
        let changed = [list("begun anew", &self.begun), list("dropped as asked", &self.dropped)];
        let changed: Vec<String> = changed.into_iter().flatten().collect();
        (!changed.is_empty()).then(|| {
            let kept = list("kept", &self.kept);
            kept.into_iter().chain(changed).collect::<Vec<_>>().join("; ")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(uid, text)| (uid.to_string(), text.to_string())).collect()
    }

    #[test]
    fn what_does_not_fit_is_named_piece_by_piece() {
        let was = map(&[("a/x/0", "sum(v)"), ("a/scan/0", "table t"), ("b/y/0", "join")]);
        let is = map(&[("a/x/0", "max(v)"), ("a/scan/0", "table t"), ("c/z/0", "new")]);
        assert_eq!(compare(&was, &is, &["a".into(), "b".into()]).expect("asked for").kept, ["a/scan/0".into()].into());
        assert_eq!(
            compare(&was, &is, &[]).expect_err("changed"),
            ["a/x/0 has changed: it was sum(v), it is max(v)", "b/y/0 is gone: it was join"]
        );
        let fit = compare(&was, &is, &["a/x/0".into(), "b".into()]).expect("asked for");
        assert_eq!(fit.kept, ["a/scan/0".to_string()].into());
        assert_eq!(
            fit.changes().expect("changed"),
            "kept: a/scan/0; begun anew: c/z/0; dropped as asked: a/x/0, b/y/0"
        );
    }

    #[test]
    fn a_name_that_has_no_state_is_an_error_and_not_ignored() {
        let was = map(&[("my/step/x/0", "sum(v)")]);
        assert!(compare(&was, &was, &["my/step".into()]).is_ok());
        let refused = compare(&was, &was, &["mystep".into()]).expect_err("a typing error");
        assert_eq!(refused, ["the checkpoint has no state of 'mystep' to drop; it has that of my/step"]);
    }

    #[test]
    fn the_same_query_tells_nothing() {
        let was = map(&[("a/x/0", "sum(v)")]);
        assert_eq!(compare(&was, &was, &[]).expect("the same").changes(), None);
    }

    #[test]
    fn what_is_dropped_leaves_the_cut() {
        let mut cut = Cut::default();
        for key in ["a/x/0@0", "a/x/0@1", "b/y/0@0", "@watermarks/a/scan/0", "@watermarks/b/scan/0"] {
            cut.state.tables.insert(key.into(), Default::default());
            cut.state.pieces.insert(key.into(), Vec::new());
        }
        cut.sources.insert("a/scan/0".into(), Default::default());
        let dropped = ["a/x/0".to_string(), "a/scan/0".into()].into();
        Fit { dropped, ..Fit::default() }.apply(&mut cut);
        assert_eq!(cut.state.tables.keys().collect::<Vec<_>>(), ["@watermarks/b/scan/0", "b/y/0@0"]);
        assert_eq!(cut.state.pieces.keys().collect::<Vec<_>>(), ["@watermarks/b/scan/0", "b/y/0@0"]);
        assert!(cut.sources.is_empty());
    }
}
