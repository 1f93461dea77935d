//! What a statement changes in the workbook, as a value that can be made, taken back and made again. A
//! change holds both sides of all it touches; making it puts one side in the place of the other.

use std::sync::Arc;

use millstream_plan::UserFunction;
use millstream_sql::catalog::Table;
use millstream_sql::{Catalog, Relation};

use super::Workbook;
use super::step::Step;

/// A change of the workbook.
#[derive(Clone, Debug)]
pub struct Change {
    /// What was done, as part of a sentence: `step bars@2`.
    pub what: String,
    /// All that it touches.
    pub edits: Vec<Edit>,
}

/// One thing that a change touches, before and after.
#[derive(Clone, Debug)]
pub enum Edit {
    /// A table.
    Table {
        /// Its name.
        name: String,
        /// What it was.
        before: Option<Table>,
        /// What it became.
        after: Option<Table>,
    },
    /// A step with all its versions.
    Step {
        /// Its name.
        name: String,
        /// What it was.
        before: Option<Step>,
        /// What it became.
        after: Option<Step>,
    },
    /// A function that a user brought.
    Function {
        /// Its name.
        name: String,
        /// What it was.
        before: Option<Arc<UserFunction>>,
        /// What it became.
        after: Option<Arc<UserFunction>>,
    },
    /// The query that `|>` goes on with.
    Draft {
        /// What it was.
        before: Option<Arc<str>>,
        /// What it became.
        after: Option<Arc<str>>,
    },
}

impl Change {
    /// Puts what it leads to in place.
    pub fn make(&self, workbook: &mut Workbook, catalog: &mut Catalog) {
        self.edits.iter().for_each(|edit| edit.make(workbook, catalog));
    }

    /// Puts what was before it in place.
    pub fn unmake(&self, workbook: &mut Workbook, catalog: &mut Catalog) {
        self.edits.iter().rev().for_each(|edit| edit.apply(false, workbook, catalog));
    }

    /// The names of the tables and steps that it touches.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.edits.iter().filter_map(|edit| match edit {
            Edit::Table { name, .. } | Edit::Step { name, .. } => Some(name.as_str()),
            Edit::Function { .. } | Edit::Draft { .. } => None,
        })
    }
}

impl Edit {
    /// Puts what it leads to in place.
    pub fn make(&self, workbook: &mut Workbook, catalog: &mut Catalog) {
        self.apply(true, workbook, catalog);
    }

    /// The name that it touches; none of the draft, which has no name.
    pub fn name(&self) -> Option<&str> {
        match self {
            Edit::Table { name, .. } | Edit::Step { name, .. } | Edit::Function { name, .. } => Some(name),
            Edit::Draft { .. } => None,
        }
    }

    fn apply(&self, forward: bool, workbook: &mut Workbook, catalog: &mut Catalog) {
        match self {
            Edit::Table { name, before, after } => {
                catalog.remove(name);
                if let Some(table) = if forward { after } else { before } {
                    put(catalog, Relation::Table(table.clone()));
                }
            }
            Edit::Step { name, before, after } => {
                let (old, new) = if forward { (before, after) } else { (after, before) };
                for relation in old.iter().flat_map(Step::relations) {
                    catalog.remove(relation.name());
                }
                workbook.steps.remove(name);
                if let Some(step) = new {
                    step.relations().for_each(|relation| put(catalog, relation));
                    workbook.steps.insert(name.clone(), step.clone());
                }
            }
            Edit::Function { name, before, after } => {
                catalog.functions_mut().remove(name);
                if let Some(function) = if forward { after } else { before } {
                    catalog.functions_mut().insert(function.clone());
                }
            }
            Edit::Draft { before, after } => {
                workbook.draft = if forward { after } else { before }.clone();
            }
        }
    }
}

fn put(catalog: &mut Catalog, relation: Relation) {
    catalog.remove(relation.name());
    catalog.register(relation, false, None).expect("the name was made free");
}
