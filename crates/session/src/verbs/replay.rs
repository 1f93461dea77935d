//! `REPLAY` and `LIVE`: whether steps read a tape or their topics.

use millstream_connect::tape::{Meta, State};
use millstream_sql::SqlError;
use millstream_sql::statement::{Replay, Then};

use crate::fault::Fault;
use crate::render::timestamp_text;
use crate::reply::Reply;
use crate::session::Session;
use crate::status::count;
use crate::tape::{Replaying, place};

/// `REPLAY name …`.
pub fn replay(session: &mut Session, replay: &Replay) -> Result<Reply, Fault> {
    let name = &replay.name;
    let tape = session.tapes.open(&name.text).map_err(|error| Fault::from(error).or_at(Some(name.span)))?;
    let from = replay.from.as_ref().map_or(Ok(0), |at| place(session, &tape, at))?;
    let to = replay.to.as_ref().map_or(Ok(tape.meta().records), |at| place(session, &tape, at))?;
    if replay.then == Then::Live && replay.to.is_some() {
        let error = SqlError::new("E0301", "a replay goes on live where the tape ends, and TO ends it before");
        return Err(error.at(name.span).into());
    }
    if from >= to && replay.then != Then::Live {
        let message = format!("there is no record on that stretch of '{}'", name.text);
        return Err(SqlError::new("E0913", message)
            .at(name.span)
            .hint("SHOW TAPES; tells its first and last time")
            .into());
    }
    for damage in tape.damages() {
        session.notes.push(format!("{damage}; it is left out of the replay"));
    }
    if tape.meta().state == State::Open {
        let note = "the recording is under way, or was cut short and up to its last 0.1 s is lost: the replay ends \
                    where it stands now";
        session.notes.push(note.into());
    }
    let said = told(session, &Replaying { tape: tape.clone(), rate: replay.rate, then: replay.then, from, to });
    session.player = None;
    session.replaying = Some(Replaying { tape, rate: replay.rate, then: replay.then, from, to });
    session.forget_samples();
    Ok(Reply::Text(said))
}

fn told(session: &Session, replaying: &Replaying) -> String {
    let Replaying { tape, from, to, then, .. } = replaying;
    let Meta { recorded, .. } = tape.meta();
    let taps: Vec<&str> = recorded.iter().map(|recorded| recorded.tap.as_str()).collect();
    let zone = session.settings.zone();
    let end = if *to >= tape.meta().records { tape.meta().until } else { tape.time_of(*to) };
    let stretch = format!("{} to {}", timestamp_text(replaying.begins(), zone), timestamp_text(end, zone));
    let then = match then {
        Then::End => "",
        Then::Loop => ", again and again, every query anew each time",
        Then::Live => ", then live",
    };
    let (name, records) = (tape.name(), count(to - from));
    format!(
        "replaying {name}: {records} records of {}, {stretch}{then} · steps read it now · LIVE; goes back",
        taps.join(", ")
    )
}

/// `LIVE`.
pub fn live(session: &mut Session) -> Reply {
    session.player = None;
    session.forget_samples();
    Reply::Text(match session.replaying.take() {
        Some(replaying) => format!("{} is over · steps read their topics again", replaying.tape.name()),
        None => "steps read their topics; nothing is replayed".into(),
    })
}
