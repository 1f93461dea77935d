//! A graph driven by hand on one thread: whoever holds it says which rows come next. The same feeds in the
//! same order give the same output, byte for byte.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use millstream_plan::{Graph, NodeId};
use millstream_record::{Batch, Clock, Fetched, Message, Millis, PartitionId};

use crate::doors::Options;
use crate::error::Result;
use crate::feed::Feed;
use crate::inspect::Inspection;
use crate::pipeline::{Emit, Pipeline};
use crate::progress::Counters;
use crate::run::watermarks_key;
use crate::state::{State, StateStore};
use crate::values::values;
use crate::watermark::Generator;
use crate::woven::Woven;

/// A replay as it stood at one moment.
pub struct Snapshot {
    state: State,
    generators: Vec<Option<Generator>>,
    ended: BTreeSet<NodeId>,
}

impl Snapshot {
    /// How many bytes it takes, roughly.
    pub fn bytes(&self) -> usize {
        self.state
            .tables
            .values()
            .flat_map(BTreeMap::values)
            .map(arrow::array::RecordBatch::get_array_memory_size)
            .sum()
    }
}

/// A deterministic run.
pub struct Replay {
    pipeline: Pipeline,
    feeds: Vec<(String, Feed)>,
    counters: Counters,
    graph: Graph,
    clock: Arc<dyn Clock>,
    /// Scans and `VALUES` that have ended.
    ended: BTreeSet<NodeId>,
}

impl Replay {
    /// Wires a graph.
    pub fn new(graph: &Graph, options: &Options) -> Result<Replay> {
        let counters = Counters::new(graph, options.kept).with_row_errors(options.row_errors);
        counters.start(options.clock.now());
        let pipeline = Pipeline::new(graph, options.parallelism, &counters, options.memory.as_ref())?;
        let feeds = crate::run::feeds(graph, options, &counters)?;
        Ok(Replay {
            pipeline,
            feeds,
            counters,
            graph: graph.clone(),
            clock: options.clock.clone(),
            ended: BTreeSet::new(),
        })
    }

    /// Rows of a tap with all its physical columns. Every scan of the tap takes what it needs of them.
    pub fn feed(&mut self, tap: &str, fetched: &Fetched, emit: Emit<'_>) -> Result<()> {
        let now = self.clock.now();
        let (pipeline, mut emit) = (&mut self.pipeline, counted(&self.counters, now, emit));
        for (_, feed) in self.feeds.iter_mut().filter(|(name, _)| name == tap) {
            let rows = fetched.rows.project(feed.intake().columns())?;
            let part = Fetched {
                partition: fetched.partition.clone(),
                rows,
                kinds: fetched.kinds.clone(),
                rejected: fetched.rejected.clone(),
                records: fetched.records,
                bytes: fetched.bytes,
                duplicate_keys: fetched.duplicate_keys,
            };
            let message = feed.rows(part, now)?;
            pipeline.push(feed.scan, message, &mut emit)?;
        }
        Ok(())
    }

    /// Rows of a tap with all its physical columns, from any of its partitions, in the order of their arrival.
    /// Columns that no scan reads may hold anything.
    pub fn weave(&mut self, tap: &str, woven: &Woven, emit: Emit<'_>) -> Result<()> {
        let now = woven.until().unwrap_or_else(|| self.clock.now());
        let (pipeline, mut emit) = (&mut self.pipeline, counted(&self.counters, now, emit));
        for (_, feed) in self.feeds.iter_mut().filter(|(name, _)| name == tap) {
            let rows = woven.rows.project(feed.intake().columns())?;
            let message = feed.woven(Woven { rows, ..woven.clone() })?;
            pipeline.push(feed.scan, message, &mut emit)?;
        }
        Ok(())
    }

    /// The physical columns of a tap that any scan reads, as indices, rising.
    pub fn columns_of(&mut self, tap: &str) -> Vec<usize> {
        let feeds = self.feeds.iter_mut().filter(|(name, _)| name == tap);
        let all: BTreeSet<usize> = feeds.flat_map(|(_, feed)| feed.intake().columns().to_vec()).collect();
        all.into_iter().collect()
    }

    /// Whether a batch means what its rows mean one by one. Where two scans read one tap, or an operator has
    /// two readers, each takes the whole batch before the other, and the order between them hangs on its size.
    pub fn takes_batches(&self) -> bool {
        let taps: BTreeSet<&str> = self.feeds.iter().map(|(name, _)| name.as_str()).collect();
        let forked = (0..self.graph.nodes.len()).any(|id| self.graph.readers(NodeId(id)).count() > 1);
        taps.len() == self.feeds.len() && !forked
    }

    /// The watermark of each scan, if its tap has event time.
    pub fn watermarks(&mut self) -> Vec<Option<Millis>> {
        self.feeds.iter_mut().map(|(_, feed)| feed.intake().watermark()).collect()
    }

    /// The first time at which a partition can fall asleep, when nothing comes before `from`: [`Replay::silence`]
    /// is to be called before anything that arrives then or later.
    pub fn falls_asleep(&mut self, from: Millis) -> Option<Millis> {
        let feeds = self.feeds.iter_mut();
        feeds.filter_map(|(_, feed)| feed.intake().generator()?.falls_asleep(from)).min()
    }

    /// Announces a partition of a tap.
    pub fn partition(&mut self, tap: &str, partition: &PartitionId) {
        let now = self.clock.now();
        self.feeds.iter_mut().filter(|(name, _)| name == tap).for_each(|(_, feed)| feed.partition(partition, now));
    }

    /// Lets time go by: partitions that have been silent for too long no longer hold the watermark back.
    pub fn silence(&mut self, emit: Emit<'_>) -> Result<()> {
        let now = self.clock.now();
        let (pipeline, mut emit) = (&mut self.pipeline, counted(&self.counters, now, emit));
        for (_, feed) in &mut self.feeds {
            for message in feed.silence(now) {
                pipeline.push(feed.scan, message, &mut emit)?;
            }
        }
        Ok(())
    }

    /// A partition of a tap has been read to its end.
    pub fn partition_ended(&mut self, tap: &str, partition: &PartitionId, emit: Emit<'_>) -> Result<()> {
        for (_, feed) in self.feeds.iter_mut().filter(|(name, _)| name == tap) {
            if let Some(message) = feed.partition_ended(partition) {
                self.pipeline.push(feed.scan, message, emit)?;
            }
        }
        Ok(())
    }

    /// Ends a tap before the others.
    pub fn end_tap(&mut self, tap: &str, emit: Emit<'_>) -> Result<()> {
        let mut emit = counted(&self.counters, self.clock.now(), emit);
        for (_, feed) in self.feeds.iter().filter(|(name, _)| name == tap) {
            if self.ended.insert(feed.scan) {
                self.counters.source(feed.scan).ended();
                self.pipeline.push(feed.scan, Message::End, &mut emit)?;
            }
        }
        Ok(())
    }

    /// Gives the rows of `VALUES`, which end at once.
    pub fn literals(&mut self, emit: Emit<'_>) -> Result<()> {
        let literal: Vec<_> =
            (0..self.graph.nodes.len()).map(NodeId).filter_map(|id| Some((id, values(self.graph.node(id))?))).collect();
        let mut emit = counted(&self.counters, self.clock.now(), emit);
        for (id, rows) in literal {
            if self.ended.insert(id) {
                self.pipeline.push(id, Message::Batch(rows?), &mut emit)?;
                self.pipeline.push(id, Message::End, &mut emit)?;
            }
        }
        Ok(())
    }

    /// Ends every tap, and the rows of `VALUES`: all that is open comes out.
    pub fn end(&mut self, emit: Emit<'_>) -> Result<()> {
        self.literals(emit)?;
        let mut emit = counted(&self.counters, self.clock.now(), emit);
        for (_, feed) in &self.feeds {
            if self.ended.insert(feed.scan) {
                self.counters.source(feed.scan).ended();
                self.pipeline.push(feed.scan, Message::End, &mut emit)?;
            }
        }
        Ok(())
    }

    /// The graph seen from inside, as it stands behind the last feed.
    pub fn inspect(&mut self) -> Inspection {
        let question = self.counters.reports().call();
        self.pipeline.answer();
        self.counters.picture(&self.graph, question, Duration::ZERO)
    }

    /// What the operators have counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// All that decides what comes next, as it stands behind the last feed.
    pub fn snapshot(&mut self) -> Result<Snapshot> {
        let mut state = State::default();
        self.pipeline.save(&mut state)?;
        let generators = self.feeds.iter_mut().map(|(_, feed)| feed.intake().generator().cloned()).collect();
        Ok(Snapshot { state, generators, ended: self.ended.clone() })
    }

    /// A graph as it stood when a snapshot of it was taken. What was counted begins anew.
    pub fn restored(graph: &Graph, options: &Options, from: &Snapshot) -> Result<Replay> {
        let mut replay = Replay::new(graph, options)?;
        replay.pipeline.load(&from.state)?;
        replay.ended.clone_from(&from.ended);
        for ((_, feed), saved) in replay.feeds.iter_mut().zip(&from.generators) {
            if let (Some(generator), Some(saved)) = (feed.intake().generator(), saved) {
                generator.clone_from(saved);
            }
        }
        Ok(replay)
    }

    /// Saves watermarks and the state of every operator.
    pub fn save(&mut self, store: &mut dyn StateStore) -> Result<()> {
        for (_, feed) in &mut self.feeds {
            if let Some(tables) = feed.save()? {
                store.put(&watermarks_key(&self.graph.node(feed.scan).uid), &tables)?;
            }
        }
        self.pipeline.save(store)
    }

    /// Loads what `save` wrote. Called before the first feed.
    pub fn load(&mut self, store: &dyn StateStore) -> Result<()> {
        for (_, feed) in &mut self.feeds {
            feed.load(store, &self.graph.node(feed.scan).uid)?;
        }
        self.pipeline.load(store)
    }
}

/// Counts what leaves the graph before it is handed over.
fn counted<'a>(counters: &'a Counters, now: Millis, emit: Emit<'a>) -> impl FnMut(usize, Batch) -> Result<()> + 'a {
    move |output, batch| {
        counters.output(output).taken(batch.len(), now);
        emit(output, batch)
    }
}
