//! `MATCH_RECOGNIZE`. Rows wait until the watermark reaches their time; then each is taken, in order of time, by
//! the matches under way in its partition. A row at or behind the watermark is late.
//!
//! - `automaton`: the pattern as states;
//! - `queue`: matches under way, in Flink's order;
//! - `partition`: what a row does to them;
//! - `condition` and `sight`: what conditions say of a row, and what they see of the rows before it;
//! - `ripe` and `search`: the rows that a batch lets go, and the walk over them;
//! - `saved`: all of it as tables.

mod automaton;
mod condition;
mod partition;
mod queue;
mod ripe;
mod saved;
mod search;
mod sight;

use std::collections::BTreeMap;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::datatypes::SchemaRef;
use millstream_plan::{Changes, MatchRecognize, RowType};
use millstream_record::{Batch, Mark, Millis};

use self::automaton::Automaton;
use self::condition::{Bound, Condition, Source};
use self::partition::{Partition, Search};
use self::ripe::{Ripe, RipeRow};
use self::search::{Found, Seeker};
use self::sight::{Reads, Sight};
use crate::error::{EngineError, Result};
use crate::keys::Interner;
use crate::operator::{Operator, Output, Wake};
use crate::order::SortKeys;
use crate::rows::RowStore;
use crate::state::Tables;
use crate::time::times_of;
use crate::timers::Timers;

/// Rows that follow each other as a pattern says.
pub struct MatchRecognizeOperator {
    partition: Vec<usize>,
    time: usize,
    then: SortKeys,
    schema: SchemaRef,
    seeker: Seeker,
    reads: Reads,
    measures: Vec<Bound>,
    interner: Interner,
    rows: RowStore,
    partitions: Vec<Partition>,
    /// Rows that the watermark has not reached, by time, each with its partition.
    waiting: BTreeMap<i64, Vec<(u64, u32)>>,
    /// When the time of the first match under way of a partition is over.
    timers: Timers<u32>,
    watermark: Millis,
}

impl MatchRecognizeOperator {
    /// The operator for a plan over rows of type `input`; `schema` is what comes out.
    pub fn new(plan: &MatchRecognize, input: &RowType, schema: SchemaRef) -> Result<Self> {
        if input.changes == Changes::Retract {
            let reason = "MATCH_RECOGNIZE needs rows that only come, and these are taken back";
            return Err(EngineError::Compute(reason.into()));
        }
        let types = plan.partition.iter().map(|&key| input.data_type(key).clone()).collect();
        let condition = |variable| Condition::new(variable, &input.schema, &plan.reads);
        let conditions = plan.variables.iter().map(condition).collect::<Result<Vec<_>>>()?;
        let search = Search {
            automaton: Automaton::new(&plan.variables),
            after: plan.after,
            within: plan.within,
            names: plan.variables.iter().map(|variable| variable.name.clone()).collect(),
        };
        let measure = |expr| Bound::new(expr, &input.schema, &plan.reads);
        Ok(MatchRecognizeOperator {
            partition: plan.partition.clone(),
            time: plan.time,
            then: SortKeys::new(&plan.then, input)?,
            schema,
            seeker: Seeker::new(search, conditions),
            reads: Reads::new(&plan.reads, &input.schema)?,
            measures: plan.measures.iter().map(measure).collect::<Result<_>>()?,
            interner: Interner::new(types)?,
            rows: RowStore::new(input.schema.clone()),
            partitions: Vec::new(),
            waiting: BTreeMap::new(),
            timers: Timers::new(plan.within.unwrap_or(0)),
            watermark: Millis::MIN,
        })
    }

    /// The partition of each row.
    fn groups(&mut self, rows: &RecordBatch) -> Result<Vec<u32>> {
        let keys: Vec<ArrayRef> = self.partition.iter().map(|&key| rows.column(key).clone()).collect();
        let mut groups = Vec::new();
        self.interner.intern(&keys, rows.num_rows(), &mut groups)?;
        self.partitions.resize_with(self.interner.len(), Partition::default);
        Ok(groups)
    }

    /// Lets a row wait for its time.
    fn wait(&mut self, time: i64, number: u64, group: u32) {
        self.partitions[group as usize].waiting += 1;
        self.waiting.entry(time).or_default().push((number, group));
    }

    /// The watermark moves: rows become ripe.
    fn ripen(&mut self, watermark: Millis, ripe: &mut Ripe) {
        self.watermark = watermark;
        let mark = ripe.marks.len() as u32;
        ripe.marks.push(watermark);
        while let Some(entry) = self.waiting.first_entry()
            && *entry.key() <= watermark.0
        {
            let time = *entry.key();
            let row = |(number, group)| RipeRow { number, group, time, mark };
            ripe.rows.extend(entry.remove().into_iter().map(row));
        }
    }

    /// Searches the rows that are ripe; `touched` are partitions that may have become idle besides.
    fn search(&mut self, ripe: &Ripe, mut touched: Vec<u32>, out: &mut Output) -> Result<()> {
        let numbers: Vec<u64> = ripe.rows.iter().map(|row| row.number).collect();
        let rows = self.rows.batch(&numbers)?;
        let keys = self.then.of(&rows)?;
        let lines = ripe.lines(&|row| keys.get(row));
        let hand = self.seeker.hand(ripe, rows);
        let mut found = self.seeker.walk(&hand, &lines, &mut self.partitions, &self.rows, &mut self.reads)?;
        touched.extend(lines.iter().map(|line| line.group));
        while let Some((_, group)) = self.timers.due(self.watermark.0) {
            self.partitions[group as usize].timed = false;
            touched.push(group);
        }
        // Matches that began in this batch may be over with it.
        touched.sort_unstable();
        touched.dedup();
        for &group in &touched {
            self.seeker.expire(group, self.watermark.0, ripe, &mut self.partitions, &mut found)?;
        }
        found.sort_by_key(|found| (found.mark, found.time, found.by_row, found.tie));
        let matches = self.matches(&found)?;
        let after = |mark: usize| found.partition_point(|found| found.mark as usize <= mark) as u32;
        let marks = ripe.marks.iter().enumerate().map(|(at, &watermark)| Mark { after: after(at), watermark });
        out.emit(Batch { marks: marks.collect(), ..Batch::insert(matches) });
        self.tidy(touched)
    }

    /// A row for each match.
    fn matches(&mut self, found: &[Found]) -> Result<RecordBatch> {
        let sight = found.iter().map(|Found { group, run, time, .. }| {
            let partition = &self.partitions[*group as usize];
            Sight { partition, run, at_hand: None, time: *time }
        });
        let sights: Vec<Sight<'_>> = sight.collect();
        let first: Vec<u64> = sights.iter().map(|sight| sight.partition.number(sight.run.start)).collect();
        let keys = self.partition.iter().map(|&key| self.rows.column(key, &first));
        let mut columns = keys.collect::<Result<Vec<ArrayRef>>>()?;
        for measure in &self.measures {
            let column = |source: &Source| match *source {
                Source::Read(read) => self.reads.column(read, &self.rows, &sights),
                Source::Row(_) => unreachable!("a measure looks at no row but through reads"),
            };
            let read = measure.sources().iter().map(column).collect::<Result<Vec<_>>>()?;
            let promised = self.schema.field(columns.len()).data_type();
            columns.push(measure.evaluate(read, found.len(), promised)?);
        }
        Ok(RecordBatch::try_new(self.schema.clone(), columns)?)
    }

    /// Sets timers, gives up rows that nothing looks at, and forgets partitions with which nothing is lost.
    fn tidy(&mut self, touched: Vec<u32>) -> Result<()> {
        for group in touched {
            let partition = &mut self.partitions[group as usize];
            partition.trim(|number| self.rows.release(number));
            if let (false, Some(at)) = (partition.timed, partition.expires_at(&self.seeker.search)) {
                partition.timed = true;
                self.timers.set(at, group);
            }
            if partition.is_idle() {
                let timed = partition.timed;
                *partition = Partition { timed, ..Partition::default() };
                self.interner.remove(group);
            }
        }
        self.rows.settle()
    }
}

impl Operator for MatchRecognizeOperator {
    fn on_batch(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<()> {
        let times = times_of(batch.rows.column(self.time))?;
        let groups = self.groups(&batch.rows)?;
        let first = self.rows.push(&batch.rows);
        let (mut late, mut touched, mut ripe) = (Vec::new(), Vec::new(), Ripe::default());
        let mut marks = batch.marks.iter().peekable();
        for (row, (&time, &group)) in times.values().iter().zip(&groups).enumerate() {
            while let Some(mark) = marks.next_if(|mark| mark.after as usize <= row) {
                self.ripen(mark.watermark, &mut ripe);
            }
            let number = first + row as u64;
            if time <= self.watermark.0 {
                late.push(row as u32);
                touched.push(group);
                self.rows.release(number);
            } else {
                self.wait(time, number, group);
            }
        }
        marks.for_each(|mark| self.ripen(mark.watermark, &mut ripe));
        out.late(batch.expand(&UInt32Array::from(late))?);
        self.search(&ripe, touched, out)
    }

    fn on_rows(&mut self, port: usize, rows: Batch, out: &mut Output) -> Result<()> {
        self.on_batch(port, rows, out)
    }

    fn on_watermark(&mut self, watermark: Millis, out: &mut Output) -> Result<Millis> {
        let mut ripe = Ripe::default();
        self.ripen(watermark, &mut ripe);
        self.search(&ripe, Vec::new(), out)?;
        Ok(watermark)
    }

    fn deadline(&self, _: usize, _: &Batch) -> Millis {
        Millis::MAX
    }

    fn save(&mut self) -> Result<Tables> {
        self.saved()
    }

    fn load(&mut self, tables: Tables) -> Result<()> {
        self.restore(tables)
    }

    fn wake(&self) -> Wake {
        let row = self.waiting.keys().next().copied();
        Wake::soon(row.into_iter().chain(self.timers.first()).min())
    }

    fn size(&self) -> usize {
        let partitions: usize = self.partitions.iter().map(Partition::size).sum();
        let waiting = self.partitions.iter().map(|partition| partition.waiting as usize * 24).sum::<usize>();
        self.interner.size() + self.rows.size() + partitions + waiting + self.timers.size()
    }
}
