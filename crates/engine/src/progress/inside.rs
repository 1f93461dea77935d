//! The counters and what the lanes tell, put together to one picture of the run.

use std::sync::atomic::Ordering;
use std::time::Duration;

use millstream_plan::{Graph, NodeId};
use millstream_record::Millis;

use super::Counters;
use crate::inspect::{Inspection, LaneReport, Operator, Output, unknown};

impl Counters {
    /// The run seen from inside. Waits at most `wait` for lanes that are busy; what they told before is shown
    /// otherwise. Works when the run is over, too.
    pub fn inspect(&self, graph: &Graph, wait: Duration) -> Inspection {
        self.picture(graph, self.reports.call(), wait)
    }

    /// The run as its lanes answer a question.
    pub(crate) fn picture(&self, graph: &Graph, question: u64, wait: Duration) -> Inspection {
        let (reports, complete, ended) = self.reports.answers(question, wait);
        let outputs = graph.outputs.iter().zip(&self.outputs).map(|(output, counters)| Output {
            node: output.node,
            rows: counters.rows(),
            last: counters.last(),
            blocked: counters.blocked(),
        });
        Inspection {
            started: Millis(self.started.load(Ordering::Relaxed)),
            complete,
            ended,
            sources: self.sources.iter().map(|(scan, source)| source.inspect(*scan)).collect(),
            operators: (0..graph.nodes.len()).map(|id| self.operator(graph, NodeId(id), &reports)).collect(),
            outputs: outputs.collect(),
        }
    }

    fn operator(&self, graph: &Graph, id: NodeId, reports: &[LaneReport]) -> Operator {
        let mut seats = reports.iter().flatten().filter(|seat| seat.node == id).cloned();
        let (mut inputs, mut detail) =
            seats.next().map_or_else(|| unknown(graph, id), |first| (first.inputs, first.detail));
        for seat in seats {
            for (ours, theirs) in inputs.iter_mut().zip(seat.inputs) {
                ours.watermark = ours.watermark.min(theirs.watermark);
                ours.idle &= theirs.idle;
            }
            detail.absorb(seat.detail);
        }
        let progress = self.nodes[id.0].progress();
        Operator {
            uid: progress.uid,
            rows_in: self.nodes[id.0].rows_in(),
            rows_out: progress.rows_out,
            late: progress.late,
            watermark: progress.watermark,
            inputs,
            detail,
        }
    }
}
