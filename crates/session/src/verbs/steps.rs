//! `SHOW STEPS` and `SHOW LEDGER`.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray};
use millstream_sql::SqlError;
use millstream_sql::statement::Name;

use crate::fault::Fault;
use crate::judge::badge;
use crate::live::Ran;
use crate::planning;
use crate::reply::Reply;
use crate::session::Session;
use crate::status::Account;
use crate::strings::{like, table};
use crate::workbook::Step;

/// `SHOW STEPS [LIKE 'pattern']`.
pub fn show(session: &Session, pattern: Option<&str>) -> Reply {
    let all: Vec<(&str, &Step)> = session.workbook.steps().filter(|(name, _)| like(pattern, name)).collect();
    let reads = |step: &Step| step.current().reads().into_iter().collect::<Vec<_>>().join(", ");
    let exports = |(name, step): &(&str, &Step)| match planning::step(session, name, &step.current().view.query) {
        Ok(graph) => badge(&graph).to_string(),
        Err(error) => format!("no longer works: {error}"),
    };
    let counted = |step: &Step| session.counted.get(&step.label()).cloned();
    table([
        ("step", Arc::new(StringArray::from_iter_values(all.iter().map(|(name, _)| *name))) as ArrayRef),
        (
            "version",
            Arc::new(Int64Array::from_iter_values(all.iter().map(|(_, step)| i64::from(step.current().number)))),
        ),
        ("reads", Arc::new(StringArray::from_iter_values(all.iter().map(|(_, step)| reads(step))))),
        ("rows", Arc::new(StringArray::from_iter(all.iter().map(|(_, step)| counted(step))))),
        ("exports", Arc::new(StringArray::from_iter_values(all.iter().map(exports)))),
    ])
}

/// `SHOW LEDGER [step]`: `in = used + late + bad + filtered`, per source.
pub fn ledger(session: &Session, step: Option<&Name>) -> Result<Reply, Fault> {
    let name = match step {
        Some(name) => Some(name.text.clone()),
        None => session.ledgers.last(),
    };
    let running = name.as_ref().filter(|name| session.runs.running().contains(name));
    let live = running.and_then(|name| session.runs.ran(name)).map(Ran::accounts);
    let kept = || name.as_ref().and_then(|name| session.ledgers.of(name));
    let last = || match (&session.last_run, step) {
        (Some(Ok(ran)), None) => Some(ran.accounts()),
        _ => None,
    };
    let Some(accounts) = live.or_else(kept).or_else(last) else {
        return Err(match step {
            Some(name) => {
                let known = session.catalog.lookup(&name.text, name.span);
                known.map(|_| ())?;
                let message = format!("'{}' has neither run nor been previewed yet", name.text);
                SqlError::new("E0605", message).at(name.span).hint(format!("PREVIEW {};", name.text)).into()
            }
            None => SqlError::new("E0605", "nothing has run or been previewed yet").into(),
        });
    };
    let number = |of: fn(&Account) -> u64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(accounts.iter().map(|account| of(account) as i64)))
    };
    Ok(table([
        ("source", Arc::new(StringArray::from_iter_values(accounts.iter().map(|account| &account.tap))) as ArrayRef),
        ("in", number(|account| account.records)),
        ("used", number(|account| account.used)),
        ("late", number(|account| account.late)),
        ("bad", number(|account| account.bad)),
        ("filtered", number(|account| account.filtered)),
    ]))
}
