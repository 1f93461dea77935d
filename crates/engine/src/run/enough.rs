//! When a source need not be read to its end: all that it could still give flows into operators that have said all
//! they will ever say. So `LIMIT 10` over a topic without end comes to an end, and over a long file soon.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use millstream_plan::{Graph, NodeId};

/// Who still wants rows.
pub(super) struct Enough {
    /// Who reads each node; `None` stands for somebody outside of the graph.
    readers: BTreeMap<NodeId, Vec<Option<NodeId>>>,
    satisfied: Mutex<BTreeSet<NodeId>>,
}

impl Enough {
    /// Nobody has enough yet.
    pub fn new(graph: &Graph) -> Enough {
        let mut readers = BTreeMap::<NodeId, Vec<Option<NodeId>>>::new();
        for (reader, node) in graph.nodes.iter().enumerate() {
            for input in &node.inputs {
                readers.entry(*input).or_default().push(Some(NodeId(reader)));
            }
        }
        for output in &graph.outputs {
            readers.entry(output.node).or_default().push(None);
        }
        Enough { readers, satisfied: Mutex::default() }
    }

    /// Nothing that still comes to this operator changes what it says.
    pub fn satisfied(&self, node: NodeId) {
        self.satisfied.lock().unwrap_or_else(PoisonError::into_inner).insert(node);
    }

    /// Whether nobody wants more of what this node says.
    pub fn of(&self, node: NodeId) -> bool {
        let satisfied = self.satisfied.lock().unwrap_or_else(PoisonError::into_inner);
        !satisfied.is_empty() && !self.is_wanted(node, &satisfied)
    }

    fn is_wanted(&self, node: NodeId, satisfied: &BTreeSet<NodeId>) -> bool {
        let wants = |reader: &Option<NodeId>| match reader {
            None => true,
            Some(reader) => !satisfied.contains(reader) && self.is_wanted(*reader, satisfied),
        };
        self.readers.get(&node).is_some_and(|readers| readers.iter().any(wants))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(readers: &[(usize, &[Option<usize>])]) -> Enough {
        let ids = |list: &[Option<usize>]| list.iter().map(|reader| reader.map(NodeId)).collect();
        let readers = readers.iter().map(|(node, list)| (NodeId(*node), ids(list))).collect();
        Enough { readers, satisfied: Mutex::default() }
    }

    #[test]
    fn a_source_is_read_on_while_one_way_to_an_output_is_open() {
        let enough = of(&[(0, &[Some(1), Some(2)]), (1, &[None]), (2, &[Some(3)]), (3, &[None])]);
        assert!(!enough.of(NodeId(0)));
        enough.satisfied(NodeId(1));
        assert!(!enough.of(NodeId(0)));
        enough.satisfied(NodeId(2));
        assert!(enough.of(NodeId(0)));
        assert!(!enough.of(NodeId(3)), "what stands behind is for others to say");
    }
}
