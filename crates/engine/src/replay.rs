//! A graph driven by hand on one thread: whoever holds it says which rows come next. The same feeds in the
//! same order give the same output, byte for byte.

use millstream_plan::{Graph, NodeId};
use millstream_record::{Fetched, Message, Millis, PartitionId};

use crate::doors::Options;
use crate::error::Result;
use crate::feed::Feed;
use crate::pipeline::{Emit, Pipeline};
use crate::progress::Counters;
use crate::state::StateStore;
use crate::values::values;

/// A deterministic run.
pub struct Replay {
    pipeline: Pipeline,
    feeds: Vec<(String, Feed)>,
    counters: Counters,
    graph: Graph,
}

impl Replay {
    /// Wires a graph.
    pub fn new(graph: &Graph, options: &Options) -> Result<Replay> {
        let counters = Counters::new(graph, options.kept);
        let pipeline = Pipeline::new(graph, options.parallelism, &counters)?;
        let feeds = crate::run::feeds(graph, options, &counters)?;
        Ok(Replay { pipeline, feeds, counters, graph: graph.clone() })
    }

    /// Rows of a tap with all its physical columns. Every scan of the tap takes what it needs of them.
    pub fn feed(&mut self, tap: &str, fetched: &Fetched, emit: Emit<'_>) -> Result<()> {
        for (_, feed) in self.feeds.iter_mut().filter(|(name, _)| name == tap) {
            let rows = fetched.rows.project(feed.intake().columns())?;
            let part = Fetched {
                partition: fetched.partition.clone(),
                rows,
                kinds: fetched.kinds.clone(),
                rejected: fetched.rejected.clone(),
                records: fetched.records,
                bytes: fetched.bytes,
            };
            let message = feed.rows(part, Millis::MIN)?;
            self.pipeline.push(feed.scan, message, emit)?;
        }
        Ok(())
    }

    /// Announces a partition of a tap.
    pub fn partition(&mut self, tap: &str, partition: &PartitionId) {
        self.feeds
            .iter_mut()
            .filter(|(name, _)| name == tap)
            .for_each(|(_, feed)| feed.partition(partition, Millis::MIN));
    }

    /// Ends every tap, and the rows of `VALUES`: all that is open comes out.
    pub fn end(&mut self, emit: Emit<'_>) -> Result<()> {
        let literal: Vec<_> =
            (0..self.graph.nodes.len()).map(NodeId).filter_map(|id| Some((id, values(self.graph.node(id))?))).collect();
        for (id, rows) in literal {
            self.pipeline.push(id, Message::Batch(rows?), emit)?;
            self.pipeline.push(id, Message::End, emit)?;
        }
        for (_, feed) in &self.feeds {
            self.pipeline.push(feed.scan, Message::End, emit)?;
        }
        Ok(())
    }

    /// What the operators have counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Saves watermarks and the state of every operator.
    pub fn save(&mut self, store: &mut dyn StateStore) -> Result<()> {
        for (name, feed) in &mut self.feeds {
            let key = format!("@watermarks/{name}/{}", feed.scan.0);
            if let Some(generator) = feed.intake().generator() {
                store.put(&key, &[("partitions".into(), generator.save()?)].into())?;
            }
        }
        self.pipeline.save(store)
    }

    /// Loads what `save` wrote. Called before the first feed.
    pub fn load(&mut self, store: &dyn StateStore) -> Result<()> {
        for (name, feed) in &mut self.feeds {
            let tables = store.get(&format!("@watermarks/{name}/{}", feed.scan.0))?;
            if let (Some(generator), Some(table)) = (feed.intake().generator(), tables.get("partitions")) {
                generator.load(table);
            }
        }
        self.pipeline.load(store)
    }
}
