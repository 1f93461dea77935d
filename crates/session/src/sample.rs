//! What is kept of each table to look at: some of its newest records as they are, in the order of their
//! arrival. It is drawn when it is first asked for, without joining a consumer group, and then answers
//! every preview at once. [`Session::sample`] gives it; [`TableSample::source`] makes a source of it that
//! is like the table's own but for its end; [`Session::sampled`] opens a whole graph so.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::array::RecordBatch;
use millstream_connect::sample::SampleSource;
use millstream_engine::Doors;
use millstream_plan::{Graph, Tap};
use millstream_record::{
    Connector, Error, Limits, Millis, Options, PartitionId, Poll, RawScan, RawStart, Sample, Scan, Source, Stop,
};
use millstream_sql::{Relation, SqlError};

use crate::aside;
use crate::doors;
use crate::fault::Fault;
use crate::memory::Memory;
use crate::preview::Decoded;
use crate::session::Session;
use crate::tape;

/// All samples together take no more than this; those that were asked for least recently go first.
const MOST_BYTES: usize = 256 << 20;

/// What is kept of one table.
#[derive(Clone)]
pub struct TableSample {
    /// When it was drawn.
    pub drawn: Millis,
    kept: Kept,
}

#[derive(Clone)]
enum Kept {
    /// Records as they are.
    Records(Arc<Sample>),
    /// Rows, of tables that have no records (generated, Parquet, kept by the session), in the order of each partition.
    Rows(Arc<[(PartitionId, RecordBatch)]>),
}

impl TableSample {
    /// Records that were drawn at this time.
    pub(crate) fn of(drawn: Millis, sample: Arc<Sample>) -> TableSample {
        TableSample { drawn, kept: Kept::Records(sample) }
    }

    /// Rows that were read at this time, of a table that has no records.
    pub(crate) fn of_rows(drawn: Millis, rows: Vec<(PartitionId, RecordBatch)>) -> TableSample {
        TableSample { drawn, kept: Kept::Rows(rows.into()) }
    }

    /// How many records.
    pub fn len(&self) -> usize {
        match &self.kept {
            Kept::Records(sample) => sample.len(),
            Kept::Rows(rows) => rows.iter().map(|(_, rows)| rows.num_rows()).sum(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The records as they are; `None` of a table that has only rows.
    pub fn records(&self) -> Option<&Arc<Sample>> {
        match &self.kept {
            Kept::Records(sample) => Some(sample),
            Kept::Rows(_) => None,
        }
    }

    /// The rows of a table that has no records, each piece with its partition.
    pub fn rows(&self) -> Option<&[(PartitionId, RecordBatch)]> {
        match &self.kept {
            Kept::Records(_) => None,
            Kept::Rows(rows) => Some(rows),
        }
    }

    fn bytes(&self) -> usize {
        match &self.kept {
            Kept::Records(sample) => sample.bytes(),
            Kept::Rows(rows) => rows.iter().map(|(_, rows)| rows.get_array_memory_size()).sum(),
        }
    }

    /// A bounded source over the sample, with all columns of `tap`, for which it was drawn. Partitions,
    /// metadata columns, kinds of change and unreadable records are those of the table's own source.
    pub fn source(&self, session: &Session, tap: &Tap) -> Result<Box<dyn Source>, Fault> {
        match &self.kept {
            Kept::Records(sample) => {
                let (connector, options) = session.outside.opening(tap)?;
                let format = connector.format(&options)?;
                Ok(Box::new(SampleSource::new(&tap.name, &tap.physical(), &format, sample.clone())?))
            }
            Kept::Rows(rows) => {
                let rows = rows.iter().map(|(_, rows)| rows.clone()).collect();
                Ok(Box::new(Memory::new(&tap.name, source_schema(tap), rows)))
            }
        }
    }
}

fn source_schema(tap: &Tap) -> arrow::datatypes::SchemaRef {
    let field = |column: millstream_record::Column| {
        arrow::datatypes::Field::new(column.name, column.data_type, column.nullable)
    };
    Arc::new(arrow::datatypes::Schema::new(tap.physical().into_iter().map(field).collect::<Vec<_>>()))
}

/// The samples of all tables.
#[derive(Default)]
pub struct Samples(Mutex<Shelf>);

#[derive(Default)]
struct Shelf {
    /// By the table's name, with the tap for which it was drawn.
    all: BTreeMap<String, (Arc<Tap>, TableSample)>,
    /// The names, those that were asked for last at the end.
    recent: VecDeque<String>,
}

impl Samples {
    fn get(&self, tap: &Tap) -> Option<TableSample> {
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (drawn_for, sample) = shelf.all.get(&tap.name)?;
        // Other columns read the same records in another way; rows were made with the columns.
        let same = drawn_for.connector == tap.connector && drawn_for.options == tap.options;
        let fits = same && (sample.records().is_some() || drawn_for.physical() == tap.physical());
        let found = fits.then(|| sample.clone());
        shelf.asked_for(&tap.name);
        found
    }

    /// Keeps a sample of a table, in the place of what was kept of it.
    pub fn keep(&self, tap: &Arc<Tap>, sample: TableSample) {
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.all.insert(tap.name.clone(), (tap.clone(), sample));
        shelf.asked_for(&tap.name);
        while shelf.recent.len() > 1 && shelf.all.values().map(|(_, kept)| kept.bytes()).sum::<usize>() > MOST_BYTES {
            let oldest = shelf.recent.pop_front();
            oldest.and_then(|name| shelf.all.remove(&name));
        }
    }

    /// Forgets what was kept of a table.
    pub fn forget(&self, name: &str) {
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.all.remove(name);
        shelf.recent.retain(|known| known != name);
    }
}

impl Shelf {
    fn asked_for(&mut self, name: &str) {
        self.recent.retain(|known| known != name);
        self.recent.push_back(name.to_string());
    }
}

impl Session {
    /// What is kept of the table `name`; drawn now if nothing is. It waits for the other side no longer
    /// than the statement may run: a raised stop signal ends it with [`crate::Class::Interrupted`].
    pub fn sample(&self, name: &str) -> Result<TableSample, Fault> {
        match self.catalog.lookup(name, None)? {
            Relation::Table(table) => self.sample_of(&table.tap),
            Relation::View(_) => {
                let message = format!("'{name}' is a view; samples are kept of tables");
                Err(SqlError::new("E0201", message).into())
            }
        }
    }

    /// As [`Session::sample`], of a tap.
    pub fn sample_of(&self, tap: &Arc<Tap>) -> Result<TableSample, Fault> {
        if tap.connector == aside::CONNECTOR {
            let partition = PartitionId::new(tap.name.as_str(), 0);
            let rows = doors::kept_rows(self, tap).into_iter().map(|rows| (partition.clone(), rows)).collect();
            return Ok(TableSample::of_rows(self.clock.now(), rows));
        }
        if let Some(kept) = self.samples.get(tap) {
            return Ok(kept);
        }
        if let Some(sample) = self.sample_of_tape(tap)? {
            self.samples.keep(tap, sample.clone());
            return Ok(sample);
        }
        let (connector, options) = self.outside.opening(tap)?;
        let sample = draw(self, connector, tap, &options)?;
        self.samples.keep(tap, sample.clone());
        Ok(sample)
    }

    /// The first records of a tap on the tape that is replayed, if they are on it.
    fn sample_of_tape(&self, tap: &Tap) -> Result<Option<TableSample>, Fault> {
        let Some(replaying) = &self.replaying else { return Ok(None) };
        let Some(number) = tape::recorded(&replaying.tape, tap) else { return Ok(None) };
        let (from, most, drawn) = (replaying.from, Limits::default().records, self.clock.now());
        let kept = if replaying.tape.meta().recorded[number].rows {
            let all: Vec<usize> = (0..tap.physical().len()).collect();
            Kept::Rows(tape::Reel::new(self, &replaying.tape, tap, number, &all)?.rows(from, most)?.into())
        } else {
            Kept::Records(Arc::new(tape::sample(&replaying.tape, number, from, most)))
        };
        Ok(Some(TableSample { drawn, kept }))
    }

    /// Forgets all samples: taps mean other records from now on.
    pub(crate) fn forget_samples(&mut self) {
        (self.samples, self.decoded) = (Samples::default(), Decoded::default());
    }

    /// Opens every tap that a graph reads over its sample, and no sink.
    pub fn sampled(&self, graph: &Graph) -> Result<Doors, Fault> {
        let mut sources: BTreeMap<String, Box<dyn Source>> = BTreeMap::new();
        for (_, tap, _) in graph.scans() {
            if !sources.contains_key(&tap.name) {
                sources.insert(tap.name.clone(), self.sample_of(tap)?.source(self, tap)?);
            }
        }
        Ok(Doors { sources, sinks: BTreeMap::new() })
    }

    /// Some of the newest records behind these options of a connector, as they are.
    pub(crate) fn draw(
        &self,
        connector: &Arc<dyn Connector>,
        table: Option<&str>,
        options: &Options,
        limits: Limits,
    ) -> millstream_record::Result<TableSample> {
        let start = RawStart::Newest(limits.records as u64);
        let scan = RawScan { start, stop: self.stop.clone(), ..RawScan::default() };
        // The other side may keep us waiting; Ctrl-C must not.
        let (connector, table, options) = (connector.clone(), table.map(str::to_string), options.clone());
        let open = move || connector.browse(table.as_deref(), &options)?.read(&scan);
        let mut reader = self.stop.unless(open).unwrap_or(Err(Error::Stopped))?;
        let sample = Sample::draw(reader.as_mut(), limits, &self.stop)?;
        Ok(TableSample { drawn: self.clock.now(), kept: Kept::Records(Arc::new(sample)) })
    }
}

fn draw(session: &Session, connector: &Arc<dyn Connector>, tap: &Tap, options: &Options) -> Result<TableSample, Fault> {
    if connector.has_records(options) {
        return Ok(session.draw(connector, Some(&tap.name), options, Limits::default())?);
    }
    let source = connector.source(&tap.name, &tap.physical(), options)?;
    let rows = rows(source.as_ref(), Limits::default(), &session.stop)?;
    Ok(TableSample::of_rows(session.clock.now(), rows))
}

/// One look whether to stop; after so many looks at which nothing came, what there is must do.
const WAIT: Duration = Duration::from_millis(20);
const PATIENCE: u32 = 50;

/// The first rows of a source.
pub(crate) fn rows(source: &dyn Source, limits: Limits, stop: &Stop) -> Result<Vec<(PartitionId, RecordBatch)>, Fault> {
    let columns = (0..source.schema().fields().len()).collect();
    let scan = Scan { columns, resume: None, batch_rows: 4096, stop: stop.clone() };
    let mut reader = source.open(scan)?;
    let (mut kept, mut count, mut bytes, mut silent) = (Vec::new(), 0, 0, 0);
    while count < limits.records && bytes < limits.bytes && silent < PATIENCE {
        if stop.raised() {
            return Err(Error::Stopped.into());
        }
        match reader.poll(WAIT)? {
            Poll::Rows(fetched) => {
                let rows = fetched.rows.slice(0, fetched.rows.num_rows().min(limits.records - count));
                count += rows.num_rows();
                bytes += rows.get_array_memory_size();
                kept.push((fetched.partition, rows));
            }
            Poll::Nothing | Poll::Stalled(_) => silent += 1,
            Poll::End => break,
            Poll::Partition(_) | Poll::PartitionEnd(_) => {}
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use crate::session::SessionOptions;
    use crate::{Class, Reply};

    use super::*;

    fn session() -> Session {
        // The folder is made with the first topic, and there is none.
        Session::new(SessionOptions::in_folder("no such folder")).expect("a session")
    }

    fn run(session: &mut Session, text: &str) {
        for reply in session.execute(text) {
            assert!(matches!(reply.expect("it runs"), Reply::Text(_)));
        }
    }

    #[test]
    fn a_sample_is_drawn_once_and_forgotten_with_its_table() {
        let mut session = session();
        let trades = session.sample("demo.trades").expect("drawn");
        assert_eq!(trades.len(), 20_000);
        let again = session.sample("demo.trades").expect("kept");
        assert!(Arc::ptr_eq(trades.records().expect("records"), again.records().expect("records")));
        run(&mut session, "DROP TABLE demo.trades");
        let gone = session.sample("demo.trades").err().expect("no such table");
        assert_eq!(gone.code, "E0201");
    }

    #[test]
    fn a_graph_runs_over_samples_and_ends() {
        let mut session = session();
        run(&mut session, "CREATE TABLE made (n BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '700')");
        let count = |session: &Session, table: &str| {
            let query = millstream_sql::query(&format!("SELECT COUNT(*) FROM {table}")).expect("a query");
            let graph = crate::planning::select(session, &query).expect("a plan");
            let doors = session.sampled(&graph).expect("opens");
            let run = millstream_engine::start(graph, doors, millstream_engine::Options::default()).expect("runs");
            while !matches!(run.recv(Duration::from_secs(5)), millstream_engine::Event::End) {}
            run.finish().expect("it ends by itself").sources[0].records
        };
        assert_eq!(count(&session, "demo.bids"), 20_000);
        assert_eq!(count(&session, "made"), 700);
        assert!(session.sample("made").expect("kept").records().is_none(), "it has rows only");
    }

    #[test]
    fn whoever_does_not_want_to_wait_is_let_go() {
        let mut session = session();
        let stop = Stop::default();
        session.heed(stop.clone());
        stop.raise();
        assert_eq!(session.sample("demo.chat").err().expect("stopped").class, Class::Interrupted);
    }
}
