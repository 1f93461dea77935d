//! A step: a named query, with every version that it has had. Versions are numbered from 1; the last one is
//! what the bare name means, and each can be read by its number, `bars@2`.

use std::collections::BTreeSet;
use std::sync::Arc;

use millstream_sql::{Relation, View};

/// So many versions of a step are kept; the oldest are forgotten first.
pub const MOST_VERSIONS: usize = 100;

/// A step with its versions, oldest first; there is at least one.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    versions: Vec<Version>,
}

/// One version of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// Its number, from 1.
    pub number: u32,
    /// What the step was then.
    pub view: Arc<View>,
}

impl Step {
    /// A step of one version.
    pub fn new(view: Arc<View>) -> Step {
        Step { versions: vec![Version { number: 1, view }] }
    }

    /// The step with one version more; the same step if nothing has changed.
    #[must_use]
    pub fn with(&self, view: Arc<View>) -> Step {
        if *self.current().view == *view {
            return self.clone();
        }
        let number = self.current().number + 1;
        self.numbered(Version { number, view })
    }

    /// The step with this version behind the others, which have smaller numbers.
    #[must_use]
    pub fn numbered(&self, version: Version) -> Step {
        let mut versions = self.versions.clone();
        versions.push(version);
        versions.drain(..versions.len().saturating_sub(MOST_VERSIONS));
        Step { versions }
    }

    /// What somebody else made of it, with the current version behind theirs if it says something else.
    #[must_use]
    pub fn behind(&self, theirs: &Step) -> Step {
        let (mine, other) = (&self.current().view, &theirs.current().view);
        if (&mine.text, &mine.columns) == (&other.text, &other.columns) {
            theirs.clone()
        } else {
            theirs.with(mine.clone())
        }
    }

    /// A step whose oldest known version has this number.
    pub fn starting_at(version: Version) -> Step {
        Step { versions: vec![version] }
    }

    /// What the bare name means.
    pub fn current(&self) -> &Version {
        self.versions.last().expect("a step has a version")
    }

    /// All versions that are kept, oldest first.
    pub fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// `bars@2`: the name of the current version.
    pub fn label(&self) -> String {
        self.current().label()
    }

    /// What stands in the catalogue for this step: its name, and each version under its own.
    pub fn relations(&self) -> impl Iterator<Item = Relation> {
        let version =
            |version: &Version| Relation::View(Arc::new(View { name: version.label(), ..(*version.view).clone() }));
        std::iter::once(Relation::View(self.current().view.clone())).chain(self.versions.iter().map(version))
    }
}

impl Version {
    /// `bars@2`.
    pub fn label(&self) -> String {
        format!("{}@{}", self.view.name, self.number)
    }

    /// The tables and steps that it reads.
    pub fn reads(&self) -> BTreeSet<String> {
        millstream_sql::reads(&self.view.query)
    }
}

/// The step that a name speaks of: `bars` of `bars@2`.
pub fn base(name: &str) -> &str {
    match name.rsplit_once('@') {
        Some((step, number)) if !step.is_empty() && number.parse::<u32>().is_ok() => step,
        _ => name,
    }
}

/// Whether a name is that of a version, which nobody may take for something else.
pub fn is_version(name: &str) -> bool {
    base(name) != name
}
