//! One thread's part of a run: a worker with its inbox, or a source with the stages that follow it.

use std::sync::Arc;

use crossbeam_channel::{Receiver, RecvTimeoutError, SendTimeoutError, Sender};
use millstream_plan::NodeId;
use millstream_record::{Batch, Epoch, Message, Poll, Reader};

use super::cut::{Part, Standing};
use super::sink::Order;
use super::{LOOK, Shared};
use crate::error::{EngineError, Result};
use crate::feed::Feed;
use crate::lane::{Envelope, Lane, Outlet};
use crate::state::State;

/// What a worker is told.
pub(super) enum Job {
    Work(Envelope),
    Quit,
}

/// Where the rows of an output go.
pub(super) enum Way {
    /// To whoever asked.
    Result(Sender<Batch>),
    /// To this sink, whose inputs are numbered over the lanes of all its outputs.
    Sink { sink: usize, first_lane: usize, first_input: usize },
}

/// Where rows come from, and where it stands.
pub(super) struct Spring {
    pub scan: NodeId,
    pub name: String,
    pub uid: String,
    pub standing: Standing,
    pub water: Water,
}

/// What comes out of a spring.
pub(super) enum Water {
    /// Records; a source that had ended at the cut has no reader any more.
    Read(Box<Feed>, Option<Box<dyn Reader>>),
    /// The rows of a `VALUES`, unless they have been said.
    Recite(Option<Batch>),
}

/// A lane on a thread.
pub(super) struct Hub {
    lane: Lane,
    rim: Rim,
}

/// What a lane's messages go out by.
struct Rim {
    ways: Arc<Vec<Way>>,
    shared: Arc<Shared>,
}

impl Outlet for Rim {
    fn send(&mut self, envelope: Envelope) -> Result<()> {
        self.shared.gate.enter();
        // A closed inbox means that the run is being stopped: what is lost is not wanted any more.
        let lane = envelope.lane;
        drop(self.shared.inboxes[lane].send(Job::Work(envelope)));
        Ok(())
    }

    fn emit(&mut self, output: usize, from: usize, message: Message) -> Result<()> {
        match (&self.ways[output], message) {
            (Way::Sink { sink, first_lane, first_input }, message) => {
                self.shared.gate.enter();
                let input = first_input + from - first_lane;
                drop(self.shared.sinks[*sink].send(Order::Take { input, output, message }));
            }
            (Way::Result(results), Message::Batch(batch)) => self.shared.offer(output, results, batch),
            (Way::Result(_), _) => {}
        }
        Ok(())
    }

    fn satisfied(&mut self, node: NodeId) {
        self.shared.enough.satisfied(node);
    }

    fn breathe(&mut self) {
        // Not for longer: whoever takes the rows may itself wait for a barrier of this lane.
        self.shared.gate.wait(LOOK);
    }

    fn saved(&mut self, _: usize, _: Epoch, state: State) -> Result<()> {
        self.shared.report(Part::Lane(state));
        Ok(())
    }
}

impl Shared {
    /// Hands rows to whoever asked for them. Waits while he is slow.
    fn offer(&self, output: usize, results: &Sender<Batch>, mut batch: Batch) {
        let (counters, rows) = (self.counters.output(output), batch.len());
        counters.offer(self.options.clock.now());
        while !self.stop.raised() {
            match results.send_timeout(batch, LOOK) {
                Ok(()) => return counters.taken(rows, self.options.clock.now()),
                Err(SendTimeoutError::Timeout(back)) => batch = back,
                Err(SendTimeoutError::Disconnected(_)) => return self.stop.raise(),
            }
        }
    }
}

impl Hub {
    pub fn new(lane: Lane, ways: Arc<Vec<Way>>, shared: Arc<Shared>) -> Hub {
        Hub { lane, rim: Rim { ways, shared } }
    }

    /// Whether the lane takes part in cuts.
    pub fn has_state(&self) -> bool {
        self.lane.has_state()
    }

    /// Takes a message and all that follows from it here; sends the rest on.
    fn take(&mut self, envelope: Envelope) -> Result<()> {
        let held = self.lane.held();
        self.lane.take(envelope, &mut self.rim)?;
        let more = self.lane.held() as isize - held as isize;
        if more != 0 {
            self.rim.shared.gate.hold(more);
        }
        Ok(())
    }

    /// The life of a worker.
    pub fn work(&mut self, outbox: &Receiver<Job>) -> Result<()> {
        loop {
            if self.rim.shared.stop.raised() {
                return Ok(());
            }
            self.lane.answer();
            match outbox.recv_timeout(LOOK) {
                Ok(Job::Work(envelope)) => {
                    self.take(envelope)?;
                    self.rim.shared.left();
                }
                Ok(Job::Quit) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// The life of a source.
    pub fn read(&mut self, spring: Spring) -> Result<()> {
        let Spring { scan, name, uid, mut standing, water } = spring;
        let mut source = Flow { scan, name, uid, sent: Epoch(0) };
        let shared = self.rim.shared.clone();
        let mut feed = match water {
            Water::Read(mut feed, reader) => {
                if let Some(mut reader) = reader {
                    let ended = self.flow(&mut source, &mut feed, reader.as_mut())?;
                    standing = Standing { positions: reader.positions(), ended };
                    if !ended {
                        return Ok(());
                    }
                }
                Some(feed)
            }
            Water::Recite(rows) => {
                if let Some(rows) = rows {
                    self.say(scan, Message::Batch(rows))?;
                }
                standing.ended = true;
                None
            }
        };
        self.say(scan, Message::End)?;
        shared.source_ended(scan);
        // Barriers go through a source that has ended, too.
        while shared.checkpoints && !shared.stop.raised() {
            self.lane.answer();
            match shared.wanted.beyond(source.sent) {
                Some((epoch, _)) => self.bar(&mut source, epoch, standing.clone(), feed.as_deref_mut())?,
                None => std::thread::park_timeout(LOOK),
            }
        }
        Ok(())
    }

    /// Reads until the end of the source (true), or until the run is stopped.
    fn flow(&mut self, source: &mut Flow, feed: &mut Feed, reader: &mut dyn Reader) -> Result<bool> {
        let shared = self.rim.shared.clone();
        let counters = shared.counters.source(source.scan);
        while !shared.stop.raised() {
            self.lane.answer();
            if let Some((epoch, last)) = shared.wanted.beyond(source.sent) {
                let standing = Standing { positions: reader.positions(), ended: false };
                self.bar(source, epoch, standing, Some(feed))?;
                while last && !shared.stop.raised() {
                    std::thread::park_timeout(LOOK);
                }
                continue;
            }
            if !shared.may_begin(source.scan) {
                continue;
            }
            if !shared.checkpoints && shared.enough.of(source.scan) {
                counters.ended();
                return feed.flush().map(|()| true);
            }
            let room = shared.gate.wait(LOOK);
            counters.held(!room, shared.options.clock.now());
            if !room {
                continue;
            }
            let name = &source.name;
            let said = reader.poll(LOOK).map_err(|source| EngineError::Door { name: name.clone(), source })?;
            let now = shared.options.clock.now();
            if !matches!(said, Poll::Stalled(_)) {
                counters.stalled(None, now);
            }
            let messages = match said {
                Poll::Partition(partition) => {
                    feed.partition(&partition, now);
                    Vec::new()
                }
                Poll::Rows(fetched) => vec![feed.rows(fetched, now)?],
                Poll::PartitionEnd(partition) => feed.partition_ended(&partition).into_iter().collect(),
                Poll::Nothing => {
                    feed.flush()?;
                    feed.silence(now)
                }
                Poll::Stalled(reason) => {
                    counters.stalled(Some(reason), now);
                    feed.silence(now)
                }
                Poll::End => {
                    counters.ended();
                    return feed.flush().map(|()| true);
                }
            };
            counters.lag(reader.lag());
            messages.into_iter().try_for_each(|message| self.say(source.scan, message))?;
        }
        feed.flush().map(|()| false)
    }

    /// Sends a barrier and reports where the source stands at it.
    fn bar(&mut self, source: &mut Flow, epoch: Epoch, standing: Standing, feed: Option<&mut Feed>) -> Result<()> {
        source.sent = epoch;
        if let Some(feed) = &feed {
            feed.flush()?;
        }
        let watermarks = feed.map(Feed::save).transpose()?.flatten();
        self.rim.shared.report(Part::Source { uid: source.uid.clone(), standing, watermarks });
        self.say(source.scan, Message::Barrier(epoch))
    }

    fn say(&mut self, scan: NodeId, message: Message) -> Result<()> {
        let lane = self.lane.number();
        self.take(Envelope { lane, node: scan, port: 0, from: lane, message })
    }
}

/// A source while it is read.
struct Flow {
    scan: NodeId,
    name: String,
    uid: String,
    /// The barrier that was sent last.
    sent: Epoch,
}
