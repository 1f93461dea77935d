//! What a running job tells of itself: kept up to date by the job, read by whoever asks, as Prometheus
//! reads it.

use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use millstream_engine::Progress;
use millstream_record::Millis;

/// The newest that is known of a job. Reading never waits for the job.
#[derive(Debug, Default)]
pub struct Status(Mutex<Snapshot>);

/// How a job stands.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The job's name.
    pub name: String,
    /// Whether its graph runs.
    pub ready: bool,
    /// The newest decided epoch.
    pub epoch: u64,
    /// When it was decided, in milliseconds since 1970; 0 for never in this process.
    pub decided_ms: i64,
    /// How long the last checkpoint took, from the barrier to the end of the commit, in milliseconds.
    pub took_ms: u64,
    /// Bytes of the last checkpoint.
    pub bytes: u64,
    /// How often the graph was built anew in this process.
    pub restarts: u64,
    /// What sources and operators have done.
    pub progress: Option<Progress>,
    /// The name for which a savepoint is asked.
    pub savepoint: Option<String>,
    /// The last savepoint that was made.
    pub saved: Option<String>,
}

impl Status {
    /// The snapshot, to be read or changed.
    pub fn lock(&self) -> MutexGuard<'_, Snapshot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Snapshot {
    /// The text that Prometheus reads, at this time of the clock.
    pub fn metrics(&self, now: Millis) -> String {
        let mut out = Page { text: String::new(), job: label(&self.name) };
        out.gauge("millstream_ready", "Whether the graph runs.", &[], f64::from(u8::from(self.ready)));
        out.gauge("millstream_checkpoint_epoch", "The newest decided epoch.", &[], self.epoch as f64);
        if self.decided_ms > 0 {
            let age = (now.0 - self.decided_ms).max(0) as f64 / 1000.0;
            out.gauge("millstream_checkpoint_age_seconds", "Since the newest epoch was decided.", &[], age);
        }
        let took = self.took_ms as f64 / 1000.0;
        out.gauge("millstream_checkpoint_duration_seconds", "From barrier to commit, the last time.", &[], took);
        out.gauge("millstream_checkpoint_bytes", "Size of the last checkpoint.", &[], self.bytes as f64);
        out.counter("millstream_restarts_total", "How often the graph was built anew.", &[], self.restarts);
        if let Some(progress) = &self.progress {
            out.progress(progress);
        }
        out.text
    }
}

struct Page {
    text: String,
    job: String,
}

impl Page {
    fn progress(&mut self, progress: &Progress) {
        for source in &progress.sources {
            let labels = [("table", source.tap.as_str())];
            self.counter("millstream_source_records_total", "Records taken from the topic.", &labels, source.records);
            self.counter("millstream_source_bytes_total", "Their bytes.", &labels, source.bytes);
            self.counter("millstream_source_bad_records_total", "Records that could not be read.", &labels, source.bad);
            if let Some(lag) = source.lag {
                self.gauge("millstream_source_lag_records", "Records that wait.", &labels, lag as f64);
            }
            let stalled = f64::from(u8::from(source.stalled.is_some()));
            self.gauge("millstream_source_stalled", "Whether the topic cannot be reached.", &labels, stalled);
            if let Some(Millis(at)) = source.watermark.filter(|at| *at > Millis::MIN && *at < Millis::MAX) {
                self.gauge("millstream_source_watermark_seconds", "Event time reached.", &labels, at as f64 / 1000.0);
            }
        }
        for operator in &progress.operators {
            let labels = [("operator", operator.uid.as_str())];
            self.counter("millstream_operator_rows_in_total", "Rows taken.", &labels, operator.rows_in);
            self.counter("millstream_operator_rows_out_total", "Rows given.", &labels, operator.rows_out);
            self.counter("millstream_operator_late_rows_total", "Rows behind their time.", &labels, operator.late);
            self.gauge("millstream_operator_state_bytes", "Bytes of state, roughly.", &labels, operator.state as f64);
        }
    }

    fn counter(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: u64) {
        self.line(name, "counter", help, labels, &value.to_string());
    }

    fn gauge(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        self.line(name, "gauge", help, labels, &value.to_string());
    }

    fn line(&mut self, name: &str, kind: &str, help: &str, labels: &[(&str, &str)], value: &str) {
        let head = format!("# TYPE {name} {kind}\n");
        if !self.text.contains(&head) {
            self.text.push_str(&format!("# HELP {name} {help}\n{head}"));
        }
        let labels = labels.iter().map(|(key, value)| format!(",{key}=\"{}\"", label(value))).collect::<String>();
        writeln!(self.text, "{name}{{job=\"{}\"{labels}}} {value}", self.job).expect("a string takes all");
    }
}

/// A value between quotes: no quote, backslash or line end of a name may break the page.
fn label(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_in_their_quotes() {
        let snapshot = Snapshot { name: "a\"} 1\nb".into(), epoch: 7, decided_ms: 1_000, ..Snapshot::default() };
        let page = snapshot.metrics(Millis(3_500));
        assert!(page.contains("millstream_checkpoint_epoch{job=\"a\\\"} 1\\nb\"} 7\n"), "{page}");
        assert!(page.contains("millstream_checkpoint_age_seconds{job=\"a\\\"} 1\\nb\"} 2.5\n"), "{page}");
        assert!(page.lines().all(|line| line.starts_with('#') || line.starts_with("millstream_")), "{page}");
    }
}
