//! Joins with the version that held at a row's time. What must be known of the right side is looked up in the graph below
//! it: since when a row holds, and which columns tell rows apart. A join as of the time of processing asks for the table
//! as it is now; of a table that stands still that is a plain join with it.

use millstream_plan::{Join, NodeId, Op, TemporalJoin};

use super::Lowering;
use super::join::{Parts, stands_still};
use super::rows::{Rows, Slot};
use crate::SqlError;
use crate::plan::fault;
use crate::plan::node::TemporalJoinNode;
use crate::plan::refuse::unsupported;

impl Lowering<'_> {
    /// The join of rows with versions.
    pub(super) fn temporal_join(&mut self, node: &TemporalJoinNode) -> Result<Rows, SqlError> {
        let join = node.as_join().map_err(fault::from_datafusion)?;
        let mut parts = self.parts(&join)?;
        if parts.equal.is_empty() {
            let error = SqlError::new("E0416", "a join with versions needs columns that must be equal").at(node.place);
            return Err(error.hint("name the key of the right table: ON o.currency = r.currency"));
        }
        match &node.at {
            None => self.lookup(node, &mut parts),
            Some(at) => {
                let time = parts.left.rows.plain(join.left.schema(), at)?.map(Slot::column);
                match time.filter(|&time| parts.left.row.is_time(time)) {
                    Some(time) => self.versions(node, &mut parts, time),
                    None => {
                        let message = format!("FOR SYSTEM_TIME AS OF takes an event-time column, and {at} is none");
                        Err(SqlError::new("E0411", message).at(node.place).hint("declare it: WATERMARK FOR ts AS …"))
                    }
                }
            }
        }
    }

    /// A table as it is now.
    fn lookup(&mut self, node: &TemporalJoinNode, parts: &mut Parts<'_>) -> Result<Rows, SqlError> {
        if !stands_still(&parts.join.right, &parts.right.row, true) {
            let sentence = "FOR SYSTEM_TIME AS OF the time of processing, with a table that does not end,";
            return Err(unsupported("lookup-join", sentence, node.place)
                .hint("a table that ends is read first and looked up then: a file, or 'scan.bounded.mode' = 'latest-offset'")
                .hint("of a table that changes ask for the version of an event time: FOR SYSTEM_TIME AS OF o.ts"));
        }
        parts.lookup = true;
        let rows = self.table_join(parts, true)?;
        rows.ok_or_else(|| SqlError::new("E0416", "a lookup is INNER or LEFT").at(node.place))
    }

    /// A table as it was at a column's time.
    fn versions(&mut self, node: &TemporalJoinNode, parts: &mut Parts<'_>, left_time: usize) -> Result<Rows, SqlError> {
        self.as_upserted(parts);
        let below = parts.right.rows.node;
        let Some(&right_time) = parts.right.row.times.first() else {
            let message = "the versions of a table need its event time, and the right side of the join has none";
            let error = SqlError::new("E0411", message).at(node.place);
            return Err(error.hint("declare since when a row holds: WATERMARK FOR ts AS ts - INTERVAL '5' SECOND"));
        };
        let key = self.graph.unique_key(below).ok_or_else(|| no_key(node))?;
        let on = parts.equalities()?;
        if let Some(missing) = key.iter().find(|key| !on.iter().any(|pair| pair.right == **key)) {
            let name = parts.right.row.schema.field(*missing).name();
            let message =
                format!("a join with versions must name the whole key of the right table, and '{name}' is missing");
            return Err(SqlError::new("E0416", message).at(node.place).hint(format!("add to ON: … = r.{name}")));
        }
        let retracts = self.graph.filters_changes(below);
        parts.tell_apart();
        let slots = parts.slots();
        let (left, right): (NodeId, NodeId) = self.settle_sides(parts);
        let edge = self.joined(left, right, parts.kind, true);
        let residual = parts.residual(left, &slots, &edge)?;
        let join = Join { kind: parts.kind, on, residual, lookup: false };
        let plan = TemporalJoin { join, left_time, right_time, retracts };
        let node = self.add(Op::TemporalJoin(plan), vec![left, right], edge);
        Ok(Rows { node, slots, pending: None, attached: None })
    }

    /// An upserted table as its records have it: nobody needs the row before repeated, and a deletion's own time says until
    /// when it held.
    fn as_upserted(&mut self, parts: &mut Parts<'_>) {
        let node = parts.right.rows.node;
        let last = node.0 + 1 == self.graph.nodes.len();
        if last && let Op::Normalize { .. } = self.graph.node(node).op {
            parts.right.rows.node = self.graph.node(node).inputs[0];
            self.graph.nodes.pop();
        }
    }
}

fn no_key(node: &TemporalJoinNode) -> SqlError {
    let message = "the versions of a table need its key, and the right side of the join has none";
    SqlError::new("E0416", message)
        .at(node.place)
        .hint("declare it: PRIMARY KEY (k) NOT ENFORCED")
        .hint("or keep the newest row of each key in a view: ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts DESC) = 1")
}
