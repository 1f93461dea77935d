//! Introduces the engine to the outside world: finds the connector of every tap that a graph reads or
//! writes, checks the tap's options against the connector's table, and hands opened doors over.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, PoisonError};

use arrow::array::RecordBatch;
use millstream_engine::Doors;
use millstream_plan::{Graph, Tap, Target};
use millstream_record::{Clock, Connector, Error, Options, Sink, Source};
use millstream_sql::show::REDACTED;
use millstream_sql::{SqlError, declare};

use crate::aside;
use crate::fault::Fault;
use crate::memory::Memory;
use crate::secrets::Secrets;
use crate::session::Session;
use crate::topics::Topics;

/// The connectors, made when the first of them is wanted.
pub struct Outside {
    topics: Topics,
    clock: Arc<dyn Clock>,
    connectors: OnceLock<Vec<Arc<dyn Connector>>>,
    secrets: Secrets,
}

impl Outside {
    /// All connectors, with these embedded topics.
    pub fn new(topics: Topics, clock: Arc<dyn Clock>) -> Outside {
        Outside { topics, clock, connectors: OnceLock::new(), secrets: Secrets::default() }
    }

    /// The embedded topics.
    pub fn topics(&self) -> &Topics {
        &self.topics
    }

    /// Where passwords come from.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// The same, to change it.
    pub fn secrets_mut(&mut self) -> &mut Secrets {
        &mut self.secrets
    }

    /// All connectors.
    pub fn connectors(&self) -> &[Arc<dyn Connector>] {
        self.connectors.get_or_init(|| millstream_connect::connectors(self.topics.inner().clone(), self.clock.clone()))
    }

    /// The connector of this name.
    pub fn connector(&self, name: &str) -> Result<&Arc<dyn Connector>, SqlError> {
        declare::connector(self.connectors(), name)
    }

    /// A tap's options with the passwords that they name put in, to open it with.
    pub fn opening(&self, tap: &Tap) -> Result<(&Arc<dyn Connector>, Options), Fault> {
        let tap = Tap { options: self.secrets.put_in(&tap.options)?, ..tap.clone() };
        Ok(self.options(&tap)?)
    }

    /// A tap's options, checked against its connector's table.
    pub fn options(&self, tap: &Tap) -> Result<(&Arc<dyn Connector>, Options), SqlError> {
        if let Some((key, _)) = tap.options.iter().find(|(_, value)| *value == REDACTED) {
            let error = SqlError::new("E0302", format!("the secret '{key}' of '{}' was not kept", tap.name));
            return Err(
                error.hint("declare the table again with CREATE OR REPLACE TABLE; secrets are never written to disk")
            );
        }
        declare::options(self.connectors(), tap)
    }
}

/// Opens every tap of a graph.
pub fn open(session: &Session, graph: &Graph) -> Result<Doors, Fault> {
    let mut sources: BTreeMap<String, Box<dyn Source>> = BTreeMap::new();
    let mut sinks: BTreeMap<String, Box<dyn Sink>> = BTreeMap::new();
    for (_, tap, _) in graph.scans() {
        if !sources.contains_key(&tap.name) {
            sources.insert(tap.name.clone(), source(session, tap)?);
        }
    }
    for output in &graph.outputs {
        if let Target::Sink(tap) = &output.target
            && !sinks.contains_key(&tap.name)
        {
            let (connector, options) = session.outside.opening(tap)?;
            let (connector, tap) = (connector.clone(), tap.clone());
            let name = tap.name.clone();
            // The other side may keep us waiting; Ctrl-C must not.
            let sink =
                session.stop.unless(move || connector.sink(&tap.name, &tap.physical(), &tap.primary_key, &options));
            sinks.insert(name, sink.unwrap_or(Err(Error::Interrupted))?);
        }
    }
    Ok(Doors { sources, sinks })
}

/// A source for a tap.
pub fn source(session: &Session, tap: &Tap) -> Result<Box<dyn Source>, Fault> {
    if tap.connector == aside::CONNECTOR {
        return Ok(Box::new(Memory::new(&tap.name, tap.schema(), kept_rows(session, tap))));
    }
    let (connector, options) = session.outside.opening(tap)?;
    Ok(connector.source(&tap.name, &tap.physical(), &options)?)
}

/// The rows of a table that the session itself keeps.
pub fn kept_rows(session: &Session, tap: &Tap) -> Vec<RecordBatch> {
    let asides = session.asides.lock().unwrap_or_else(PoisonError::into_inner);
    asides.get(&tap.name).map(|aside| aside.rows.clone()).unwrap_or_default()
}
