//! A step in the debugger: its play-head, the states that were saved of it, and its breakpoint.

use arrow::array::RecordBatch;
use millstream_plan::{Changes, Graph, Op, RowType};
use millstream_record::{Batch, Clock, Millis};

use super::condition::Condition;
use super::head::{Head, Saved};
use super::replaying::Replaying;
use crate::fault::Fault;
use crate::fold::Fold;
use crate::render::Columns;
use crate::session::Session;
use crate::verbs::query;
use crate::watch::ROOM;

/// A state is saved every so many records: what a step back plays at most.
const INTERVAL: u64 = 16_384;
/// Saved states of one step take no more than this; of more, every second is forgotten.
const MOST_BYTES: usize = 256 << 20;
/// What a row that stands takes in each state, roughly; its bytes are shared by all.
const ROW_BYTES: usize = 256;

/// A step over the tape.
pub struct Seat {
    head: Head,
    saved: Vec<(Saved, Option<Fold>)>,
    /// The rows that stand where the play-head is, if somebody wants to see them.
    stands: Option<Fold>,
    /// How far apart saved states are now.
    interval: u64,
    /// Before which changes to stop.
    pub breakpoint: Option<Condition>,
    /// Whether the end of the tape was played.
    finished: bool,
}

impl Seat {
    /// A step before the first record of the stretch.
    pub fn new(session: &Session, step: &str, replaying: &Replaying) -> Result<Seat, Fault> {
        let name = millstream_sql::statement::Name { text: step.into(), span: millstream_sql::Span::new(0, 0) };
        let graph = query::all_of(session, &name).map_err(|fault| Fault { span: None, ..fault })?;
        let head = replaying.head(session, graph)?;
        Ok(Seat { head, saved: Vec::new(), stands: None, interval: INTERVAL, breakpoint: None, finished: false })
    }

    /// The same, which knows at every place which rows stand there.
    pub fn watched(session: &Session, step: &str, replaying: &Replaying) -> Result<Seat, Fault> {
        let mut seat = Seat::new(session, step, replaying)?;
        seat.stands = Some(Fold::bounded(seat.row().schema, ROOM)?);
        Ok(seat)
    }

    /// Its graph.
    pub fn graph(&self) -> &Graph {
        self.head.graph()
    }

    /// What a row of the step is.
    pub fn row(&self) -> RowType {
        let graph = self.head.graph();
        graph.node(graph.outputs[0].node).row.clone()
    }

    /// The columns of the step.
    pub fn columns(&self) -> Columns {
        Columns::of(self.row().schema)
    }

    /// Whether it takes rows back.
    pub fn changes(&self) -> Changes {
        self.row().changes
    }

    /// The play-head.
    pub fn head(&mut self) -> &mut Head {
        &mut self.head
    }

    /// The watermark of each of its scans.
    pub fn watermarks(&mut self) -> Vec<Option<Millis>> {
        self.head.replay().watermarks()
    }

    /// How many rows its windows have given since the last look back.
    pub fn closed(&mut self) -> u64 {
        let operators = self.head.replay().counters().operators();
        let windows =
            |op: &Op| matches!(op, Op::WindowAggregate(_) | Op::Rank(_) | Op::Over(_) | Op::MatchRecognize(_));
        let nodes = self.head.graph().nodes.iter().zip(operators);
        nodes.filter(|(node, _)| windows(&node.op)).map(|(_, operator)| operator.rows_out).sum()
    }

    /// Plays up to a record; the changes.
    pub fn play(&mut self, to: u64) -> Result<Vec<Batch>, Fault> {
        let mut batches = Vec::new();
        self.forward(to, &mut |batch| {
            batches.push(batch);
            Ok(())
        })?;
        Ok(batches)
    }

    /// Plays on to a record, saving states on the way.
    fn forward(&mut self, to: u64, take: &mut dyn FnMut(Batch) -> Result<(), Fault>) -> Result<(), Fault> {
        while self.head.position() < to {
            let at = self.head.position();
            let last = self.saved.last().map_or(0, |(saved, _)| saved.position);
            if at >= last + self.interval {
                self.save()?;
            }
            let next = to.min(at + self.interval);
            let (clock, stands) = (self.head.clock().clone(), &mut self.stands);
            self.head.play(next, &mut |_, batch| {
                stand(stands, &batch, clock.now())?;
                take(batch)
            })?;
        }
        Ok(())
    }

    fn save(&mut self) -> Result<(), Fault> {
        let saved = (self.head.save()?, self.stands.clone());
        self.saved.push(saved);
        self.saved.sort_by_key(|(saved, _)| saved.position);
        let rows = |stands: &Option<Fold>| stands.as_ref().map_or(0, Fold::len) * ROW_BYTES;
        if self.saved.iter().map(|(saved, stands)| saved.bytes() + rows(stands)).sum::<usize>() > MOST_BYTES {
            self.interval *= 2;
            let mut number = 0;
            self.saved.retain(|_| {
                number += 1;
                number % 2 == 0
            });
        }
        Ok(())
    }

    /// Goes to a record, forth or back, and gives nothing away.
    pub fn seek(&mut self, to: u64) -> Result<(), Fault> {
        let here = self.head.position();
        let best = self.saved.iter().rev().find(|(saved, _)| saved.position <= to);
        match best {
            Some((best, stands)) if self.finished || to < here || best.position > here => {
                self.head.restore(best)?;
                self.stands.clone_from(stands);
            }
            None if self.finished || to < here => {
                self.head.rewind()?;
                if self.stands.is_some() {
                    self.stands = Some(Fold::bounded(self.row().schema, ROOM)?);
                }
            }
            _ => {}
        }
        self.finished = false;
        self.forward(to, &mut |_| Ok(()))
    }

    /// The number of the next record.
    pub fn position(&self) -> u64 {
        self.head.position()
    }

    /// Plays up to a record: the changes, and whether there is one among them that the breakpoint waits for.
    pub fn try_breakpoint(&mut self, to: u64) -> Result<(bool, Vec<Batch>), Fault> {
        let batches = self.play(to)?;
        let Some(breakpoint) = &mut self.breakpoint else { return Ok((false, batches)) };
        for batch in &batches {
            if breakpoint.fits(batch)?.contains(&true) {
                return Ok((true, batches));
            }
        }
        Ok((false, batches))
    }

    /// All that is open comes out, once.
    pub fn finish(&mut self) -> Result<Vec<Batch>, Fault> {
        if std::mem::replace(&mut self.finished, true) {
            return Ok(Vec::new());
        }
        let mut batches = Vec::new();
        let (clock, stands) = (self.head.clock().clone(), &mut self.stands);
        self.head.finish(&mut |_, batch| {
            stand(stands, &batch, clock.now())?;
            batches.push(batch);
            Ok(())
        })?;
        Ok(batches)
    }

    /// The rows that stand where the play-head is: all changes before it, folded. Of very many, the newest.
    pub fn standing_rows(&self) -> Result<Vec<RecordBatch>, Fault> {
        Ok(self.stands.as_ref().map_or(Ok(Vec::new()), |stands| stands.batches(ROOM))?)
    }
}

fn stand(stands: &mut Option<Fold>, batch: &Batch, at: Millis) -> Result<(), Fault> {
    Ok(stands.as_mut().map_or(Ok(()), |stands| stands.take_at(batch, at))?)
}
