//! The test that goes with a job: the stretch of a tape that was recorded, or the samples that its previews ran over,
//! and what the prototype makes of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_connect::format::{Encode, FORMAT_OPTIONS, RawRecords};
use millstream_export::{Evidence, Job, flink};
use millstream_plan::{Tap, TapColumn};
use millstream_record::{Batch, Column, Error, Millis, Options, Origin, PartitionId, Received, Sample};
use millstream_runner::rehearsal::{Manner, Recorded, Tape, input, rehearse};
use millstream_sql::catalog::Table;
use millstream_sql::{Catalog, Relation, declare};

use super::stretch::Stretch;
use super::{Gathered, of_runner};
use crate::fault::{Class, Fault};
use crate::sample::TableSample;
use crate::session::Session;

/// The tape, what belongs into the folder, and the answer of the prototype.
pub fn gather(
    session: &Session,
    catalog: &Catalog,
    job: &Job,
    stretch: Option<&Stretch>,
    to_flink: bool,
) -> Result<Gathered, Fault> {
    let mut samples = Vec::new();
    for table in &job.taps {
        let tap = original(catalog, job, table);
        let name = table.tap.name.clone();
        if let Some((sample, partitions)) = stretch.map(|stretch| stretch.records(&tap)).transpose()?.flatten() {
            samples.push(Recorded {
                table: name,
                rows: false,
                sample: Arc::new(sample),
                partitions,
                of_one_tape: true,
            });
            continue;
        }
        let sample = session.sample_of(&tap)?;
        let (rows, sample) = match sample.records() {
            Some(records) => (false, records.clone()),
            None => (true, Arc::new(as_records(&tap, &sample)?)),
        };
        let partitions = sample.partitions().to_vec();
        samples.push(Recorded { table: name, rows, sample, partitions, of_one_tape: false });
    }
    if let Some(stretch) = stretch.filter(|_| samples.iter().all(|sample| !sample.of_one_tape)) {
        let message = format!("nothing that the job reads is on the tape '{}'", stretch.name());
        return Err(Fault::new(Class::Query, "E0430", message).hint("SHOW TAPES; says what each tape holds"));
    }
    super::goes_on(session)?;
    let bytes = Tape::write(&samples);
    let failed = |fault| of_runner("the prototype does not run over its sample", fault);
    let text = std::str::from_utf8(&bytes).expect("a tape is text");
    let tape = Tape::read(text, "test/input.jsonl").map_err(failed)?;
    let formats = |tap: &Tap| {
        let found = declare::options(session.outside.connectors(), tap);
        let (connector, options) = found.map_err(|error| millstream_runner::Fault::plan(error.to_string()))?;
        Ok(connector.format(&options)?)
    };
    let answer = rehearse(&job.graph, &formats, &tape, Manner::Recorded).map_err(failed)?;
    let answers: BTreeMap<String, Vec<u8>> =
        answer.sinks().map(|(sink, rows)| (sink.to_string(), rows.lines())).collect();
    let inputs = if to_flink { input(&job.graph, &formats, &tape).map_err(failed)? } else { Vec::new() };
    let inputs = inputs.into_iter().map(|(table, input)| flink::Input {
        table,
        format: input.format,
        bytes: input.bytes,
        decoded: input.decoded,
    });
    Ok((tape, Evidence { tape: bytes, answers, inputs: inputs.collect() }, answer))
}

/// The tap as the session knows it.
fn original(catalog: &Catalog, job: &Job, table: &Table) -> Arc<Tap> {
    let name = job.names.iter().find(|(_, new)| **new == table.tap.name).map_or(&table.tap.name, |(old, _)| old);
    match catalog.get(name) {
        Some(Relation::Table(known)) => known.tap.clone(),
        _ => table.tap.clone(),
    }
}

/// Rows of a table that has no records, as records in JSON.
fn as_records(tap: &Tap, sample: &TableSample) -> Result<Sample, Fault> {
    let columns: Vec<Column> = tap
        .columns
        .iter()
        .filter_map(|column| match column {
            TapColumn::Physical(column) => Some(Column { origin: Origin::Payload, ..column.clone() }),
            TapColumn::Computed(_) => None,
        })
        .collect();
    let options = Options::check([("format", "json")], &[FORMAT_OPTIONS]).map_err(Error::from)?;
    let mut encode = Encode::new(&columns, &[], &options)?;
    let mut records = RawRecords::new(PartitionId::new(tap.name.as_str(), 0));
    for (_, rows) in sample.rows().unwrap_or_default() {
        for value in encode.apply(&Batch::insert(rows.clone()))?.values.iter() {
            records.offsets.push(records.offsets.len() as i64);
            records.values.push(value);
        }
    }
    Ok(Sample::of([Received::by_timestamp(records, &mut Millis(0))]))
}
