//! A condition over the rows of a step, with all that SQL can say: `BREAK … WHEN` and `TRACE … WHERE`. It is
//! planned as a query over a table with the columns of the step.

use millstream_engine::{Options, Replay};
use millstream_plan::{RowType, TapChanges};
use millstream_record::{Batch, Fetched, PartitionId};
use millstream_sql::statement;
use millstream_sql::types::quoted;
use millstream_sql::{Relation, SqlError, plan};

use crate::aside::table_of;
use crate::fault::Fault;
use crate::planning;
use crate::session::Session;

/// The name of the table of the step's rows.
const ROWS: &str = "rows of the step";

/// A condition, ready to be asked.
pub struct Condition {
    /// Asks the rows; `None` if every row fits.
    replay: Option<Replay>,
}

impl Condition {
    /// Plans a condition over rows like these; without one every row fits.
    pub fn new(session: &Session, row: &RowType, typed: Option<&statement::Condition>) -> Result<Condition, Fault> {
        let Some(typed) = typed else { return Ok(Condition { replay: None }) };
        let at = |fault: Fault| Fault { span: Some(typed.span), ..fault };
        let mut catalog = session.catalog.clone();
        let table = table_of(ROWS, &row.schema, TapChanges::Append)?.ok_or_else(|| {
            Fault::from(SqlError::new("E0501", "a column of the step has a type that no condition can name"))
        })?;
        catalog.register(Relation::Table(table), true, None)?;
        let text = format!("SELECT * FROM {} WHERE {}", quoted(ROWS), typed.text);
        let query = millstream_sql::query(&text).map_err(|error| at(error.into()))?;
        let graph = plan::plan_query(&catalog, &planning::settings(session), &query);
        let graph = graph.map_err(|error| at(error.into()))?;
        let replay = Replay::new(&graph, &Options::default())?;
        Ok(Condition { replay: Some(replay) })
    }

    /// Which of these rows fit.
    pub fn fits(&mut self, batch: &Batch) -> Result<Vec<bool>, Fault> {
        let rows = &batch.rows;
        let Some(replay) = &mut self.replay else { return Ok(vec![true; rows.num_rows()]) };
        let mut fits = Vec::with_capacity(rows.num_rows());
        for row in 0..rows.num_rows() {
            let mut found = false;
            let one = Fetched {
                partition: PartitionId::new(ROWS, 0),
                rows: rows.slice(row, 1),
                kinds: None,
                rejected: Vec::new(),
                records: 1,
                bytes: 0,
                duplicate_keys: 0,
            };
            replay.feed(ROWS, &one, &mut |_, batch| {
                found |= !batch.is_empty();
                Ok(())
            })?;
            fits.push(found);
        }
        Ok(fits)
    }
}
