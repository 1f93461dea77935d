//! What runs in the background, at the prompt: its rows and its end appear above the line that is typed, and a line
//! above the prompt says how far each run is. A thread takes the news; the keys never wait for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use millstream_session::{
    Format, Look, Notice, Notices, RunReport, RunState, Said, Tone, Zone, count, gate, time_text, to_text, width,
};

use super::edit::Outlet;
use crate::desk::Desk;

/// How long news are waited for at a time.
const WAIT: Duration = Duration::from_millis(100);
/// How often the line above the prompt is made anew.
const EVERY: Duration = Duration::from_millis(500);
/// Of rows that come at once so many are shown.
const ROWS: usize = 20;

/// Watches the runs until it is dropped.
pub struct Watch {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Starts to watch. Without a thread for it, SHOW RUNS still tells.
    pub fn start(notices: Notices, desk: Desk, outlet: Outlet, look: Look) -> Watch {
        let ended = Arc::new(AtomicBool::new(false));
        let own = ended.clone();
        let look = Look { rows: ROWS, ..look };
        let thread = Builder::new().name("runs".into()).spawn(move || watch(&own, &notices, &desk, &outlet, &look));
        Watch { ended, thread: thread.ok() }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic in it has been reported by the hook; there is nothing to add.
            let _ = thread.join();
        }
    }
}

fn watch(ended: &AtomicBool, notices: &Notices, desk: &Desk, outlet: &Outlet, look: &Look) {
    let (mut looked, mut known) = (Instant::now(), None);
    while !ended.load(Ordering::Relaxed) {
        for notice in notices.wait(WAIT) {
            // A run that is over leaves the line at once, or it would still be drawn above what is said of its end.
            if let (Some((reports, zone)), Said::Ended(_) | Said::Failed(_)) = (&mut known, &notice.said) {
                let reports: &mut Vec<RunReport> = reports;
                reports.retain(|report| report.name != notice.run);
                outlet.head(head(reports, *zone, look));
            }
            outlet.print(said(&notice, look));
        }
        if looked.elapsed() >= EVERY {
            looked = Instant::now();
            // While the session is at something longer, the line stays as it is.
            known = desk.glance(|session| (session.runs(), session.settings().zone())).or(known);
            if let Some((reports, zone)) = &known {
                outlet.head(head(reports, *zone, look));
            }
        }
    }
}

/// What a run says, in lines for the screen.
fn said(notice: &Notice, look: &Look) -> String {
    let mut text = String::new();
    let run = gate::shown(&notice.run);
    match &notice.said {
        Said::Rows { columns, rows } => {
            Tone::Dim.paint(&mut text, &format!("{run}:"), look);
            text.push('\n');
            text.push_str(&to_text(Format::Table, columns.clone(), std::slice::from_ref(rows), look));
        }
        Said::Missed(rows) => Tone::Dim.paint(&mut text, &format!("{run}: {} rows not shown", count(*rows)), look),
        Said::Ended(lines) => {
            Tone::Dim.paint(&mut text, &format!("{run} has come to its end"), look);
            for line in lines {
                text.push('\n');
                Tone::Dim.paint(&mut text, &gate::shown(line), look);
            }
        }
        Said::Failed(fault) => {
            text.push_str(&format!("{run} failed: "));
            text.push_str(&fault.render(look));
        }
    }
    text
}

/// `▶ bars 1 204/s · lag 3 · watermark 12:00:04`, for each run that goes on.
fn head(reports: &[RunReport], zone: Zone, look: &Look) -> String {
    let running = reports.iter().filter(|report| report.state == RunState::Running);
    let parts: Vec<String> = running.map(|report| of_run(report, zone)).collect();
    if parts.is_empty() {
        return String::new();
    }
    let line = width::cut(&format!("▶ {}", parts.join(" ▶ ")), look.width.unwrap_or(80).saturating_sub(1));
    let mut text = String::new();
    Tone::Dim.paint(&mut text, &line, look);
    text
}

fn of_run(report: &RunReport, zone: Zone) -> String {
    let status = &report.status;
    let mut parts = vec![format!("{} {}/s", gate::shown(&report.name), count(report.rate.round() as u64))];
    parts.extend(status.lag.map(|lag| format!("lag {}", count(lag))));
    parts.extend(status.watermark.map(|at| format!("watermark {}", time_text(at, zone))));
    parts.extend((status.late > 0).then(|| format!("late {}", count(status.late))));
    parts.extend((status.bad > 0).then(|| format!("errors {}", count(status.bad))));
    parts.extend(status.stalled.as_ref().map(|reason| format!("waiting: {}", gate::shown(reason))));
    parts.join(" · ")
}
