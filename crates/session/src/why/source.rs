//! What hinders at a source: nothing arrives, it cannot be reached, it cannot be read, its times make no sense,
//! or whoever reads it does not come after.

use millstream_engine::inspect::{Partition, Reason, Source};
use millstream_plan::{NodeId, Tap};
use millstream_record::Millis;

use super::moment::{counted, stretch};
use super::stream::{self, timed_tap};
use super::{Cause, Scene, words};
use crate::render::gate;

/// A source is called silent when nothing has come for so long.
pub const SILENT_MS: i64 = 1_000;

/// What hinders at a scan.
pub fn causes(scene: &Scene<'_>, id: NodeId, tap: &Tap) -> Vec<Cause> {
    let Some(source) = scene.inside.source(id) else { return Vec::new() };
    let mut causes = Vec::new();
    causes.extend(unreachable(scene, source));
    if source.records == 0 && source.stalled.is_none() {
        causes.push(nothing_arrives(scene, source, tap));
    }
    causes.extend(unreadable(source));
    causes.extend(without_time(scene, id, source));
    causes.extend(future(scene, id, source));
    causes.extend(held(scene, source));
    causes
}

fn unreachable(scene: &Scene<'_>, source: &Source) -> Option<Cause> {
    let (reason, since) = source.stalled.as_ref()?;
    let table = words::table(&source.tap);
    let since = scene.since(*since).map(|ms| format!(" for {}", stretch(ms))).unwrap_or_default();
    let text = format!("{table} has been waiting{since}: {}", gate::shown(reason));
    Some(Cause::new(text).way(format!("SHOW CREATE TABLE {table};")))
}

fn nothing_arrives(scene: &Scene<'_>, source: &Source, tap: &Tap) -> Cause {
    let table = words::table(&source.tap);
    let topic = place(tap).map(|place| format!(" ({})", gate::shown(place))).unwrap_or_default();
    if source.ended || scene.sample {
        let partitions = counted(source.partitions.len() as u64, "partition");
        return Cause::new(format!("{table}{topic} is empty: {partitions} read to the end, no record found"))
            .way(format!("SHOW CREATE TABLE {table};"));
    }
    let waited = scene.since(scene.inside.started).map(|ms| format!(", {} ago", stretch(ms))).unwrap_or_default();
    let since = format!("since the query started at {}{waited}", scene.wall().at(scene.inside.started));
    if source.partitions.is_empty() {
        return Cause::new(format!("nothing has arrived from {table}{topic} {since}: it has no partition or file yet"))
            .way(format!("SHOW CREATE TABLE {table};"));
    }
    match start(tap) {
        Start::Latest(option, value) => {
            let text = format!(
                "nothing has arrived from {table}{topic} {since}; it is read from its end on ('{option}' = '{value}')"
            );
            Cause::new(text).way(format!("SELECT * FROM {table} /*+ OPTIONS('{option}' = 'earliest-offset') */;"))
        }
        Start::Other(option, value) => {
            let text =
                format!("nothing has arrived from {table}{topic} {since}; it is read from '{option}' = '{value}' on");
            Cause::new(text).way(format!("SELECT * FROM {table} /*+ OPTIONS('{option}' = 'earliest-offset') */;"))
        }
        Start::Earliest if source.lag == Some(0) => {
            Cause::new(format!("{table}{topic} is empty: nothing has arrived {since}, and no record is waiting"))
                .way(format!("SHOW CREATE TABLE {table};"))
        }
        Start::Earliest => Cause::new(format!("nothing has arrived from {table}{topic} {since}"))
            .way(format!("SHOW CREATE TABLE {table};")),
    }
}

/// Where reading begins.
enum Start<'a> {
    Earliest,
    Latest(&'a str, &'a str),
    Other(&'a str, &'a str),
}

fn start(tap: &Tap) -> Start<'_> {
    const OPTION: &str = "scan.startup.mode";
    match tap.options.get(OPTION).map(String::as_str) {
        None | Some("earliest-offset") => Start::Earliest,
        Some(value @ ("latest-offset" | "latest")) => Start::Latest(OPTION, value),
        Some(value) => Start::Other(OPTION, value),
    }
}

/// The topic or path behind a tap, if its name is another.
fn place(tap: &Tap) -> Option<&str> {
    let option = ["topic", "path"].iter().find_map(|option| tap.options.get(*option));
    option.map(String::as_str).filter(|place| *place != tap.name)
}

fn unreadable(source: &Source) -> Option<Cause> {
    let bad = source.bad.saturating_sub(source.untimed);
    if bad == 0 {
        return None;
    }
    let table = words::table(&source.tap);
    let of = counted(source.records, "record");
    let all =
        if bad == source.records { format!("all {of}") } else { format!("{} of {of}", crate::status::count(bad)) };
    let mut text = format!("{all} of {table} could not be read");
    let named = source.reasons.iter().filter(|reason| reason.places.iter().any(|(_, offset)| offset.0 >= 0));
    for reason in named.take(2) {
        let more = if reason.records > reason.places.len() as u64 { ", …" } else { "" };
        let (number, places) = (crate::status::count(reason.records), places(reason));
        text += &format!("\n{number} ({places}{more}): {}", gate::shown(&reason.text));
    }
    Some(Cause::new(text).way(format!("SELECT * FROM {};", words::table(&format!("{}$errors", source.tap)))))
}

/// `orders/0 at 17, 19`, or `orders/0 at 17, orders/1 at 3`.
fn places(reason: &Reason) -> String {
    let one = reason.places.iter().all(|(id, _)| *id == reason.places[0].0);
    let mut text = String::new();
    for (number, (id, offset)) in reason.places.iter().enumerate() {
        let comma = if number == 0 { "" } else { ", " };
        let place = if one && number > 0 { String::new() } else { format!("{} at ", stream::place(id)) };
        text += &format!("{comma}{place}{}", offset.0);
    }
    text
}

fn without_time(scene: &Scene<'_>, id: NodeId, source: &Source) -> Option<Cause> {
    let (tap, column) = timed_tap(scene.graph, id).filter(|_| source.untimed > 0)?;
    let name = words::identifier(tap.columns[column].name());
    let table = words::table(&source.tap);
    let text = format!(
        "{name}, the event time of {table}, is NULL in {} of {}: they have no place in time and are set aside",
        crate::status::count(source.untimed),
        counted(source.records, "record")
    );
    let errors = format!("SELECT * FROM {};", words::table(&format!("{}$errors", source.tap)));
    Some(Cause::new(text).way(errors).way(format!("SHOW CREATE TABLE {table};")))
}

/// An event time that lies in the clock's future moves the watermark there, and all that is true comes late.
fn future(scene: &Scene<'_>, id: NodeId, source: &Source) -> Option<Cause> {
    let rows: u64 = source.partitions.iter().map(|partition| partition.future).sum();
    let latest = source.partitions.iter().filter_map(|partition| partition.times).map(|(_, latest)| latest).max()?;
    if rows == 0 {
        return None;
    }
    let (tap, column) = timed_tap(scene.graph, id)?;
    let (table, name) = (words::table(&source.tap), words::identifier(tap.columns[column].name()));
    let clock = scene.event_clock(id);
    let text = format!(
        "{name} of {table} lies more than a day ahead of the clock in {} of {}, the latest at {}: {}",
        crate::status::count(rows),
        counted(source.records, "record"),
        clock.at(latest),
        // Whoever chose how far ahead is believed may have believed these.
        match tap.options.contains_key(millstream_engine::MAX_FUTURE) {
            true => "the watermark follows what is believed of it, and what comes in its time is late",
            false => "such records are set aside and move no watermark",
        }
    );
    // A factor of about a thousand is a unit taken for another.
    let unit = scene.now.0 > 0 && latest.0 / 100 > scene.now.0;
    let text = if unit { text + "; it looks like microseconds taken for milliseconds" } else { text };
    Some(Cause::new(text).way(format!("DESCRIBE {table};")).way(format!("SELECT {name} FROM {table} LIMIT 10;")))
}

fn held(scene: &Scene<'_>, source: &Source) -> Option<Cause> {
    let passed = scene.since(source.held?).filter(|ms| *ms >= SILENT_MS)?;
    let table = words::table(&source.tap);
    Some(Cause::new(format!("{table} has not been read for {}: too much is under way behind it", stretch(passed))))
}

/// Since when a partition has been silent, if that is worth a word.
pub fn silence(scene: &Scene<'_>, partition: &Partition) -> Option<i64> {
    scene.since(partition.heard).filter(|ms| *ms >= SILENT_MS)
}

/// The watermark of a source without one of its partitions.
pub fn watermark_without(source: &Source, left_out: &Partition) -> Option<Millis> {
    let others = source.partitions.iter().filter(|other| other.id != left_out.id && !other.idle && !other.ended);
    others.map(|other| other.watermark).min()
}

/// Who holds a source's watermark, and since when it has been silent.
pub fn holder(scene: &Scene<'_>, source: &Source, partition: &Partition) -> String {
    let name = stream::partition(source, partition);
    match silence(scene, partition) {
        Some(ms) if partition.records == 0 => format!("{name}, which has brought no record for {}", stretch(ms)),
        Some(ms) => format!("{name}, idle for {}", stretch(ms)),
        None => name,
    }
}
