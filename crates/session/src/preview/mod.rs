//! Previews: what a stage makes of the sample that is kept of its tables, at once. A preview runs the same
//! operators as a live run over columns that were decoded once; it ends without closing what is open, and
//! shows open windows as open.

mod compute;
mod counts;
mod decoded;
mod rows;

use millstream_record::Millis;

use crate::fault::Fault;
use crate::reply::Table;
use crate::status::Account;

pub use compute::{Fed, fed, of_graph};
pub use counts::{Counts, Kind};
pub use decoded::Decoded;
pub use rows::OPEN;

/// What comes of a stage.
pub struct Preview {
    /// `bars@2`; `None` for a draft without a name.
    pub step: Option<String>,
    /// The first rows. Where some are of windows that are still open, the last column is called [`OPEN`] and
    /// holds a `…` in them.
    pub table: Table,
    /// How many there are of what.
    pub counts: Counts,
    /// What became of the records of each table.
    pub accounts: Vec<Account>,
    /// How long it took.
    pub took: Millis,
    /// What may go wrong with the query when it runs, each with its way out.
    pub warnings: Vec<String>,
    /// How the query exports: `exact`, `with …`, `not to Flink: …`.
    pub badge: String,
    /// The steps that depend on this one, as they are now.
    pub dependents: Vec<Dependent>,
}

/// A step that reads the one that was changed.
pub struct Dependent {
    /// `alerts@1`.
    pub step: String,
    /// What comes of it now, or why nothing does any more.
    pub outcome: Result<Box<Preview>, Fault>,
}

impl Preview {
    /// The counts as a sentence: `10 of 20 000 sampled records, 31 ms`.
    pub fn sentence(&self) -> String {
        let shown = self.table.len() as u64;
        format!("{}, {} ms", self.counts.sentence(shown), self.took.0)
    }

    /// All that is said below the rows, a line each.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![match &self.step {
            Some(step) => format!("{step}: {}", self.sentence()),
            None => self.sentence(),
        }];
        let bad = self.accounts.iter().filter(|account| account.bad > 0);
        lines.extend(bad.map(|account| {
            let tap = &account.tap;
            format!("{} of {tap} could not be read: SELECT * FROM `{tap}$errors`;", crate::status::count(account.bad))
        }));
        lines.extend(self.warnings.iter().map(|warning| format!("warning: {warning}")));
        lines.extend(self.step.as_ref().map(|_| format!("exports {}", self.badge)));
        lines.extend(self.dependents.iter().map(Dependent::line));
        lines
    }
}

impl Dependent {
    /// How the step is doing, in a line.
    pub fn line(&self) -> String {
        match &self.outcome {
            Ok(preview) => format!("{}: {}", self.step, preview.sentence()),
            Err(fault) => format!("{} no longer works: {}", self.step, fault.message),
        }
    }
}

#[cfg(test)]
mod tests;
