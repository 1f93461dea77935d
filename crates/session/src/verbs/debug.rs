//! The debugger at a prompt: `PAUSE`, `RESUME`, `STEP`, `GOTO`, `BACK`, `BREAK ON`, `SHOW STATE`. Each answer
//! says where on the tape it stands and what the steps gave on the way.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, StringArray};
use millstream_engine::inspect::{Detail, Side, Windows};
use millstream_record::{Batch, Millis};
use millstream_sql::statement::{Condition, Name, StepUnit, TapePlace};

use crate::fault::Fault;
use crate::render::{Format, Look, gate, timestamp_text, to_text};
use crate::reply::Reply;
use crate::session::Session;
use crate::status::count;
use crate::strings::table;
use crate::tape::place;
use crate::tape::player::{Happened, Phase, Player, Standing, nothing_replayed};

/// So many changes of a step are shown; of more, the last.
const SHOWN: usize = 20;
/// One wait for time to go by.
const NAP: Duration = Duration::from_millis(10);

/// `PAUSE`.
pub fn pause(session: &mut Session) -> Result<Reply, Fault> {
    let player = session.player(&[])?;
    player.pause();
    Ok(told(session, &player, Vec::new()))
}

/// `RESUME`: plays on at the rate of the replay, to a breakpoint, to the end of the tape, or to Ctrl-C.
pub fn resume(session: &mut Session) -> Result<Reply, Fault> {
    let player = session.player_of_all()?;
    player.resume(session.clock.now())?;
    let mut happened = Vec::new();
    while player.standing().phase == Phase::Playing {
        if session.stop.raised() {
            player.pause();
            break;
        }
        let before = player.standing().position;
        happened.extend(player.advance(session.clock.now())?);
        if player.standing().position == before && player.standing().phase == Phase::Playing {
            std::thread::sleep(NAP);
        }
        shorten(&mut happened);
    }
    Ok(told(session, &player, happened))
}

/// Of very many changes only the last are shown, so only they are kept; the others are counted.
fn shorten(happened: &mut Vec<Happened>) {
    const MOST: usize = 100_000;
    if happened.len() > MOST {
        happened.drain(..happened.len() - MOST / 2);
    }
}

/// `STEP [n] [EVENT|WATERMARK|WINDOW]`.
pub fn step(session: &mut Session, count: u64, unit: StepUnit) -> Result<Reply, Fault> {
    let player = session.player_of_all()?;
    let happened = player.step(count, unit)?;
    Ok(told(session, &player, happened))
}

/// `GOTO …`.
pub fn goto(session: &mut Session, to: &TapePlace) -> Result<Reply, Fault> {
    let replaying = session.replaying.clone().ok_or_else(nothing_replayed)?;
    let record = place(session, &replaying.tape, to)?;
    let player = session.player_of_all()?;
    player.seek(record)?;
    Ok(told(session, &player, Vec::new()))
}

/// `BACK [n]`.
pub fn back(session: &mut Session, count: u64) -> Result<Reply, Fault> {
    let player = session.player_of_all()?;
    player.back(count)?;
    Ok(told(session, &player, Vec::new()))
}

/// `BREAK ON step [WHEN condition]`.
pub fn break_on(session: &mut Session, step: &Name, when: Option<&Condition>) -> Result<Reply, Fault> {
    let player = session.player(&[&step.text]).map_err(|fault| fault.or_at(Some(step.span)))?;
    player.break_on(session, &step.text, when)?;
    let when = when.map(|when| format!(" with {}", when.text)).unwrap_or_default();
    Ok(Reply::Text(format!("stops before {} gives a change{when} · RESUME; · BREAK OFF {};", step.text, step.text)))
}

/// `BREAK OFF [step]`.
pub fn break_off(session: &mut Session, step: Option<&Name>) -> Result<Reply, Fault> {
    let player = session.player(&[])?;
    let gone = player.break_off(step.map(|step| step.text.as_str()));
    Ok(Reply::Text(match gone {
        0 => "there is no breakpoint".into(),
        1 => "the breakpoint is gone".into(),
        gone => format!("{gone} breakpoints are gone"),
    }))
}

/// Where the player stands, and what the steps gave.
fn told(session: &Session, player: &Player, happened: Vec<Happened>) -> Reply {
    let mut text = line(session, &player.standing());
    let mut changes: BTreeMap<String, Vec<Batch>> = BTreeMap::new();
    for Happened { step, batch, .. } in happened {
        changes.entry(step).or_default().push(batch);
    }
    for (step, columns, _) in player.steps() {
        let batches = changes.remove(&step).unwrap_or_default();
        let rows: usize = batches.iter().map(Batch::len).sum();
        let _ = write!(text, "\n{}: {}", gate::shown(&step), changed(rows));
        if rows > 0 {
            let look = Look { zone: session.settings.zone(), rows: SHOWN, ..Look::plain() };
            let drawn = to_text(Format::Table, columns.with_kinds(), &last(&batches, SHOWN), &look);
            let _ = write!(text, "{}\n{}", if rows > SHOWN { ", the last of them:" } else { "" }, drawn.trim_end());
        }
    }
    Reply::Plan(text)
}

fn changed(rows: usize) -> String {
    match rows {
        0 => "no change".into(),
        1 => "1 change".into(),
        rows => format!("{} changes", count(rows as u64)),
    }
}

/// The last rows of these.
fn last(batches: &[Batch], most: usize) -> Vec<Batch> {
    let (mut kept, mut room) = (Vec::new(), most);
    for batch in batches.iter().rev() {
        let rows = batch.len().min(room);
        if rows > 0 {
            kept.push(batch.slice(batch.len() - rows, rows));
            room -= rows;
        }
    }
    kept.reverse();
    kept
}

/// `monday at record 124 of 5 221 · 2026-01-01 12:00:03.204 · paused`.
fn line(session: &Session, standing: &Standing) -> String {
    let Standing { tape, position, stretch, at, phase, .. } = standing;
    let phase = match phase {
        Phase::Paused => "paused".into(),
        Phase::Playing => "playing".into(),
        Phase::Ended => "at the end".into(),
        Phase::Broken(step) => {
            format!("stopped before the change of {} that this record brings · STEP; takes it", gate::shown(step))
        }
    };
    let at = timestamp_text(*at, session.settings.zone());
    format!("{tape} at record {} of {} · {at} · {phase}", count(*position), count(stretch.1))
}

/// `SHOW STATE [step]`: what the operators hold at this place.
pub fn state(session: &mut Session, step: Option<&Name>) -> Result<Reply, Fault> {
    let player = match step {
        Some(step) => session.player(&[&step.text]).map_err(|fault| fault.or_at(Some(step.span)))?,
        None => session.player_of_all()?,
    };
    let zone = session.settings.zone();
    let time = |at: Millis| match at {
        Millis::MIN => "none yet".to_string(),
        Millis::MAX => "the end".to_string(),
        at => timestamp_text(at, zone),
    };
    let rows = player.each_seat(|name, seat| {
        if step.is_some_and(|step| step.text != name) {
            return Ok(Vec::new());
        }
        let inside = seat.head().replay().inspect();
        let row = |operator: millstream_engine::inspect::Operator| {
            let rows_in: u64 = operator.rows_in.iter().sum();
            let holds = holds(&operator.detail, &time);
            (name.to_string(), operator.uid, rows_in, operator.rows_out, operator.late, time(operator.watermark), holds)
        };
        Ok(inside.operators.into_iter().map(row).collect::<Vec<_>>())
    })?;
    let rows: Vec<_> = rows.into_iter().flatten().collect();
    let number = |of: &dyn Fn(&Row) -> u64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| of(row) as i64)))
    };
    let text =
        |of: &dyn Fn(&Row) -> String| -> ArrayRef { Arc::new(StringArray::from_iter_values(rows.iter().map(of))) };
    session.notes.push(line(session, &player.standing()));
    Ok(table([
        ("step", text(&|row| row.0.clone())),
        ("operator", text(&|row| row.1.clone())),
        ("in", number(&|row| row.2)),
        ("out", number(&|row| row.3)),
        ("late", number(&|row| row.4)),
        ("watermark", text(&|row| row.5.clone())),
        ("holds", text(&|row| row.6.clone())),
    ]))
}

/// Step, operator, rows in, rows out, late rows, watermark, what it holds.
type Row = (String, String, u64, u64, u64, String, String);

/// What an operator holds, in words.
fn holds(detail: &Detail, time: &dyn Fn(Millis) -> String) -> String {
    match detail {
        Detail::Plain | Detail::Filter(_) | Detail::Lists { .. } => String::new(),
        Detail::Windows(Windows { open, sessions, first }) => {
            let what = if *sessions { "session" } else { "window" };
            let window = |window: &millstream_engine::inspect::OpenWindow| {
                let (start, end) = (time(Millis(window.start)), time(Millis(window.end)));
                format!("[{start}, {end}): {} rows, {} keys", window.rows, window.keys)
            };
            let told: Vec<String> = first.iter().map(window).collect();
            match open {
                0 => format!("no open {what}"),
                1 => format!("1 open {what}: {}", told.join("; ")),
                open => format!("{open} open {what}s: {}", told.join("; ")),
            }
        }
        Detail::Join(sides) => {
            let side = |(name, side): (&str, &Side)| {
                let keys =
                    if side.keys.is_empty() { String::new() } else { format!(" (keys {})", side.keys.join(" · ")) };
                format!("{name} {} rows{keys}", side.held)
            };
            ["left", "right"].into_iter().zip(sides.iter()).map(side).collect::<Vec<_>>().join(", ")
        }
        Detail::Limit { skip, fetch } => match fetch {
            Some(fetch) => format!("lets {fetch} more rows through, behind {skip}"),
            None => format!("leaves {skip} more rows out"),
        },
    }
}
