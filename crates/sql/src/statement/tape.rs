//! What statements say about tapes: recording, replaying, and looking into a replay.

use super::Name;
use crate::error::Span;

/// A statement about tapes or about the replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TapeVerb {
    /// `RECORD …`.
    Record(Record),
    /// `DROP TAPE [IF EXISTS] name`.
    Drop {
        /// `IF EXISTS`.
        if_exists: bool,
        /// The tape.
        name: Name,
    },
    /// `REPLAY …`.
    Replay(Replay),
    /// `LIVE`: steps read their topics again.
    Live,
    /// `PAUSE`.
    Pause,
    /// `RESUME`.
    Resume,
    /// `STEP [n] [EVENT|WATERMARK|WINDOW]`.
    Step(u64, StepUnit),
    /// `GOTO …`.
    Goto(TapePlace),
    /// `BACK [n]`: so many records back.
    Back(u64),
    /// `BREAK ON step [WHEN condition]`.
    Break(Name, Option<Condition>),
    /// `BREAK OFF [step]`.
    BreakOff(Option<Name>),
    /// `TRACE step [WHERE condition] [LIMIT n]`: the records that made result rows.
    Trace(Name, Option<Condition>, Option<u64>),
    /// `TRACE RECORD tap PARTITION p OFFSET o`: what became of a record.
    TraceRecord {
        /// The tap.
        tap: Name,
        /// The partition of its topic.
        partition: i32,
        /// The offset there.
        offset: i64,
    },
    /// `DIFF a b`.
    Diff(Version, Version),
    /// `CHECK step ORDER [SEEDS n]`.
    CheckOrder(Name, Option<u64>),
}

/// `RECORD tap[, tap…] [FROM …] [FOR time | ROWS n] AS name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The taps.
    pub taps: Vec<Name>,
    /// Where to begin, if it was said.
    pub from: Option<RecordFrom>,
    /// When to end.
    pub until: RecordUntil,
    /// The name of the tape.
    pub name: Name,
}

/// Where a recording begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordFrom {
    /// With the oldest record.
    Earliest,
    /// Behind the newest record there is now.
    Latest,
    /// With the first record of this time, as typed.
    Timestamp(String, Span),
}

/// When a recording ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordUntil {
    /// When somebody ends it, or its topics end.
    Ended,
    /// After so much time.
    Time(std::time::Duration),
    /// After so many records.
    Records(u64),
}

/// `REPLAY name [RATE …] [FROM …] [TO …] [LOOP | THEN LIVE]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// The tape.
    pub name: Name,
    /// How fast.
    pub rate: Rate,
    /// Where on the tape to begin.
    pub from: Option<TapePlace>,
    /// Where on the tape to end.
    pub to: Option<TapePlace>,
    /// What follows at its end.
    pub then: Then,
}

/// How fast time goes by in a replay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// So many times as fast as it was recorded.
    Times(f64),
    /// As fast as it can be computed.
    Max,
}

/// A rate was read from digits, so it is a number.
impl Eq for Rate {}

/// What follows at the end of a tape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Then {
    /// Nothing: its taps end there.
    #[default]
    End,
    /// It begins again.
    Loop,
    /// The topics themselves, where the tape ends.
    Live,
}

/// A place on a tape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TapePlace {
    /// `RECORD n`: the number of a record, from 0.
    Record(u64),
    /// A time, as typed: `12:04`, `'2026-01-01 12:04:00'`.
    Time(String, Span),
}

/// What a step of the debugger goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepUnit {
    /// A record.
    Event,
    /// The next move of a watermark.
    Watermark,
    /// The next rows that a closing window gives.
    Window,
}

/// A condition over the rows of a step, as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// As typed.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// `bars@3`; without a number the version that holds now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The step.
    pub name: Name,
    /// The number of the version.
    pub number: Option<u64>,
}
