//! What became of every record: `in = used + late + bad + filtered`, per source.
//!
//! A record is followed from its scan as long as it is one row: through filters, projections and windows
//! of one row each, up to the first operator with state, where it may be late, or to a list that is unfolded,
//! which may have no element. What happens to the rows behind that is the operator's affair, not the record's.
//!
//! It can be asked at any time. What is left out is counted before it is asked how many records came at all,
//! so a record under way counts as used until it is known to be something else.

use std::fmt;

use millstream_plan::{Graph, NodeId, Op, Window};

use crate::progress::Counters;

/// The account of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// One entry per scan.
    pub sources: Vec<Account>,
}

/// The account of one scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The tap.
    pub tap: String,
    /// Records taken from the topic.
    pub records: u64,
    /// Those that reached the end of their way as rows.
    pub used: u64,
    /// Those that came after their time.
    pub late: u64,
    /// Those that could not be read, had no event time, or for which a user's function failed.
    pub bad: u64,
    /// Those that a condition left out.
    pub filtered: u64,
    /// Keys that stood more than once in their JSON object; the last of them counted.
    pub duplicate_keys: u64,
}

impl Ledger {
    /// The account of a graph whose operators have counted.
    pub fn of(graph: &Graph, counters: &Counters) -> Ledger {
        let progress = counters.operators();
        let account = |(scan, tap, _): (NodeId, &std::sync::Arc<millstream_plan::Tap>, &[usize])| {
            let (mut late, mut filtered, mut failed) = (0, 0, 0);
            let mut readers: Vec<NodeId> = graph.readers(scan).map(|(reader, _)| reader).collect();
            while let [reader] = readers.as_slice() {
                let (node, counted) = (graph.node(*reader), &progress[reader.0]);
                filtered += counted.dropped;
                failed += counted.bad;
                match &node.op {
                    Op::Filter(_) => {}
                    op if one_to_one(op) => {}
                    op => {
                        if !op.is_stage() && node.inputs.len() == 1 {
                            late += counted.late;
                        }
                        break;
                    }
                }
                readers = graph.readers(*reader).map(|(reader, _)| reader).collect();
            }
            let source = counters.source(scan).progress();
            let bad = source.bad + failed;
            let used = source.records.saturating_sub(bad + late + filtered);
            Account {
                tap: tap.name.clone(),
                records: source.records,
                used,
                late,
                bad,
                filtered,
                duplicate_keys: source.duplicate_keys,
            }
        };
        Ledger { sources: graph.scans().map(account).collect() }
    }
}

/// Whether every row becomes exactly one row.
fn one_to_one(op: &Op) -> bool {
    match op {
        Op::Project(_) => true,
        Op::AssignWindow(assign) => matches!(assign.window, Window::Tumble { .. }),
        _ => false,
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Account { tap, records, used, late, bad, filtered, .. } = self;
        write!(f, "{tap}: {records} in = {used} used + {late} late + {bad} bad + {filtered} filtered")
    }
}
