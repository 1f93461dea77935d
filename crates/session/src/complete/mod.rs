//! Completion: what may be typed at a place, from the catalogue, the functions, the options and the grammar. It
//! knows no terminal: a prompt shows it as a menu, a notebook in its own way.

mod candidates;
mod columns;
mod options;
mod outside;
mod place;
mod rank;
mod review;
mod scope;
mod statements;
mod words;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use millstream_record::OptionSpec;
use millstream_sql::functions::Function;
use millstream_sql::{Catalog, plan};

use columns::Column;

pub use options::kind;
pub use outside::SeenTopics;
pub use rank::{Fit, Ranker};
pub use review::Mark;
pub use statements::{STATEMENTS, STEPS, Statement, statement};
pub use words::{KEYWORDS, is_keyword};

/// The names that can be typed: a snapshot of the catalogue and all that is declared around it.
#[derive(Clone, Default)]
pub struct Vocabulary {
    catalog: Catalog,
    settings: plan::Settings,
    /// The columns of each relation, read when they are first asked for.
    columns: BTreeMap<String, Arc<OnceLock<Vec<Column>>>>,
    connectors: Vec<ConnectorWords>,
    /// Topics of the workspace and of brokers, as far as they were seen.
    topics: SeenTopics,
    /// Names of connections.
    connections: Vec<String>,
}

/// What completion knows of a connector.
#[derive(Clone, Copy)]
pub struct ConnectorWords {
    /// Its name.
    pub name: &'static str,
    /// What it reaches.
    pub doc: &'static str,
    /// Its options.
    pub options: &'static [OptionSpec],
}

/// One way to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The text that takes the place of what was typed.
    pub text: String,
    /// What kind of thing it is.
    pub kind: CandidateKind,
    /// What it is: a word or two, or a signature; on the next line what it does.
    pub doc: String,
}

/// The kinds of things that can be typed. Their order is that in which equally good matches are offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CandidateKind {
    /// A column, or a field in one.
    Column,
    /// A table, view or step.
    Table,
    /// A topic of a broker or of the workspace.
    Topic,
    /// An option of `WITH (…)`, or a setting.
    Option,
    /// The value of an option.
    Value,
    /// A function.
    Function,
    /// A file or folder.
    File,
    /// A word of the language.
    Keyword,
}

impl CandidateKind {
    /// The kind in a word.
    pub fn name(self) -> &'static str {
        match self {
            CandidateKind::Column => "column",
            CandidateKind::Table => "table",
            CandidateKind::Topic => "topic",
            CandidateKind::Option => "option",
            CandidateKind::Value => "value",
            CandidateKind::Function => "function",
            CandidateKind::File => "file",
            CandidateKind::Keyword => "keyword",
        }
    }
}

impl Candidate {
    /// A candidate.
    pub fn new(text: impl Into<String>, kind: CandidateKind, doc: impl Into<String>) -> Candidate {
        Candidate { text: text.into(), kind, doc: doc.into() }
    }
}

impl Vocabulary {
    /// The names of a catalogue, planned under these settings.
    pub fn of(catalog: &Catalog, settings: plan::Settings, connectors: Vec<ConnectorWords>) -> Vocabulary {
        let columns = catalog.names().map(|name| (name.to_string(), Arc::default())).collect();
        Vocabulary { catalog: catalog.clone(), settings, columns, connectors, ..Vocabulary::default() }
    }

    /// The same names, with the topics and connections that are known.
    #[must_use]
    pub fn with_outside(self, topics: SeenTopics, connections: Vec<String>) -> Vocabulary {
        Vocabulary { topics, connections, ..self }
    }

    /// The columns of a relation; empty if there is no such relation.
    fn columns(&self, relation: &str) -> &[Column] {
        let (Some(known), Some(relation)) = (self.columns.get(relation), self.catalog.get(relation)) else {
            return &[];
        };
        known.get_or_init(|| columns::of(&self.catalog, &self.settings, relation))
    }
}

/// The functions of the language by name.
pub fn functions() -> &'static [Function] {
    static FUNCTIONS: std::sync::LazyLock<Vec<Function>> =
        std::sync::LazyLock::new(millstream_sql::functions::functions);
    &FUNCTIONS
}
