//! What hinders at a window: it is open and the watermark has not come so far, or its rows came after it had
//! closed.

use millstream_engine::inspect::{Detail, OpenWindow, Partition, Source, Windows};
use millstream_plan::{NodeId, Op, WindowInput};
use millstream_record::Millis;

use super::moment::{Clockface, counted, interval, rows, stretch};
use super::source::{holder, silence, watermark_without};
use super::stream::{delay, timed_tap};
use super::{Cause, Scene, words};
use crate::aside::late_name;
use crate::render::Zone;
use crate::status::count;

/// What hinders at an operator with windows.
pub fn causes(scene: &Scene<'_>, id: NodeId) -> Vec<Cause> {
    let operator = scene.operator(id);
    let mut causes = Vec::new();
    causes.extend(late(scene, id, "came after the windows they belong to had closed"));
    if let Detail::Windows(windows) = &operator.detail
        && operator.rows_out == 0
        && let Some(first) = windows.first.first()
    {
        causes.push(open(scene, id, windows, first));
    }
    causes
}

/// Rows that came too late, and for what: in the words of `came`.
pub fn late(scene: &Scene<'_>, id: NodeId, came: &str) -> Option<Cause> {
    let operator = scene.operator(id);
    let (all, late) = (scene.rows_in(id), operator.late);
    if late == 0 {
        return None;
    }
    let clock = scene.event_clock(id);
    let of = if late == all { format!("all {}", rows(all)) } else { format!("{} of {}", count(late), rows(all)) };
    let mut text = format!("{of} {came}");
    let source = scene.scans_below(id).into_iter().filter_map(|scan| scene.inside.source(scan)).next();
    let times = source.and_then(|source| {
        let times = source.partitions.iter().filter_map(|partition| partition.times);
        times.reduce(|all, more| (all.0.min(more.0), all.1.max(more.1)))
    });
    if let (Some((earliest, latest)), Some(watermark)) = (times, operator.inputs.first().map(|input| input.watermark)) {
        let stands = match watermark {
            Millis::MAX => "is at the end".to_string(),
            at => format!("is {}", clock.at(at)),
        };
        text +=
            &format!(": the watermark {stands}, event times go from {} to {}", clock.at(earliest), clock.at(latest));
    }
    let mut cause = Cause::new(text);
    for scan in scene.scans_below(id) {
        if let Some((tap, _)) = timed_tap(scene.graph, scan) {
            cause = cause.way(format!("ADVISE WATERMARK {};", words::table(&tap.name)));
        }
    }
    let step = operator.uid.split('/').next().unwrap_or(&operator.uid);
    Some(cause.way(format!("SELECT * FROM {};", words::table(&late_name(step, 1)))))
}

/// A window that waits for the watermark.
fn open(scene: &Scene<'_>, id: NodeId, windows: &Windows, first: &OpenWindow) -> Cause {
    let digits = Clockface::digits(window_zone(scene, id), scene.now);
    let clock = scene.event_clock(id);
    let noun = if windows.sessions { "session" } else { "window" };
    let keys = if first.keys > 1 { format!(" of {}", counted(first.keys, "key")) } else { String::new() };
    let mut text = format!(
        "{noun} [{}, {}) holds {}{keys} and closes at watermark {}",
        digits.at(Millis(first.start)),
        digits.at(Millis(first.end)),
        rows(first.rows),
        clock.at(first.closes)
    );
    if windows.open > 1 {
        text += &format!(" (the first of {} that are open)", counted(windows.open, noun));
    }
    match scene.slowest_below(id) {
        Some((source, partition)) => waiting(scene, id, first, text, source, partition),
        None => Cause::new(text),
    }
}

/// The zone on whose wall clock the windows of a node are cut.
fn window_zone(scene: &Scene<'_>, id: NodeId) -> Zone {
    let zone = match &scene.graph.node(id).op {
        Op::WindowAggregate(plan) => match &plan.input {
            WindowInput::Time { zone, .. } | WindowInput::Attached { zone, .. } => zone.as_deref(),
        },
        Op::AssignWindow(plan) => plan.zone.as_deref(),
        _ => None,
    };
    zone.and_then(Zone::parse).unwrap_or(Zone::UTC)
}

/// Who holds the watermark that a window waits for, and what would help.
fn waiting(
    scene: &Scene<'_>,
    id: NodeId,
    window: &OpenWindow,
    mut text: String,
    source: &Source,
    partition: &Partition,
) -> Cause {
    let clock = scene.event_clock(source.scan);
    let own = scene.operator(id).inputs.first().map_or(Millis::MIN, |input| input.watermark);
    let stands = match own {
        Millis::MIN => "has not begun".into(),
        at => format!("is {}", clock.at(at)),
    };
    text += &format!(
        "\nthe watermark {stands}, held by {}{}",
        holder(scene, source, partition),
        side_of(scene, id, source)
    );
    let without = watermark_without(source, partition);
    if let Some(others) = without.filter(|others| *others >= window.closes) {
        text += &format!("; without it the watermark would be {}", clock.at(others));
        return Cause::new(text)
            .way("SET 'table.exec.source.idle-timeout' = '5 s';")
            .way("WITH ('scan.watermark.idle-timeout' = '5 s')");
    }
    let delay = delay(partition);
    if let Some(delay) = delay {
        // An operator on the way may hold the watermark back further than its source.
        let back = if own == Millis::MIN { 0 } else { partition.watermark.0.saturating_sub(own.0).max(0) };
        let every = if source.partitions.len() > 1 { " in every partition" } else { "" };
        text +=
            &format!("\nit closes with a record of {} or later{every}", clock.at(window.closes.plus(delay).plus(back)));
    }
    let silences: Option<Vec<i64>> = source.partitions.iter().map(|partition| silence(scene, partition)).collect();
    if let Some(shortest) = silences.and_then(|silences| silences.into_iter().min()) {
        let idle = if partition.idle { ": when all partitions are idle, time stands still" } else { "" };
        text += &format!("; nothing has come from {} for {}{idle}", words::table(&source.tap), stretch(shortest));
    }
    shorter(scene, window, Cause::new(text), source, partition, delay)
}

/// If a smaller bound alone would close the window, that is a way out.
fn shorter(
    scene: &Scene<'_>,
    window: &OpenWindow,
    cause: Cause,
    source: &Source,
    partition: &Partition,
    delay: Option<i64>,
) -> Cause {
    let (Some((tap, column)), Some((_, latest)), Some(delay)) =
        (timed_tap(scene.graph, source.scan), partition.times, delay)
    else {
        return cause;
    };
    let table = words::table(&tap.name);
    let room = latest.0.saturating_sub(window.closes.0);
    if delay == 0 || room < 0 {
        return cause.way(format!("SELECT * FROM {table};"));
    }
    let name = words::identifier(tap.columns[column].name());
    let bound = if room == 0 { String::new() } else { format!(" - {}", interval(room)) };
    cause.way(format!("WATERMARK FOR {name} AS {name}{bound}")).way(format!("ADVISE WATERMARK {table};"))
}

/// Which side of a join below a window the source stands on.
fn side_of(scene: &Scene<'_>, id: NodeId, source: &Source) -> String {
    let mut at = id;
    loop {
        let node = scene.graph.node(at);
        match node.inputs.as_slice() {
            [left, right]
                if matches!(
                    node.op,
                    Op::IntervalJoin(_) | Op::WindowJoin(_) | Op::TemporalJoin(_) | Op::Join(_) | Op::TableJoin(_)
                ) =>
            {
                let right = scene.scans_below(*right).contains(&source.scan);
                let side = if right && !scene.scans_below(*left).contains(&source.scan) { "right" } else { "left" };
                return format!(", on the {side} side of the join");
            }
            [one] => at = *one,
            _ => return String::new(),
        }
    }
}
