//! One lane: the operators that one thread owns, and the watermarks of their inputs.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use millstream_plan::{Graph, NodeId};
use millstream_record::{Batch, Epoch, Mark, Message, Millis};

use crate::align::{Alignment, Step};
use crate::build::{Work, build, spilling};
use crate::error::Result;
use crate::exchange::split;
use crate::input::InputClock;
use crate::inspect::{Detail, LaneReport, Reports, SeatReport};
use crate::layout::{Layout, Route};
use crate::operator::{Operator, Output, Spilled};
use crate::progress::{Counters, NodeCounters};
use crate::spill::Memory;
use crate::stage::apply_sparing;
use crate::state::{Piece, State, StateStore, Tables};

/// A message on its way to an operator.
#[derive(Debug)]
pub struct Envelope {
    /// The lane it goes to.
    pub lane: usize,
    /// The operator there.
    pub node: NodeId,
    /// Which of the operator's inputs.
    pub port: usize,
    /// The lane it comes from.
    pub from: usize,
    /// What it says.
    pub message: Message,
}

/// Where a lane hands things to.
pub trait Outlet {
    /// Sends an envelope to another lane.
    fn send(&mut self, envelope: Envelope) -> Result<()>;

    /// Hands rows, or a barrier, of lane `from` to whoever takes output `output`.
    fn emit(&mut self, output: usize, from: usize, message: Message) -> Result<()>;

    /// Nothing that still comes to this operator changes what it says.
    fn satisfied(&mut self, _node: NodeId) {}

    /// A lane that has much to say at once is between two pieces of it: whoever takes them may catch up.
    fn breathe(&mut self) {}

    /// All operators of lane `lane` have saved their state at the barrier of this epoch.
    fn saved(&mut self, lane: usize, epoch: Epoch, state: State) -> Result<()>;
}

/// The operators of one thread.
pub struct Lane {
    number: usize,
    workers: usize,
    seats: Vec<Option<Seat>>,
    output: Output,
    reports: Reports,
    /// The last question of somebody who looks inside that this lane has answered.
    answered: u64,
    /// What operators have saved at the barrier that is passing through.
    saved: State,
}

/// An operator at work, and where its rows go.
struct Seat {
    uid: String,
    work: Work,
    clock: InputClock,
    /// The barriers of the inputs.
    alignment: Alignment<Envelope>,
    input_schemas: Vec<SchemaRef>,
    readers: Vec<(NodeId, usize, Route)>,
    outputs: Vec<usize>,
    counters: NodeCounters,
    /// It calls functions of users, and a row for which one fails is left out.
    spares: bool,
    /// Bytes of state that the counters know of, and what they know of the rest.
    size: usize,
    spilled: Spilled,
}

impl Lane {
    /// Builds the operators of one lane. They put state away when `memory` runs short, if it is given.
    pub fn build(
        graph: &Graph,
        layout: &Layout,
        number: usize,
        counters: &Counters,
        memory: Option<&Arc<Memory>>,
    ) -> Result<Lane> {
        let shared = memory.map(|memory| (Arc::new(graph.clone()), memory));
        let work = |graph: &Graph, id: NodeId| match &shared {
            Some((shared, memory)) => spilling(shared, id, memory),
            None => build(graph, graph.node(id)),
        };
        let seat = |id: usize| -> Result<Option<Seat>> {
            let (id, node) = (NodeId(id), &graph.nodes[id]);
            if !layout.lanes_of(id).contains(&number) {
                return Ok(None);
            }
            let readers = graph.readers(id).map(|(to, port)| (to, port, layout.route(graph, id, to, port))).collect();
            let outputs = graph.outputs.iter().enumerate().filter(|(_, output)| output.node == id);
            let clock = InputClock::new(node.inputs.iter().enumerate().map(|(port, &input)| {
                match layout.route(graph, input, id, port) {
                    Route::Stay => number..number + 1,
                    _ => layout.lanes_of(input),
                }
            }));
            Ok(Some(Seat {
                uid: node.uid.clone(),
                work: work(graph, id).map_err(|error| error.within(&node.uid))?,
                alignment: Alignment::new(clock.slot_count()),
                clock,
                input_schemas: node.inputs.iter().map(|&input| graph.node(input).row.schema.clone()).collect(),
                readers,
                outputs: outputs.map(|(index, _)| index).collect(),
                counters: counters.node(id),
                spares: counters.spares() && !node.user_functions().is_empty(),
                size: 0,
                spilled: Spilled::default(),
            }))
        };
        let seats = (0..graph.nodes.len()).map(seat).collect::<Result<_>>()?;
        let reports = counters.reports().clone();
        reports.enrol(number);
        let (output, saved) = (Output::default(), State::default());
        Ok(Lane { number, workers: layout.workers(), seats, output, saved, reports, answered: 0 })
    }

    /// Which lane it is.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Whether an operator with state sits here.
    pub fn has_state(&self) -> bool {
        self.seats.iter().flatten().any(Seat::has_state)
    }

    /// How many envelopes wait for a barrier.
    pub fn held(&self) -> usize {
        self.seats.iter().flatten().map(|seat| seat.alignment.held()).sum()
    }

    /// Takes a message and all that follows from it in this lane.
    pub fn take(&mut self, envelope: Envelope, outlet: &mut dyn Outlet) -> Result<()> {
        self.drain(VecDeque::from([envelope]), outlet)
    }

    fn drain(&mut self, mut waiting: VecDeque<Envelope>, outlet: &mut dyn Outlet) -> Result<()> {
        while let Some(envelope) = waiting.pop_front() {
            let node = envelope.node;
            match self.seat(node).align(envelope) {
                Step::Pass(envelope) => {
                    let said = self.work(envelope)?;
                    self.pour(node, said, &mut waiting, outlet)?;
                    if self.seat(node).is_satisfied() {
                        outlet.satisfied(node);
                    }
                }
                Step::Held | Step::Arrived => {}
                Step::Complete(epoch) => {
                    let said = self.say(node, |seat, output| seat.settle(output))?;
                    self.pour(node, said, &mut waiting, outlet)?;
                    self.cut(node, epoch, outlet)?;
                    self.deliver(node, Message::Barrier(epoch), &mut waiting, outlet)?;
                    // What was held came before all that waits.
                    let mut released = self.seat(node).alignment.release();
                    released.append(&mut waiting);
                    waiting = released;
                }
            }
        }
        Ok(())
    }

    /// Delivers what an operator has said, and what it has more to say: piece by piece, each worked off before
    /// the next is asked for, unless something waits that came before it.
    fn pour(
        &mut self,
        node: NodeId,
        mut said: Vec<Message>,
        waiting: &mut VecDeque<Envelope>,
        outlet: &mut dyn Outlet,
    ) -> Result<()> {
        let is_alone = waiting.is_empty();
        loop {
            said.into_iter().try_for_each(|message| self.deliver(node, message, waiting, outlet))?;
            if !self.seat(node).has_more() {
                return Ok(());
            }
            if is_alone {
                self.drain(std::mem::take(waiting), outlet)?;
                outlet.breathe();
            }
            said = self.say(node, |seat, output| seat.go_on(output))?;
        }
    }

    /// Tells of its operators, if somebody has asked since the last time. Called between two messages.
    pub fn answer(&mut self) {
        if let Some(question) = self.reports.open_question(self.answered) {
            self.answered = question;
            self.reports.answer(self.number, question, self.report());
        }
    }

    fn report(&self) -> LaneReport {
        let seats = self.seats.iter().enumerate().filter_map(|(id, seat)| Some((NodeId(id), seat.as_ref()?)));
        let report = |(node, seat): (NodeId, &Seat)| SeatReport {
            node,
            inputs: seat.clock.inputs(),
            detail: match &seat.work {
                Work::Scan | Work::Union => Detail::Plain,
                Work::Stage(stage) => stage.inspect(),
                Work::Operator(operator) => operator.inspect(),
            },
        };
        seats.map(report).collect()
    }

    /// The barrier of `epoch` stands at an operator: saves its state; the last one gives all of it away.
    fn cut(&mut self, node: NodeId, epoch: Epoch, outlet: &mut dyn Outlet) -> Result<()> {
        let number = self.number;
        let seat = self.seat(node);
        if !seat.has_state() {
            return Ok(());
        }
        let (key, (tables, pieces)) = (state_key(&seat.uid, number), seat.save()?);
        self.saved.put(&key, &tables)?;
        self.saved.put_pieces(&key, pieces)?;
        if self.saved.tables.len() == self.seats.iter().flatten().filter(|seat| seat.has_state()).count() {
            outlet.saved(number, epoch, std::mem::take(&mut self.saved))?;
        }
        Ok(())
    }

    fn seat(&mut self, node: NodeId) -> &mut Seat {
        self.seats[node.0].as_mut().expect("the layout routes rows to lanes where the operator sits")
    }

    /// Lets an operator work on a message; what it says in turn.
    fn work(&mut self, envelope: Envelope) -> Result<Vec<Message>> {
        self.say(envelope.node, |seat, output| seat.work(envelope, output))
    }

    /// What an operator says when it is asked so.
    fn say(
        &mut self,
        node: NodeId,
        ask: impl FnOnce(&mut Seat, &mut Output) -> Result<Vec<Message>>,
    ) -> Result<Vec<Message>> {
        let mut output = std::mem::take(&mut self.output);
        let seat = self.seat(node);
        let said = ask(seat, &mut output).map_err(|error| error.within(&seat.uid));
        self.output = output;
        said
    }

    /// Hands a message to the readers of a node and to whoever takes the graph's rows.
    fn deliver(
        &mut self,
        node: NodeId,
        message: Message,
        waiting: &mut VecDeque<Envelope>,
        outlet: &mut dyn Outlet,
    ) -> Result<()> {
        let (from, workers) = (self.number, self.workers);
        let seat = self.seat(node);
        seat.counters.said(&message);
        let leaves = match &message {
            Message::Batch(batch) => !batch.is_empty(),
            Message::Barrier(_) => true,
            Message::Watermark(_) | Message::Idle | Message::End => false,
        };
        if leaves {
            seat.outputs.iter().try_for_each(|&output| outlet.emit(output, from, message.clone()))?;
        }
        for (to, port, route) in &seat.readers {
            let envelope = |lane, message| Envelope { lane, node: *to, port: *port, from, message };
            match route {
                Route::Stay => waiting.push_back(envelope(from, message.clone())),
                Route::To(lane) => outlet.send(envelope(*lane, message.clone()))?,
                Route::Hash(columns) => {
                    for (lane, part) in split(&message, columns, workers)?.into_iter().enumerate() {
                        if lane == from {
                            waiting.push_back(envelope(lane, part));
                        } else {
                            outlet.send(envelope(lane, part))?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Saves the state of the lane's operators.
    pub fn save(&mut self, store: &mut dyn StateStore) -> Result<()> {
        let number = self.number;
        for seat in self.seats.iter_mut().flatten().filter(|seat| seat.has_state()) {
            let (key, (tables, pieces)) = (state_key(&seat.uid, number), seat.save()?);
            store.put(&key, &tables)?;
            store.put_pieces(&key, pieces)?;
        }
        Ok(())
    }

    /// Loads the state of the lane's operators.
    pub fn load(&mut self, store: &dyn StateStore) -> Result<()> {
        let number = self.number;
        for seat in self.seats.iter_mut().flatten().filter(|seat| seat.has_state()) {
            let key = state_key(&seat.uid, number);
            let (mut tables, pieces) = (store.get(&key)?, store.pieces(&key));
            if let Some(inputs) = tables.remove("@inputs") {
                seat.clock.load(&inputs);
            }
            if let Work::Operator(operator) = &mut seat.work {
                operator.load_pieces(tables, pieces).map_err(|error| error.within(&seat.uid))?;
            }
        }
        Ok(())
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        // Its last word: a run that is over can still be asked why nothing came out.
        self.reports.leave(self.number, self.report());
    }
}

/// The state of an operator in one lane has a key of its own.
pub(crate) fn state_key(uid: &str, lane: usize) -> String {
    format!("{uid}@{lane}")
}

impl Seat {
    /// Whether it has something to save: an operator, or the watermarks of several inputs.
    fn has_state(&self) -> bool {
        matches!(self.work, Work::Operator(_) | Work::Union)
    }

    fn is_satisfied(&self) -> bool {
        matches!(&self.work, Work::Operator(operator) if operator.is_satisfied())
    }

    fn align(&mut self, envelope: Envelope) -> Step<Envelope> {
        let barrier = match envelope.message {
            Message::Barrier(epoch) => Some(epoch),
            _ => None,
        };
        match self.work {
            // One input, or none: nothing to wait for.
            Work::Scan | Work::Stage(_) => barrier.map_or(Step::Pass(envelope), Step::Complete),
            Work::Union | Work::Operator(_) => {
                let input = self.clock.slot(envelope.port, envelope.from);
                self.alignment.take(input, envelope, barrier)
            }
        }
    }

    /// The operator's tables, the watermarks of its inputs beside them, and what of it lies on a shelf.
    fn save(&mut self) -> Result<(Tables, Vec<Piece>)> {
        let (mut tables, pieces) = match &mut self.work {
            Work::Operator(operator) => {
                let tables = operator.save().map_err(|error| error.within(&self.uid))?;
                (tables, operator.pieces())
            }
            Work::Scan | Work::Stage(_) | Work::Union => (Tables::new(), Vec::new()),
        };
        tables.insert("@inputs".into(), self.clock.save()?);
        Ok((tables, pieces))
    }

    /// Whether its operator has more to say than it said.
    fn has_more(&self) -> bool {
        matches!(&self.work, Work::Operator(operator) if operator.has_more())
    }

    /// What more its operator has to say.
    fn go_on(&mut self, output: &mut Output) -> Result<Vec<Message>> {
        let Work::Operator(operator) = &mut self.work else { return Ok(Vec::new()) };
        operator.go_on(output)?;
        Ok(self.said(output).collect())
    }

    /// What its operator has put off, which comes out before a barrier.
    fn settle(&mut self, output: &mut Output) -> Result<Vec<Message>> {
        let Work::Operator(operator) = &mut self.work else { return Ok(Vec::new()) };
        operator.settle(output)?;
        Ok(self.said(output).collect())
    }

    /// What the operator has said, once it is counted.
    fn said(&mut self, output: &mut Output) -> impl Iterator<Item = Message> + use<> {
        let (batches, late, watermark) = output.take();
        self.counters.late(&late);
        if let Work::Operator(operator) = &self.work {
            let before = std::mem::replace(&mut self.size, operator.size());
            self.counters.state(self.size, before);
            let before = std::mem::replace(&mut self.spilled, operator.spilled());
            self.counters.spilled(self.spilled, before);
        }
        batches.into_iter().map(Message::Batch).chain(watermark.map(Message::Watermark))
    }

    fn work(&mut self, envelope: Envelope, output: &mut Output) -> Result<Vec<Message>> {
        let Envelope { port, from, message, .. } = envelope;
        self.counters.heard(port, &message);
        match &mut self.work {
            Work::Scan => Ok(vec![message]),
            Work::Stage(stage) => match message {
                Message::Batch(batch) => {
                    let applied = if self.spares {
                        apply_sparing(stage.as_mut(), batch, &self.counters)?
                    } else {
                        vec![stage.apply(batch)?]
                    };
                    self.counters.dropped(stage.take_dropped());
                    Ok(applied.into_iter().map(Message::Batch).collect())
                }
                other => Ok(vec![other]),
            },
            Work::Union => Ok(self.clock.take(port, from, message).into_iter().collect()),
            Work::Operator(operator) => {
                let had_ended = self.clock.ended(port);
                let schema = &self.input_schemas[port];
                let message = self.clock.take(port, from, message);
                let said = message.map(|message| run(operator.as_mut(), port, schema, message, output)).transpose()?;
                if self.clock.ended(port) && !had_ended {
                    operator.on_end(port, output)?;
                }
                Ok(self.said(output).chain(said.flatten()).collect())
            }
        }
    }
}

/// Runs an operator on one message; what has to be passed on besides its output.
fn run(
    operator: &mut dyn Operator,
    port: usize,
    schema: &SchemaRef,
    message: Message,
    output: &mut Output,
) -> Result<Option<Message>> {
    let marked = |watermark| Batch {
        marks: vec![Mark { after: 0, watermark }],
        ..Batch::insert(RecordBatch::new_empty(schema.clone()))
    };
    match message {
        Message::Batch(batch) => operator.on_batch(port, batch, output)?,
        Message::Watermark(watermark) => operator.on_batch(port, marked(watermark), output)?,
        Message::End => operator.on_batch(port, marked(Millis::MAX), output)?,
        passed @ (Message::Idle | Message::Barrier(_)) => return Ok(Some(passed)),
    }
    Ok(None)
}
