//! That a session replays: which tape, which stretch of it, how fast. Queries read the tape instead of their
//! topics while this stands.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{NaiveDateTime, NaiveTime, TimeZone};
use millstream_connect::tape::Tape;
use millstream_plan::{Graph, Target};
use millstream_record::{Millis, Source};
use millstream_sql::SqlError;
use millstream_sql::statement::{Rate, TapePlace, Then};

use super::head::Head;
use super::play::{Manner, Play};
use super::reel;
use crate::doors;
use crate::fault::{Class, Fault};
use crate::session::Session;
use crate::verbs::peek;

/// A replay.
#[derive(Clone)]
pub struct Replaying {
    /// The tape.
    pub tape: Tape,
    /// How fast time goes by.
    pub rate: Rate,
    /// What follows at the end of the tape.
    pub then: Then,
    /// The first record of the stretch.
    pub from: u64,
    /// The record behind it.
    pub to: u64,
}

impl Replaying {
    /// The time at which the stretch begins: what `CURRENT_TIMESTAMP` is in a replay.
    pub fn begins(&self) -> Millis {
        self.tape.time_of(self.from)
    }

    /// A graph at the beginning of the stretch.
    pub fn head(&self, session: &Session, graph: Graph) -> Result<Head, Fault> {
        if let Some(Target::Sink(tap)) =
            graph.outputs.iter().map(|output| &output.target).find(|target| matches!(target, Target::Sink(_)))
        {
            let message = format!("a replay writes into no table, and '{}' is one", tap.name);
            return Err(Fault::new(Class::Query, "E0912", message).hint("LIVE; goes back to the topics"));
        }
        Head::new(session, graph, &self.tape, self.from, self.to)
    }

    /// Whether the tape has a part in a graph. One that reads only tables that end, or none at all, is answered as it
    /// is without a replay: at once, and once.
    pub fn moves(&self, session: &Session, graph: &Graph) -> Result<bool, Fault> {
        if graph.outputs.iter().any(|output| matches!(output.target, Target::Sink(_))) {
            return Ok(true);
        }
        for (_, tap, _) in graph.scans() {
            if reel::recorded(&self.tape, tap).is_some() || !doors::source(session, tap)?.bounded() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Starts a graph over the tape.
    pub fn start(&self, session: &Session, graph: Graph) -> Result<Play, Fault> {
        let head = self.head(session, graph)?;
        let mut live = BTreeMap::new();
        if self.then == Then::Live {
            for (_, tap, _) in head.graph().scans() {
                if let Some(number) = reel::recorded(&self.tape, tap) {
                    let source: Arc<dyn Source> = Arc::from(doors::source(session, tap)?);
                    live.insert(tap.name.clone(), (source, self.tape.meta().recorded[number].next.clone()));
                }
            }
        }
        let (rate, then, clock, stop) = (self.rate, self.then, session.clock.clone(), session.stop.part());
        Play::start(head, Manner { rate, then, live, clock, stop }).map_err(|error| {
            Fault::new(Class::Query, "E0604", format!("cannot start a thread for the replay: {error}"))
        })
    }
}

/// The number of the record at a place of a tape.
pub fn place(session: &Session, tape: &Tape, place: &TapePlace) -> Result<u64, Fault> {
    match place {
        TapePlace::Record(number) => Ok((*number).min(tape.meta().records)),
        TapePlace::Time(text, span) => {
            let time = match time_of_day(session, text, tape.meta().from) {
                Some(time) => time,
                None => peek::time(session, text, *span).map_err(|_| {
                    let error = SqlError::new("E0301", format!("'{text}' is no place on the tape")).at(*span);
                    error.hint("write a time of day (12:04), a time ('2026-01-01 12:04:00'), or RECORD 100")
                })?,
            };
            Ok(tape.record_at(time))
        }
    }
}

/// `12:04` is the first such time on the tape or behind it, in the zone of the session.
fn time_of_day(session: &Session, text: &str, from: Millis) -> Option<Millis> {
    let time = ["%H:%M:%S%.f", "%H:%M"].iter().find_map(|form| NaiveTime::parse_from_str(text.trim(), form).ok())?;
    let zone: chrono_tz::Tz = session.settings.zone_name().parse().unwrap_or(chrono_tz::UTC);
    let begins = zone.timestamp_millis_opt(from.0).single()?.naive_local();
    let mut day = begins.date();
    // A time at the second or minute in which the tape begins means its beginning.
    if time < begins.time() && begins.time().signed_duration_since(time).num_seconds() >= 60 {
        day = day.succ_opt()?;
    }
    let local = NaiveDateTime::new(day, time);
    Some(Millis(zone.from_local_datetime(&local).latest()?.timestamp_millis()))
}
