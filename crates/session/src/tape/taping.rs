//! A recording under way, for a front end to drive and to show: it calls [`Taping::advance`] until that says
//! it is done, draws [`Taping::line`] in between, and ends it with [`Taping::finish`], also when the user has
//! had enough: what was recorded is kept.

use std::sync::Arc;
use std::time::Duration;

use millstream_connect::tape::{Recorder, Standing, Until};
use millstream_record::{Clock, Millis};

use crate::fault::Fault;
use crate::render::gate;
use crate::status::{count, size};

/// A recording.
pub struct Taping {
    recorder: Recorder,
    name: String,
    until: Until,
    began: Millis,
    clock: Arc<dyn Clock>,
}

/// So many characters wide is the bar.
const BAR: usize = 20;

impl Taping {
    pub(crate) fn new(recorder: Recorder, name: &str, until: Until, clock: Arc<dyn Clock>) -> Taping {
        Taping { recorder, name: name.into(), until, began: clock.now(), clock }
    }

    /// The name of the tape.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Records what is there, or waits for it at most `wait`. False when the recording is done.
    pub fn advance(&mut self, wait: Duration) -> Result<bool, Fault> {
        Ok(self.recorder.step(wait)?)
    }

    /// How far it has come, from 0 to 1, if it has an end.
    pub fn share(&self) -> Option<f64> {
        let by_time = self.until.time.map(|end| {
            let (gone, all) = (self.clock.now().0 - self.began.0, end.0 - self.began.0);
            gone as f64 / all.max(1) as f64
        });
        let by_records = self.until.records.map(|most| self.recorder.standing().records as f64 / most.max(1) as f64);
        Some(by_time.unwrap_or(0.0).max(by_records.unwrap_or(0.0)).clamp(0.0, 1.0))
            .filter(|_| by_time.is_some() || by_records.is_some())
    }

    /// The line that shows how far it has come.
    pub fn line(&self, ascii: bool) -> String {
        let Standing { records, payload_bytes, stalled, .. } = self.recorder.standing();
        let bar = self.share().map(|share| {
            let full = (share * BAR as f64).round() as usize;
            let (done, open) = if ascii { ("#", ".") } else { ("█", "░") };
            format!("{}{} {:>3.0} %", done.repeat(full), open.repeat(BAR - full), share * 100.0)
        });
        let mut parts: Vec<String> = vec![format!("recording {}", gate::shown(&self.name))];
        parts.extend(bar);
        parts.push(format!("{} records", count(records)));
        parts.push(size(payload_bytes));
        parts.extend(stalled.map(|reason| format!("waiting: {}", gate::shown(&reason))));
        if self.share().is_none() {
            parts.push("Ctrl-C ends it".into());
        }
        parts.join(" · ")
    }

    /// Ends the recording and says what there is.
    pub fn finish(self) -> Result<String, Fault> {
        let Standing { resumed, full, .. } = self.recorder.standing();
        let meta = self.recorder.seal()?;
        let seconds = (meta.until.0 - meta.from.0) as f64 / 1000.0;
        let (records, bytes) = (count(meta.records), size(meta.payload_bytes));
        let mut said = format!("tape {}: {records} records, {bytes}, {seconds:.1} s", self.name);
        if let Some(before) = resumed {
            said += &format!(" · went on behind {} records of a recording that was cut short", count(before));
        }
        if let Some(reason) = full {
            said += &format!(" · ended early: {reason}");
        }
        Ok(format!("{said} · REPLAY {};", self.name))
    }
}
