//! A graph, wired: its operators in lanes, and messages pushed through them.
//!
//! A *lane* is what one thread owns. Every source has a lane for itself and the stages that follow it;
//! before them stand as many worker lanes as the run has parallelism, and rows move between those by key.
//! A [`Pipeline`] drives all lanes on one thread, in order, which makes it a function of its input: replays,
//! previews and tests run so. A live run gives each lane a thread and the same code.

use std::collections::VecDeque;

use millstream_plan::{Graph, NodeId};
use millstream_record::{Batch, Message};

use crate::error::Result;
use crate::lane::{Envelope, Lane};
use crate::layout::Layout;
use crate::progress::Counters;
use crate::state::StateStore;

/// All lanes of a graph, driven by one thread.
pub struct Pipeline {
    lanes: Vec<Lane>,
    layout: Layout,
    waiting: VecDeque<Envelope>,
}

/// Takes what leaves a graph: the number of the output, and rows.
pub type Emit<'a> = &'a mut dyn FnMut(usize, Batch) -> Result<()>;

impl Pipeline {
    /// Wires a graph for so many worker lanes.
    pub fn new(graph: &Graph, parallelism: usize, counters: &Counters) -> Result<Pipeline> {
        let layout = Layout::of(graph, parallelism);
        let lanes =
            (0..layout.lanes()).map(|lane| Lane::build(graph, &layout, lane, counters)).collect::<Result<_>>()?;
        Ok(Pipeline { lanes, layout, waiting: VecDeque::new() })
    }

    /// Pushes what a scan says, and hands over what comes out at the other end.
    pub fn push(&mut self, scan: NodeId, message: Message, emit: Emit<'_>) -> Result<()> {
        let lane = self.layout.lanes_of(scan).start;
        self.waiting.push_back(Envelope { lane, node: scan, port: 0, from: lane, message });
        while let Some(envelope) = self.waiting.pop_front() {
            let (lane, waiting) = (envelope.lane, &mut self.waiting);
            let mut send = |next| {
                waiting.push_back(next);
                Ok(())
            };
            self.lanes[lane].take(envelope, &mut send, emit)?;
        }
        Ok(())
    }

    /// Lets every lane tell of its operators, if somebody has asked.
    pub fn answer(&mut self) {
        self.lanes.iter_mut().for_each(Lane::answer);
    }

    /// Saves the state of every operator.
    pub fn save(&mut self, store: &mut dyn StateStore) -> Result<()> {
        self.lanes.iter_mut().try_for_each(|lane| lane.save(store))
    }

    /// Loads the state of every operator. Called before the first push.
    pub fn load(&mut self, store: &dyn StateStore) -> Result<()> {
        self.lanes.iter_mut().try_for_each(|lane| lane.load(store))
    }
}
