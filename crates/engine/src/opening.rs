//! The order in which sources begin, and how they are opened without holding up whoever waits.
//!
//! A table that a stream is looked up in is read to its end before the stream begins: the join would have to
//! hold every row of the stream until then, and a stream has no bound.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use millstream_plan::{Graph, NodeId, Op};
use millstream_record::{Error, Reader, Scan, Source, Stop};

use crate::error::{EngineError, Result};

/// Opens a source, unless somebody asks to stop while the other side keeps us waiting.
pub fn open(name: &str, source: Arc<dyn Source>, scan: Scan, stop: &Stop) -> Result<Box<dyn Reader>> {
    let opened = stop.unless(move || source.open(scan)).unwrap_or(Err(Error::Interrupted));
    opened.map_err(|source| EngineError::Door { name: name.into(), source })
}

/// Per scan (and `VALUES`), the others that must have ended before it begins: those on the table side of a
/// join on whose stream side it is.
pub fn first(graph: &Graph) -> BTreeMap<NodeId, BTreeSet<NodeId>> {
    let mut order: BTreeMap<NodeId, BTreeSet<NodeId>> = BTreeMap::new();
    for node in &graph.nodes {
        if let (Op::TableJoin(_), [stream, table]) = (&node.op, node.inputs.as_slice()) {
            let tables = sources(graph, *table);
            for scan in sources(graph, *stream) {
                for &table in &tables {
                    // A source on both sides, directly or by way of other joins, waits for nobody.
                    if table != scan && !waits(&order, table, scan) {
                        order.entry(scan).or_default().insert(table);
                    }
                }
            }
        }
    }
    order
}

/// The nodes without inputs that feed a node.
fn sources(graph: &Graph, id: NodeId) -> BTreeSet<NodeId> {
    match graph.node(id).inputs.as_slice() {
        [] => BTreeSet::from([id]),
        inputs => inputs.iter().flat_map(|&input| sources(graph, input)).collect(),
    }
}

/// Whether `scan` waits for `other`, directly or by way of others.
fn waits(order: &BTreeMap<NodeId, BTreeSet<NodeId>>, scan: NodeId, other: NodeId) -> bool {
    let direct = order.get(&scan).into_iter().flatten();
    direct.into_iter().any(|&next| next == other || waits(order, next, other))
}

/// Which sources have ended.
#[derive(Debug, Default)]
pub struct Ends {
    ended: Mutex<BTreeSet<NodeId>>,
    news: Condvar,
}

impl Ends {
    /// A source has sent all it had.
    pub fn ended(&self, source: NodeId) {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).insert(source);
        self.news.notify_all();
    }

    /// Waits until all of these have ended; false if that did not come in time.
    pub fn wait(&self, sources: &BTreeSet<NodeId>, wait: Duration) -> bool {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = |ended: &mut BTreeSet<NodeId>| !sources.is_subset(ended);
        let (ended, _) = self.news.wait_timeout_while(ended, wait, missing).unwrap_or_else(PoisonError::into_inner);
        sources.is_subset(&ended)
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field, Schema};
    use millstream_plan::{Changes, Join, JoinKind, RowType};

    use super::*;

    fn row() -> RowType {
        let schema = Arc::new(Schema::new(vec![Field::new("k", DataType::Int64, true)]));
        RowType { schema, times: Vec::new(), changes: Changes::Append }
    }

    fn source(graph: &mut Graph) -> NodeId {
        graph.add(Op::Values { rows: Vec::new() }, Vec::new(), row(), "q")
    }

    fn join(graph: &mut Graph, stream: NodeId, table: NodeId) -> NodeId {
        let join = Join { kind: JoinKind::Inner, on: Vec::new(), residual: None, lookup: false };
        graph.add(Op::TableJoin(join), vec![stream, table], row(), "q")
    }

    #[test]
    fn streams_wait_for_the_tables_they_are_looked_up_in() {
        let mut graph = Graph::default();
        let (stream, table, names) = (source(&mut graph), source(&mut graph), source(&mut graph));
        let named = join(&mut graph, table, names);
        join(&mut graph, stream, named);
        let order = first(&graph);
        assert_eq!(order[&stream], BTreeSet::from([table, names]));
        assert_eq!(order[&table], BTreeSet::from([names]));
        assert!(!order.contains_key(&names));
    }

    #[test]
    fn nobody_waits_for_himself() {
        let mut graph = Graph::default();
        let (one, other) = (source(&mut graph), source(&mut graph));
        let both = join(&mut graph, one, other);
        join(&mut graph, other, both);
        let order = first(&graph);
        assert_eq!(order[&one], BTreeSet::from([other]));
        assert!(!order.contains_key(&other), "{order:?}");
    }

    #[test]
    fn ends_are_heard() {
        let ends = Ends::default();
        let both = BTreeSet::from([NodeId(0), NodeId(1)]);
        ends.ended(NodeId(0));
        assert!(!ends.wait(&both, Duration::ZERO));
        std::thread::scope(|scope| {
            scope.spawn(|| ends.ended(NodeId(1)));
            assert!(ends.wait(&both, Duration::from_secs(30)));
        });
    }
}
