//! From inserts to a job: what they read, through all views down to the tables, is taken out of the catalogue
//! in the order in which it has to be declared, under names that need no session.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use millstream_plan::Tap;
use millstream_sql::catalog::Table;
use millstream_sql::native::Native;
use millstream_sql::plan::{Settings, plan_statement_set};
use millstream_sql::statement::{self, ColumnKind, TableDraft};
use millstream_sql::{Catalog, Relation, SqlError, View, reads};

use crate::secret::refer;
use crate::{Insert, Job, Policies, Secret, Step};

/// What is to become a job.
pub struct Wanted<'a> {
    /// What it is to be called; made to fit.
    pub name: &'a str,
    /// What it inserts.
    pub inserts: &'a [statement::Insert],
    /// Where its tables and views are declared.
    pub catalog: &'a Catalog,
    /// What planning needs.
    pub settings: &'a Settings,
    /// How it runs.
    pub policies: Policies,
}

/// Collects a job.
pub fn collect(wanted: Wanted<'_>) -> Result<Job, SqlError> {
    let Wanted { name, inserts, catalog, settings, policies } = wanted;
    let graph = plan_statement_set(catalog, settings, inserts)?;
    let mut order = Order { catalog, done: BTreeSet::new(), taps: Vec::new(), views: Vec::new() };
    for insert in inserts {
        reads(&insert.query).iter().try_for_each(|read| order.visit(read))?;
    }
    let mut sinks: Vec<&Table> = Vec::new();
    for insert in inserts {
        if let Relation::Table(table) = catalog.lookup(&insert.table.text, insert.table.span)?
            && !sinks.iter().any(|known| known.tap.name == table.tap.name)
            && !order.done.contains(&insert.table.text)
        {
            sinks.push(table);
        }
    }
    let Order { taps, views, .. } = order;
    let all = taps.iter().chain(&sinks).map(|table| table.tap.name.as_str());
    let names = names(all.chain(views.iter().map(|view| view.name.as_str())));
    let native = Native { catalog, settings, names: &names };
    let mut secrets = Vec::new();
    let mut declare = |tables: &[&Table]| -> Result<Vec<Table>, SqlError> {
        tables.iter().map(|table| declared(table, &native, &mut secrets)).collect()
    };
    let (taps, sinks) = (declare(&taps)?, declare(&sinks)?);
    let steps = views.iter().map(|view| step(view, &native)).collect::<Result<_, _>>()?;
    let inserts = inserts.iter().map(|insert| inserted(insert, &native)).collect::<Result<_, _>>()?;
    let graph = renamed(graph, &names);
    secrets.sort();
    Ok(Job { name: label(name), taps, steps, sinks, inserts, policies, secrets, graph })
}

/// The graph with its taps and sinks under their new names.
fn renamed(mut graph: millstream_plan::Graph, names: &BTreeMap<String, String>) -> millstream_plan::Graph {
    let rename = |tap: &mut Arc<Tap>| {
        if let Some(new) = names.get(&tap.name) {
            Arc::make_mut(tap).name = new.clone();
        }
    };
    for node in &mut graph.nodes {
        if let millstream_plan::Op::Scan { tap, .. } = &mut node.op {
            rename(tap);
        }
    }
    for output in &mut graph.outputs {
        if let millstream_plan::Target::Sink(tap) = &mut output.target {
            rename(tap);
        }
    }
    graph
}

/// A name as Kubernetes, Docker and Kafka take it.
fn label(name: &str) -> String {
    let letters = name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' });
    let words: String = letters.collect();
    let label: Vec<&str> = words.split('-').filter(|word| !word.is_empty()).collect();
    let label: String = label.join("-").chars().take(50).collect();
    match label.trim_matches('-') {
        "" => "job".into(),
        digit if digit.starts_with(|c: char| c.is_ascii_digit()) => format!("job-{digit}"),
        label => label.into(),
    }
}

struct Order<'a> {
    catalog: &'a Catalog,
    done: BTreeSet<String>,
    taps: Vec<&'a Table>,
    views: Vec<&'a View>,
}

impl Order<'_> {
    /// Takes a relation behind all that it reads.
    fn visit(&mut self, name: &str) -> Result<(), SqlError> {
        if !self.done.insert(name.to_string()) {
            return Ok(());
        }
        match self.catalog.lookup(name, None)? {
            Relation::Table(table) if table.tap.connector == "session" => {
                let message = format!("'{name}' is what this session has set aside, and a job runs without the session");
                return Err(SqlError::new("E0430", message).hint("read the table itself and filter there"));
            }
            Relation::Table(table) => self.taps.push(table),
            Relation::View(view) => {
                reads(&view.query).iter().try_for_each(|read| self.visit(read))?;
                self.views.push(view);
            }
        }
        Ok(())
    }
}

/// New names for those that only a session has: `demo.bids`, `bars@2`.
fn names<'a>(all: impl Iterator<Item = &'a str>) -> BTreeMap<String, String> {
    let (plain, special): (BTreeSet<&str>, BTreeSet<&str>) = all.partition(|name| !name.contains(['.', '@']));
    let mut taken: BTreeSet<String> = plain.into_iter().map(str::to_string).collect();
    let mut names = BTreeMap::new();
    for name in special {
        let short = name.rsplit('.').next().unwrap_or(name).replace('@', "_v");
        let long = name.replace('.', "_").replace('@', "_v");
        let numbered = (2..).map(|number| format!("{long}_{number}"));
        let free = [short, long.clone()].into_iter().chain(numbered).find(|name| !taken.contains(name));
        let free = free.expect("numbers do not end");
        taken.insert(free.clone());
        names.insert(name.to_string(), free);
    }
    names
}

fn declared(table: &Table, native: &Native<'_>, secrets: &mut Vec<Secret>) -> Result<Table, SqlError> {
    let mut draft = refer(TableDraft::clone(&table.draft), secrets);
    let mut tap = Tap::clone(&table.tap);
    if let Some(new) = native.names.get(&tap.name) {
        tap.name.clone_from(new);
    }
    draft.name.text.clone_from(&tap.name);
    (draft.or_replace, draft.if_not_exists, draft.temporary, draft.like) = (false, false, false, None);
    for column in &mut draft.columns {
        if let ColumnKind::Computed(expression) = &mut column.kind {
            expression.text = native.expression(&expression.text)?;
        }
    }
    if let Some(watermark) = &mut draft.watermark {
        watermark.expression.text = native.expression(&watermark.expression.text)?;
    }
    tap.options = draft.options.iter().map(|option| (option.key.clone(), option.value.clone())).collect();
    tap.options.remove("connector");
    Ok(Table { tap: Arc::new(tap), draft: Arc::new(draft) })
}

fn step(view: &View, native: &Native<'_>) -> Result<Step, SqlError> {
    let name = native.names.get(&view.name).unwrap_or(&view.name).clone();
    Ok(Step { name, columns: view.columns.clone(), query: native.query(&view.text)? })
}

fn inserted(insert: &statement::Insert, native: &Native<'_>) -> Result<Insert, SqlError> {
    if insert.overwrite {
        let error = SqlError::new("E0430", "INSERT OVERWRITE replaces once; a job runs on").at(insert.table.span);
        return Err(error.hint("write INSERT INTO"));
    }
    if !insert.options.is_empty() {
        let error = SqlError::new("E0430", "options behind the table of an INSERT are not exported");
        return Err(error.at(insert.table.span).hint("declare them in the WITH of the table"));
    }
    let columns = insert.columns.iter().map(|column| column.text.clone()).collect();
    let table = native.names.get(&insert.table.text).unwrap_or(&insert.table.text).clone();
    Ok(Insert { table, columns, query: native.tree(&insert.query)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_session_become_plain_ones_that_are_free() {
        let names = names(["demo.bids", "bids", "bars@2", "demo.chat"].into_iter());
        let wanted = [("bars@2", "bars_v2"), ("demo.bids", "demo_bids"), ("demo.chat", "chat")];
        assert_eq!(names.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn a_job_is_called_as_kubernetes_wants() {
        for (typed, wanted) in [("Bars_Job", "bars-job"), ("--", "job"), ("2nd", "job-2nd"), ("Größe 1", "gr-e-1")] {
            assert_eq!(label(typed), wanted);
        }
        assert!(label(&"a".repeat(80)).len() <= 50);
    }
}
