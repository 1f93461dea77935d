//! A graph, wired: its operators in lanes, and messages pushed through them.
//!
//! A *lane* is what one thread owns. Every source has a lane for itself and the stages that follow it;
//! before them stand as many worker lanes as the run has parallelism, and rows move between those by key.
//! A [`Pipeline`] drives all lanes on one thread, in order, which makes it a function of its input: replays,
//! previews and tests run so. A live run gives each lane a thread and the same code.

use std::collections::VecDeque;
use std::sync::Arc;

use millstream_plan::{Graph, NodeId};
use millstream_record::{Batch, Epoch, Message};

use crate::align::{Alignment, Step};
use crate::error::Result;
use crate::lane::{Envelope, Lane, Outlet};
use crate::layout::Layout;
use crate::progress::Counters;
use crate::spill::Memory;
use crate::state::{State, StateStore};

/// All lanes of a graph, driven by one thread.
pub struct Pipeline {
    lanes: Vec<Lane>,
    layout: Layout,
    waiting: VecDeque<Envelope>,
    cut: Cutting,
}

/// Takes what leaves a graph: the number of the output, and rows.
pub type Emit<'a> = &'a mut dyn FnMut(usize, Batch) -> Result<()>;

/// What leaves a graph, and by which input of the alignment.
struct Leaving {
    input: usize,
    output: usize,
    message: Message,
}

/// A barrier on its way through all lanes and outputs.
struct Cutting {
    /// The barriers of all lanes of all outputs: the outputs are cut at one place, together.
    outputs: Alignment<Leaving>,
    /// Per output, the first of its lanes and the number of that lane among the inputs of `outputs`.
    places: Vec<(usize, usize)>,
    state: State,
    lanes: usize,
    complete: Option<Epoch>,
    /// Rows behind the cut, until the cut is taken.
    behind: VecDeque<Leaving>,
}

impl Cutting {
    fn new(graph: &Graph, layout: &Layout) -> Cutting {
        let mut inputs = 0;
        let mut place = |output: &millstream_plan::Output| {
            let lanes = layout.lanes_of(output.node);
            inputs += lanes.len();
            (lanes.start, inputs - lanes.len())
        };
        let places = graph.outputs.iter().map(&mut place).collect();
        let outputs = Alignment::new(inputs);
        Cutting { outputs, places, state: State::default(), lanes: 0, complete: None, behind: VecDeque::new() }
    }

    fn input(&self, output: usize, lane: usize) -> usize {
        let (first, input) = self.places[output];
        input + lane - first
    }

    /// Lets rows out, unless they stand behind a cut.
    fn leave(&mut self, leaving: Leaving, emit: Emit<'_>) -> Result<()> {
        let barrier = match leaving.message {
            Message::Barrier(epoch) => Some(epoch),
            _ => None,
        };
        if self.complete.is_some() {
            self.behind.push_back(leaving);
            return Ok(());
        }
        match self.outputs.take(leaving.input, leaving, barrier) {
            Step::Pass(Leaving { output, message: Message::Batch(batch), .. }) => emit(output, batch),
            Step::Pass(_) | Step::Held | Step::Arrived => Ok(()),
            Step::Complete(epoch) => {
                self.complete = Some(epoch);
                self.behind = self.outputs.release();
                Ok(())
            }
        }
    }
}

/// The rim of a lane in a pipeline.
struct Rim<'a, 'b> {
    waiting: &'a mut VecDeque<Envelope>,
    cut: &'a mut Cutting,
    emit: Emit<'b>,
}

impl Outlet for Rim<'_, '_> {
    fn send(&mut self, envelope: Envelope) -> Result<()> {
        self.waiting.push_back(envelope);
        Ok(())
    }

    fn emit(&mut self, output: usize, from: usize, message: Message) -> Result<()> {
        let input = self.cut.input(output, from);
        self.cut.leave(Leaving { input, output, message }, self.emit)
    }

    fn saved(&mut self, _: usize, _: Epoch, state: State) -> Result<()> {
        self.cut.state.extend(state);
        self.cut.lanes += 1;
        Ok(())
    }
}

impl Pipeline {
    /// Wires a graph for so many worker lanes. State is put away when `memory` runs short, if it is given.
    pub fn new(
        graph: &Graph,
        parallelism: usize,
        counters: &Counters,
        memory: Option<&Arc<Memory>>,
    ) -> Result<Pipeline> {
        let layout = Layout::of(graph, parallelism);
        let lane = |lane: usize| Lane::build(graph, &layout, lane, counters, memory);
        let lanes = (0..layout.lanes()).map(lane).collect::<Result<_>>()?;
        let cut = Cutting::new(graph, &layout);
        Ok(Pipeline { lanes, layout, waiting: VecDeque::new(), cut })
    }

    /// Pushes what a scan says, and hands over what comes out at the other end.
    pub fn push(&mut self, scan: NodeId, message: Message, emit: Emit<'_>) -> Result<()> {
        let lane = self.layout.lanes_of(scan).start;
        self.waiting.push_back(Envelope { lane, node: scan, port: 0, from: lane, message });
        let Pipeline { lanes, waiting, cut, .. } = self;
        while let Some(envelope) = waiting.pop_front() {
            let lane = envelope.lane;
            lanes[lane].take(envelope, &mut Rim { waiting, cut, emit })?;
        }
        Ok(())
    }

    /// Lets every lane tell of its operators, if somebody has asked.
    pub fn answer(&mut self) {
        self.lanes.iter_mut().for_each(Lane::answer);
    }

    /// The state at the last barrier, once that has passed all scans, operators and outputs. Rows that came
    /// out behind it are held until this is asked for, and are handed over now.
    pub fn cut(&mut self, emit: Emit<'_>) -> Result<Option<(Epoch, State)>> {
        let with_state = self.lanes.iter().filter(|lane| lane.has_state()).count();
        if self.cut.lanes < with_state {
            return Ok(None);
        }
        let Some(epoch) = self.cut.complete.take() else { return Ok(None) };
        self.cut.lanes = 0;
        let state = std::mem::take(&mut self.cut.state);
        for leaving in std::mem::take(&mut self.cut.behind) {
            self.cut.leave(leaving, emit)?;
        }
        Ok(Some((epoch, state)))
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
