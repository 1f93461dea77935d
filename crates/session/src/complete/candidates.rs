//! The candidates for a place, ranked: names that begin as typed before those that only hold the letters,
//! columns before functions before words of the language.

use millstream_sql::Relation;
use millstream_sql::declare::TAP_OPTIONS;
use millstream_sql::functions::FunctionKind;

use super::columns::below;
use super::options::{self, Given};
use super::place::{Piece, Typed, Wanted, statement, take_typed, wanted};
use super::rank::{Fit, Ranker};
use super::scope::{Scope, WINDOW_COLUMNS, scope};
use super::statements::{CLAUSES, STATEMENTS, STEPS, TYPES, UNITS};
use super::words::{KEYWORDS, is_keyword};
use super::{Candidate, CandidateKind, Vocabulary, functions, outside};
use crate::render::gate;
use crate::settings::SETTINGS;
use crate::types;
use crate::workbook::is_version;

/// So many candidates are given; nobody reads more.
const MOST: usize = 200;
/// Words that may stand where a table may.
const BEFORE_TABLES: &[&str] = &["LATERAL", "TABLE", "UNNEST", "IF"];
/// Formats whose options are left out when another one is chosen.
const FORMATS: &[&str] = &["json", "csv", "raw", "parquet", "debezium-json"];

/// Candidates with how well they fit, on the way to a list.
struct Found {
    ranker: Ranker,
    all: Vec<(Fit, Candidate)>,
    /// Whether words of the language are written in small letters.
    small: bool,
}

impl Found {
    fn new(word: &str) -> Found {
        let small = word.chars().next().is_some_and(char::is_lowercase);
        Found { ranker: Ranker::new(word), all: Vec::new(), small }
    }

    /// Adds a candidate if its name fits. What would move a cursor is not offered: nobody could see what it is.
    fn add(&mut self, name: &str, candidate: impl FnOnce() -> Candidate) {
        if let Some(fit) = self.ranker.fit(name).filter(|_| !name.chars().any(gate::is_hostile)) {
            self.all.push((fit, candidate()));
        }
    }

    /// Adds a word of the language: only if it begins as typed, in the case in which one types.
    fn word(&mut self, word: &str, doc: &str) {
        if self.ranker.begins(word) {
            let text = if self.small { word.to_lowercase() } else { word.to_string() };
            self.all.push((Fit::Begins, Candidate::new(text, CandidateKind::Keyword, doc)));
        }
    }

    fn ranked(mut self) -> Vec<Candidate> {
        let tier = |fit: &Fit| matches!(fit, Fit::Holds(_));
        self.all.sort_by_key(|(fit, candidate)| (tier(fit), candidate.kind, *fit));
        let mut seen = std::collections::HashSet::new();
        let candidates = self.all.into_iter().map(|(_, candidate)| candidate);
        candidates.filter(|candidate| seen.insert(candidate.text.clone())).take(MOST).collect()
    }
}

impl Vocabulary {
    /// What may stand at byte `at` of a text: where the word begins that it replaces, and the candidates.
    pub fn complete(&self, text: &str, at: usize) -> (usize, Vec<Candidate>) {
        let at = (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let (before, after) = statement(text, at);
        let mut left = before.clone();
        let typed = take_typed(&mut left, at);
        let wanted = wanted(&left);
        let all: Vec<Piece<'_>> = before.into_iter().chain(after).collect();
        if let Some(open) = left.last().filter(|piece| matches!(piece.lexeme, millstream_sql::Lexeme::Unfinished(_))) {
            let inside = Typed { word: open.bare(), word_start: open.span.start + 1, ..Typed::default() };
            return (inside.word_start, self.in_quotes(&wanted, &inside, &all));
        }
        // Behind an open back-quote stands a name of the user's.
        let quotes = text[typed.word_start..].starts_with(['`', '"']);
        let mut found = Found::new(&typed.word);
        match wanted {
            Wanted::Relation => return (typed.path_start, self.relations(&typed, left.last())),
            Wanted::Value => self.values(&typed, quotes, &scope(&all), &mut found),
            Wanted::Window => self.windows(&mut found),
            Wanted::OptionName => self.option_names(&Given::of(&all), true, &mut found),
            Wanted::Setting => SETTINGS.iter().for_each(|spec| found.add(spec.name, || quoted_option(spec))),
            other => words(&other, &typed, &mut found),
        }
        (typed.word_start, found.ranked())
    }

    fn relations(&self, typed: &Typed, last: Option<&Piece<'_>>) -> Vec<Candidate> {
        let mut found = Found::new(&typed.whole());
        // Versions of steps are many: they are offered to whoever asks for one.
        let versions = typed.word.contains('@');
        for relation in self.catalog.relations().filter(|relation| versions || !is_version(relation.name())) {
            let name = relation.name();
            // What the session keeps itself comes with its table: it is offered when one asks for it.
            if !name.contains('$') || typed.word.contains('$') {
                found.add(name, || Candidate::new(dotted(name), CandidateKind::Table, what(relation)));
            }
        }
        if !typed.word.is_empty() && typed.path.is_empty() {
            BEFORE_TABLES.iter().for_each(|word| found.word(word, "keyword"));
        }
        if last.is_some_and(|last| last.is("EXPLAIN")) {
            ["SELECT", "FROM", "INSERT INTO"].iter().for_each(|word| found.word(word, "a query"));
        }
        found.ranked()
    }

    /// Columns of the tables that are named, functions, and words that may begin an expression.
    fn values(&self, typed: &Typed, quotes: bool, scope: &Scope, found: &mut Found) {
        self.columns_of(typed, scope, found);
        if !typed.path.is_empty() {
            return;
        }
        scope.given.iter().for_each(|name| {
            found.add(name, || Candidate::new(quoted(name), CandidateKind::Column, "a name of this statement"));
        });
        if scope.windows {
            for (name, kind) in WINDOW_COLUMNS {
                found.add(name, || Candidate::new(name, CandidateKind::Column, format!("{kind}\nof the window")));
            }
        }
        for (name, alias) in &scope.relations {
            found.add(alias, || Candidate::new(quoted(alias), CandidateKind::Table, format!("table {name}")));
        }
        if typed.word.is_empty() || quotes {
            return;
        }
        for function in functions().iter().filter(|function| function.kind != FunctionKind::Window) {
            let small = found.small;
            found.add(function.name, || of_function(function, small));
        }
        for function in self.catalog.functions().iter() {
            let doc = format!("{}\na user's", function.signature);
            found.add(&function.name, || Candidate::new(format!("{}(", function.name), CandidateKind::Function, doc));
        }
        KEYWORDS.iter().for_each(|word| found.word(word, "keyword"));
    }

    fn columns_of(&self, typed: &Typed, scope: &Scope, found: &mut Found) {
        let known = |name: &String| self.catalog.contains(name);
        let named: Vec<(&str, &str)> = scope
            .relations
            .iter()
            .filter(|(name, _)| known(name))
            .map(|(name, alias)| (name.as_str(), alias.as_str()))
            .collect();
        if scope.relations.is_empty() && !typed.word.is_empty() {
            // No table is named yet: any could be. Views are left alone, each would have to be planned.
            let tables = self.catalog.relations().filter(|relation| matches!(relation, Relation::Table(_)));
            tables.for_each(|table| self.add_columns(table.name(), &typed.path, found));
        }
        for (name, alias) in named {
            match typed.path.split_first() {
                Some((first, rest)) if first == alias => self.add_columns(name, rest, found),
                _ => self.add_columns(name, &typed.path, found),
            }
        }
    }

    fn add_columns(&self, relation: &str, path: &[String], found: &mut Found) {
        for (rest, column) in below(self.columns(relation), path) {
            let name = rest.join(".");
            found.add(&name, || {
                let text = rest.iter().map(|part| quoted(part)).collect::<Vec<_>>().join(".");
                let kind = types::name(&column.data_type);
                Candidate::new(
                    text,
                    CandidateKind::Column,
                    format!("{}\nof {}", gate::shown(&kind), gate::shown(relation)),
                )
            });
        }
    }

    fn windows(&self, found: &mut Found) {
        for function in functions().iter().filter(|function| function.kind == FunctionKind::Window) {
            let small = found.small;
            found.add(function.name, || of_function(function, small));
        }
    }

    /// Options that are not given yet, of the connector that is.
    fn option_names(&self, given: &Given, quotes: bool, found: &mut Found) {
        let mut add = |candidate: Candidate| {
            let text = if quotes { format!("'{}' = '", candidate.text) } else { candidate.text.clone() };
            found.add(&candidate.text.clone(), || Candidate { text, ..candidate });
        };
        let chosen = given.value("connector").or(Some("topic"));
        if given.value("connector").is_none() {
            add(Candidate::new(
                "connector",
                CandidateKind::Option,
                "what the table reaches\nan embedded topic if it is not said",
            ));
        }
        let connector = self.connectors.iter().find(|connector| Some(connector.name) == chosen);
        let specs = connector.map(|connector| connector.options).unwrap_or_default();
        given.missing(specs, FORMATS).map(options::name).for_each(&mut add);
        given.missing(TAP_OPTIONS, FORMATS).map(options::name).for_each(&mut add);
    }

    /// Inside quotes: options, settings, and what lies outside.
    fn in_quotes(&self, wanted: &Wanted, typed: &Typed, all: &[Piece<'_>]) -> Vec<Candidate> {
        let mut found = Found::new(&typed.word);
        let mut add = |candidate: Candidate| found.add(&candidate.text.clone(), || candidate);
        match wanted {
            Wanted::OptionName => self.option_names(&Given::of(all), false, &mut found),
            Wanted::OptionValue(key) => self.option_values(key, &Given::of(all), &typed.word).into_iter().for_each(add),
            Wanted::Setting => SETTINGS.iter().map(options::name).for_each(add),
            Wanted::SettingValue(key) => {
                let spec = SETTINGS.iter().find(|spec| spec.name == key);
                spec.map(options::values).unwrap_or_default().into_iter().for_each(add);
            }
            Wanted::Outside => {
                for (broker, topic) in self.topics.of(None) {
                    add(Candidate::new(address(&broker, &topic), CandidateKind::Topic, "a topic that was seen"));
                }
                for name in &self.connections {
                    add(Candidate::new(
                        format!("kafka://{name}/"),
                        CandidateKind::Topic,
                        "a connection of config.toml",
                    ));
                }
                outside::files(&typed.word).into_iter().for_each(add);
            }
            _ => {}
        }
        found.ranked()
    }

    fn option_values(&self, key: &str, given: &Given, typed: &str) -> Vec<Candidate> {
        let value = |text: &str, doc: &str| Candidate::new(text, CandidateKind::Value, doc);
        match key {
            "connector" => self.connectors.iter().map(|connector| value(connector.name, connector.doc)).collect(),
            "connection" => self.connections.iter().map(|name| value(name, "a connection of config.toml")).collect(),
            "path" => outside::files(typed),
            "topic" => {
                let broker = given.value("properties.bootstrap.servers").or_else(|| given.value("connection"));
                let seen = self.topics.of(Some(broker.unwrap_or_default()));
                seen.iter()
                    .map(|(_, topic)| Candidate::new(topic, CandidateKind::Topic, "a topic that was seen"))
                    .collect()
            }
            _ => {
                let chosen = given.value("connector").unwrap_or("topic");
                let connector = self.connectors.iter().find(|connector| connector.name == chosen);
                let specs = connector.map(|connector| connector.options).unwrap_or_default();
                let spec = specs.iter().chain(TAP_OPTIONS).find(|spec| spec.name == key);
                spec.map(options::values).unwrap_or_default()
            }
        }
    }
}

/// Words of the language alone.
fn words(wanted: &Wanted, typed: &Typed, found: &mut Found) {
    match wanted {
        Wanted::Verb => {
            STATEMENTS.iter().for_each(|known| found.word(known.verb, &format!("{}\n{}", known.form, known.doc)))
        }
        Wanted::Step => {
            STEPS.iter().for_each(|known| found.word(known.verb, &format!("{}\n{}", known.form, known.doc)))
        }
        Wanted::Shown => millstream_sql::parse::SHOWN.iter().for_each(|word| found.word(word, "a list")),
        Wanted::Type => TYPES.iter().for_each(|name| found.word(name, "a type")),
        Wanted::Unit => UNITS.iter().for_each(|unit| found.word(unit, "a unit of time")),
        Wanted::Clause => {
            CLAUSES.iter().for_each(|clause| found.word(clause, "keyword"));
            if !typed.word.is_empty() {
                KEYWORDS.iter().for_each(|word| found.word(word, "keyword"));
            }
        }
        _ if typed.word.is_empty() => {}
        _ => KEYWORDS.iter().for_each(|word| found.word(word, "keyword")),
    }
}

fn of_function(function: &millstream_sql::functions::Function, small: bool) -> Candidate {
    let name = if small { function.name.to_lowercase() } else { function.name.to_string() };
    Candidate::new(format!("{name}("), CandidateKind::Function, format!("{}\n{}", function.signature, function.doc))
}

fn quoted_option(spec: &millstream_record::OptionSpec) -> Candidate {
    let candidate = options::name(spec);
    Candidate { text: format!("'{}'", candidate.text), ..candidate }
}

fn what(relation: &Relation) -> String {
    match relation {
        Relation::Table(table) => format!("table on {}", table.tap.connector),
        Relation::View(_) => "view".to_string(),
    }
}

/// Where a topic is, as `TAP` takes it; topics of the workspace go by their name.
fn address(broker: &str, topic: &str) -> String {
    if broker.is_empty() { topic.to_string() } else { format!("kafka://{broker}/{topic}") }
}

/// A name as it must be typed.
pub fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    let starts_well = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if starts_well && name.chars().all(plain) && !is_keyword(name) {
        name.to_string()
    } else {
        millstream_sql::types::quoted(name)
    }
}

/// The name of a relation as it must be typed: that of a ready-made table has its database before a dot.
fn dotted(name: &str) -> String {
    match name.split_once('.') {
        Some((database, table)) if database == millstream_sql::catalog::DEMO => format!("{database}.{}", quoted(table)),
        _ => quoted(name),
    }
}
