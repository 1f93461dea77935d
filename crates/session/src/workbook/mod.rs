//! The workbook: the tables and steps of a question, the draft that is being written, and the way back. It is
//! plain data with rules, and knows no topic, no run and no screen; what stands in it stands in the
//! catalogue too, under the same names, and both change together.

mod change;
mod file;
mod graph;
mod merge;
mod secrets;
mod step;
mod store;

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_sql::Catalog;

pub use change::{Change, Edit};
pub use file::{Contents, Entry, Key, Pieces, pieces, read, write};
pub use graph::dependents;
pub use merge::{changed, with};
pub use step::{Step, Version, base, is_version};
pub use store::{Stamp, Store};

/// So many changes can be taken back.
const MOST_CHANGES: usize = 200;

/// Steps, the draft, and the changes that led here.
#[derive(Debug, Default)]
pub struct Workbook {
    steps: BTreeMap<String, Step>,
    draft: Option<Arc<str>>,
    done: Vec<Change>,
    undone: Vec<Change>,
    changes: u64,
}

impl Workbook {
    /// The steps by name.
    pub fn steps(&self) -> impl Iterator<Item = (&str, &Step)> {
        self.steps.iter().map(|(name, step)| (name.as_str(), step))
    }

    /// A step.
    pub fn step(&self, name: &str) -> Option<&Step> {
        self.steps.get(name)
    }

    /// The query that `|>` goes on with.
    pub fn draft(&self) -> Option<&Arc<str>> {
        self.draft.as_ref()
    }

    /// A number that rises with every change, be it made or taken back.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Makes a change. What was taken back before it cannot be made again.
    pub fn make(&mut self, change: Change, catalog: &mut Catalog) {
        change.make(self, catalog);
        self.changes += 1;
        self.undone.clear();
        self.done.push(change);
        self.done.drain(..self.done.len().saturating_sub(MOST_CHANGES));
    }

    /// Takes the last change back; `None` if there is none.
    pub fn undo(&mut self, catalog: &mut Catalog) -> Option<Change> {
        let change = self.done.pop()?;
        change.unmake(self, catalog);
        self.changes += 1;
        self.undone.push(change.clone());
        Some(change)
    }

    /// Makes the change again that was taken back last; `None` if there is none.
    pub fn redo(&mut self, catalog: &mut Catalog) -> Option<Change> {
        let change = self.undone.pop()?;
        change.make(self, catalog);
        self.changes += 1;
        self.done.push(change.clone());
        Some(change)
    }

    /// Makes a change of somebody else. It cannot be taken back here, and what was done here to the same
    /// names before cannot either: it would take theirs back with it.
    pub fn take_over(&mut self, edit: Edit, catalog: &mut Catalog) {
        edit.make(self, catalog);
        self.changes += 1;
        let apart = |change: &Change| change.edits.iter().all(|done| done.name() != edit.name());
        self.done.retain(apart);
        self.undone.retain(apart);
    }

    /// Forgets the way back: what stands now is the beginning.
    pub fn begin(&mut self) {
        self.done.clear();
        self.undone.clear();
    }

    /// The step as it would be with this definition.
    pub fn next(&self, view: Arc<millstream_sql::View>) -> Step {
        match self.steps.get(&view.name) {
            Some(step) => step.with(view),
            None => Step::new(view),
        }
    }
}

#[cfg(test)]
mod tests;
