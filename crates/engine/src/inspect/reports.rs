//! Where the lanes of a run tell of their operators: somebody asks, every lane answers when it next stands
//! between two messages, and says its last word when it ends. Asking is one number that the lanes look at.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use millstream_plan::NodeId;

use super::{Detail, Input};

/// The reports of all lanes of a run. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Reports(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// The number of the last question.
    asked: AtomicU64,
    lanes: Mutex<BTreeMap<usize, Told>>,
    answered: Condvar,
}

/// What a lane has told.
#[derive(Clone, Debug, Default)]
struct Told {
    /// To which question; the highest number for a lane that has ended.
    question: u64,
    report: LaneReport,
}

/// The operators of one lane.
pub type LaneReport = Vec<SeatReport>;

/// One operator in one lane.
#[derive(Clone, Debug)]
pub struct SeatReport {
    /// Which node.
    pub node: NodeId,
    /// Its inputs.
    pub inputs: Vec<Input>,
    /// What it knows.
    pub detail: Detail,
}

/// The question that a lane has answered when it has ended.
const LAST: u64 = u64::MAX;

impl Reports {
    /// A lane takes part from now on.
    pub fn enrol(&self, lane: usize) {
        self.lanes().insert(lane, Told::default());
    }

    /// The question that is open for a lane which has answered `question` before.
    pub fn open_question(&self, question: u64) -> Option<u64> {
        let asked = self.0.asked.load(Ordering::Relaxed);
        (asked > question).then_some(asked)
    }

    /// A lane answers a question.
    pub fn answer(&self, lane: usize, question: u64, report: LaneReport) {
        self.lanes().insert(lane, Told { question, report });
        self.0.answered.notify_all();
    }

    /// A lane says its last word.
    pub fn leave(&self, lane: usize, report: LaneReport) {
        self.answer(lane, LAST, report);
    }

    /// Asks all lanes. The number of the question.
    pub fn call(&self) -> u64 {
        self.0.asked.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Waits for the answers to a question, at most `wait`. The reports, older ones of lanes that did not answer in
    /// time; whether all did; and whether all have ended.
    pub fn answers(&self, question: u64, wait: Duration) -> (Vec<LaneReport>, bool, bool) {
        let lacking = |lanes: &mut BTreeMap<usize, Told>| lanes.values().any(|told| told.question < question);
        let (mut lanes, _) =
            self.0.answered.wait_timeout_while(self.lanes(), wait, lacking).unwrap_or_else(PoisonError::into_inner);
        let complete = !lacking(&mut lanes);
        let ended = lanes.values().all(|told| told.question == LAST);
        (lanes.values().map(|told| told.report.clone()).collect(), complete, ended)
    }

    fn lanes(&self) -> std::sync::MutexGuard<'_, BTreeMap<usize, Told>> {
        self.0.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(node: usize) -> LaneReport {
        vec![SeatReport { node: NodeId(node), inputs: Vec::new(), detail: Detail::Plain }]
    }

    #[test]
    fn a_lane_that_cannot_answer_is_not_waited_for_longer_than_asked() {
        let reports = Reports::default();
        reports.enrol(0);
        reports.enrol(1);
        assert_eq!(reports.open_question(0), None);
        reports.leave(0, report(7));
        let (told, complete, ended) = reports.answers(reports.call(), Duration::from_millis(1));
        assert_eq!((told[0][0].node, told[1].len(), complete, ended), (NodeId(7), 0, false, false));
        assert_eq!(reports.open_question(0), Some(1));
    }

    #[test]
    fn answers_come_from_other_threads_and_stay_when_the_lanes_have_ended() {
        let reports = Reports::default();
        reports.enrol(0);
        let lane = reports.clone();
        let thread = std::thread::spawn(move || {
            let question = loop {
                match lane.open_question(0) {
                    Some(question) => break question,
                    None => std::thread::yield_now(),
                }
            };
            lane.answer(0, question, report(3));
        });
        let (told, complete, ended) = reports.answers(reports.call(), Duration::from_secs(20));
        assert_eq!((told[0][0].node, complete, ended), (NodeId(3), true, false));
        thread.join().expect("it answered");
        reports.leave(0, report(4));
        let (told, complete, ended) = reports.answers(reports.call(), Duration::ZERO);
        assert_eq!((told[0][0].node, complete, ended), (NodeId(4), true, true));
    }
}
