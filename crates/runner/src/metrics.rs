//! What a job tells of itself, as Prometheus reads it.

use std::fmt::Write;

use millstream_engine::Progress;
use millstream_record::Millis;

use crate::status::{Snapshot, told};

impl Snapshot {
    /// The text that Prometheus reads, at this time of the clock.
    pub fn metrics(&self, now: Millis) -> String {
        let mut out = Page { families: Vec::new(), job: label(&self.name) };
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
        out.counter("millstream_checkpoints_total", "Checkpoints finished by this process.", &[], self.checkpoints);
        if let Some(bytes) = resident() {
            out.gauge("process_resident_memory_bytes", "Memory of the process.", &[], bytes as f64);
        }
        if let Some(progress) = &self.progress {
            out.progress(progress, now);
        }
        out.families.concat()
    }
}

/// The page as it grows. All lines of one metric stand together, whoever they are of.
struct Page {
    families: Vec<String>,
    job: String,
}

impl Page {
    fn progress(&mut self, progress: &Progress, now: Millis) {
        for source in &progress.sources {
            let labels = [("source", source.uid.as_str()), ("table", &source.tap)];
            self.counter("millstream_source_records_total", "Records taken from the topic.", &labels, source.records);
            self.counter("millstream_source_bytes_total", "Their bytes.", &labels, source.bytes);
            self.counter("millstream_source_bad_records_total", "Records that could not be read.", &labels, source.bad);
            if let Some(lag) = source.lag {
                self.gauge("millstream_source_lag_records", "Records that wait.", &labels, lag as f64);
            }
            let stalled = f64::from(u8::from(source.stalled.is_some()));
            self.gauge("millstream_source_stalled", "Whether the topic cannot be reached.", &labels, stalled);
            if let Some(at) = source.watermark.and_then(told) {
                self.gauge("millstream_source_watermark_seconds", "Event time reached.", &labels, at as f64 / 1000.0);
            }
            let help = "How long it waited because what follows was slow.";
            let held = source.held_ms as f64 / 1000.0;
            self.line("millstream_source_backpressure_seconds_total", "counter", help, &labels, &held.to_string());
            self.gauge("millstream_source_idle_partitions", "Silent partitions.", &labels, source.idle.len() as f64);
        }
        for operator in &progress.operators {
            let labels = [("operator", operator.uid.as_str())];
            self.counter("millstream_operator_rows_in_total", "Rows taken.", &labels, operator.rows_in);
            self.counter("millstream_operator_rows_out_total", "Rows given.", &labels, operator.rows_out);
            self.counter("millstream_operator_late_rows_total", "Rows behind their time.", &labels, operator.late);
            self.counter(
                "millstream_operator_bad_rows_total",
                "Rows for which a function failed.",
                &labels,
                operator.bad,
            );
            self.gauge("millstream_operator_state_bytes", "Bytes of state, roughly.", &labels, operator.state as f64);
            let spilled = operator.spilled;
            let name = "millstream_operator_spilled_bytes";
            self.gauge(name, "Bytes of state on disk, because memory was short.", &labels, spilled.bytes as f64);
            let name = "millstream_operator_spill_reads_total";
            self.counter(name, "How often a piece of state was read back.", &labels, spilled.reads);
            let name = "millstream_operator_spill_writes_total";
            self.counter(name, "How often one was written.", &labels, spilled.writes);
            if let Some(at) = told(operator.watermark) {
                let seconds = at as f64 / 1000.0;
                self.gauge("millstream_operator_watermark_seconds", "Event time its output reached.", &labels, seconds);
            }
        }
        for output in &progress.outputs {
            let labels = [("operator", output.uid.as_str()), ("table", &output.tap)];
            self.counter("millstream_sink_rows_total", "Rows handed to the sink.", &labels, output.rows);
            let blocked = output.blocked.map_or(0, |since| (now.0 - since.0).max(0)) as f64 / 1000.0;
            self.gauge("millstream_sink_blocked_seconds", "How long the sink works on one batch.", &labels, blocked);
        }
    }

    fn counter(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: u64) {
        self.line(name, "counter", help, labels, &value.to_string());
    }

    fn gauge(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        self.line(name, "gauge", help, labels, &value.to_string());
    }

    fn line(&mut self, name: &str, kind: &str, help: &str, labels: &[(&str, &str)], value: &str) {
        let head = format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
        let family = match self.families.iter_mut().find(|family| family.starts_with(&head)) {
            Some(family) => family,
            None => {
                self.families.push(head);
                self.families.last_mut().expect("it has just been put there")
            }
        };
        let labels = labels.iter().map(|(key, value)| format!(",{key}=\"{}\"", label(value))).collect::<String>();
        writeln!(family, "{name}{{job=\"{}\"{labels}}} {value}", self.job).expect("a string takes all");
    }
}

/// Bytes of memory that the process holds, where the system tells.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// A value between quotes: no quote, backslash or line end of a name may break the page.
fn label(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use millstream_engine::SourceProgress;

    use super::*;

    #[test]
    fn all_lines_of_a_metric_stand_together_and_none_is_there_twice() {
        let source = |uid: &str| SourceProgress { uid: uid.into(), tap: "bids".into(), ..SourceProgress::default() };
        let progress = Progress {
            sources: vec![source("a/scan/0"), source("a/scan/1")],
            operators: Vec::new(),
            outputs: Vec::new(),
            watermark: Millis(0),
        };
        let page = Snapshot { progress: Some(progress), ..Snapshot::default() }.metrics(Millis(0));
        let names: Vec<&str> =
            page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
        let mut different = names.clone();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), names.len(), "{page}");
        let mut series: Vec<&str> = page.lines().filter_map(|line| Some(line.split_once('}')?.0)).collect();
        let all = series.len();
        series.sort_unstable();
        series.dedup();
        assert_eq!(series.len(), all, "{page}");
        assert_eq!(page.matches("millstream_source_records_total{").count(), 2, "{page}");
    }

    #[test]
    fn hostile_names_stay_in_their_quotes() {
        let snapshot = Snapshot { name: "a\"} 1\nb".into(), epoch: 7, decided_ms: 1_000, ..Snapshot::default() };
        let page = snapshot.metrics(Millis(3_500));
        assert!(page.contains("millstream_checkpoint_epoch{job=\"a\\\"} 1\\nb\"} 7\n"), "{page}");
        assert!(page.contains("millstream_checkpoint_age_seconds{job=\"a\\\"} 1\\nb\"} 2.5\n"), "{page}");
        assert!(
            page.lines().all(|line| ["# ", "millstream_", "process_"].iter().any(|head| line.starts_with(head))),
            "{page}"
        );
    }
}
