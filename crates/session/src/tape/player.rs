//! The debugger: several steps over one tape, at one place of it. It plays, pauses, goes record by record, from
//! watermark to watermark and from window to window, forth and back, and stops before a change that somebody
//! waits for.
//!
//! # For whoever draws it
//!
//! [`Session::player`] gives a [`Player`] with the steps that are to be seen; clones share one play-head. It has
//! no thread: whoever holds it calls [`Player::advance`] as often as the screen is drawn, with the machine's
//! time, and gets the changes that were due; [`Player::standing`] says where it stands. All other calls are what
//! keys do: [`Player::pause`], [`Player::resume`], [`Player::rate`], [`Player::step`], [`Player::back`],
//! [`Player::seek`]. After a call that goes back the changes behind the new place are void: [`Player::state_of`]
//! gives the rows of a step that stand there.
//!
//! To go back, the state of every step is saved at intervals; the nearest one is taken up and played forward.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::RecordBatch;
use millstream_connect::tape::Tape;
use millstream_engine::inspect::Inspection;
use millstream_plan::Changes;
use millstream_record::{Batch, Millis};
use millstream_sql::statement::{self, Rate, StepUnit, Then};

use super::condition::Condition;
use super::pace::Pace;
use super::replaying::Replaying;
use super::seat::Seat;
use crate::fault::Fault;
use crate::live::Ran;
use crate::render::Columns;
use crate::session::Session;

/// Records between two positions that changes are told with while the tape plays.
const FINE: u64 = 256;
/// At most so many records are played between two looks at the clock.
const STRIDE: u64 = 8192;

/// Steps over a tape, at one place of it. Clones share it.
#[derive(Clone)]
pub struct Player(Arc<Mutex<Inner>>);

/// What a player is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It stands still.
    Paused,
    /// Time goes by.
    Playing,
    /// It stands before a change that somebody waits for: which step gives it, and the condition.
    Broken(String),
    /// The tape is at its end.
    Ended,
}

/// Where a player stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The name of the tape.
    pub tape: String,
    /// The number of the next record.
    pub position: u64,
    /// The first record of the stretch that is replayed, and the one behind it.
    pub stretch: (u64, u64),
    /// The time of the tape.
    pub at: Millis,
    /// The times at which the stretch begins and ends.
    pub times: (Millis, Millis),
    /// How fast time goes by.
    pub rate: Rate,
    /// What it is doing.
    pub phase: Phase,
}

/// Changes that a step gave.
#[derive(Clone, Debug)]
pub struct Happened {
    /// The number of the record that brought them; while the tape plays, of one at most 256 records behind it.
    pub record: u64,
    /// The time of the tape.
    pub at: Millis,
    /// The step.
    pub step: String,
    /// The rows, with their kinds.
    pub batch: Batch,
}

struct Inner {
    tape: Tape,
    then: Then,
    from: u64,
    to: u64,
    position: u64,
    seats: BTreeMap<String, Seat>,
    rate: Rate,
    phase: Phase,
    pace: Option<Pace>,
    /// The machine's time, as it was told last.
    now: Millis,
    /// The record at which it stopped for a breakpoint; it goes on over it.
    passed: Option<u64>,
    /// Whether a move was given up half way: the steps may stand at different records.
    astray: bool,
}

impl Session {
    /// The player of the replay, with these steps besides those that it has. It is made when it is asked for
    /// first and goes with the replay.
    pub fn player(&mut self, steps: &[&str]) -> Result<Player, Fault> {
        let replaying = self.replaying.clone().ok_or_else(nothing_replayed)?;
        let player = match self.player.take() {
            Some(player) => player,
            None => Player::new(&replaying),
        };
        let attached = steps.iter().try_for_each(|step| player.attach(self, step));
        self.player = Some(player.clone());
        attached.map(|()| player)
    }

    /// The player with the steps that it has; with every step of the workbook if it has none.
    pub(crate) fn player_of_all(&mut self) -> Result<Player, Fault> {
        let player = self.player(&[])?;
        if player.inner().seats.is_empty() {
            let steps: Vec<String> = self.workbook.steps().map(|(name, _)| name.to_string()).collect();
            for step in &steps {
                // A step that reads what is not on the tape takes no part.
                if let Err(fault) = player.attach(self, step) {
                    self.notes.push(format!("{step} takes no part in the replay: {}", fault.message));
                }
            }
        }
        if player.inner().seats.is_empty() {
            let message = "there is no step that reads the tape";
            return Err(Fault::new(crate::Class::Query, "E0914", message)
                .hint("CREATE VIEW name AS SELECT … FROM a recorded tap"));
        }
        Ok(player)
    }
}

/// What only makes sense in a replay was asked for outside of one.
pub fn nothing_replayed() -> Fault {
    let fault = Fault::new(crate::Class::Query, "E0910", "nothing is replayed");
    fault.hint("SHOW TAPES; lists what can be; REPLAY name; begins")
}

impl Player {
    fn new(replaying: &Replaying) -> Player {
        let Replaying { tape, rate, then, from, to } = replaying.clone();
        Player(Arc::new(Mutex::new(Inner {
            tape,
            then,
            from,
            to,
            position: from,
            seats: BTreeMap::new(),
            rate,
            phase: Phase::Paused,
            pace: None,
            now: Millis(0),
            passed: None,
            astray: false,
        })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the steps. Of a move that is given up half way, because the user did not want to wait, all stand again
    /// where they stood before it, as soon as they are moved again.
    fn moved<T>(&self, how: impl FnOnce(&mut Inner) -> Result<T, Fault>) -> Result<T, Fault> {
        let mut inner = self.inner();
        if std::mem::replace(&mut inner.astray, true) {
            let (here, phase) = (inner.position, inner.phase.clone());
            inner.seek(here)?;
            inner.phase = phase;
        }
        let done = how(&mut inner);
        inner.astray = done.is_err();
        done
    }

    /// Adds a step, at the place where the others stand.
    fn attach(&self, session: &Session, step: &str) -> Result<(), Fault> {
        let replaying = session.replaying.as_ref().ok_or_else(nothing_replayed)?;
        let mut inner = self.inner();
        if inner.seats.contains_key(step) {
            return Ok(());
        }
        let mut seat = Seat::watched(session, step, replaying)?;
        seat.seek(inner.position)?;
        inner.seats.insert(step.to_string(), seat);
        Ok(())
    }

    /// The steps that take part, with their columns and whether they take rows back.
    pub fn steps(&self) -> Vec<(String, Columns, Changes)> {
        let inner = self.inner();
        inner.seats.iter().map(|(name, seat)| (name.clone(), seat.columns(), seat.changes())).collect()
    }

    /// Where it stands.
    pub fn standing(&self) -> Standing {
        let inner = self.inner();
        let ends =
            if inner.to >= inner.tape.meta().records { inner.tape.meta().until } else { inner.tape.time_of(inner.to) };
        Standing {
            tape: inner.tape.name().to_string(),
            position: inner.position,
            stretch: (inner.from, inner.to),
            at: if inner.position >= inner.to { ends } else { inner.tape.time_of(inner.position) },
            times: (inner.tape.time_of(inner.from), ends),
            rate: inner.rate,
            phase: inner.phase.clone(),
        }
    }

    /// Stops the time.
    pub fn pause(&self) {
        let mut inner = self.inner();
        if inner.phase == Phase::Playing {
            inner.phase = Phase::Paused;
        }
    }

    /// Lets time go by from `now` on, the machine's time; at the end of the tape it begins again.
    pub fn resume(&self, now: Millis) -> Result<(), Fault> {
        self.moved(|inner| {
            if inner.phase == Phase::Ended {
                inner.seek(inner.from)?;
            }
            inner.go(now);
            Ok(())
        })
    }

    /// Changes how fast time goes by, from `now` on.
    pub fn rate(&self, rate: Rate, now: Millis) {
        let mut inner = self.inner();
        inner.rate = rate;
        if inner.phase == Phase::Playing {
            inner.go(now);
        }
    }

    /// Plays what is due at `now`, the machine's time, if it plays: the changes, in order. One call plays at most
    /// some thousand records, so that it comes back soon.
    pub fn advance(&self, now: Millis) -> Result<Vec<Happened>, Fault> {
        self.moved(|inner| {
            inner.now = now;
            let (Phase::Playing, Some(pace)) = (&inner.phase, inner.pace) else { return Ok(Vec::new()) };
            let due = pace.due(now);
            let due = if due == Millis::MAX { inner.to } else { inner.tape.record_at(due.plus(1)).min(inner.to) };
            let to = due.min(inner.position + STRIDE);
            inner.run(to, true)
        })
    }

    /// Goes over so many records, moves of a watermark, or closing windows; the changes, in order.
    pub fn step(&self, count: u64, unit: StepUnit) -> Result<Vec<Happened>, Fault> {
        self.moved(|inner| {
            inner.phase = Phase::Paused;
            inner.passed = None;
            match unit {
                StepUnit::Event => {
                    let to = inner.position.saturating_add(count).min(inner.to);
                    inner.run(to, false)
                }
                StepUnit::Watermark => inner.until_moved(count, |seat| seat.watermarks()),
                StepUnit::Window => inner.until_moved(count, |seat| vec![Some(Millis(seat.closed() as i64))]),
            }
        })
    }

    /// Goes so many records back.
    pub fn back(&self, count: u64) -> Result<(), Fault> {
        self.moved(|inner| inner.seek(inner.position.saturating_sub(count)))
    }

    /// Goes to a record of the tape, forth or back.
    pub fn seek(&self, record: u64) -> Result<(), Fault> {
        self.moved(|inner| inner.seek(record))
    }

    /// The number of the first record at this time of the tape or later.
    pub fn record_at(&self, time: Millis) -> u64 {
        self.inner().tape.record_at(time)
    }

    /// The rows of a step that stand at this place: its changes from the beginning of the tape, folded. Of very many,
    /// the newest.
    pub fn state_of(&self, step: &str) -> Result<Vec<RecordBatch>, Fault> {
        self.inner().seats.get(step).map_or(Ok(Vec::new()), Seat::standing_rows)
    }

    /// Stops from now on before a step gives a change for which this is true.
    pub(crate) fn break_on(
        &self,
        session: &Session,
        step: &str,
        when: Option<&statement::Condition>,
    ) -> Result<(), Fault> {
        let mut inner = self.inner();
        let seat = inner.seats.get_mut(step).expect("the step was attached a moment ago");
        seat.breakpoint = Some(Condition::new(session, &seat.row(), when)?);
        Ok(())
    }

    /// Takes the breakpoint of a step away, or all; how many there were.
    pub(crate) fn break_off(&self, step: Option<&str>) -> usize {
        let mut inner = self.inner();
        let wanted = inner.seats.iter_mut().filter(|(name, _)| step.is_none_or(|step| step == *name));
        wanted.filter_map(|(_, seat)| seat.breakpoint.take()).count()
    }

    /// What can be looked into of a step, and what is to be seen there now.
    pub(crate) fn look_into(&self, step: &str) -> Option<(Ran, Inspection)> {
        let mut inner = self.inner();
        let seat = inner.seats.get_mut(step)?;
        let (inside, graph) = (seat.head().replay().inspect(), seat.graph().clone());
        let counters = seat.head().replay().counters().clone();
        Some((Ran { graph, counters }, inside))
    }

    /// Does something with the seat of each step.
    pub(crate) fn each_seat<T>(
        &self,
        mut with: impl FnMut(&str, &mut Seat) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        self.inner().seats.iter_mut().map(|(name, seat)| with(name, seat)).collect()
    }
}

impl Inner {
    fn go(&mut self, now: Millis) {
        self.now = now;
        let tape = self.tape.time_of(self.position);
        self.pace = Some(Pace::new(self.rate, now, tape));
        self.passed = matches!(self.phase, Phase::Broken(_)).then_some(self.position);
        self.phase = Phase::Playing;
    }

    fn seek(&mut self, record: u64) -> Result<(), Fault> {
        let record = record.clamp(self.from, self.to);
        self.seats.values_mut().try_for_each(|seat| seat.seek(record))?;
        self.position = record;
        (self.phase, self.passed) = (Phase::Paused, None);
        Ok(())
    }

    /// Plays up to a record; stops at breakpoints if they are to be heeded.
    fn run(&mut self, to: u64, breaks: bool) -> Result<Vec<Happened>, Fault> {
        let mut happened = Vec::new();
        while self.position < to {
            let over = self.passed.take().filter(|passed| *passed == self.position);
            let end = if over.is_some() { self.position + 1 } else { to.min(self.position + FINE) };
            let heeds = breaks && over.is_none() && self.seats.values().any(|seat| seat.breakpoint.is_some());
            if !heeds {
                happened.extend(self.play(end)?);
                continue;
            }
            if let Some(step) = self.play_unless_broken(end, &mut happened)? {
                self.phase = Phase::Broken(step);
                return Ok(happened);
            }
        }
        if self.position >= self.to && self.then == Then::End {
            happened.extend(self.finish()?);
        }
        if self.position >= self.to {
            match self.then {
                Then::Loop => {
                    let (from, playing) = (self.from, self.phase == Phase::Playing);
                    self.seek(from)?;
                    if playing {
                        let now = self.now;
                        self.go(now);
                    }
                }
                Then::End | Then::Live => self.phase = Phase::Ended,
            }
        }
        Ok(happened)
    }

    /// Goes over one record; over the last one to the end of the tape.
    fn one(&mut self) -> Result<Vec<Happened>, Fault> {
        let next = (self.position + 1).min(self.to);
        self.run(next, false)
    }

    /// Plays all steps up to a record.
    fn play(&mut self, to: u64) -> Result<Vec<Happened>, Fault> {
        let at = self.tape.time_of(to - 1);
        let mut happened = Vec::new();
        for (name, seat) in &mut self.seats {
            let batches = seat.play(to)?;
            happened.extend(batches.into_iter().map(|batch| Happened {
                record: to - 1,
                at,
                step: name.clone(),
                batch,
            }));
        }
        self.position = to;
        Ok(happened)
    }

    /// Plays up to a record, or to the one that brings a change somebody waits for: the step that gives it.
    fn play_unless_broken(&mut self, to: u64, happened: &mut Vec<Happened>) -> Result<Option<String>, Fault> {
        let start = self.position;
        let Some(changes) = self.try_breakpoints(start, to)?.1 else {
            while self.position < to {
                let here = self.position;
                match self.try_breakpoints(here, here + 1)? {
                    (_, Some(changes)) => self.join(here + 1, changes, happened)?,
                    (step, None) => return Ok(step),
                }
            }
            return Ok(None);
        };
        self.join(to, changes, happened)?;
        Ok(None)
    }

    /// Plays the steps with breakpoints from `start` to `to`: their changes; or the first step of which one fits,
    /// and then all of them stand at `start` again.
    fn try_breakpoints(&mut self, start: u64, to: u64) -> Result<(Option<String>, Option<Vec<Happened>>), Fault> {
        let (mut changes, mut broken) = (Vec::new(), None);
        let at = self.tape.time_of(to - 1);
        for (name, seat) in self.seats.iter_mut().filter(|(_, seat)| seat.breakpoint.is_some()) {
            let (hit, batches) = seat.try_breakpoint(to)?;
            let change = |batch| Happened { record: to - 1, at, step: name.clone(), batch };
            changes.extend(batches.into_iter().map(change));
            if hit {
                broken = Some(name.clone());
                break;
            }
        }
        if broken.is_none() {
            return Ok((None, Some(changes)));
        }
        self.seats.values_mut().filter(|seat| seat.position() > start).try_for_each(|seat| seat.seek(start))?;
        Ok((broken, None))
    }

    /// The steps without breakpoints follow to where the others have come.
    fn join(&mut self, to: u64, changes: Vec<Happened>, happened: &mut Vec<Happened>) -> Result<(), Fault> {
        let mut others = self.play(to)?;
        others.extend(changes);
        others.sort_by(|left, right| left.step.cmp(&right.step));
        happened.extend(others);
        Ok(())
    }

    /// All that is open comes out at the end of the tape.
    fn finish(&mut self) -> Result<Vec<Happened>, Fault> {
        let (record, at) = (self.to, self.tape.meta().until);
        let mut happened = Vec::new();
        for (name, seat) in &mut self.seats {
            let batches = seat.finish()?;
            happened.extend(batches.into_iter().map(|batch| Happened { record, at, step: name.clone(), batch }));
        }
        Ok(happened)
    }

    /// Goes on until what is looked at has moved so many times, or the tape ends: in pieces up to the one in which
    /// it moves, and there record by record.
    fn until_moved(
        &mut self,
        count: u64,
        mut look: impl FnMut(&mut Seat) -> Vec<Option<Millis>>,
    ) -> Result<Vec<Happened>, Fault> {
        let mut looks = |inner: &mut Inner| inner.seats.values_mut().map(&mut look).collect::<Vec<_>>();
        let (mut happened, mut moves) = (Vec::new(), 0);
        while moves < count && self.phase != Phase::Ended {
            let (start, before) = (self.position, looks(self));
            let end = (start + FINE).min(self.to);
            let piece = self.run(end, false)?;
            if looks(self) == before {
                happened.extend(piece);
                continue;
            }
            self.seek(start)?;
            while moves < count && self.phase != Phase::Ended && (start..end.max(start + 1)).contains(&self.position) {
                let before = looks(self);
                happened.extend(self.one()?);
                moves += u64::from(before != looks(self));
            }
        }
        Ok(happened)
    }
}
