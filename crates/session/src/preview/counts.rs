//! What a preview counts, in a sentence that fits the kind of query.

use millstream_plan::{Changes, Graph, Op};

use crate::status::count;

/// What kind of answer a graph gives, as far as counting goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Every record becomes a row.
    All,
    /// Some records become rows, by a condition.
    Some,
    /// Rows are windows.
    Windows,
    /// Rows are taken back and replaced.
    Changing,
    /// Rows are made of records in another way: joins, lists, limits.
    Rows,
}

/// How many there are of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// What the numbers are of.
    pub kind: Kind,
    /// Records of the sample, over all tables.
    pub records: u64,
    /// Rows that came out; of a result that changes, those that stand at the end.
    pub rows: u64,
    /// Changes of a result that changes.
    pub changes: u64,
    /// Rows that would come out if the topic ended here: windows that are still open.
    pub open: u64,
    /// Rows that came after their time.
    pub late: u64,
    /// Records that could not be read.
    pub bad: u64,
}

impl Kind {
    /// What kind of answer a graph gives.
    pub fn of(graph: &Graph) -> Kind {
        let has = |fits: fn(&Op) -> bool| graph.nodes.iter().any(|node| fits(&node.op));
        let output = graph.outputs.first().map(|output| &graph.node(output.node).row);
        if output.is_some_and(|row| row.changes == Changes::Retract) {
            return Kind::Changing;
        }
        if has(|op| {
            matches!(
                op,
                Op::IntervalJoin(_)
                    | Op::WindowJoin(_)
                    | Op::TemporalJoin(_)
                    | Op::Join(_)
                    | Op::TableJoin(_)
                    | Op::Unnest(_)
                    | Op::Expand(_)
            )
        }) {
            return Kind::Rows;
        }
        if has(|op| matches!(op, Op::WindowAggregate(_))) {
            return Kind::Windows;
        }
        if has(|op| matches!(op, Op::Limit { .. } | Op::AssignWindow(_) | Op::Values { .. })) {
            return Kind::Rows;
        }
        if has(|op| matches!(op, Op::Filter(_))) { Kind::Some } else { Kind::All }
    }
}

impl Counts {
    /// The counts as a sentence, without a dot; `shown` rows stand above it.
    pub fn sentence(&self, shown: u64) -> String {
        let Counts { records, rows, changes, open, late, .. } = self;
        let marked = if *open > 0 { " (marked …)" } else { "" };
        let sampled = plural(*records, "sampled record", "sampled records");
        match self.kind {
            Kind::All => format!("{} of {sampled}", count(shown)),
            Kind::Some => format!("{} of {} pass", count(*rows), count(*records)),
            Kind::Windows => {
                let closed = plural(*rows, "window", "windows");
                format!("{closed} closed, {} still open{marked}, {} late", count(*open), count(*late))
            }
            Kind::Changing => {
                let rows = plural(*rows, "row", "rows");
                format!("{rows} after {} from {sampled}", plural(*changes, "change", "changes"))
            }
            Kind::Rows => {
                let open = if *open > 0 { format!(", {} still open{marked}", count(*open)) } else { String::new() };
                format!("{} from {sampled}{open}", plural(*rows, "row", "rows"))
            }
        }
    }
}

fn plural(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}
