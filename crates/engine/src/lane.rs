//! One lane: the operators that one thread owns, and the watermarks of their inputs.

use std::collections::VecDeque;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use millstream_plan::{Graph, NodeId};
use millstream_record::{Batch, Mark, Message, Millis};

use crate::build::{Work, build};
use crate::error::Result;
use crate::exchange::split;
use crate::input::InputClock;
use crate::inspect::{Detail, LaneReport, Reports, SeatReport};
use crate::layout::{Layout, Route};
use crate::operator::{Operator, Output};
use crate::pipeline::Emit;
use crate::progress::{Counters, NodeCounters};
use crate::state::{StateStore, Tables};

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

/// Sends an envelope to another lane.
pub type Send<'a> = &'a mut dyn FnMut(Envelope) -> Result<()>;

/// The operators of one thread.
pub struct Lane {
    number: usize,
    workers: usize,
    seats: Vec<Option<Seat>>,
    output: Output,
    reports: Reports,
    /// The last question of somebody who looks inside that this lane has answered.
    answered: u64,
}

/// An operator at work, and where its rows go.
struct Seat {
    uid: String,
    work: Work,
    clock: InputClock,
    input_schemas: Vec<SchemaRef>,
    readers: Vec<(NodeId, usize, Route)>,
    outputs: Vec<usize>,
    counters: NodeCounters,
}

impl Lane {
    /// Builds the operators of one lane.
    pub fn build(graph: &Graph, layout: &Layout, number: usize, counters: &Counters) -> Result<Lane> {
        let seat = |id: usize| -> Result<Option<Seat>> {
            let (id, node) = (NodeId(id), &graph.nodes[id]);
            if !layout.lanes_of(id).contains(&number) {
                return Ok(None);
            }
            let readers = graph.readers(id).map(|(to, port)| (to, port, layout.route(graph, id, to, port))).collect();
            let outputs = graph.outputs.iter().enumerate().filter(|(_, output)| output.node == id);
            Ok(Some(Seat {
                uid: node.uid.clone(),
                work: build(graph, node).map_err(|error| error.within(&node.uid))?,
                clock: InputClock::new(node.inputs.iter().enumerate().map(|(port, &input)| {
                    match layout.route(graph, input, id, port) {
                        Route::Stay => number..number + 1,
                        _ => layout.lanes_of(input),
                    }
                })),
                input_schemas: node.inputs.iter().map(|&input| graph.node(input).row.schema.clone()).collect(),
                readers,
                outputs: outputs.map(|(index, _)| index).collect(),
                counters: counters.node(id),
            }))
        };
        let seats = (0..graph.nodes.len()).map(seat).collect::<Result<_>>()?;
        let reports = counters.reports().clone();
        reports.enrol(number);
        Ok(Lane { number, workers: layout.workers(), seats, output: Output::default(), reports, answered: 0 })
    }

    /// Which lane it is.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Takes a message and all that follows from it in this lane.
    pub fn take(&mut self, envelope: Envelope, send: Send<'_>, emit: Emit<'_>) -> Result<()> {
        let mut waiting = VecDeque::from([envelope]);
        while let Some(envelope) = waiting.pop_front() {
            let node = envelope.node;
            for message in self.work(envelope)? {
                self.deliver(node, message, &mut waiting, send, emit)?;
            }
        }
        Ok(())
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

    fn seat(&mut self, node: NodeId) -> &mut Seat {
        self.seats[node.0].as_mut().expect("the layout routes rows to lanes where the operator sits")
    }

    /// Lets an operator work on a message; what it says in turn.
    fn work(&mut self, envelope: Envelope) -> Result<Vec<Message>> {
        let mut output = std::mem::take(&mut self.output);
        let seat = self.seat(envelope.node);
        let said = seat.work(envelope, &mut output).map_err(|error| error.within(&seat.uid));
        self.output = output;
        said
    }

    /// Hands a message to the readers of a node and to whoever takes the graph's rows.
    fn deliver(
        &mut self,
        node: NodeId,
        message: Message,
        waiting: &mut VecDeque<Envelope>,
        send: Send<'_>,
        emit: Emit<'_>,
    ) -> Result<()> {
        let (from, workers) = (self.number, self.workers);
        let seat = self.seat(node);
        seat.counters.said(&message);
        if let Message::Batch(batch) = &message
            && !batch.is_empty()
        {
            seat.outputs.iter().try_for_each(|&output| emit(output, batch.clone()))?;
        }
        for (to, port, route) in &seat.readers {
            let envelope = |lane, message| Envelope { lane, node: *to, port: *port, from, message };
            match route {
                Route::Stay => waiting.push_back(envelope(from, message.clone())),
                Route::To(lane) => send(envelope(*lane, message.clone()))?,
                Route::Hash(columns) => {
                    for (lane, part) in split(&message, columns, workers)?.into_iter().enumerate() {
                        if lane == from { waiting.push_back(envelope(lane, part)) } else { send(envelope(lane, part))? }
                    }
                }
            }
        }
        Ok(())
    }

    /// Saves the state of the lane's operators.
    pub fn save(&mut self, store: &mut dyn StateStore) -> Result<()> {
        let number = self.number;
        for seat in self.seats.iter_mut().flatten() {
            let mut tables = match &mut seat.work {
                Work::Operator(operator) => operator.save().map_err(|error| error.within(&seat.uid))?,
                _ => Tables::new(),
            };
            if !seat.input_schemas.is_empty() {
                tables.insert("@inputs".into(), seat.clock.save()?);
            }
            store.put(&state_key(&seat.uid, number), &tables)?;
        }
        Ok(())
    }

    /// Loads the state of the lane's operators.
    pub fn load(&mut self, store: &dyn StateStore) -> Result<()> {
        let number = self.number;
        for seat in self.seats.iter_mut().flatten() {
            let mut tables = store.get(&state_key(&seat.uid, number))?;
            if let Some(inputs) = tables.remove("@inputs") {
                seat.clock.load(&inputs);
            }
            if let Work::Operator(operator) = &mut seat.work {
                operator.load(tables).map_err(|error| error.within(&seat.uid))?;
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
fn state_key(uid: &str, lane: usize) -> String {
    format!("{uid}@{lane}")
}

impl Seat {
    fn work(&mut self, envelope: Envelope, output: &mut Output) -> Result<Vec<Message>> {
        let Envelope { port, from, message, .. } = envelope;
        self.counters.heard(port, &message);
        match &mut self.work {
            Work::Scan => Ok(vec![message]),
            Work::Stage(stage) => match message {
                Message::Batch(batch) => {
                    let applied = stage.apply(batch)?;
                    self.counters.dropped(stage.take_dropped());
                    Ok(vec![Message::Batch(applied)])
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
                let (batches, late, watermark) = output.take();
                self.counters.late(&late);
                self.counters.state(operator.size());
                let batches = batches.into_iter().map(Message::Batch);
                Ok(batches.chain(watermark.map(Message::Watermark)).chain(said.flatten()).collect())
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
