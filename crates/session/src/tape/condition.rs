//! A condition over the rows of a step, with all that SQL can say: `BREAK … WHEN` and `TRACE … WHERE`. It is
//! planned as a query over a table with the columns of the step.

use arrow::array::cast::AsArray;
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
    /// Asks the rows, and answers with a truth for each; `None` if every row fits.
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
        let planned = |text: String| {
            let query = millstream_sql::query(&text).map_err(|error| at(error.into()))?;
            let graph = plan::plan_query(&catalog, &planning::settings(session), &query);
            graph.map_err(|error| at(error.into()))
        };
        let (condition, rows) = (&typed.text, quoted(ROWS));
        // That it is a condition at all is told as of any other WHERE.
        planned(format!("SELECT 1 FROM {rows} WHERE {condition}"))?;
        let graph = planned(format!("SELECT CASE WHEN {condition} THEN TRUE ELSE FALSE END FROM {rows}"))?;
        let replay = Replay::new(&graph, &Options::default())?;
        Ok(Condition { replay: Some(replay) })
    }

    /// Which of these rows fit.
    pub fn fits(&mut self, batch: &Batch) -> Result<Vec<bool>, Fault> {
        let rows = batch.rows.num_rows();
        let Some(replay) = &mut self.replay else { return Ok(vec![true; rows]) };
        let fetched = Fetched {
            partition: PartitionId::new(ROWS, 0),
            rows: batch.rows.clone(),
            kinds: None,
            rejected: Vec::new(),
            records: rows as u64,
            bytes: 0,
            duplicate_keys: 0,
        };
        let mut fits = Vec::with_capacity(rows);
        replay.feed(ROWS, &fetched, &mut |_, answer| {
            fits.extend(answer.rows.column(0).as_boolean().iter().map(|fits| fits == Some(true)));
            Ok(())
        })?;
        debug_assert_eq!(fits.len(), rows, "a projection gives a row for every row");
        Ok(fits)
    }
}
