//! `CHECK step`: whether the streamed answer is right. The step's taps are read to their ends, its answer is
//! computed row by row and as one batch, and both are compared.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::RecordBatch;
use millstream_engine::Options;
use millstream_plan::Graph;
use millstream_record::{Batch, Clock, ManualClock};
use millstream_sql::SqlError;
use millstream_sql::statement::{self, Name};

use crate::check::{self, CheckError, Comparison, Recording, Verdict};
use crate::fault::{Class, Fault};
use crate::render::{Columns, Format, Look, to_text};
use crate::reply::Reply;
use crate::session::Session;
use crate::{doors, planning, tape};

/// So many rows of a difference are shown.
const SHOWN: usize = 5;

/// `CHECK name`, `CHECK query`.
pub fn check(session: &Session, what: &statement::Check) -> Result<Reply, Fault> {
    let graph = match what {
        statement::Check::Query(query) => planning::select(session, query)?,
        statement::Check::Relation(name) => whole(session, name)?,
    };
    if let Some(replaying) = &session.replaying {
        let recording = tape::recording(session, &graph, replaying)?;
        // What is believed of the future is judged from the end of the tape.
        let clock = Arc::new(ManualClock::at(replaying.tape.meta().until));
        return compared(session, &graph, &recording, clock);
    }
    let doors = doors::open(session, &graph)?;
    if let Some((_, tap, _)) = graph.scans().find(|(_, tap, _)| !doors.sources[&tap.name].bounded()) {
        let message = format!("'{}' never ends, so no batch can hold what the stream is compared with", tap.name);
        let error = SqlError::new("E0420", message);
        let error = error.hint("bound the tap, for Kafka with 'scan.bounded.mode' = 'latest-offset'");
        return Err(error.hint("or record a stretch of it: RECORD … AS name; REPLAY name; and CHECK again").into());
    }
    let recording = Recording::of(&graph, doors, session.settings.batch_rows(), &session.stop)?;
    compared(session, &graph, &recording, session.clock.clone())
}

/// What comes of the comparison over a recording.
fn compared(session: &Session, graph: &Graph, recording: &Recording, clock: Arc<dyn Clock>) -> Result<Reply, Fault> {
    let options = Options { clock, batch_rows: session.settings.batch_rows(), ..Options::default() };
    match check::check(graph, recording, &options)? {
        Verdict::NotComparable(reason) => Ok(Reply::Plan(format!("cannot be checked: {reason}"))),
        Verdict::Compared(comparison) if comparison.equal() => Ok(Reply::Plan(comparison.to_string())),
        Verdict::Compared(comparison) => Err(differs(session, &comparison)),
    }
}

/// All rows of a relation, as a graph.
pub fn whole(session: &Session, name: &Name) -> Result<Graph, Fault> {
    session.catalog.lookup(&name.text, name.span)?;
    let text = format!("SELECT * FROM {}", millstream_sql::types::quoted(&name.text));
    Ok(planning::select(session, &*millstream_sql::query(&text)?)?)
}

fn differs(session: &Session, comparison: &Comparison) -> Fault {
    let mut message = comparison.to_string();
    let sides = [("missing from the stream", &comparison.missing), ("too many in the stream", &comparison.extra)];
    for (what, rows) in sides.into_iter().filter(|(_, rows)| rows.num_rows() > 0) {
        let shown = rows.slice(0, rows.num_rows().min(SHOWN));
        write!(message, "\n{what}, {} of {}:\n{}", shown.num_rows(), rows.num_rows(), drawn(session, shown))
            .expect("a string takes everything");
    }
    Fault::new(Class::Comparison, "E0801", message.trim_end())
}

fn drawn(session: &Session, rows: RecordBatch) -> String {
    let look = Look { zone: session.settings.zone(), ..Look::plain() };
    to_text(Format::Csv, Columns::of(rows.schema()), &[Batch::insert(rows)], &look)
}

impl From<CheckError> for Fault {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Stream(error) => Fault::from(error),
            CheckError::Stopped => millstream_record::Error::Stopped.into(),
            other => Fault::new(Class::Query, "E0802", other.to_string()),
        }
    }
}
