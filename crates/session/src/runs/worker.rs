//! The thread of a run: it takes rows, keeps the report, and says how it ended.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use millstream_plan::Changes;
use millstream_record::{Clock, Stop};

use super::notices::{Notices, Said};
use super::{RunReport, RunState};
use crate::ledgers::Ledgers;
use crate::live::{Live, Step};
use crate::pace::Pace;

/// How long it waits for rows before it looks around.
const LOOK: Duration = Duration::from_millis(25);

/// What the thread of a run needs.
pub struct Worker {
    pub report: Arc<Mutex<RunReport>>,
    pub stop: Stop,
    pub notices: Notices,
    pub clock: Arc<dyn Clock>,
    pub ledgers: Ledgers,
}

impl Worker {
    /// Takes a query to its end.
    pub fn work(self, mut live: Live) {
        let name = self.report().name.clone();
        let columns = live.columns.clone().map(|columns| match live.changes {
            Changes::Append => columns,
            Changes::Retract => columns.with_kinds(),
        });
        let mut pace = Pace::new(self.clock.now());
        loop {
            if self.stop.raised() {
                live.stop();
            }
            match (live.next(LOOK), &columns) {
                (Step::Rows(rows), Some(columns)) if !rows.is_empty() => {
                    self.notices.put(&name, Said::Rows { columns: columns.clone(), rows });
                }
                (Step::End, _) => break,
                _ => {}
            }
            let status = live.status();
            pace.tell(self.clock.now(), status.records);
            let mut report = self.report();
            (report.rate, report.status) = (pace.rate(), status);
        }
        self.end(live, &name);
    }

    fn end(&self, live: Live, name: &str) {
        self.report().status = live.status();
        let stopped = if self.stop.raised() { RunState::Stopped } else { RunState::Finished };
        match live.finish() {
            Ok(finished) => {
                self.report().state = stopped;
                self.ledgers.keep(name, &finished.accounts);
                let mut lines: Vec<String> = finished.accounts.iter().map(crate::status::Account::line).collect();
                let aside = |(table, rows): &(String, u64)| {
                    format!("{} set aside: SELECT * FROM `{table}`;", crate::status::count(*rows))
                };
                lines.extend(finished.asides.iter().map(aside));
                self.notices.put(name, Said::Ended(lines));
            }
            Err(fault) => {
                self.report().state = RunState::Failed(fault.message.clone());
                self.notices.put(name, Said::Failed(fault));
            }
        }
    }

    fn report(&self) -> std::sync::MutexGuard<'_, RunReport> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
